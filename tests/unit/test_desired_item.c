/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/desired_item.h"

#include <errno.h>
#include <stdio.h>

#include "netd/desired_state.h"

#include "log_capture.h"
#include "unit.h"

/* A host with one thing on it. */
static struct {
	struct desired_item item;
	enum desired_look there;
	const char *what, *writer;
	int failure; /* of the next repairs; 0: they succeed */
	unsigned repairs;
	struct mono now;
} host;

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	(void)item;
	(void)snprintf(sight->what, sizeof(sight->what), "%s", host.what);
	(void)snprintf(sight->writer, sizeof(sight->writer), "%s", host.writer);
	return host.there;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	(void)item;
	host.repairs++;
	if (host.failure == 0)
		host.there = DESIRED_IN_PLACE;
	else
		problem_set(problem, "the disk is full");
	return host.failure;
}

static void begin(void)
{
	memset(&host, 0, sizeof(host));
	host.item = (struct desired_item){
		.name = "things", .meanwhile = "nothing works", .look = look, .repair = repair
	};
	host.there = DESIRED_IN_PLACE;
	host.what = "thing 1";
	host.writer = "";
	host.now = mono_now();
	log_capture_begin(LOG_LEVEL_NOTICE);
}

/* Time goes on, and netd looks. Returns its wait in milliseconds. */
static int64_t check_after(int64_t ms)
{
	host.now = mono_add(host.now, DURATION_MS(ms));
	return duration_ms(desired_item_check(&host.item, host.now));
}

static int64_t lose_after(int64_t ms)
{
	host.there = DESIRED_LOST;
	return check_after(ms);
}

START_TEST(what_is_lost_is_repaired_with_one_warning)
{
	begin();
	ck_assert_int_eq(check_after(0), 0);
	ck_assert_int_eq(host.item.state, DESIRED_IN_PLACE);
	ck_assert_uint_eq(host.repairs, 0);
	host.writer = "bird";
	ck_assert_int_eq(lose_after(1000), 0);
	ck_assert_int_eq(host.item.state, DESIRED_IN_PLACE);
	ck_assert_uint_eq(host.repairs, 1);
	ck_assert_uint_eq(host.item.changes, 1);
	ck_assert_str_eq(host.item.seen.writer, "bird");
	ck_assert_uint_eq(
		log_count(
			"another program (bird) has changed the things (thing 1): netd restored them; meanwhile nothing works"),
		1);
	(void)check_after(1000);
	ck_assert_uint_eq(log_count("things"), 1);
	log_capture_end();
}
END_TEST

START_TEST(what_nobody_wants_is_left_alone)
{
	begin();
	host.there = DESIRED_UNWANTED;
	ck_assert_int_eq(check_after(0), 0);
	ck_assert_int_eq(host.item.state, DESIRED_UNWANTED);
	ck_assert_uint_eq(host.repairs, 0);
	log_capture_end();
}
END_TEST

START_TEST(a_look_that_fails_changes_nothing)
{
	begin();
	(void)check_after(0);
	host.there = DESIRED_UNKNOWN;
	ck_assert_int_eq(check_after(10), DESIRED_RETRY_MS);
	ck_assert_int_eq(host.item.state, DESIRED_IN_PLACE);
	ck_assert_uint_eq(host.repairs, 0);
	log_capture_end();
}
END_TEST

START_TEST(a_failed_repair_is_tried_again_ever_later)
{
	static const int64_t waits[] = { 500, 1000, 2000, 4000, 8000, 8000 };

	begin();
	host.failure = -ENOSPC;
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		ck_assert_int_eq(lose_after(i == 0 ? 0 : waits[i - 1]), waits[i]);
		ck_assert_uint_eq(host.repairs, i + 1);
		/* An event in between is no reason to try. */
		ck_assert_int_eq(check_after(0), waits[i]);
		ck_assert_uint_eq(host.repairs, i + 1);
	}
	ck_assert_int_eq(host.item.state, DESIRED_LOST);
	ck_assert_str_eq(host.item.why.text, "the disk is full");
	ck_assert_uint_eq(log_count("cannot restore them: the disk is full"), 1);
	ck_assert_uint_eq(host.item.changes, 1);
	host.failure = 0;
	ck_assert_int_eq(check_after(8000), 0);
	ck_assert_int_eq(host.item.state, DESIRED_IN_PLACE);
	log_capture_end();
}
END_TEST

START_TEST(another_program_may_put_it_back_itself)
{
	begin();
	host.failure = -EBUSY;
	(void)lose_after(0);
	host.there = DESIRED_IN_PLACE;
	(void)check_after(10);
	ck_assert_uint_eq(log_count("the things are in place again"), 1);
	log_capture_end();
}
END_TEST

