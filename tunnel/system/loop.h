/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_LOOP_H
#define CULVERT_SYSTEM_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/clock.h"

/*
 * One epoll(7) loop for one thread, with timers. Watches and timers live inside their owners'
 * structs; the loop allocates nothing after loop_new. Everything here is called from the loop's own
 * thread. Epoll is level-triggered.
 *
 * A watch must be removed before its descriptor is closed: closing one copy of a descriptor that is
 * shared with another process leaves epoll firing.
 */

struct loop;
struct loop_watch;
struct loop_timer;

typedef void loop_watch_fn(struct loop_watch *watch, uint32_t events);
typedef void loop_timer_fn(struct loop_timer *timer);

struct loop_watch {
	int fd;          /* -1: not watched */
	uint32_t events; /* EPOLLIN, EPOLLOUT; EPOLLERR and EPOLLHUP come always */
	loop_watch_fn *ready;
};

struct loop_timer {
	struct mono due;
	loop_timer_fn *expired;
	/* the pairing heap's */
	struct loop_timer *child, *next, *previous;
	bool running;
};

int loop_new(struct loop **ret_loop); /* -EMFILE, -ENFILE, -ENOMEM */
void loop_free(struct loop *loop);    /* watches and timers are simply forgotten */

/*
 * Starts to watch; `watch->ready` is called when one of `events` holds. Negative errno of
 * epoll_ctl(2).
 */
int loop_watch_add(
	struct loop *loop, struct loop_watch *watch, int fd, uint32_t events, loop_watch_fn *ready);
/* Changes the events; no system call when they are the same. */
int loop_watch_set(struct loop *loop, struct loop_watch *watch, uint32_t events);
/*
 * Stops; its function is not called any more, not even for events already fetched. Fine when it is
 * not watched.
 */
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

/* (Re)starts the timer; it expires once. */
void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, struct mono due, loop_timer_fn *expired);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer); /* fine when it does not run */

/*
 * Runs until loop_stop(), and may be run again afterwards. Negative errno when epoll_wait(2) fails for
 * good.
 */
int loop_run(struct loop *loop);
/* Ends loop_run() after the callback that calls this; before loop_run(), it ends that at once. */
void loop_stop(struct loop *loop);

#endif
