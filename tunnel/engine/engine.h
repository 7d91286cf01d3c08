/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ENGINE_H
#define CULVERT_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/prefix_list.h"
#include "config/configuration.h"
#include "config/settings.h"
#include "engine/adoption.h"
#include "engine/descriptors.h"
#include "engine/netd_link.h"
#include "lane/mailbox.h"
#include "engine/peers.h"
#include "engine/refusals.h"
#include "engine/resume.h"
#include "engine/session_world.h"
#include "lane/worker.h"
#include "system/loop.h"
#include "system/tls.h"
#include "wire/message.h"

/*
 * The engine: the unprivileged process that does everything a peer can reach. Its main thread owns
 * the registry of sessions, the configuration and all timers but the lanes'; its workers own the
 * lanes. What differs between the server and the client is a role: daemon/ or client/ embeds a
 * struct engine and fills in the functions. All functions here are for the main thread.
 */

struct session;
struct control;
struct engine;

struct engine_role {
	struct configuration_role configuration;
	/* The engine is configured: begin. A failure ends the program with the problem's words. */
	int (*start)(struct engine *engine, struct problem *problem);
	/* The engine is stopping: no new connections. */
	void (*stop)(struct engine *engine);
	/*
	 * A listening socket came with the configuration; it is the role's to close. May be NULL.
	 */
	void (*listener)(struct engine *engine, int fd);
	/*
	 * A session has no connection any more and keeps its place: the client dials again.
	 * `retry_after_ms`: not earlier than that. May be NULL.
	 */
	void (*session_idle)(
		struct engine *engine, struct session *session, uint32_t retry_after_ms);
	/*
	 * A session that is up may have another lane: it is new, or has lost one. Not at once: one
	 * failed, or did not live for long. NULL: the role does not bring any.
	 */
	void (*lane_wanted)(struct engine *engine, struct session *session, bool at_once);
	/* The network may be another one: what waits to be tried again need not wait. Or NULL. */
	void (*network)(struct engine *engine);
	/* A session has ended for good and is freed right after. */
	void (*session_ended)(struct engine *engine, struct session *session);
	/* True: no connection of the role's own (not of a session) is left. */
	bool (*quiet)(const struct engine *engine);
	/* Frees what start() made. */
	void (*free)(struct engine *engine);
};

struct engine {
	const struct engine_role *role;
	struct settings *settings;
	uint32_t generation;
	struct loop *loop;
	struct mailbox reports; /* from the workers */
	struct netd_link *netd;
	struct netd_link_events netd_events;
	struct tls_context *tls;
	struct worker **workers;
	unsigned worker_count, next_worker;
	struct peers peers;             /* the sessions, and what concerns more than one of them */
	struct session_world world;     /* what sessions are lent */
	struct descriptors descriptors; /* a server's */
	struct refusals refusals;       /* server: who was not admitted */
	struct control *control;
	int state_dir_fd; /* -1: none */
	struct adoption adoption;
	uint8_t instance
		[REQUEST_INSTANCE_SIZE]; /* of this run of the program, also across engines */
	struct resume resume;
	struct loop_timer stop_deadline;
	struct mono started;
	int exit_code; /* enum exit_code */
};

/*
 * The whole life of the engine's process, `--engine`: speaks to netd on REQUEST_FD until told to
 * stop or netd is gone. Returns the exit status. `engine` is embedded in the role's own struct,
 * zeroed.
 */
int engine_run(struct engine *engine, const struct engine_role *role);

/* The worker for a new lane: one with the fewest, in turn. */
struct worker *engine_pick_worker(struct engine *engine);
/* So much waits for peers that do not read that no further connection should come. */
bool engine_is_short(const struct engine *engine);

/* A session that is registered in `peers` until it ends. -ENOMEM. */
int engine_new_session(struct engine *engine, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session);

/*
 * A session or one of the role's connections has ended: when the engine is stopping and it was the
 * last, the engine ends.
 */
void engine_settle(struct engine *engine);

/*
 * engine_configure.c: takes netd's CONFIGURE; the descriptors become the engine's. Negative errno:
 * the problem says why.
 */
int engine_configure(struct engine *engine, const struct request_configure *configure,
	const int *fds, size_t fd_count, struct problem *problem);

#endif
