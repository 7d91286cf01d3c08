/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It goes through minutes of a queue, packet by packet, and touches no memory but its own. */
/* RFC 8289: its pseudocode (section 5) says when packets go; times are the test's own. */
#include "lane/codel.h"

#include <math.h>

#include "tests/unit/unit.h"

enum { TARGET_MS = 5, INTERVAL_MS = 100 };

static const struct codel_limits limits = {
	.target = { .ns = TARGET_MS * INT64_C(1000000) },
	.interval = { .ns = INTERVAL_MS * INT64_C(1000000) },
};

static const struct duration short_wait = { .ns = TARGET_MS * INT64_C(1000000) - 1 };
static const struct duration long_wait = { .ns = 4 * TARGET_MS * INT64_C(1000000) };

static const struct mono begin = { .ns = INT64_C(1000000000000) };

static struct mono after_us(struct mono point, int64_t us)
{
	return (struct mono){ .ns = point.ns + us * 1000 };
}

/* The queue stays as long as it is. */
static bool judge_by(struct codel *codel, const struct codel_limits *by, struct mono now,
	struct duration waited, bool last)
{
	const struct codel_head head = { .waited = waited, .bytes = 1000000, .last = last };

	return codel_judge(codel, by, now, &head);
}

/* A packet that has waited so long, with others behind it. */
static bool judge(struct codel *codel, struct mono now, struct duration waited)
{
	return judge_by(codel, &limits, now, waited, false);
}

/* Judges a packet each 10 us, from `from` on, until one goes: then. */
static struct mono next_drop(struct codel *codel, struct mono from)
{
	struct mono now = from;

	while (!judge(codel, now, long_wait)) {
		now = after_us(now, 10);
		ck_assert_int_lt(mono_since(now, from).ns, DURATION_S(10).ns);
	}
	return now;
}

/* The gap is an interval by the root of `count`, as near as the steps above allow. */
static void assert_gap(struct mono earlier, struct mono later, int count)
{
	double expected = INTERVAL_MS * 1e6 / sqrt(count);
	double gap = (double)mono_since(later, earlier).ns;

	ck_assert_msg(fabs(gap - expected) < 50e3 + expected / 100, "%d: %.0f instead of %.0f ns",
		count, gap, expected);
}

START_TEST(short_waits_pass)
{
	struct codel codel = { 0 };

	for (int i = 0; i < 20000; i++)
		ck_assert(!judge(&codel, after_us(begin, i * 100), short_wait));
}
END_TEST

/* One packet in each interval that has not waited long is enough: the queue does not stand. */
START_TEST(bursts_pass)
{
	struct codel codel = { 0 };

	for (int i = 0; i < 20000; i++) {
		bool shorter = i % (INTERVAL_MS * 10) == 0; /* at 0.1 ms each: once an interval */
		ck_assert(
			!judge(&codel, after_us(begin, i * 100), shorter ? short_wait : long_wait));
	}
}
END_TEST

START_TEST(first_drop_after_an_interval)
{
	struct codel codel = { 0 };
	const struct mono due = mono_add(begin, limits.interval);

	ck_assert(!judge(&codel, begin, long_wait));
	ck_assert(!judge(&codel, after_us(begin, 1000), long_wait));
	ck_assert(!judge(&codel, after_us(due, -1), long_wait));
	ck_assert(judge(&codel, due, long_wait));
	ck_assert(!judge(&codel, due, long_wait)); /* one, not all */
}
END_TEST

/* A longer interval counts from the beginning of the wait, also when it comes in the middle. */
START_TEST(limits_may_change_meanwhile)
{
	const struct codel_limits patient = {
		.target = limits.target,
		.interval = { .ns = 3 * limits.interval.ns },
	};
	const struct mono due = mono_add(begin, patient.interval);
	struct codel codel = { 0 };

	ck_assert(!judge(&codel, begin, long_wait));
	ck_assert(!judge_by(&codel, &patient, after_us(due, -1), long_wait, false));
	ck_assert(judge_by(&codel, &patient, due, long_wait, false));
	codel = (struct codel){ 0 };
	ck_assert(!judge_by(&codel, &patient, begin, long_wait, false));
	ck_assert(judge(&codel, mono_add(begin, limits.interval), long_wait));
}
END_TEST

START_TEST(drops_come_closer)
{
	struct codel codel = { 0 };
	struct mono last = next_drop(&codel, begin);

	for (int count = 1; count <= 200; count++) {
		struct mono now = next_drop(&codel, last);

		assert_gap(last, now, count);
		last = now;
	}
}
END_TEST

