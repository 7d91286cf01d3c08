/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule of the benchmarks' link emulator: when packets leave, and which do not. No clock takes part.
 */
#include "tests/bench/link_emulator/schedule.h"

#include <string.h>

#include "random.h"
#include "unit.h"

enum {
	WAITING_MAX = 1000,
	MANY = 10000,
	MS = 1000000, /* in ns */
};

static struct schedule made(struct schedule_settings settings)
{
	struct schedule schedule;

	ck_assert_int_eq(schedule_init(&schedule, &settings, WAITING_MAX), 0);
	return schedule;
}

static enum schedule_fate packet(
	struct schedule *schedule, int64_t at_s, size_t bytes, int64_t *ret_arrives)
{
	struct mono arrives = { .ns = -1 };
	enum schedule_fate fate = schedule_packet(
		schedule, (struct mono){ .ns = at_s }, bytes, &arrives);

	*ret_arrives = arrives.ns;
	return fate;
}

/* For a packet that has to pass. */
static int64_t arrival(struct schedule *schedule, int64_t at_s, size_t bytes)
{
	int64_t arrives;

	ck_assert_int_eq(packet(schedule, at_s, bytes, &arrives), SCHEDULE_PASSES);
	return arrives;
}

static void assert_dropped(struct schedule *schedule, int64_t at_s, size_t bytes)
{
	int64_t arrives;

	ck_assert_int_eq(packet(schedule, at_s, bytes, &arrives), SCHEDULE_DROPPED);
}

START_TEST(no_settings_no_change)
{
	struct schedule schedule = made((struct schedule_settings){ 0 });

	for (int64_t at = 5; at < 500; at += 5) {
		ck_assert_int_eq(arrival(&schedule, at, 1514), at);
		ck_assert_int_eq(arrival(&schedule, at, 60), at);
	}
	schedule_release(&schedule);
}
END_TEST

START_TEST(delay_alone)
{
	struct schedule schedule = made((struct schedule_settings){ .delay = DURATION_MS(20) });

	ck_assert_int_eq(arrival(&schedule, 7, 1514), 7 + 20 * MS);
	ck_assert_int_eq(arrival(&schedule, 7, 60), 7 + 20 * MS);
	ck_assert_int_eq(arrival(&schedule, 8, 60), 8 + 20 * MS);
	schedule_release(&schedule);
}
END_TEST

/* 1000 bytes at 8 Mbit/s are a millisecond. */
START_TEST(link_is_serial)
{
	struct schedule schedule = made((struct schedule_settings){
		.rate = 8000000,
		.queue_bytes = 1000000,
		.delay = DURATION_MS(5),
	});

	ck_assert_int_eq(arrival(&schedule, 0, 1000), 6 * MS);
	ck_assert_int_eq(arrival(&schedule, 0, 1000), 7 * MS);
	ck_assert_int_eq(arrival(&schedule, MS / 2, 500), 7 * MS + MS / 2);
	/* The link has been idle since 2.5 ms; it saves nothing up. */
	ck_assert_int_eq(arrival(&schedule, 10 * MS, 1000), 16 * MS);
	ck_assert_int_eq(arrival(&schedule, 10 * MS, 1000), 17 * MS);
	schedule_release(&schedule);
}
END_TEST

START_TEST(time_on_the_link_is_rounded_up)
{
	/* 1 byte at 3 bit/s: 2.67 s. */
	struct schedule schedule = made(
		(struct schedule_settings){ .rate = 3, .queue_bytes = 1000 });

	ck_assert_int_eq(arrival(&schedule, 0, 1), INT64_C(2666666667));
	schedule_release(&schedule);
}
END_TEST

