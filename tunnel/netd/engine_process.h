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
#include "netd/engine_child.h"
#include "netd/program_file.h"
#include "system/loop.h"
#include "system/process.h"
#include "wire/request.h"

/*
 * The engine's life, seen from netd: start, CONFIGURE, READY, messages, death, and after a while
 * the next one.
 *
 *   none ──start──> starting ──READY──> running ──stop──> stopping ──its end──> none, `finished`
 *                      │  its end          │  its end
 *                      └────> waiting <────┘      waiting ──backoff over──> starting
 *
 * An exchange (culvert reexec) starts the program that is on disk now, beside the engine that runs,
 * and only when that worked has the old one to go:
 *
 *   running ──exchange──> leaving ──its end──> starting, the new program on trial
 *
 * A new program whose engine ends before it is ready is given up: the one before is started at
 * once, and the failure does not count as one of its.
 *
 * Stopping and starting have deadlines, and one that does not read its replies has one too; past
 * them it is killed. An engine that ends before it was ready ENGINE_EARLY_ENDS_MAX times in a row
 * is not started again: `finished` with gave_up. Everything here is on netd's only thread. The
 * callbacks may call any function here but engine_process_free().
 */

enum {
	ENGINE_READY_SECONDS = 10,  /* from start to READY */
	ENGINE_STOP_SECONDS = 3,    /* from STOP to its end */
	ENGINE_LEAVE_MS = 500,      /* from the exchange's beginning to the old one's end */
	ENGINE_CLOSED_SECONDS = 1,  /* from the end of its channel to its own */
	ENGINE_STALL_SECONDS = 5,   /* how long a reply may wait to be read */
	ENGINE_STEADY_SECONDS = 30, /* after so long the next backoff begins anew */
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
	 * A new one is about to get its CONFIGURE, with the generation that is in there; the rest
	 * of what is not the process's own is filled in: instance and adopt_count.
	 */
	void (*begins)(struct engine_process *engine, struct request_configure *configure);
	/* It has got its CONFIGURE: what it is to know from the beginning follows. */
	void (*begun)(struct engine_process *engine);
	/*
	 * It sent something. Writes the reply and the descriptors that go with it, at most
	 * REQUEST_QUEUES_MAX (`owned`: to be closed). Negative with words: it is broken and is
	 * killed for that.
	 */
	int (*message)(struct engine_process *engine, const void *data, size_t len,
		struct writer *reply, int *ret_fds, size_t *ret_fd_count, bool *ret_fds_owned,
		struct problem *problem);
	/* There will be no further one. */
	void (*finished)(struct engine_process *engine, bool gave_up);
};

struct engine_plan { /* borrowed, for the engine's whole life */
	struct loop *loop;
	const struct engine_events *events;
	char *const *argv;
	struct program_file *program;    /* netd's; an exchange changes it */
	const struct process_user *user; /* NULL: it stays this one's */
	int output_fd;                   /* what it writes goes there; -1: to our stderr */
	const char *config_path;
	/* What CONFIGURE carries. They stay open here; the engine gets copies. */
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
	struct engine_child next;   /* while leaving: its successor, not configured yet */
	struct loop_timer deadline; /* READY, STOP, leaving, closed, backoff: one at a time */
	struct loop_timer stall;
	struct mono started;
	struct backoff backoff;
	unsigned early_ends;
	uint32_t generation;
	bool was_ready;
	struct problem killed; /* why netd killed it; empty: it did not */

	/* A reply that could not be sent yet. Nothing is read before it is. */
	size_t pending_len; /* 0: none */
	int pending_fds[REQUEST_QUEUES_MAX];
	size_t pending_fd_count;
	bool pending_fds_owned;
	uint8_t pending[REQUEST_SIZE_MAX];
};

void engine_process_init(struct engine_process *engine, const struct engine_plan *plan);

/* The first start: an error here is the caller's to tell. Later ones happen by themselves. */
int engine_process_start(struct engine_process *engine, struct problem *problem);

/* It has said READY. */
void engine_process_ready(struct engine_process *engine);

/*
 * Exchanges the running engine for one of the program that is on disk now. Done: the old one is to
 * end by itself, within ENGINE_LEAVE_MS. Negative with words: nothing has changed. -EBUSY: none is
 * running, or an exchange is going on; what program_file_renew() and process_spawn() say.
 */
int engine_process_exchange(struct engine_process *engine, struct problem *problem);

/* It is the first engine of a new program, and not ready yet. */
bool engine_process_on_trial(const struct engine_process *engine);

/*
 * Tells a running one that this host's network has changed (REQUEST_NETWORK); no other needs to know.
 * One that does not read what it is sent misses it.
 */
void engine_process_network(struct engine_process *engine);

/*
 * Tells the present one what is tracked (REQUEST_TRACKED). 0: it has been told, or there is none.
 * -EAGAIN: it does not read just now; it wants to be told again from the beginning.
 */
int engine_process_tracked(
	struct engine_process *engine, const struct prefix *prefixes, size_t count);
/* The same for what an interface lacks (REQUEST_LACK). */
int engine_process_lack(
	struct engine_process *engine, uint32_t interface, const struct desired_lack *lack);

/*
 * No further engine; this one is asked to end, and killed when it does not. `finished` follows,
 * maybe from in here.
 */
void engine_process_stop(struct engine_process *engine);

/* Kills it at once. After engine_process_stop() this is what shortens the wait. */
void engine_process_kill(struct engine_process *engine, const char *why);

/* Ends whatever is left, waiting for it. Fine when there is none. */
void engine_process_free(struct engine_process *engine);

#endif
