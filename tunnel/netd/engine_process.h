/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_PROCESS_H
#define CULVERT_NETD_ENGINE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/problem.h"
#include "netd/desired_state.h"
#include "netd/route_check.h"
#include "netd/engine_child.h"
#include "netd/program_file.h"
#include "system/loop.h"
#include "system/process.h"
#include "wire/request.h"

/*
 * The engine's life as netd manages it: start, CONFIGURE, READY, messages, end, and after a backoff
 * the next engine.
 *
 *   none ──start──> starting ──READY──> running ──stop──> stopping ──its end──> none, `finished`
 *                      │  its end          │  its end
 *                      └────> waiting <────┘      waiting ──backoff over──> starting
 *
 * An exchange (culvert reexec) starts the program that is on disk now, beside the running engine.
 * Only when that has succeeded does netd tell the old engine to end:
 *
 *   running ──exchange──> leaving ──its end──> starting, the new program on trial
 *
 * If an engine of the new program ends before it is ready, netd gives up that program. It starts
 * the previous one at once, and does not count the failure against it.
 *
 * Starting, stopping and reading replies have deadlines; netd kills an engine that misses one. When
 * ENGINE_EARLY_ENDS_MAX engines in a row end before they are ready, netd starts no other: it calls
 * `finished` with gave_up. netd's only thread. The callbacks may call any function here except
 * engine_process_free().
 */

enum {
	ENGINE_READY_SECONDS = 10, /* from start to READY */
	ENGINE_STOP_SECONDS = 3,   /* from STOP to its end */
	ENGINE_LEAVE_MS = 500,     /* from the exchange's beginning to the old engine's end */
	ENGINE_CLOSED_SECONDS = 1, /* from the end of its channel to its own */
	ENGINE_STALL_SECONDS = 5,  /* how long a reply may wait until the engine reads it */
	/* after this time in good order the backoff begins at its first step again */
	ENGINE_STEADY_SECONDS = 30,
	ENGINE_EARLY_ENDS_MAX = 5,
	ENGINE_BACKOFF_FIRST_MS = 100,
	ENGINE_BACKOFF_LONGEST_MS = 10000,
};

enum engine_state {
	ENGINE_NONE,
	ENGINE_STARTING,
	ENGINE_RUNNING,
	ENGINE_LEAVING,
	ENGINE_STOPPING,
	ENGINE_WAITING,
	ENGINE_STATE_COUNT
};

struct engine_process;

struct engine_events {
	/*
	 * Called before a new engine gets its CONFIGURE. The generation is in *configure already;
	 * the callback fills in the fields that this module does not know: instance and
	 * adopt_count.
	 */
	void (*begins)(struct engine_process *engine, struct request_configure *configure);
	/*
	 * Called after the engine has got its CONFIGURE, to send what it needs to know from the
	 * beginning.
	 */
	void (*begun)(struct engine_process *engine);
	/*
	 * Called for each message of the engine. Writes the reply and the descriptors that go with
	 * it, at most REQUEST_QUEUES_MAX; `*ret_fds_owned`: this module closes them after sending.
	 * Negative errno: the engine is broken and is killed, and *problem says why.
	 */
	int (*message)(struct engine_process *engine, const void *data, size_t len,
		struct writer *reply, int *ret_fds, size_t *ret_fd_count, bool *ret_fds_owned,
		struct problem *problem);
	/* Called once at the end: no engine will be started any more. */
	void (*finished)(struct engine_process *engine, bool gave_up);
};

/* Borrowed, for the engine's whole life. */
struct engine_plan {
	struct loop *loop;
	const struct engine_events *events;
	char *const *argv;
	struct program_file *program;    /* netd's; an exchange changes it */
	const struct process_user *user; /* NULL: the engine keeps netd's user */
	int output_fd;                   /* the engine's output goes there; -1: to netd's stderr */
	const char *config_path;
	/* The descriptors that CONFIGURE carries. They stay open here; each engine gets copies. */
	size_t fd_count;
	int fd[REQUEST_FDS_MAX];
	uint8_t fd_kind[REQUEST_FDS_MAX]; /* enum request_fd_kind */
};