START_TEST(rate_is_never_exceeded)
{
	const uint64_t rate = 123456789;
	struct schedule schedule = made((struct schedule_settings){
		.rate = rate, .queue_bytes = 30000, .delay = DURATION_MS(1) });
	struct random random = { .state = 1 };
	int64_t now = 0, arrives;
	uint64_t bytes = 0;

	for (int i = 0; i < MANY; i++) {
		size_t len = 60 + random_below(&random, 1455);

		now += (int64_t)random_below(&random, 50000);
		if (packet(&schedule, now, len, &arrives) != SCHEDULE_PASSES)
			continue;
		bytes += len;
		/* All bytes since the start fit in the time since then. */
		ck_assert_uint_ge((uint64_t)(arrives - MS), bytes * 8 * 1000 * MS / rate);
		ck_assert_int_ge(arrives, now + MS);
	}
	ck_assert_uint_gt(bytes, 0);
	schedule_release(&schedule);
}
END_TEST

START_TEST(queue_drops_what_does_not_fit)
{
	struct schedule schedule = made(
		(struct schedule_settings){ .rate = 8000000, .queue_bytes = 3000 });

	arrival(&schedule, 0, 1000); /* is being sent, and waits no more */
	for (int64_t i = 1; i <= 3; i++)
		ck_assert_int_eq(arrival(&schedule, 0, 1000), (i + 1) * MS);
	assert_dropped(&schedule, 0, 1000);
	assert_dropped(&schedule, MS - 1, 1);
	/* At 1 ms the second begins to be sent: room for 1000 bytes, in whatever parts. */
	ck_assert_int_eq(arrival(&schedule, MS, 600), 4 * MS + 600000);
	assert_dropped(&schedule, MS, 401);
	ck_assert_int_eq(arrival(&schedule, MS, 400), 5 * MS);
	assert_dropped(&schedule, MS, 1);
	ck_assert_uint_eq(schedule.queued_max, 3000);
	schedule_release(&schedule);
}
END_TEST

START_TEST(idle_link_takes_any_packet)
{
	struct schedule schedule = made(
		(struct schedule_settings){ .rate = 8000000, .queue_bytes = 0 });

	ck_assert_int_eq(arrival(&schedule, 0, 1000), MS);
	assert_dropped(&schedule, 0, 1000);
	assert_dropped(&schedule, MS - 1, 60);
	ck_assert_int_eq(arrival(&schedule, MS, 1000), 2 * MS);
	schedule_release(&schedule);
}
END_TEST

START_TEST(number_that_waits_is_bounded)
{
	struct schedule schedule = made(
		(struct schedule_settings){ .rate = 8, .queue_bytes = 1000000 });

	for (int i = 0; i < WAITING_MAX + 1; i++)
		arrival(&schedule, 0, 1);
	assert_dropped(&schedule, 0, 1);
	schedule_release(&schedule);
}
END_TEST

START_TEST(jitter_keeps_bounds_and_order)
{
	struct schedule schedule = made((struct schedule_settings){
		.delay = DURATION_MS(10), .jitter = DURATION_MS(4), .seed = 3 });
	int64_t before = 0, least = INT64_MAX, most = 0;

	/* Far enough apart that none catches up with another: each shows its own delay. */
	for (int64_t i = 0; i < MANY; i++) {
		int64_t taken = arrival(&schedule, i * 20 * MS, 100) - i * 20 * MS;

		least = taken < least ? taken : least;
		most = taken > most ? taken : most;
	}
	ck_assert_int_ge(least, 6 * MS);
	ck_assert_int_le(most, 14 * MS);
	/* That none of 10000 comes near a bound would be a chance of 0.99 to the power of 10000. */
	ck_assert_int_lt(least, 6 * MS + MS / 10);
	ck_assert_int_gt(most, 14 * MS - MS / 10);
	for (int64_t at = MANY * INT64_C(20) * MS, i = 0; i < MANY; i++, at += 1000) {
		int64_t arrives = arrival(&schedule, at, 100);

		ck_assert_int_ge(arrives, before);
		ck_assert_int_le(arrives - at, 14 * MS);
		before = arrives;
	}
	schedule_release(&schedule);
}
END_TEST

/* The numbers that are lost of MANY, as a map. */
static unsigned losses(struct schedule_settings settings, int64_t interval, bool lost[MANY])
{
	struct schedule schedule = made(settings);
	unsigned count = 0;

	for (int i = 0; i < MANY; i++) {
		int64_t arrives;

		lost[i] = packet(&schedule, i * interval, 1000, &arrives) == SCHEDULE_LOST;
		count += lost[i];
	}
	schedule_release(&schedule);
	return count;
}

