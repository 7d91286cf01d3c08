/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* daemon/trim: after a flood of connections memory goes back to the kernel, and not before its end. */
#include "daemon/trim.h"

#include <malloc.h>

#include "tests/unit/unit.h"

static struct trim trim;
static struct mono now;
static int trims;

struct mono mono_now(void)
{
	return now;
}

/* In the place of the C library's; valgrind puts its own there. */
int malloc_trim(size_t pad)
{
	ck_assert_uint_eq(pad, 0);
	trims++;
	return 1;
}

/* The only timer is that of `trim`. */
void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, struct mono due, loop_timer_fn *expired)
{
	ck_assert_ptr_eq(loop, trim.loop);
	*timer = (struct loop_timer){ .due = due, .expired = expired, .running = true };
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	ck_assert_ptr_eq(loop, trim.loop);
	timer->running = false;
}

static void set_up(void)
{
	trims = 0;
	trim_init(&trim, (struct loop *)&now); /* never looked at */
}

static void end(unsigned connections)
{
	for (unsigned i = 0; i < connections; i++)
		trim_note(&trim);
}

static void pass_ms(int64_t ms)
{
	now = mono_add(now, DURATION_MS(ms));
	if (!trim.timer.running || mono_before(now, trim.timer.due))
		return;
	trim.timer.running = false;
	trim.timer.expired(&trim.timer);
}

START_TEST(after_a_flood)
{
	end(TRIM_CONNECTIONS - 1);
	ck_assert(!trim.timer.running);
	end(1);
	pass_ms(TRIM_MS - 1);
	ck_assert_int_eq(trims, 0);
	pass_ms(1);
	ck_assert_int_eq(trims, 1);
	ck_assert(!trim.timer.running);
	/* It begins again. */
	end(TRIM_CONNECTIONS - 1);
	ck_assert(!trim.timer.running);
	end(1);
	pass_ms(TRIM_MS);
	ck_assert_int_eq(trims, 2);
}
END_TEST

START_TEST(not_before_its_end)
{
	end(TRIM_CONNECTIONS);
	for (int i = 0; i < 10; i++) {
		end(TRIM_CONNECTIONS);
		pass_ms(TRIM_MS);
		ck_assert_int_eq(trims, 0);
	}
	end(TRIM_CONNECTIONS - 1); /* no flood any more */
	pass_ms(TRIM_MS);
	ck_assert_int_eq(trims, 1);
}
END_TEST

START_TEST(stopped)
{
	end(TRIM_CONNECTIONS);
	trim_stop(&trim);
	ck_assert(!trim.timer.running);
	trim = (struct trim){ .loop = NULL };
	trim_stop(&trim); /* a server that has not started */
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { after_a_flood, not_before_its_end, stopped };
	Suite *suite = suite_create("trim");

	unit_add_case(suite, "trim", set_up, NULL, tests, sizeof(tests) / sizeof(tests[0]));
	return unit_run("trim", suite);
}
