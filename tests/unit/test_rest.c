/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/rest: memory goes back to the kernel after a flood of connections, and not before its end. */
#include "daemon/rest.h"

#include <malloc.h>

#include "tests/unit/unit.h"

static struct rest rest;
static struct mono now;
static int trims;

struct mono mono_now(void)
{
	return now;
}

/* In the place of the C library's. */
int malloc_trim(size_t pad)
{
	ck_assert_uint_eq(pad, 0);
	trims++;
	return 1;
}

/* The only timer is that of `rest`. */
void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, struct mono due, loop_timer_fn *expired)
{
	ck_assert_ptr_eq(loop, rest.loop);
	*timer = (struct loop_timer){ .due = due, .expired = expired, .running = true };
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	ck_assert_ptr_eq(loop, rest.loop);
	timer->running = false;
}

static void set_up(void)
{
	trims = 0;
	rest_init(&rest, (struct loop *)&now); /* never looked at */
}

static void end(unsigned connections)
{
	for (unsigned i = 0; i < connections; i++)
		rest_note(&rest);
}

static void pass_ms(int64_t ms)
{
	now = mono_add(now, DURATION_MS(ms));
	if (!rest.timer.running || mono_before(now, rest.timer.due))
		return;
	rest.timer.running = false;
	rest.timer.expired(&rest.timer);
}

START_TEST(after_a_flood)
{
	end(REST_CONNECTIONS - 1);
	ck_assert(!rest.timer.running);
	end(1);
	pass_ms(REST_MS - 1);
	ck_assert_int_eq(trims, 0);
	pass_ms(1);
	ck_assert_int_eq(trims, 1);
	ck_assert(!rest.timer.running);
	/* It begins again. */
	end(REST_CONNECTIONS - 1);
	ck_assert(!rest.timer.running);
	end(1);
	pass_ms(REST_MS);
	ck_assert_int_eq(trims, 2);
}
END_TEST

START_TEST(not_before_its_end)
{
	end(REST_CONNECTIONS);
	for (int i = 0; i < 10; i++) {
		end(REST_CONNECTIONS);
		pass_ms(REST_MS);
		ck_assert_int_eq(trims, 0);
	}
	end(REST_CONNECTIONS - 1); /* no flood any more */
	pass_ms(REST_MS);
	ck_assert_int_eq(trims, 1);
}
END_TEST

START_TEST(stopped)
{
	end(REST_CONNECTIONS);
	rest_stop(&rest);
	ck_assert(!rest.timer.running);
	rest = (struct rest){ .loop = NULL };
	rest_stop(&rest); /* a server that has not started */
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { after_a_flood, not_before_its_end, stopped };
	Suite *suite = suite_create("rest");

	unit_add_case(suite, "rest", set_up, NULL, tests, sizeof(tests) / sizeof(tests[0]));
	return unit_run("rest", suite);
}
