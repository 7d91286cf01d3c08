/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which endpoints of Multipath TCP are made again after a change of the host's links; and that the kernel has the same
 * endpoint afterwards, in a network namespace of the test's own. That needs root and MPTCP: without either it is left out.
 *
 * check: own-process
 */
#include "netd/uplinks.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

enum { SUBFLOW = NETLINK_MPTCP_SUBFLOW, BACKUP = 1 << 2 };

static struct uplinks_seen seen;
static bool changed[NETLINK_MPTCP_MAX];
static struct problem problem;

static void look(const char *first, bool first_works, const char *second, bool second_works)
{
	const struct netlink_mptcp_endpoint endpoints[] = {
		{ .addr = addr_of(first) },
		{ .addr = addr_of(second ? second : first) },
	};
	const bool works[] = { first_works, second_works };

	uplinks_compare(&seen, endpoints, works, second ? 2 : 1, changed);
}

START_TEST(what_is_new_is_as_the_kernel_has_it)
{
	look("192.0.2.1", true, "2001:db8::1", false);
	ck_assert(!changed[0] && !changed[1]);
	look("192.0.2.1", true, "2001:db8::1", false);
	ck_assert(!changed[0] && !changed[1]);
}
END_TEST

START_TEST(a_link_that_is_lost_and_comes_back)
{
	look("192.0.2.1", true, "198.51.100.1", true);
	look("192.0.2.1", false, "198.51.100.1", true);
	ck_assert(changed[0] && !changed[1]);
	look("192.0.2.1", false, "198.51.100.1", true);
	ck_assert(!changed[0] && !changed[1]);
	look("192.0.2.1", true, "198.51.100.1", false);
	ck_assert(changed[0] && changed[1]);
}
END_TEST

START_TEST(they_are_known_by_their_address)
{
	look("192.0.2.1", false, "198.51.100.1", true);
	look("198.51.100.1", true, "192.0.2.1", false);
	ck_assert(!changed[0] && !changed[1]);
	look("198.51.100.1", true, NULL, false);
	look("198.51.100.1", true, "192.0.2.1", true); /* it was made by another program */
	ck_assert(!changed[0] && !changed[1]);
}
END_TEST

START_TEST(a_path_that_is_silent)
{
	const struct netlink_mptcp_endpoint endpoints[] = {
		{ .addr = addr_of("192.0.2.1"), .flags = SUBFLOW | BACKUP },
		{ .addr = addr_of("198.51.100.1"), .flags = SUBFLOW },
		{ .addr = addr_of("203.0.113.1"), .flags = NETLINK_MPTCP_SIGNAL | SUBFLOW },
	};
	const struct addr unknown = addr_of("192.0.2.9");
	struct mono now = mono_now();

	seen.count = 0;
	uplinks_compare(&seen, endpoints, (const bool[]){ true, false, true }, 3, changed);
	ck_assert(uplinks_is_due(&seen, &endpoints[0].addr, now));
	ck_assert(!uplinks_is_due(&seen, &unknown, now));
	/* It is lost, so that was done before. */
	ck_assert(!uplinks_is_due(&seen, &endpoints[1].addr, now));
	/* Not again at once, also if links have changed meanwhile. */
	now = mono_add(now, DURATION_MS(UPLINKS_SILENT_MS - 1));
	uplinks_compare(&seen, endpoints, (const bool[]){ true, true, true }, 3, changed);
	ck_assert(!uplinks_is_due(&seen, &endpoints[0].addr, now));
	ck_assert(uplinks_is_due(&seen, &endpoints[1].addr, now));
	now = mono_add(now, DURATION_MS(1));
	ck_assert(uplinks_is_due(&seen, &endpoints[0].addr, now));

	ck_assert_ptr_eq(uplinks_find(endpoints, 3, &endpoints[1].addr), &endpoints[1]);
	ck_assert_ptr_null(uplinks_find(endpoints, 3, &unknown));
	/* The peers have its address. */
	ck_assert_ptr_null(uplinks_find(endpoints, 3, &endpoints[2].addr));
	seen.count = 0;
}
END_TEST

START_TEST(the_kernel_has_the_same_endpoint_afterwards)
{
	struct netlink_mptcp_endpoint before[NETLINK_MPTCP_MAX], after[NETLINK_MPTCP_MAX];
	struct netlink_mptcp *mptcp;
	const struct addr expected = addr_of("192.0.2.1");
	size_t count = 99;

	if (unshare(CLONE_NEWNET) < 0 || access("/proc/sys/net/mptcp/enabled", F_OK) < 0)
		return;
	ck_assert_int_eq(netlink_mptcp_open(&mptcp, &problem), 0);
	ck_assert_int_eq(netlink_mptcp_endpoints(mptcp, before, &count, &problem), 0);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(system("ip mptcp endpoint add 192.0.2.1 id 7 dev lo subflow backup && "
				"ip mptcp endpoint add 2001:db8::1 id 9 subflow"),
		0);
	ck_assert_int_eq(netlink_mptcp_endpoints(mptcp, before, &count, &problem), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert(addr_equal(&before[0].addr, &expected));
	ck_assert_uint_eq(before[0].id, 7);
	ck_assert_uint_eq(before[0].link, 1);
	ck_assert_uint_eq(before[0].flags, SUBFLOW | BACKUP);
	ck_assert_uint_eq(before[0].port, 0);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(netlink_mptcp_renew(mptcp, &before[i], &problem), 0);
	ck_assert_int_eq(netlink_mptcp_endpoints(mptcp, after, &count, &problem), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_mem_eq(&after[0].addr, &before[0].addr, sizeof(before[0].addr));
	ck_assert_uint_eq(after[0].id, 7);
	ck_assert_uint_eq(after[0].link, 1);
	ck_assert_uint_eq(after[0].flags, SUBFLOW | BACKUP);
	ck_assert_uint_eq(after[1].id, 9);
	ck_assert_uint_eq(after[1].link, 0);
	/* One that another program has removed stays removed. */
	before[0].id = 8;
	ck_assert_int_eq(netlink_mptcp_renew(mptcp, &before[0], &problem), -ENOENT);
	ck_assert_int_eq(netlink_mptcp_endpoints(mptcp, after, &count, &problem), 0);
	ck_assert_uint_eq(count, 2);
	netlink_mptcp_close(mptcp);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { what_is_new_is_as_the_kernel_has_it,
		a_link_that_is_lost_and_comes_back, they_are_known_by_their_address,
		a_path_that_is_silent, the_kernel_has_the_same_endpoint_afterwards };

	return unit_suite("uplinks", NULL, NULL, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("uplinks", suite());
}
