/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/container.h"
#include "wire/frame.h"

/*
 * Free buffers are in last-in, first-out lists. The lists grow to what lanes keep at the same time,
 * so in steady state nothing is allocated. Every ten seconds those are freed that no lane needed
 * meanwhile, so that a flood leaves nothing behind. The order to stop is a mail inside the worker
 * itself, so that stopping cannot fail.
 */

void worker_account(struct worker *worker, ptrdiff_t bytes)
{
	size_t before = atomic_load_explicit(&worker->kept, memory_order_relaxed);

	atomic_store_explicit(&worker->kept, before + (size_t)bytes, memory_order_relaxed);
}

bool worker_is_overdrawn(const struct worker *worker)
{
	return atomic_load_explicit(&worker->kept, memory_order_relaxed) > WORKER_KEPT_MAX;
}

bool worker_is_short(const struct worker *worker)
{
	return atomic_load_explicit(&worker->kept, memory_order_relaxed) > WORKER_KEPT_HIGH;
}

/* ---- those that are free ---- */

static void spare_taken(struct worker_spare *spare)
{
	spare->count--;
	if (spare->count < spare->least)
		spare->least = spare->count;
}

static void look_at_spares(struct loop_timer *timer);

static void spare_returned(struct worker *worker, struct worker_spare *spare)
{
	spare->count++;
	if (!worker->spare.running)
		loop_timer_start(worker->loop, &worker->spare,
			mono_add(mono_now(), DURATION_MS(WORKER_SPARE_MS)), look_at_spares);
}

static void free_spare_buffers(struct worker_buffers *list, struct worker_spare *spare)
{
	for (; spare->least > 0; spare->least--, spare->count--) {
		struct worker_buffer *buffer = SLIST_FIRST(list);

		SLIST_REMOVE_HEAD(list, link);
		free(buffer);
	}
	spare->least = spare->count;
}

static void free_spare_slots(struct flow_packets *slots, struct worker_spare *spare)
{
	for (; spare->least > 0; spare->least--, spare->count--) {
		struct flow_packet *slot = STAILQ_FIRST(slots);

		STAILQ_REMOVE_HEAD(slots, link);
		free(slot);
	}
	spare->least = spare->count;
}

static void look_at_spares(struct loop_timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, spare);
	unsigned left;

	free_spare_buffers(&worker->outputs, &worker->spare_outputs);
	free_spare_buffers(&worker->plains, &worker->spare_plains);
	left = worker->spare_outputs.count + worker->spare_plains.count;
	for (size_t i = 0; i < WORKER_SLOT_SIZES; i++) {
		free_spare_slots(&worker->slots[i], &worker->spare_slots[i]);
		left += worker->spare_slots[i].count;
	}
	if (left > 0)
		loop_timer_start(worker->loop, timer,
			mono_add(mono_now(), DURATION_MS(WORKER_SPARE_MS)), look_at_spares);
}

static struct worker_buffer *borrow(
	struct worker *worker, struct worker_buffers *list, struct worker_spare *spare, size_t size)
{
	struct worker_buffer *buffer = SLIST_FIRST(list);

	if (buffer) {
		SLIST_REMOVE_HEAD(list, link);
		spare_taken(spare);
	} else {
		buffer = malloc(sizeof(*buffer) + size);
	}
	if (buffer) {
		buffer->size = size;
		worker_account(worker, (ptrdiff_t)size);
	}
	return buffer;
}

static void return_buffer(struct worker *worker, struct worker_buffers *list,
	struct worker_spare *spare, struct worker_buffer *buffer)
{
	if (!buffer)
		return;
	SLIST_INSERT_HEAD(list, buffer, link);
	spare_returned(worker, spare);
	worker_account(worker, -(ptrdiff_t)buffer->size);
}

struct worker_buffer *worker_borrow_output(struct worker *worker)
{
	return borrow(worker, &worker->outputs, &worker->spare_outputs, WORKER_OUTPUT_SIZE);
}

struct worker_buffer *worker_borrow_plain(struct worker *worker)
{
	return borrow(worker, &worker->plains, &worker->spare_plains, WORKER_PLAIN_SIZE);
}

void worker_return_output(struct worker *worker, struct worker_buffer *buffer)
{
	return_buffer(worker, &worker->outputs, &worker->spare_outputs, buffer);
}