START_TEST(a_fight_ends_after_ten_times_in_ten_seconds)
{
	begin();
	host.writer = "tuned";
	for (unsigned i = 0; i < DESIRED_FIGHT_TIMES; i++) {
		(void)lose_after(900);
		ck_assert_int_eq(host.there, DESIRED_IN_PLACE);
	}
	ck_assert_int_eq(lose_after(900), (int64_t)DESIRED_HOLD_S * 1000);
	ck_assert_uint_eq(host.repairs, DESIRED_FIGHT_TIMES);
	ck_assert_int_eq(host.item.state, DESIRED_LOST);
	ck_assert_uint_eq(
		log_count("another program (tuned) changes the things (thing 1) each time"), 1);
	ck_assert_int_eq(check_after(10000), 20000);
	ck_assert_uint_eq(host.repairs, DESIRED_FIGHT_TIMES);
	ck_assert_uint_eq(log_count("each time"), 1);
	(void)check_after(20000);
	ck_assert_uint_eq(host.repairs, DESIRED_FIGHT_TIMES + 1);
	ck_assert_int_eq(host.item.state, DESIRED_IN_PLACE);
	log_capture_end();
}
END_TEST

START_TEST(a_slow_adversary_is_no_fight)
{
	begin();
	for (int i = 0; i < 100; i++) {
		(void)lose_after(1100);
		ck_assert_int_eq(host.there, DESIRED_IN_PLACE);
	}
	log_capture_end();
}
END_TEST

/* Ten programs that change one object each, or one that changes ten objects, do not fight. */
START_TEST(a_fight_is_about_one_object_and_one_program)
{
	static const char *const writers[] = { "a", "b", "c", "d" };
	static const char *const things[] = { "thing 1", "thing 2", "thing 3", "thing 4" };

	begin();
	for (size_t i = 0; i < 40; i++) {
		host.writer = writers[i % ARRAY_SIZE(writers)];
		(void)lose_after(100);
		ck_assert_int_eq(host.there, DESIRED_IN_PLACE);
	}
	host.writer = "";
	for (size_t i = 0; i < 40; i++) {
		host.what = things[i % ARRAY_SIZE(things)];
		(void)lose_after(100);
		ck_assert_int_eq(host.there, DESIRED_IN_PLACE);
	}
	log_capture_end();
}
END_TEST

START_TEST(a_program_that_still_writes_is_waited_for)
{
	begin();
	host.item.settle = DURATION_MS(200);
	ck_assert_int_eq(lose_after(0), 200);
	ck_assert_uint_eq(host.repairs, 0);
	ck_assert_int_eq(check_after(150), 50);
	ck_assert_int_eq(check_after(50), 0);
	ck_assert_uint_eq(host.repairs, 1);
	log_capture_end();
}
END_TEST

START_TEST(what_makes_no_events_is_looked_at_every_second)
{
	begin();
	host.item.polled = true;
	ck_assert_int_eq(check_after(0), DESIRED_POLL_MS);
	ck_assert_int_eq(lose_after(1000), DESIRED_POLL_MS);
	ck_assert_uint_eq(host.repairs, 1);
	log_capture_end();
}
END_TEST

/* ---- the reconciler ---- */

static char order[8];
static size_t looks;
static struct loop *loop;

struct numbered {
	struct desired_item item;
	char number;
};

static enum desired_look look_numbered(struct desired_item *item, struct desired_sight *sight)
{
	(void)sight;
	order[looks++ % sizeof(order)] = ((const struct numbered *)item)->number;
	if (looks == 3)
		loop_stop(loop);
	return DESIRED_IN_PLACE;
}

static void too_late(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(loop);
}

START_TEST(items_are_checked_in_their_order)
{
	struct numbered items[] = { { .number = 'a' }, { .number = 'b' }, { .number = 'c' } };
	struct interfaces registry = { .first = NULL };
	const struct desired_interfaces interfaces = { .registry = &registry };
	struct desired_state desired;
	struct loop_timer timer = { .running = false };
	struct problem problem;

	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(desired_state_open(&desired, loop, &interfaces, NULL, &problem), 0);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		items[i].item = (struct desired_item){
			.name = "things", .look = look_numbered, .repair = repair
		};
		desired_state_add(&desired, &items[i].item);
	}
	desired_item_touched(&items[2].item);
	loop_timer_start(loop, &timer, mono_add(mono_now(), DURATION_S(5)), too_late);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(looks, 3);
	ck_assert_str_eq(order, "abc");
	desired_state_close(&desired);
	loop_timer_stop(loop, &timer);
	loop_free(loop);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("desired_item");
	TCase *rules = tcase_create("rules"), *reconciler = tcase_create("reconciler");

	tcase_add_test(rules, what_is_lost_is_repaired_with_one_warning);
	tcase_add_test(rules, what_nobody_wants_is_left_alone);
	tcase_add_test(rules, a_look_that_fails_changes_nothing);
	tcase_add_test(rules, a_failed_repair_is_tried_again_ever_later);
	tcase_add_test(rules, another_program_may_put_it_back_itself);
	tcase_add_test(rules, a_fight_ends_after_ten_times_in_ten_seconds);
	tcase_add_test(rules, a_slow_adversary_is_no_fight);
	tcase_add_test(rules, a_fight_is_about_one_object_and_one_program);
	tcase_add_test(rules, a_program_that_still_writes_is_waited_for);
	tcase_add_test(rules, what_makes_no_events_is_looked_at_every_second);
	suite_add_tcase(suite, rules);
	tcase_add_test(reconciler, items_are_checked_in_their_order);
	suite_add_tcase(suite, reconciler);
	return suite;
}

int main(void)
{
	return unit_run("desired_item", suite());
}
