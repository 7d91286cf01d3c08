/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ENGINE_H
#define CULVERT_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/prefix_list.h"
#include "config/configuration.h"
#include "config/descriptors.h"
#include "config/settings.h"
#include "engine/adoption.h"
#include "engine/departures.h"
#include "engine/engine_reload.h"
#include "engine/netd_link.h"
#include "engine/peers.h"
#include "engine/probing.h"
#include "engine/refusals.h"
#include "engine/resume.h"
#include "engine/session_world.h"
#include "engine/validity_watch.h"
#include "lane/mailbox.h"
#include "lane/worker.h"
#include "system/loop.h"
#include "system/tls.h"
#include "wire/message.h"

/*
 * The engine: the unprivileged process that handles everything a peer can reach. Its main thread
 * owns the registry of sessions, the configuration and all timers except the lanes'. Its workers
 * own the lanes. A role has the differences between server and client: daemon/ or client/ embeds a
 * struct engine and provides the functions. Main thread only.
 */

struct session;
struct control;
struct engine;

/* A client's attempts to connect since its session was last up. */
struct engine_attempts {
	uint64_t count;   /* how many have failed */
	struct mono last; /* when the newest one failed; valid if there is one */
	bool waits;       /* false: an attempt is under way */
	struct mono next; /* when the next attempt begins; valid if it waits */
};

/* A client's remote, and its way back to a better one. */
struct engine_remote {
	size_t index;     /* in settings->remotes, of the newest connection */
	bool probes;      /* it looks for a better one; else the rest is not valid */
	struct mono next; /* when the next probe begins; 0: one is under way */
	bool answers;     /* a better one has answered every probe since `since` */
	size_t answering;
	struct mono since;
};

/* A server that is being drained. */
struct engine_drain {
	bool active;
	struct mono began, ends; /* the last session is told at the end */
};

/* How a client renews its certificate. */
struct engine_renewal {
	bool on;
	int64_t due;        /* when it asks next; seconds since the epoch */
	int64_t last;       /* when the last result was; 0: none yet */
	bool good;          /* that result */
	const char *result; /* its words; borrowed */
};

struct engine_role {
	struct configuration_role configuration;
	/*
	 * The engine is configured: the role begins. A failure ends the program with the problem's
	 * text.
	 */
	int (*start)(struct engine *engine, struct problem *problem);
	/* The engine stops: the role starts no connection any more. */
	void (*stop)(struct engine *engine);
	/*
	 * A listening socket came with the configuration, or later with a changed one; the role
	 * closes it. May be NULL.
	 */
	void (*listener)(struct engine *engine, int fd);
	/*
	 * A session has lost its connection and stays: the client dials again, not before
	 * `retry_after_ms` has passed. May be NULL.
	 */
	void (*session_idle)(
		struct engine *engine, struct session *session, uint32_t retry_after_ms);
	/*
	 * A session that is up may have another lane: it is new, or has lost a lane. `at_once` is
	 * false after a lane that failed or was short-lived. NULL: the role dials no lanes.
	 */
	void (*lane_wanted)(struct engine *engine, struct session *session, bool at_once);
	/* A session is up. May be NULL. */
	void (*session_up)(struct engine *engine, struct session *session);
	/* See session_events.doubted. NULL: the role does not connect again. */
	bool (*session_doubted)(struct engine *engine, struct session *session);
	/* Fills in the attempts to connect. NULL: the role makes none. */
	void (*attempts)(const struct engine *engine, struct engine_attempts *ret_attempts);
	/* NULL: the role has no remotes. */
	void (*remote)(const struct engine *engine, struct engine_remote *ret_remote);
	/* Sends all sessions to another server, over this time, and ends. NULL: it cannot. */
	void (*drain)(struct engine *engine, struct duration over);
	/* This host's network has changed: retries need not wait any longer. May be NULL. */
	void (*network)(struct engine *engine);
	/*
	 * A reload has changed the settings and the TLS context; `before` has the former settings.
	 * The sessions have followed already. May be NULL.
	 */
	void (*settings_changed)(struct engine *engine, const struct settings *before);
	/* A session has ended for good. It is freed right after this call. */
	void (*session_ended)(struct engine *engine, struct session *session);
	/* A session's peer has sent sign, issued or trust. May be NULL. */
	void (*renewal)(
		struct engine *engine, struct session *session, const struct message *message);
	/* Fills in how the certificate is renewed. NULL: never. */
	void (*renewal_status)(const struct engine *engine, struct engine_renewal *ret_renewal);
	/* True: the role has no connection of its own left, apart from those of sessions. */
	bool (*is_idle)(const struct engine *engine);
	/* Frees what start() made. */
	void (*free)(struct engine *engine);
};

struct engine {
	const struct engine_role *role;
	struct settings *settings; /* in one place for life: a reload changes its contents */
	char config_path[REQUEST_PATH_MAX + 1];
	struct request_load load; /* which configuration runs */
	uint32_t generation;
	struct mailbox reports; /* from the workers */
	struct netd_link_events netd_events;
	struct tls_context *tls;
	struct worker **workers;
	unsigned worker_count, next_worker;
	struct peers peers;         /* the sessions, and all that concerns several of them */
	struct request_held held;   /* what netd holds on the host, as it told last */
	struct session_world world; /* what sessions borrow; loop and netd are the engine's own */
	struct descriptors descriptors; /* server only */
	struct refusals refusals;       /* server: peers that were not admitted */
	struct departures departures;   /* server: peers that were here */
	struct control *control;
	struct engine_reload reload;
	int state_dir_fd; /* -1: none */
	int issuer_fd;    /* server: the channel to the issuing process; -1: it issues nothing */
	struct adoption adoption;
	/* Of this run of the program: a new engine of the same run has the same. */
	uint8_t instance[REQUEST_INSTANCE_SIZE];
	struct engine_drain drain;
	struct resume resume;
	struct validity_watch validity;
	struct probing probing;
	struct loop_timer stop_deadline;
	struct mono started;
	int exit_code; /* enum exit_code */
};

/*
 * Runs the engine's process (`--engine`): talks to netd on REQUEST_FD until netd stops it or is
 * gone. Returns the exit status. `engine` is embedded in the role's struct, and zeroed.
 */
int engine_run(struct engine *engine, const struct engine_role *role);

/* Picks the worker for a new lane: one with the fewest lanes, in turn. */
struct worker *engine_pick_worker(struct engine *engine);
/*
 * True: so many bytes wait for peers which do not read that no new connection should be accepted.
 */
bool engine_is_short(const struct engine *engine);

/* Makes a session, which stays registered in `peers` until it ends. -ENOMEM. */
int engine_new_session(struct engine *engine, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session);

/*
 * Ends the engine if it is stopping and nothing is left. Called when a session or one of the role's
 * connections has ended.
 */
void engine_end_if_idle(struct engine *engine);

/*
 * engine_configure.c: applies netd's CONFIGURE. The engine owns the descriptors then. Returns a
 * negative errno; on failure *problem says why.
 */
int engine_configure(struct engine *engine, const struct request_configure *configure,
	const int *fds, size_t fd_count, struct problem *problem);

/*
 * engine_follow.c: the settings were exchanged and `before` has the former ones. Peers that have no
 * entry any more leave, and all others go on by the new settings.
 */
void engine_follow_settings(struct engine *engine, const struct settings *before);
/* engine_follow.c: plans the descriptors of the settings, and warns if the limit is too low. */
void engine_plan_descriptors(struct engine *engine);

#endif
