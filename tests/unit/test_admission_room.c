/* SPDX-License-Identifier: Apache-2.0 */
/* Which candidate goes where there are too many of them, so that one host cannot keep others out. */
#include "tests/unit/admission_fixture.h"

/* ---- room ---- */

/* As if it had connected so long ago. */
static void is_old(struct lane *lane, int64_t ms)
{
	container_of(lane->owner, struct candidate, lane_owner)->since.ns -= DURATION_MS(ms).ns;
}

static const char *room_for(const char *from)
{
	struct addr outer = addr_of(from);

	return room_make(&fixture.admission, &outer);
}

/* A quarter of the places for one host: an IPv4 address, or an IPv6 /64. */
START_TEST(room_of_one_host)
{
	struct lane *first = connects_from("192.0.2.7"), *second = connects_from("192.0.2.7");

	ck_assert_ptr_null(room_for("192.0.2.8"));
	ck_assert_str_eq(room_for("192.0.2.7"),
		"the limit of handshakes of one host is reached (a quarter of max_handshakes)");
	ck_assert_uint_eq(fixture.refusals, 0);
	is_old(second, 1200);
	is_old(first, 1500);
	ck_assert_ptr_null(room_for("192.0.2.7"));
	ck_assert(first->cut && !second->ended);
	ck_assert_uint_eq(fixture.refusals, 1);
	ck_assert_ptr_nonnull(strstr(fixture.cause, "closed for a newer connection"));
	ck_assert_ptr_null(room_for("192.0.2.7"));
	(void)connects_from("2001:db8::1");
	(void)connects_from("2001:db8:0:0:8000::2");
	ck_assert_ptr_nonnull(room_for("2001:db8::3"));
	ck_assert_ptr_null(room_for("2001:db8:0:1::3"));
}
END_TEST

/* With fewer places than four, one host has one. */
START_TEST(room_of_one_host_among_few)
{
	fixture.descriptors.handshakes = 3;
	ck_assert_ptr_null(room_for("192.0.2.7"));
	(void)connects_from("192.0.2.7");
	ck_assert_ptr_nonnull(room_for("192.0.2.7"));
	ck_assert_ptr_null(room_for("192.0.2.8"));
}
END_TEST

/* All places are taken: the fullest network gives one, the oldest first. */
START_TEST(room_of_all)
{
	struct lane *lanes[8];
	char from[32];

	for (int i = 0; i < 8; i++) {
		(void)snprintf(from, sizeof(from), "192.0.2.%d", i == 4 ? 3 : i);
		lanes[i] = connects_from(from);
	}
	ck_assert_ptr_null(room_for("198.51.100.1"));
	ck_assert(lanes[3]->cut && !lanes[4]->ended);
	ck_assert_uint_eq(fixture.admission.judged_count, 1);
	ck_assert_uint_eq(fixture.admission.cut_count, 1);
	(void)connects_from("198.51.100.1");
	ck_assert_ptr_null(room_for("198.51.100.2"));
	ck_assert(lanes[0]->cut); /* of equals the oldest */
}
END_TEST

/* Those that have said hello wait for us and keep their places. */
START_TEST(room_of_those_that_wait)
{
	static const char *const names[] = { "peer-0", "peer-1", "peer-2" };

	fixture.descriptors.handshakes = 3;
	for (int i = 0; i < 3; i++)
		(void)has_session(names[i], 1);
	for (int i = 0; i < 3; i++) {
		char from[32];

		(void)snprintf(from, sizeof(from), "192.0.2.%d", i);
		struct lane *lane = connects_from(from);
		secures(lane, names[i]);
		says_hello(lane, 2);
	}
	ck_assert_str_eq(room_for("198.51.100.1"),
		"the limit max_handshakes is reached by connections that wait for an old session to end");
}
END_TEST

/* Refused ones that do not end are cut, the oldest first; and there is a bound for all of them. */
START_TEST(room_of_the_refused)
{
	struct lane *lanes[32];
	char from[32];

	for (int i = 0; i < 32; i++) {
		ck_assert_ptr_null(room_for("198.51.100.1"));
		/* Eight of them may have their goodbye sent. */
		for (int j = 0; j < i; j++)
			ck_assert(lanes[j]->cut == (j <= i - 8));
		(void)snprintf(from, sizeof(from), "192.0.2.%d", i);
		lanes[i] = connects_from(from);
		secures(lanes[i], "stranger");
	}
	ck_assert_uint_eq(fixture.admission.judged_count, 32);
	ck_assert_str_eq(
		room_for("198.51.100.1"), "connections end faster than the workers can close them");
	ends(lanes[0], LANE_END_ORDERED, "");
	ck_assert_ptr_null(room_for("198.51.100.1"));
	ck_assert(lanes[24]->cut);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { room_of_one_host, room_of_one_host_among_few, room_of_all,
		room_of_those_that_wait, room_of_the_refused };

	return unit_suite("admission_room", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("admission_room", suite());
}
