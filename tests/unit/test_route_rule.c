/* SPDX-License-Identifier: Apache-2.0 */
#include "base/route_rule.h"

#include <string.h>

#include "parse.h"
#include "unit.h"

struct expectation {
	const char *prefix;
	enum route_verdict verdict;
};

START_TEST(form_is_judged)
{
	static const struct expectation cases[] = {
		{ "10.0.0.0/8", ROUTE_ACCEPTED },
		{ "192.168.1.0/24", ROUTE_ACCEPTED },
		{ "192.0.2.1/32", ROUTE_ACCEPTED },
		{ "1.0.0.0/8", ROUTE_ACCEPTED },
		{ "126.0.0.0/8", ROUTE_ACCEPTED },
		{ "2001:db8::/32", ROUTE_ACCEPTED },
		{ "fd00::/8", ROUTE_ACCEPTED },
		{ "::2/128", ROUTE_ACCEPTED },
		{ "10.0.0.1/8", ROUTE_HOST_BITS },
		{ "0.0.0.1/0", ROUTE_HOST_BITS },
		{ "2001:db8::1/127", ROUTE_HOST_BITS },
		{ "0.0.0.0/0", ROUTE_DEFAULT },
		{ "::/0", ROUTE_DEFAULT },
		{ "127.0.0.0/8", ROUTE_LOOPBACK },
		{ "127.0.0.1/32", ROUTE_LOOPBACK },
		{ "126.0.0.0/7", ROUTE_LOOPBACK },
		{ "0.0.0.0/1", ROUTE_LOOPBACK },
		{ "::1/128", ROUTE_LOOPBACK },
		{ "::/127", ROUTE_LOOPBACK },
		{ "224.0.0.0/4", ROUTE_MULTICAST },
		{ "239.1.2.3/32", ROUTE_MULTICAST },
		{ "128.0.0.0/1", ROUTE_MULTICAST },
		{ "ff02::/16", ROUTE_MULTICAST },
		{ "8000::/1", ROUTE_MULTICAST },
		{ "169.254.0.0/16", ROUTE_LINK_LOCAL },
		{ "169.254.1.0/24", ROUTE_LINK_LOCAL },
		{ "169.252.0.0/14", ROUTE_LINK_LOCAL },
		{ "fe80::/10", ROUTE_LINK_LOCAL },
		{ "febf::/16", ROUTE_LINK_LOCAL },
		{ "0.0.0.0/8", ROUTE_UNSPECIFIED },
		{ "0.1.2.3/32", ROUTE_UNSPECIFIED },
		{ "0.0.0.0/32", ROUTE_UNSPECIFIED },
		{ "::/128", ROUTE_UNSPECIFIED },
		{ "240.0.0.0/4", ROUTE_UNSPECIFIED },
		{ "255.255.255.255/32", ROUTE_UNSPECIFIED },
		{ "223.0.0.0/8", ROUTE_ACCEPTED },
	};
	struct prefix broken = prefix_of("10.0.0.0/8");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix prefix = prefix_of(cases[i].prefix);

		ck_assert_msg(route_rule_form(&prefix) == cases[i].verdict, "%s: %s",
			cases[i].prefix, route_verdict_text(route_rule_form(&prefix)));
	}
	broken.len = 33;
	ck_assert_int_ne(route_rule_form(&broken), ROUTE_ACCEPTED);
	ck_assert_int_ne(route_rule_form(&(struct prefix){ .len = 0 }), ROUTE_ACCEPTED);
}
END_TEST

