/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_HOOKS_H
#define CULVERT_NETD_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/settings.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "system/process.h"

/*
 * The programs of `on_up`, `on_down` and `on_route`: docs/hooks.md is the contract. An event becomes
 * a job in one queue, and a job a process in the background. Jobs of one peer run one after the
 * other, in the order of their events; those of different peers side by side. Nothing waits for a
 * hook, and what becomes of it changes nothing but the log.
 *
 * The queue is bounded. What makes it long is taken out by itself: a route's event cancels the
 * opposite one that still waits, and an interface's end all its routes' events. What is too much
 * all the same is left out, with a line in the log.
 *
 * What a hook is told is netd's own knowledge, judged by the configuration before. No shell. netd's
 * only thread.
 */

enum {
	HOOKS_RUNNING_MAX = 8,    /* at the same time */
	HOOKS_WAITING_MAX = 4096, /* events of all peers */
	HOOKS_ROUTES_MAX = 256,   /* events of one peer's routes */
	HOOKS_GRACE_MS = 1000,    /* between SIGTERM and SIGKILL */
};

struct hook_job; /* an event that waits */
struct hooks;

/* A hook that runs. */
struct hook_run {
	struct hooks *hooks;
	struct hook_job *job; /* NULL: the place is free */
	struct process process;
	struct loop_watch watch; /* of the process' end */
	struct loop_timer limit;
	bool late; /* hook_timeout is over */
};

struct hooks {
	const struct settings *settings; /* borrowed */
	struct loop *loop;               /* borrowed */
	struct hook_job *first, **end;
	size_t waiting;
	size_t left_out; /* since the queue was empty */
	struct hook_run runs[HOOKS_RUNNING_MAX];
};

void hooks_init(struct hooks *hooks, const struct settings *settings, struct loop *loop);

/* As interfaces' `changed`. Starts the hook, or lets it wait for its turn. */
void hooks_event(struct hooks *hooks, enum interface_event event, const struct interface *interface,
	const struct prefix *prefix);

/*
 * The program ends: waits for what runs and waits, hook_timeout in all, then kills and forgets the
 * rest, with a line in the log. At once when `hurry_fd` becomes readable (-1: none). Nothing is
 * left afterwards; fine when there was nothing, and before hooks_init().
 */
void hooks_finish(struct hooks *hooks, int hurry_fd);

#endif