void worker_return_plain(struct worker *worker, struct worker_buffer *buffer)
{
	return_buffer(worker, &worker->plains, &worker->spare_plains, buffer);
}

/* ---- slots ---- */

static const size_t slot_sizes[WORKER_SLOT_SIZES] = {
	2048 - sizeof(struct flow_packet),
	10240 - sizeof(struct flow_packet),
	24576 - sizeof(struct flow_packet),
	WORKER_SLOT_HEADROOM + FRAME_PACKET_MAX,
};

struct flow_packet *worker_borrow_packet(struct worker *worker, size_t len)
{
	size_t i = 0;

	while (i < WORKER_SLOT_SIZES - 1 && WORKER_SLOT_HEADROOM + len > slot_sizes[i])
		i++;
	struct flow_packet *slot = STAILQ_FIRST(&worker->slots[i]);
	if (slot) {
		STAILQ_REMOVE_HEAD(&worker->slots[i], link);
		spare_taken(&worker->spare_slots[i]);
	} else {
		slot = malloc(sizeof(*slot) + slot_sizes[i]);
	}
	if (slot) {
		slot->size = slot_sizes[i];
		worker_account(worker, (ptrdiff_t)slot->size);
	}
	return slot;
}

void worker_return_packet(struct worker *worker, struct flow_packet *slot)
{
	size_t i = 0;

	if (!slot)
		return;
	while (i < WORKER_SLOT_SIZES - 1 && slot->size > slot_sizes[i])
		i++;
	STAILQ_INSERT_HEAD(&worker->slots[i], slot, link);
	spare_returned(worker, &worker->spare_slots[i]);
	worker_account(worker, -(ptrdiff_t)slot->size);
}

static void free_slots(struct flow_packets *slots)
{
	while (!STAILQ_EMPTY(slots)) {
		struct flow_packet *slot = STAILQ_FIRST(slots);
		STAILQ_REMOVE_HEAD(slots, link);
		free(slot);
	}
}

static void free_buffers(struct worker_buffers *list)
{
	while (!SLIST_EMPTY(list)) {
		struct worker_buffer *buffer = SLIST_FIRST(list);
		SLIST_REMOVE_HEAD(list, link);
		free(buffer);
	}
}

static void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	mailbox_close(&worker->orders);
	loop_free(worker->loop);
	free_buffers(&worker->outputs);
	free_buffers(&worker->plains);
	for (size_t i = 0; i < WORKER_SLOT_SIZES; i++)
		free_slots(&worker->slots[i]);
	tun_batch_free(worker->batch);
	free(worker->stage);
	free(worker->received);
	free(worker);
}

static void deliver(struct mailbox *mailbox, struct mail *mail)
{
	struct worker *worker = container_of(mailbox, struct worker, orders);

	if (mail == &worker->stop)
		loop_stop(worker->loop);
	else
		worker->deliver(worker, mail);
}

static void *run(void *argument)
{
	struct worker *worker = argument;
	loop_run(worker->loop);
	return NULL;
}

/* Blocks all signals: they are for the main thread. */
static int start_thread(struct worker *worker)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = -pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int worker_start(unsigned index, struct mailbox *reports, worker_deliver_fn *deliver_order,
	struct worker **ret_worker)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	if (!worker)
		return -ENOMEM;
	worker->index = index;
	worker->reports = reports;
	worker->deliver = deliver_order;
	TAILQ_INIT(&worker->turns);
	for (size_t i = 0; i < WORKER_SLOT_SIZES; i++)
		STAILQ_INIT(&worker->slots[i]);
	worker->stage = malloc(WORKER_STAGE_SIZE);
	worker->received = malloc(WORKER_RECEIVE_SIZE);
	worker->batch_error = tun_batch_new(&worker->batch);
	int r = worker->stage && worker->received ? loop_new(&worker->loop) : -ENOMEM;
	if (r == 0)
		r = mailbox_open(&worker->orders, worker->loop, deliver);
	if (r == 0)
		r = start_thread(worker);
	if (r < 0) {
		worker_free(worker);
		return r;
	}
	*ret_worker = worker;
	return 0;
}

void worker_stop(struct worker *worker)
{
	if (!worker)
		return;
	mailbox_post(&worker->orders, &worker->stop);
	pthread_join(worker->thread, NULL);
	worker_free(worker);
}