/* Nobody asked for a while: what is due since then goes, one after the other, and no more. */
START_TEST(due_drops_are_made_up_for)
{
	struct codel codel = { 0 };
	struct mono first = next_drop(&codel, begin);
	double due = 0;
	int expected = 0, drops = 0;

	for (int count = 1; due + INTERVAL_MS / sqrt(count) <= 3 * INTERVAL_MS; count++) {
		due += INTERVAL_MS / sqrt(count);
		expected++;
	}
	while (drops < 100 && judge(&codel, after_us(first, 3000 * INTERVAL_MS), long_wait))
		drops++;
	ck_assert_int_eq(drops, expected);
}
END_TEST

START_TEST(short_wait_ends_it)
{
	struct codel codel = { 0 };
	struct mono now = next_drop(&codel, begin);

	for (int i = 0; i < 5; i++)
		now = next_drop(&codel, now);
	now = after_us(now, 1);
	ck_assert(!judge(&codel, now, short_wait));
	/* From here on it takes a whole interval again. */
	now = after_us(now, 1);
	struct mono again = next_drop(&codel, now);
	ck_assert_int_ge(mono_since(again, now).ns, limits.interval.ns);
	ck_assert_int_le(mono_since(again, now).ns, limits.interval.ns + 20000);
}
END_TEST

/* Enters, drops `more` after the first, and leaves; returns when. */
static struct mono visit(struct codel *codel, struct mono from, int more)
{
	struct mono now = next_drop(codel, from);

	for (int i = 0; i < more; i++)
		now = next_drop(codel, now);
	now = after_us(now, 1);
	ck_assert(!judge(codel, now, short_wait));
	return after_us(now, 1);
}

/* RFC 8289, 5.4: it begins with the number of drops that the last time took. */
START_TEST(soon_back_it_remembers)
{
	struct codel codel = { 0 };
	struct mono now = visit(&codel, begin, 9);
	struct mono first = next_drop(&codel, now);

	assert_gap(first, next_drop(&codel, first), 9);
}
END_TEST

/* What is remembered is what the last visit added, not all that ever were. */
START_TEST(memory_is_of_the_last_visit)
{
	struct codel codel = { 0 };
	struct mono now = visit(&codel, visit(&codel, begin, 16), 4);
	struct mono first = next_drop(&codel, now);

	assert_gap(first, next_drop(&codel, first), 4);
}
END_TEST

START_TEST(one_drop_is_not_remembered)
{
	struct codel codel = { 0 };
	struct mono now = visit(&codel, begin, 1);
	struct mono first = next_drop(&codel, now);

	assert_gap(first, next_drop(&codel, first), 1);
}
END_TEST

START_TEST(late_back_it_has_forgotten)
{
	struct codel codel = { 0 };
	struct mono now = visit(&codel, begin, 9);
	struct mono first = next_drop(&codel, after_us(now, 17000 * INTERVAL_MS));

	assert_gap(first, next_drop(&codel, first), 1);
}
END_TEST

START_TEST(last_is_never_dropped)
{
	struct codel codel = { 0 };

	for (int i = 0; i < 20000; i++)
		ck_assert(!judge_by(&codel, &limits, after_us(begin, i * 100), long_wait, true));
}
END_TEST

/* A last one shows that the queue drains: as a short wait does. */
START_TEST(last_ends_it)
{
	struct codel codel = { 0 };
	struct mono now = next_drop(&codel, begin);

	now = mono_add(now, limits.interval);
	ck_assert(!judge_by(&codel, &limits, now, long_wait, true));
	ck_assert(!judge(&codel, now, long_wait));
	ck_assert(!judge(&codel, after_us(now, 1000 * INTERVAL_MS - 1), long_wait));
	ck_assert(judge(&codel, after_us(now, 1000 * INTERVAL_MS), long_wait));
}
END_TEST

START_TEST(rest_forgets_the_wait)
{
	struct codel codel = { 0 };

	codel_idle(&codel); /* at any time */
	ck_assert(!judge(&codel, begin, long_wait));
	codel_idle(&codel);
	struct mono later = mono_add(begin, limits.interval);
	ck_assert(!judge(&codel, later, long_wait));
	ck_assert(judge(&codel, mono_add(later, limits.interval), long_wait));
	codel_idle(&codel);
	ck_assert(!judge(&codel, mono_add(later, DURATION_MS(3 * INTERVAL_MS)), long_wait));
}
END_TEST

START_TEST(rest_remembers_the_rate)
{
	struct codel codel = { 0 };
	struct mono now = next_drop(&codel, begin);

	for (int i = 0; i < 9; i++)
		now = next_drop(&codel, now);
	codel_idle(&codel);
	struct mono first = next_drop(&codel, now);
	assert_gap(first, next_drop(&codel, first), 9);
}
END_TEST

