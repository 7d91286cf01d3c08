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
 * Runs the programs of `on_up`, `on_down` and `on_route`; docs/hooks.md is the contract. An event
 * becomes a job in one queue, and a job becomes a process in the background. Jobs of one peer run
 * one after the other, in the order of their events; jobs of different peers run side by side.
 * Nothing waits for a hook, and its result changes only the log.
 *
 * The queue is limited, and events that make each other needless are removed: a route's event
 * cancels the opposite one that still waits, and an interface's end cancels all events of its
 * routes. When the queue is full all the same, netd drops an event and logs that.
 *
 * A hook gets only netd's own knowledge, which the policy has checked against the configuration. No
 * shell is involved. What a hook changes on the host is its own, so netd/desired_state holds none
 * of it. netd's only thread.
 */

enum {
	HOOKS_RUNNING_MAX = 8,    /* at the same time */
	HOOKS_WAITING_MAX = 4096, /* events of all peers */
	HOOKS_ROUTES_MAX = 256,   /* events of one peer's routes */
	HOOKS_GRACE_MS = 1000,    /* between SIGTERM and SIGKILL */
};

struct hook_job; /* an event that waits */
struct hooks;

/* A running hook. */
struct hook_run {
	struct hooks *hooks;
	struct hook_job *job; /* NULL: this slot is free */
	struct process process;
	struct loop_watch watch; /* of the process's end */
	struct loop_timer limit;
	bool late; /* hook_timeout is over */
};

struct hooks {
	const struct settings *settings; /* borrowed */
	struct loop *loop;               /* borrowed */
	struct hook_job *first, **end;
	size_t waiting;
	size_t left_out; /* events dropped since the queue was empty */
	struct hook_run runs[HOOKS_RUNNING_MAX];
};

void hooks_init(struct hooks *hooks, const struct settings *settings, struct loop *loop);

/* The function for interfaces' callback `changed`. Starts the hook, or queues it. */
void hooks_event(struct hooks *hooks, enum interface_event event, const struct interface *interface,
	const struct prefix *prefix);

/*
 * Ends the hooks with the program: waits for running and queued jobs, for hook_timeout in all. Then
 * it kills the running ones, drops the rest and logs that. It stops waiting when `hurry_fd` becomes
 * readable (-1: none). No hook is left afterwards. Does nothing when there was none, or before
 * hooks_init().
 */
void hooks_finish(struct hooks *hooks, int hurry_fd);

#endif