START_TEST(loss_is_the_seeds)
{
	static bool first[MANY], second[MANY];
	struct schedule_settings settings = { .loss = 0.1, .seed = 7 };

	/* 1000 expected; 30 is the standard deviation. */
	unsigned count = losses(settings, MS, first);
	ck_assert_uint_gt(count, 800);
	ck_assert_uint_lt(count, 1200);

	settings.delay = DURATION_MS(3);
	settings.jitter = DURATION_MS(1);
	settings.rate = 1000000000;
	settings.queue_bytes = 1000;
	ck_assert_uint_eq(losses(settings, MS / 10, second), count);
	ck_assert(memcmp(first, second, sizeof(first)) == 0);

	settings.seed = 8;
	losses(settings, MS, second);
	ck_assert(memcmp(first, second, sizeof(first)) != 0);
}
END_TEST

START_TEST(loss_has_both_ends)
{
	static bool lost[MANY];

	ck_assert_uint_eq(losses((struct schedule_settings){ .loss = 0 }, 1, lost), 0);
	ck_assert_uint_eq(losses((struct schedule_settings){ .loss = 1 }, 1, lost), MANY);
}
END_TEST

START_TEST(lost_packets_use_the_link)
{
	struct schedule schedule = made(
		(struct schedule_settings){ .rate = 8000000, .queue_bytes = 1000, .loss = 1 });
	int64_t arrives;

	ck_assert_int_eq(packet(&schedule, 0, 1000, &arrives), SCHEDULE_LOST);
	ck_assert_int_eq(packet(&schedule, 0, 1000, &arrives), SCHEDULE_LOST);
	assert_dropped(&schedule, 0, 1000);
	schedule_release(&schedule);
}
END_TEST

START_TEST(other_settings_hold_for_later_packets)
{
	struct schedule_settings settings = { .rate = 8000000, .queue_bytes = 2000 };
	struct schedule schedule = made(settings);

	/* 1000 bytes take 1 ms at first, and 2 ms afterwards, behind those that wait. */
	ck_assert_int_eq(arrival(&schedule, 0, 1000), MS);
	ck_assert_int_eq(arrival(&schedule, 0, 1000), 2 * MS);
	settings.rate /= 2;
	settings.delay = DURATION_MS(5);
	schedule_change(&schedule, &settings);
	ck_assert_int_eq(arrival(&schedule, 0, 1000), 9 * MS);
	settings.delay.ns = 0; /* it does not overtake */
	schedule_change(&schedule, &settings);
	ck_assert_int_eq(arrival(&schedule, 4 * MS, 1000), 9 * MS);
	settings.loss = 1;
	schedule_change(&schedule, &settings);
	int64_t arrives;
	ck_assert_int_eq(packet(&schedule, 20 * MS, 1000, &arrives), SCHEDULE_LOST);
	schedule_release(&schedule);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("link_schedule");

	unit_add(suite, "plain", no_settings_no_change);
	unit_add(suite, "delay", delay_alone);
	unit_add(suite, "serial", link_is_serial);
	unit_add(suite, "rounding", time_on_the_link_is_rounded_up);
	unit_add(suite, "rate", rate_is_never_exceeded);
	unit_add(suite, "queue", queue_drops_what_does_not_fit);
	unit_add(suite, "idle", idle_link_takes_any_packet);
	unit_add(suite, "waiting", number_that_waits_is_bounded);
	unit_add(suite, "jitter", jitter_keeps_bounds_and_order);
	unit_add(suite, "seed", loss_is_the_seeds);
	unit_add(suite, "loss", loss_has_both_ends);
	unit_add(suite, "lost", lost_packets_use_the_link);
	unit_add(suite, "change", other_settings_hold_for_later_packets);
	return suite;
}

int main(void)
{
	return unit_run("link_schedule", suite());
}