struct engine_process {
	const struct engine_plan *plan;
	enum engine_state state;
	struct process process; /* fd -1: none */
	int channel;            /* -1: none, or closed by the engine */
	struct loop_watch death_watch, channel_watch;
	struct engine_child next;   /* while leaving: the successor, not configured yet */
	struct loop_timer deadline; /* READY, STOP, leaving, closed, backoff: one at a time */
	struct loop_timer stall;
	struct mono started;
	struct backoff backoff;
	unsigned early_ends;
	uint32_t generation;
	bool was_ready;
	struct problem killed; /* why netd killed it; empty: netd did not */

	/* A reply that is not sent yet. netd reads no further message before it is. */
	size_t pending_len; /* 0: none */
	int pending_fds[REQUEST_QUEUES_MAX];
	size_t pending_fd_count;
	bool pending_fds_owned;
	uint8_t pending[REQUEST_SIZE_MAX];
};

void engine_process_init(struct engine_process *engine, const struct engine_plan *plan);

/*
 * Starts the first engine. On failure *problem says why, and the caller reports it. Later engines
 * start by themselves.
 */
int engine_process_start(struct engine_process *engine, struct problem *problem);

/* The engine has sent READY. */
void engine_process_ready(struct engine_process *engine);

/*
 * Exchanges the running engine for one of the program that is on disk now. On success the old
 * engine is told to end within ENGINE_LEAVE_MS. On failure nothing has changed, and *problem says
 * why. -EBUSY: no engine is running, or an exchange is in progress; else the errors of
 * program_file_renew() and process_spawn().
 */
int engine_process_exchange(struct engine_process *engine, struct problem *problem);

/* Returns true while the first engine of a new program is not ready yet. */
bool engine_process_on_trial(const struct engine_process *engine);

/*
 * Tells a running engine that this host's network has changed (REQUEST_NETWORK); an engine in
 * another state does not need it. The message is lost when the engine does not read.
 */
void engine_process_network(struct engine_process *engine);
/* The same for the networks that it is connected to (REQUEST_PLACES). */
void engine_process_places(struct engine_process *engine);
/* Tells of a route that netd removes (REQUEST_JUDGED). Returns as engine_process_tracked(). */
int engine_process_judged(struct engine_process *engine, const struct route_judged *judged);

/*
 * Sends a RECONFIGURE with its descriptors to a running engine. -EAGAIN: it does not read just now;
 * -ENOTCONN: none is running; else the errors of ipc_send().
 */
int engine_process_reconfigure(struct engine_process *engine, const struct request *request,
	const int *fds, size_t fd_count);

/*
 * Sends the tracked prefixes to the present engine (REQUEST_TRACKED). Returns 0 also when there is
 * no engine. -EAGAIN: the engine does not read just now, and the caller sends the whole set again
 * later.
 */
int engine_process_tracked(
	struct engine_process *engine, const struct prefix *prefixes, size_t count);
/* Sends all that netd holds on the host (REQUEST_HELD). Returns as engine_process_tracked(). */
int engine_process_held(struct engine_process *engine, const struct desired_state *desired);
/* Sends what an interface lacks (REQUEST_LACK). Returns as engine_process_tracked(). */
int engine_process_lack(
	struct engine_process *engine, uint32_t interface, const struct desired_lack *lack);

/*
 * Starts no further engine, and asks the present one to end; kills it when it does not. `finished`
 * follows, possibly before this returns.
 */
void engine_process_stop(struct engine_process *engine);

/* Kills the engine at once. After engine_process_stop() this shortens the wait. */
void engine_process_kill(struct engine_process *engine, const char *why);

/*
 * Ends the engine, waits for its end and frees what belongs to it. Does nothing when there is none.
 */
void engine_process_free(struct engine_process *engine);

#endif
