/* SPDX-License-Identifier: Apache-2.0 */
#include "config/descriptors.h"

#include "unit.h"

enum { WORKERS = 2 };

static struct settings server(uint32_t lanes)
{
	return (struct settings){ .role = SETTINGS_SERVER,
		.max_sessions = 1024,
		.max_handshakes = 256,
		.lanes = lanes,
		.listen_count = 2 };
}

/* What is taken never passes the limit, reserve included, where it has room for anything at all. */
START_TEST(what_is_taken_fits)
{
	static const uint64_t limits[] = { 128, 256, 1000, 1024, 2048, 4096, 65536, UINT64_MAX };

	for (uint32_t lanes = 1; lanes <= 16; lanes *= 4) {
		struct settings settings = server(lanes);

		for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
			struct descriptors plan = descriptors_plan(&settings, WORKERS, limits[i]);
			struct settings cut = settings;

			ck_assert_uint_ge(plan.sessions, 1);
			ck_assert_uint_ge(plan.handshakes, 1);
			ck_assert_uint_le(plan.sessions, settings.max_sessions);
			ck_assert_uint_le(plan.handshakes, settings.max_handshakes);
			cut.max_sessions = plan.sessions;
			cut.max_handshakes = plan.handshakes;
			if (plan.sessions > 1)
				ck_assert_uint_le(descriptors_needed(&cut, WORKERS), limits[i]);
			ck_assert_uint_le(plan.ceiling, limits[i] - DESCRIPTORS_RESERVE);
		}
	}
}
END_TEST

START_TEST(enough_is_enough)
{
	struct settings settings = server(1);
	uint64_t needed = descriptors_needed(&settings, WORKERS);
	struct descriptors plan = descriptors_plan(&settings, WORKERS, needed);

	ck_assert_uint_eq(plan.sessions, 1024);
	ck_assert_uint_eq(plan.handshakes, 256);
	plan = descriptors_plan(&settings, WORKERS, needed - 1);
	ck_assert(plan.sessions < 1024 || plan.handshakes < 256);
}
END_TEST

START_TEST(the_peer_with_most_lanes_counts)
{
	struct settings_peer peers[] = { { .lanes = 0 }, { .lanes = 8 } };
	struct settings settings = server(1), wide = server(8);

	settings.peers = peers;
	settings.peer_count = 2;
	ck_assert_uint_eq(
		descriptors_needed(&settings, WORKERS), descriptors_needed(&wide, WORKERS));
}
END_TEST

START_TEST(each_probe_counts)
{
	struct settings_announce items[] = { { .probe.addr.family = AF_INET },
		{ .prefix.addr.family = AF_INET }, { .probe.addr.family = AF_INET6 } };
	struct settings plain = server(1), probing = server(1);

	probing.announce = (struct announce_list){ items, ARRAY_SIZE(items) };
	ck_assert_uint_eq(
		descriptors_needed(&probing, WORKERS), descriptors_needed(&plain, WORKERS) + 2);
}
END_TEST

START_TEST(the_reserve_begins_at_the_ceiling)
{
	struct descriptors plan = { .ceiling = 100 }, none = { .ceiling = 0 };
	const int below[] = { 3, 99 }, above[] = { 3, 100 };

	ck_assert(descriptors_are_free(&plan, below, 2));
	ck_assert(!descriptors_are_free(&plan, above, 2));
	ck_assert(descriptors_are_free(&plan, above, 1));
	ck_assert(descriptors_are_free(&none, above, 2));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("descriptors");

	unit_add(s, "fits", what_is_taken_fits);
	unit_add(s, "enough", enough_is_enough);
	unit_add(s, "lanes", the_peer_with_most_lanes_counts);
	unit_add(s, "probes", each_probe_counts);
	unit_add(s, "reserve", the_reserve_begins_at_the_ceiling);
	return s;
}

int main(void)
{
	return unit_run("descriptors", suite());
}