START_TEST(announcements_are_held_against_the_rule)
{
	static const struct expectation cases[] = {
		{ "10.20.0.0/16", ROUTE_ACCEPTED },
		{ "10.20.0.0/24", ROUTE_ACCEPTED },
		{ "10.0.0.0/8", ROUTE_OUTER },
		{ "10.20.255.0/24", ROUTE_ACCEPTED },
		{ "10.21.0.0/16", ROUTE_NOT_ALLOWED },
		{ "10.20.0.0/15", ROUTE_NOT_ALLOWED },
		{ "2001:db8:20::/48", ROUTE_ACCEPTED },
		{ "2001:db8:21::/48", ROUTE_NOT_ALLOWED },
		{ "10.9.9.9/32", ROUTE_OUTER },
		{ "2001:db8:ffff::/48", ROUTE_OUTER },
		{ "172.16.0.0/24", ROUTE_TUNNEL },
		{ "172.16.0.7/32", ROUTE_TUNNEL },
		{ "172.0.0.0/8", ROUTE_TUNNEL },
		{ "2001:db8:0:1::/64", ROUTE_TUNNEL },
		{ "10.20.0.1/16", ROUTE_HOST_BITS },
		{ "0.0.0.0/0", ROUTE_DEFAULT },
		{ "127.0.0.0/8", ROUTE_LOOPBACK },
	};
	struct prefix accept[] = { prefix_of("10.20.0.0/16"), prefix_of("2001:db8:20::/48") };
	struct prefix tunnel[] = { prefix_of("172.16.0.0/16"), prefix_of("2001:db8:0:1::/64") };
	struct addr outer[2];
	struct route_rule rule = { accept, 2, tunnel, 2, outer, 2, false };

	outer[0] = addr_of("10.9.9.9");
	outer[1] = addr_of("2001:db8:ffff::9");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix prefix = prefix_of(cases[i].prefix);

		ck_assert_msg(route_rule_judge(&rule, &prefix) == cases[i].verdict, "%s: %s",
			cases[i].prefix, route_verdict_text(route_rule_judge(&rule, &prefix)));
	}
}
END_TEST

START_TEST(an_empty_rule_allows_nothing)
{
	struct route_rule rule = { .accept_count = 0 };
	struct prefix prefix = prefix_of("10.0.0.0/8");

	ck_assert_int_eq(route_rule_judge(&rule, &prefix), ROUTE_NOT_ALLOWED);
}
END_TEST

START_TEST(accepting_everything_still_refuses_the_special)
{
	struct prefix all[] = { prefix_of("0.0.0.0/0"), prefix_of("::/0") };
	struct route_rule rule = { .accept = all, .accept_count = 2 };
	struct prefix prefix = prefix_of("10.0.0.0/8");

	ck_assert_int_eq(route_rule_judge(&rule, &prefix), ROUTE_ACCEPTED);
	ck_assert_int_eq(route_rule_judge(&rule, &all[0]), ROUTE_DEFAULT);
	prefix = prefix_of("ff00::/8");
	ck_assert_int_eq(route_rule_judge(&rule, &prefix), ROUTE_MULTICAST);
}
END_TEST

START_TEST(a_full_tunnel_takes_a_default_route_and_nothing_more)
{
	struct prefix tunnel = prefix_of("10.99.0.1"), prefix = prefix_of("0.0.0.0/0");
	struct route_rule rule = { .tunnel = &tunnel,
		.tunnel_count = 1,
		.outer = &tunnel.addr,
		.outer_count = 1,
		.full_tunnel = true };

	ck_assert_int_eq(route_rule_judge(&rule, &prefix), ROUTE_ACCEPTED);
	prefix = prefix_of("::/0");
	ck_assert_int_eq(route_rule_judge(&rule, &prefix), ROUTE_ACCEPTED);
	prefix = prefix_of("128.0.0.0/1");
	ck_assert_int_eq(route_rule_judge(&rule, &prefix), ROUTE_MULTICAST);
	prefix = prefix_of("10.0.0.0/8");
	ck_assert_int_eq(route_rule_judge(&rule, &prefix), ROUTE_OUTER);
	prefix = prefix_of("192.168.0.0/16");
	ck_assert_int_eq(route_rule_judge(&rule, &prefix), ROUTE_NOT_ALLOWED);
}
END_TEST

START_TEST(every_verdict_has_its_words)
{
	for (int i = 0; i < ROUTE_VERDICT_COUNT; i++) {
		const char *text = route_verdict_text((enum route_verdict)i);

		ck_assert_ptr_nonnull(text);
		ck_assert_str_ne(text, "unknown reason");
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(text, route_verdict_text((enum route_verdict)j));
	}
	ck_assert_str_eq(
		route_verdict_text(ROUTE_HOST_BITS), "host bits are set past the prefix length");
	ck_assert_str_eq(route_verdict_text(ROUTE_VERDICT_COUNT), "unknown reason");
	ck_assert_str_eq(route_verdict_text((enum route_verdict)255), "unknown reason");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("route_rule");

	unit_add(suite, "form", form_is_judged);
	unit_add(suite, "full tunnel", a_full_tunnel_takes_a_default_route_and_nothing_more);
	unit_add(suite, "rule", announcements_are_held_against_the_rule);
	unit_add(suite, "empty", an_empty_rule_allows_nothing);
	unit_add(suite, "everything", accepting_everything_still_refuses_the_special);
	unit_add(suite, "words", every_verdict_has_its_words);
	return suite;
}

int main(void)
{
	return unit_run("route_rule", suite());
}
