/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_LOOP_H
#define CULVERT_SYSTEM_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/clock.h"

/*
 * One epoll(7) loop for one thread, with timers. Watches and timers are members of their owners'
 * structs, so the loop allocates nothing after loop_new(). Only the loop's own thread calls these
 * functions. Epoll is level-triggered.
 *
 * Remove a watch before you close its descriptor. If another process shares the descriptor, epoll
 * otherwise goes on reporting it.
 */

struct loop;
struct loop_watch;
struct loop_timer;

typedef void loop_watch_fn(struct loop_watch *watch, uint32_t events);
typedef void loop_timer_fn(struct loop_timer *timer);

struct loop_watch {
	int fd;          /* -1: not watched */
	uint32_t events; /* EPOLLIN, EPOLLOUT; EPOLLERR and EPOLLHUP are always included */
	loop_watch_fn *ready;
};

struct loop_timer {
	struct mono due;
	loop_timer_fn *expired;
	/* of the pairing heap */
	struct loop_timer *child, *next, *previous;
	bool running;
};

int loop_new(struct loop **ret_loop); /* -EMFILE, -ENFILE, -ENOMEM */
/* Forgets all watches and timers; closes no descriptor of theirs. */
void loop_free(struct loop *loop);

/*
 * Watches the descriptor: the loop calls `ready` when one of `events` holds. Returns a negative
 * errno of epoll_ctl(2).
 */
int loop_watch_add(
	struct loop *loop, struct loop_watch *watch, int fd, uint32_t events, loop_watch_fn *ready);
/* Changes the events. Makes no system call if they are the same. */
int loop_watch_set(struct loop *loop, struct loop_watch *watch, uint32_t events);
/*
 * Stops watching: the loop calls the function no more, not even for events already fetched. Does
 * nothing when the descriptor is not watched.
 */
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

/* Starts or restarts the timer; it expires once. */
void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, struct mono due, loop_timer_fn *expired);
/* Does nothing when the timer does not run. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/*
 * Runs until loop_stop(), and may run again afterwards. Returns a negative errno if epoll_wait(2)
 * fails permanently.
 */
int loop_run(struct loop *loop);
/*
 * Ends loop_run() after the callback that calls this. Before loop_run() it ends that call at once.
 */
void loop_stop(struct loop *loop);

#endif
