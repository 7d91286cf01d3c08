/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's free buffers: those that lanes need stay, the others go back to the C library. */
#include "lane/worker.h"

#include <stdlib.h>

#include "tests/unit/unit.h"
#include "wire/frame.h"

static struct worker *worker;
static struct mono now;
static struct loop_timer end;

struct mono mono_now(void)
{
	return now;
}

static void set_up(void)
{
	worker = calloc(1, sizeof(*worker));
	ck_assert_ptr_nonnull(worker);
	for (size_t i = 0; i < WORKER_SLOT_SIZES; i++)
		STAILQ_INIT(&worker->slots[i]);
	ck_assert_int_eq(loop_new(&worker->loop), 0);
}

static void tear_down(void)
{
	loop_free(worker->loop);
	free(worker);
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(worker->loop);
}

/* Time goes on, and the timers that are due expire. */
static void pass_ms(int64_t ms)
{
	now = mono_add(now, DURATION_MS(ms));
	loop_timer_start(worker->loop, &end, now, over);
	ck_assert_int_eq(loop_run(worker->loop), 0);
}

enum { MANY = 20 };

/* So many are used at the same time. */
static void use(unsigned count)
{
	struct worker_buffer *outputs[MANY], *plains[MANY];
	struct flow_packet *small[MANY], *large[MANY];

	for (unsigned i = 0; i < count; i++) {
		outputs[i] = worker_borrow_output(worker);
		plains[i] = worker_borrow_plain(worker);
		small[i] = worker_borrow_packet(worker, 52);
		large[i] = worker_borrow_packet(worker, FRAME_PACKET_MAX);
	}
	for (unsigned i = 0; i < count; i++) {
		worker_return_output(worker, outputs[i]);
		worker_return_plain(worker, plains[i]);
		worker_return_packet(worker, small[i]);
		worker_return_packet(worker, large[i]);
	}
}

static void ck_spares(unsigned count)
{
	ck_assert_uint_eq(worker->spare_outputs.count, count);
	ck_assert_uint_eq(worker->spare_plains.count, count);
	ck_assert_uint_eq(worker->spare_slots[0].count, count);
	ck_assert_uint_eq(worker->spare_slots[WORKER_SLOT_SIZES - 1].count, count);
	ck_assert_uint_eq(atomic_load(&worker->kept), 0);
}

START_TEST(what_nobody_needs_is_freed)
{
	use(MANY);
	ck_spares(MANY);
	pass_ms(WORKER_SPARE_MS); /* they were needed */
	ck_spares(MANY);
	use(3);
	pass_ms(WORKER_SPARE_MS - 1);
	ck_spares(MANY);
	pass_ms(1);
	ck_spares(3);
	use(3);
	pass_ms(WORKER_SPARE_MS);
	ck_spares(3);
	pass_ms(WORKER_SPARE_MS);
	ck_spares(0);
	ck_assert(!worker->spare.running);
	ck_assert(SLIST_EMPTY(&worker->outputs) && SLIST_EMPTY(&worker->plains));
	use(2); /* and begins again */
	ck_spares(2);
	ck_assert(worker->spare.running);
	pass_ms(WORKER_SPARE_MS);
	pass_ms(WORKER_SPARE_MS);
	ck_spares(0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { what_nobody_needs_is_freed };
	Suite *suite = suite_create("worker_spare");

	unit_add_case(suite, "spare", set_up, tear_down, tests, sizeof(tests) / sizeof(tests[0]));
	return unit_run("worker_spare", suite);
}
