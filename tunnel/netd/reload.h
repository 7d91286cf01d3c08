/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_RELOAD_H
#define CULVERT_NETD_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "config/configuration.h"
#include "netd/engine_files.h"
#include "netd/engine_process.h"
#include "netd/sealed_files.h"
#include "system/loop.h"
#include "wire/request.h"

/*
 * Changes the configuration of a running program: SIGHUP, `culvert reload`, or a certificate's file
 * that another program has exchanged.
 *
 *   netd    reads the file and all files that it names, examines them as a start would, and
 *           compares them with what runs. A fault, or a change that needs a restart: nothing
 *           changes.
 *   netd    opens the new listeners and sends RECONFIGURE with copies of everything.
 *   engine  loads the same bytes, makes a TLS context, and sends RECONFIGURED.
 *   netd    switches (`apply`) and replies.
 *   engine  switches when it reads the reply.
 *
 * So no configuration is ever in force at one of the two alone, except between netd's reply and the
 * moment when the engine reads it. Meanwhile netd judges what the engine asks for by the new one.
 * While no engine runs, netd switches alone, and the next engine gets the new configuration.
 *
 * An engine has one RECONFIGURE at a time. When it does not answer in time, netd gives that one up,
 * and begins no other before the late answer is there or the engine has ended: two on their way
 * could not be told apart, and a stopped engine would collect descriptors.
 *
 * The settings of both processes stay in their place, and only their contents are exchanged. So
 * everybody may keep a pointer to the settings, and nobody a pointer into them. netd's only thread.
 */

enum { RELOAD_ANSWER_S = 10 }; /* how long the engine may examine a RECONFIGURE */

struct reload;

/* What a reload takes from the files that it reads. */
enum reload_scope {
	RELOAD_ALL,
	RELOAD_FILES,   /* the files that the configuration names, which stays as it runs */
	RELOAD_NOTHING, /* it only says what it would change */
};

struct reload_events {
	/* netd is about to switch: nobody may watch a listener or an item that may end with it. */
	void (*leave)(struct reload *reload);
	/*
	 * The settings have changed: every module of netd that depends on them follows. `before`
	 * has the former ones, and is freed after the call. *lack is empty, and says afterwards
	 * what this host did not let be put in force; empty: nothing.
	 */
	void (*apply)(struct reload *reload, const struct settings *before, struct problem *lack);
};

struct reload {
	/* Borrowed, set before the first engine. */
	struct loop *loop;
	const struct reload_events *events;
	const struct configuration_role *role; /* NULL: this program cannot reload */
	struct configuration *live;            /* what runs */
	struct sealed_files *files;            /* what each engine gets */
	struct engine_files *engine_files;
	struct engine_plan *plan;
	struct engine_process *engine;

	struct request_load load; /* of what runs: for each engine's CONFIGURE */

	/* ---- one that waits for the engine ---- */
	bool pending;
	enum reload_scope scope;
	bool again;      /* it was asked for meanwhile: begins when this one is over */
	bool unanswered; /* netd has given one up, and the engine has not answered it yet */
	struct loop_timer deadline;
	struct configuration next;
	struct sealed_files next_files;
	struct engine_files_change listeners;
	struct request_load next_load;
};

/* Numbers what runs since the start. The other borrowed members are the caller's to set before. */
void reload_init(struct reload *reload);

/*
 * Reads the configuration again and begins to switch to it. *ret_nothing: nothing has changed, and
 * *problem says so. -EBUSY: the engine is starting, or the last reload is not over; -EOPNOTSUPP:
 * this program cannot; -EPERM: the change needs a restart; else the errors of configuration_load()
 * and configuration_examine(), or of socket_listen(). On failure *problem says why, and nothing has
 * changed.
 */
int reload_begin(struct reload *reload, bool *ret_nothing, struct problem *problem);

/*
 * The same for the files that the live configuration names: its text is not read again. When the
 * engine ends meanwhile, nothing has changed, and nothing begins again by itself.
 */
int reload_begin_files(struct reload *reload, bool *ret_nothing, struct problem *problem);

/*
 * Does all that reload_begin() does before it switches, and changes nothing. *problem says what
 * would change. Errors: those of reload_begin().
 */
int reload_check(struct reload *reload, struct problem *problem);

/* The same as reload_begin() without a caller that waits: the outcome is logged, and -EBUSY means later. */
void reload_ask(struct reload *reload, const char *why);

/*
 * The engine has examined the RECONFIGURE. Returns 0 when netd has switched, and 1 when
 * it has and *problem says what could not be put in force. On failure *problem says why, and nothing has changed. -ESTALE: it is not the one that netd waits for; else what the
 * engine said.
 */
int reload_confirm(struct reload *reload, const struct request_reconfigured *confirmed,
	struct problem *problem);

/* An engine is ready, or has ended: what it did not confirm begins again. */
void reload_engine_ready(struct reload *reload);
void reload_engine_ended(struct reload *reload);

/* Drops what is pending. Does nothing when *reload is zeroed. */
void reload_free(struct reload *reload);

#endif
