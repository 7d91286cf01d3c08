/* SPDX-License-Identifier: Apache-2.0 */
#include "system/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Timers form an intrusive pairing heap. The earliest is the root, start and stop are cheap, and
 * nothing is allocated. A node's `previous` is its left sibling, or its parent if it is a first
 * child, so that any node can be removed.
 */

enum { LOOP_BATCH = 64 }; /* events fetched by one epoll_wait */

struct loop {
	int epoll_fd;
	bool stopping;
	struct loop_timer *earliest;
	/* The fetched events. loop_watch_remove() also drops those of its watch from here. */
	struct epoll_event batch[LOOP_BATCH];
	int batch_count;
};

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int error = -errno;
		free(loop);
		return error;
	}
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll_fd);
	free(loop);
}

int loop_watch_add(
	struct loop *loop, struct loop_watch *watch, int fd, uint32_t events, loop_watch_fn *ready)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	*watch = (struct loop_watch){ .fd = fd, .events = events, .ready = ready };
	return 0;
}

int loop_watch_set(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	if (watch->events == events)
		return 0;
	struct epoll_event event = { .events = events, .data.ptr = watch };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		return -errno;
	watch->events = events;
	return 0;
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
	if (watch->fd < 0 || !watch->ready)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = 0; i < loop->batch_count; i++) {
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
	}
	*watch = (struct loop_watch){ .fd = -1 };
}

/* Joins two heaps; either may be NULL. The later root becomes the first child of the earlier. */
static struct loop_timer *heap_meld(struct loop_timer *a, struct loop_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (mono_before(b->due, a->due)) {
		struct loop_timer *earlier = b;
		b = a;
		a = earlier;
	}
	b->next = a->child;
	b->previous = a;
	if (a->child)
		a->child->previous = b;
	a->child = b;
	a->next = NULL;
	a->previous = NULL;
	return a;
}

/*
 * Melds a list of siblings into one heap: pairs from left to right, then the winners of the pairs.
 */
static struct loop_timer *heap_meld_siblings(struct loop_timer *first)
{
	struct loop_timer *winners = NULL;
	while (first) {
		struct loop_timer *second = first->next;
		struct loop_timer *rest = second ? second->next : NULL;
		first->next = NULL;
		if (second)
			second->next = NULL;
		struct loop_timer *winner = heap_meld(first, second);
		winner->next = winners;
		winners = winner;
		first = rest;
	}
	struct loop_timer *root = NULL;
	while (winners) {
		struct loop_timer *rest = winners->next;
		winners->next = NULL;
		root = heap_meld(root, winners);
		winners = rest;
	}
	if (root)
		root->previous = NULL;
	return root;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->running)
		return;
	struct loop_timer *children = heap_meld_siblings(timer->child);
	if (timer == loop->earliest) {
		loop->earliest = children;
	} else {
		if (timer->previous->child == timer)
			timer->previous->child = timer->next;
		else
			timer->previous->next = timer->next;
		if (timer->next)
			timer->next->previous = timer->previous;
		loop->earliest = heap_meld(loop->earliest, children);
	}
	timer->child = timer->next = timer->previous = NULL;
	timer->running = false;
}

void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, struct mono due, loop_timer_fn *expired)
{
	loop_timer_stop(loop, timer);
	*timer = (struct loop_timer){ .due = due, .expired = expired, .running = true };
	loop->earliest = heap_meld(loop->earliest, timer);
}

/* Milliseconds for epoll_wait, rounded up so that the timer is due on waking; -1: no timer. */
static int wait_ms(const struct loop *loop)
{
	if (!loop->earliest)
		return -1;
	int64_t ns = mono_since(loop->earliest->due, mono_now()).ns;
	if (ns <= 0)
		return 0;
	int64_t ms = (ns + 999999) / 1000000;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void run_timers(struct loop *loop)
{
	struct mono now = mono_now();
	/*
	 * A timer that restarts itself as due now runs in the next round, so that it starves
	 * nothing.
	 */
	while (loop->earliest && !mono_before(now, loop->earliest->due) && !loop->stopping) {
		struct loop_timer *timer = loop->earliest;
		loop_timer_stop(loop, timer);
		timer->expired(timer);
	}
}

int loop_run(struct loop *loop)
{
	while (!loop->stopping) {
		int count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, wait_ms(loop));
		if (count < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		loop->batch_count = count;
		for (int i = 0; i < loop->batch_count && !loop->stopping; i++) {
			struct loop_watch *watch = loop->batch[i].data.ptr;
			if (watch)
				watch->ready(watch, loop->batch[i].events);
		}
		loop->batch_count = 0;
		run_timers(loop);
	}
	loop->stopping = false;
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}