/* Judges a packet each 10 us while the queue gets shorter by `falls` percent of the time; then the drops. */
static int drops_while_it_falls(struct codel *codel, struct mono from, int ms, int falls)
{
	struct codel_head head = { .last = false };
	int drops = 0;

	for (int us = 0; us < ms * 1000; us += 10) {
		/* A queue that sends a byte in a microsecond. */
		head.bytes = (uint32_t)(1000000 - us * falls / 100);
		head.waited = (struct duration){ .ns = head.bytes * INT64_C(1000) };
		drops += codel_judge(codel, &limits, after_us(from, us), &head);
	}
	return drops;
}

/* In 350 ms after the first drop five more are due: after 100, 171, 228, 278 and 323 ms. */
START_TEST(drops_pause_while_the_queue_gets_shorter)
{
	struct codel codel = { 0 };
	struct mono now = next_drop(&codel, begin);

	ck_assert_int_eq(drops_while_it_falls(&codel, now, 350, 2 * CODEL_FALLS), 0);
	codel = (struct codel){ 0 };
	now = next_drop(&codel, begin);
	ck_assert_int_eq(drops_while_it_falls(&codel, now, 350, CODEL_FALLS / 2), 5);
	codel = (struct codel){ 0 };
	now = next_drop(&codel, begin);
	ck_assert_int_eq(drops_while_it_falls(&codel, now, 350, -CODEL_FALLS), 5);
}
END_TEST

/* It is compared with the last look, and not with the first drop. Due: after 200, 271 and 328 ms. */
START_TEST(drops_go_on_when_the_queue_stands_again)
{
	struct codel codel = { 0 };
	struct mono now = next_drop(&codel, begin);

	ck_assert_int_eq(drops_while_it_falls(&codel, now, 150, 2 * CODEL_FALLS), 0);
	now = after_us(now, 150000);
	ck_assert_int_eq(drops_while_it_falls(&codel, now, 200, 0), 3);
}
END_TEST

/* A sender that has had so many drops did not slow down by them. */
START_TEST(no_pause_after_many_drops)
{
	struct codel codel = { 0 };
	struct mono now = next_drop(&codel, begin);

	for (int i = 1; i < CODEL_PAUSES_MOST; i++)
		now = next_drop(&codel, now);
	ck_assert_int_eq(drops_while_it_falls(&codel, now, 60, 2 * CODEL_FALLS), 0);
	now = next_drop(&codel, now);
	ck_assert_int_gt(drops_while_it_falls(&codel, now, 60, 2 * CODEL_FALLS), 1);
}
END_TEST

/* A sender that never gives way: the rate stays a rate. */
START_TEST(deaf_sender)
{
	enum { LONG_S = 220, MANY = 5000000 };
	struct codel codel = { 0 };
	struct mono now = after_us(next_drop(&codel, begin), LONG_S * INT64_C(1000000));
	int drops = 0;

	while (drops < MANY && judge(&codel, now, long_wait))
		drops++;
	ck_assert_int_lt(drops, MANY);
	ck_assert_int_gt(drops, LONG_S * 1000 / INTERVAL_MS);
	ck_assert(!judge(&codel, now, long_wait));
	ck_assert(judge(&codel, after_us(now, 1000 * INTERVAL_MS), long_wait));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("codel");

	unit_add(s, "short_waits_pass", short_waits_pass);
	unit_add(s, "bursts_pass", bursts_pass);
	unit_add(s, "first_drop_after_an_interval", first_drop_after_an_interval);
	unit_add(s, "limits_may_change_meanwhile", limits_may_change_meanwhile);
	unit_add(s, "drops_come_closer", drops_come_closer);
	unit_add(s, "due_drops_are_made_up_for", due_drops_are_made_up_for);
	unit_add(s, "short_wait_ends_it", short_wait_ends_it);
	unit_add(s, "soon_back_it_remembers", soon_back_it_remembers);
	unit_add(s, "memory_is_of_the_last_visit", memory_is_of_the_last_visit);
	unit_add(s, "one_drop_is_not_remembered", one_drop_is_not_remembered);
	unit_add(s, "late_back_it_has_forgotten", late_back_it_has_forgotten);
	unit_add(s, "last_is_never_dropped", last_is_never_dropped);
	unit_add(s, "last_ends_it", last_ends_it);
	unit_add(s, "rest_forgets_the_wait", rest_forgets_the_wait);
	unit_add(s, "rest_remembers_the_rate", rest_remembers_the_rate);
	unit_add(s, "drops_pause_while_the_queue_gets_shorter",
		drops_pause_while_the_queue_gets_shorter);
	unit_add(s, "drops_go_on_when_the_queue_stands_again",
		drops_go_on_when_the_queue_stands_again);
	unit_add(s, "no_pause_after_many_drops", no_pause_after_many_drops);
	unit_add(s, "deaf_sender", deaf_sender);
	return s;
}

int main(void)
{
	return unit_run("codel", suite());
}
