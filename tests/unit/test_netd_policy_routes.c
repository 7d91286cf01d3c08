/* SPDX-License-Identifier: Apache-2.0 */
/* Which routes an engine may have of netd, and what stays outside the tunnel. */
#include "policy_fixture.h"
#include "unit.h"

START_TEST(routes_are_judged_by_what_the_peer_may_announce)
{
	struct interface *own = add_live("branch-a", "10.99.0.1", "10.99.0.7");
	static const struct {
		const char *prefix;
		enum route_verdict verdict;
	} table[] = {
		{ "10.20.0.0/16", ROUTE_ACCEPTED },
		{ "10.20.1.0/24", ROUTE_ACCEPTED },
		{ "2001:db8:1::/48", ROUTE_ACCEPTED },
		{ "10.0.0.0/8", ROUTE_TUNNEL },
		{ "10.99.0.7/32", ROUTE_TUNNEL },
		{ "192.168.0.0/16", ROUTE_NOT_ALLOWED },
		{ "0.0.0.0/0", ROUTE_DEFAULT },
		{ "::/0", ROUTE_DEFAULT },
		{ "10.20.1.1/24", ROUTE_HOST_BITS },
		{ "127.0.0.0/8", ROUTE_LOOPBACK },
		{ "224.0.0.0/4", ROUTE_MULTICAST },
		{ "fe80::/10", ROUTE_LINK_LOCAL },
		{ "10.20.30.0/24", ROUTE_LOCAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		ck_assert_int_eq(judge_route(own, table[i].prefix), table[i].verdict);
}
END_TEST

START_TEST(a_default_route_is_for_a_full_tunnel)
{
	struct interface *own = add_live("branch-a", "10.99.0.1", "10.99.0.7");

	settings->full_tunnel = true;
	ck_assert_int_eq(judge_route(own, "0.0.0.0/0"), ROUTE_ACCEPTED);
	ck_assert_int_eq(judge_route(own, "::/0"), ROUTE_ACCEPTED);
	ck_assert_int_eq(judge_route(own, "0.0.0.0/1"), ROUTE_LOOPBACK);
	ck_assert_int_eq(judge_route(own, "192.168.0.0/16"), ROUTE_NOT_ALLOWED);
}
END_TEST

START_TEST(an_unlisted_peer_announces_nothing)
{
	struct interface *own = add_live("somebody", "10.99.0.1", "10.99.0.7");

	ck_assert_int_eq(judge_route(own, "10.20.1.0/24"), ROUTE_NOT_ALLOWED);
}
END_TEST

/* Their metrics decide which of them is used. */
START_TEST(two_peers_may_have_one_prefix)
{
	struct interface *a = add_live("branch-a", "10.99.0.1", "10.99.0.7");
	struct interface *b = add_live("branch-b", "10.99.0.1", "10.99.0.50");

	add_route(a, "10.20.1.0/24");
	ck_assert_int_eq(judge_route(b, "10.20.1.0/24"), ROUTE_ACCEPTED);
	ck_assert_int_eq(judge_route(b, "10.20.1.0/25"), ROUTE_ACCEPTED);
	ck_assert_int_eq(judge_route(a, "10.20.1.0/24"), ROUTE_ACCEPTED);
}
END_TEST

START_TEST(no_more_routes_than_allowed)
{
	struct interface *own = add_live("branch-a", "10.99.0.1", "10.99.0.7");

	add_route(own, "10.20.1.0/24");
	ck_assert_int_eq(judge_route(own, "10.20.3.0/24"), ROUTE_ACCEPTED);
	add_route(own, "10.20.2.0/24");
	ck_assert_int_eq(judge_route(own, "10.20.3.0/24"), ROUTE_LIMIT);
	/* What is there is there. */
	ck_assert_int_eq(judge_route(own, "10.20.2.0/24"), ROUTE_ACCEPTED);
}
END_TEST

START_TEST(the_remotes_outer_address_stays_outside)
{
	struct interface *own = add_live("hub", "10.99.0.2", "10.99.0.1");

	refuse("hub", "10.99.0.2", "10.20.0.77");
	refuse("hub", "10.20.0.77", "10.99.0.1");
	ck_assert_int_eq(judge_route(own, "10.20.0.0/24"), ROUTE_OUTER);
	ck_assert_int_eq(judge_route(own, "10.20.1.0/24"), ROUTE_ACCEPTED);
}
END_TEST

/* Behind a proxy it is the proxy's address that the tunnel must leave alone. */
START_TEST(the_proxys_address_stays_outside)
{
	struct interface *own = add_live("hub", "10.99.0.2", "10.99.0.1");

	settings->proxy = (struct proxy){ .kind = PROXY_SOCKS5, .host = "10.20.1.5", .port = 1080 };
	refuse("hub", "10.99.0.2", "10.20.1.5");
	ck_assert_int_eq(judge_route(own, "10.20.1.0/24"), ROUTE_OUTER);
	ck_assert_int_eq(judge_route(own, "10.20.0.0/24"), ROUTE_ACCEPTED);
}
END_TEST

/* Both pools, and each address of the tunnel itself, stay with the tunnel. */
START_TEST(what_the_tunnel_has_is_no_route)
{
	struct interface *own = add_live("branch-a", "10.20.7.1", "10.20.7.2");

	own->now.local6 = addr_of("2001:db8:7::1");
	own->now.remote6 = addr_of("2001:db8:7::2");
	settings->pool6 = prefix_of("2001:db8:9::/64");
	ck_assert_int_eq(judge_route(own, "10.20.7.1/32"), ROUTE_TUNNEL);
	ck_assert_int_eq(judge_route(own, "10.20.7.2/32"), ROUTE_TUNNEL);
	ck_assert_int_eq(judge_route(own, "2001:db8:7::1/128"), ROUTE_TUNNEL);
	ck_assert_int_eq(judge_route(own, "2001:db8:7::2/128"), ROUTE_TUNNEL);
	ck_assert_int_eq(judge_route(own, "2001:db8:9::/64"), ROUTE_TUNNEL);
	ck_assert_int_eq(judge_route(own, "2001:db8:8::/64"), ROUTE_ACCEPTED);
	settings->pool4 = prefix_of("10.20.9.0/24");
	ck_assert_int_eq(judge_route(own, "10.20.9.0/24"), ROUTE_TUNNEL);
	settings->pool4 = settings->pool6 = (struct prefix){ .addr.family = AF_UNSPEC };
	ck_assert_int_eq(judge_route(own, "10.20.9.0/24"), ROUTE_ACCEPTED);
	ck_assert_int_eq(judge_route(own, "2001:db8:9::/64"), ROUTE_ACCEPTED);
}
END_TEST

/* The last of several networks of this host counts as the first does. */
START_TEST(what_is_announced_here_is_local)
{
	struct interface *own = add_live("branch-a", "10.99.0.1", "10.99.0.7");

	settings->announce.items = reallocarray(
		settings->announce.items, 2, sizeof(*settings->announce.items));
	ck_assert_ptr_nonnull(settings->announce.items);
	settings->announce.items[1] = settings->announce.items[0];
	settings->announce.items[1].prefix = prefix_of("10.20.31.0/24");
	settings->announce.count = 2;
	ck_assert_int_eq(judge_route(own, "10.20.30.0/24"), ROUTE_LOCAL);
	ck_assert_int_eq(judge_route(own, "10.20.31.0/24"), ROUTE_LOCAL);
	ck_assert_int_eq(judge_route(own, "10.20.32.0/24"), ROUTE_ACCEPTED);
	settings->announce.count = 1;
	ck_assert_int_eq(judge_route(own, "10.20.31.0/24"), ROUTE_ACCEPTED);
	/* So does one that is announced to some peers only. */
	prefix_list_add(&settings->announced_own, "10.20.33.0/24");
	ck_assert_int_eq(judge_route(own, "10.20.33.0/24"), ROUTE_LOCAL);
	/* One that is there already stays. */
	add_route(own, "10.20.30.0/24");
	ck_assert_int_eq(judge_route(own, "10.20.30.0/24"), ROUTE_ACCEPTED);
}
END_TEST

/* In a full tunnel even a peer without an entry has no more than what is its own. */
START_TEST(a_peer_without_an_entry_has_no_limit_to_look_up)
{
	struct interface *own = add_live("somebody", "10.99.0.1", "10.99.0.7");

	settings->full_tunnel = true;
	ck_assert_int_eq(judge_route(own, "0.0.0.0/0"), ROUTE_ACCEPTED);
	ck_assert_int_eq(judge_route(own, "10.20.1.0/24"), ROUTE_NOT_ALLOWED);
}
END_TEST

/* Where the outer connection is in another namespace than the tunnel, no route can capture it. */
START_TEST(elsewhere_no_route_captures_the_outer_connection)
{
	struct interface *own = add_live("hub", "10.99.0.2", "10.99.0.1");

	ck_assert_int_eq(judge_route(own, "10.20.0.0/24"), ROUTE_OUTER);
	own->netns.inode = 5;
	ck_assert_int_eq(judge_route(own, "10.20.0.0/24"), ROUTE_ACCEPTED);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const server[] = { routes_are_judged_by_what_the_peer_may_announce,
		a_default_route_is_for_a_full_tunnel, an_unlisted_peer_announces_nothing,
		two_peers_may_have_one_prefix, no_more_routes_than_allowed,
		what_the_tunnel_has_is_no_route, what_is_announced_here_is_local,
		a_peer_without_an_entry_has_no_limit_to_look_up };
	const TTest *const client[] = { the_remotes_outer_address_stays_outside,
		the_proxys_address_stays_outside,
		elsewhere_no_route_captures_the_outer_connection };
	Suite *s = suite_create("netd_policy_routes");

	unit_add_case(s, "server", set_up_server, tear_down, server, ARRAY_SIZE(server));
	unit_add_case(s, "client", set_up_client, tear_down, client, ARRAY_SIZE(client));
	return s;
}

int main(void)
{
	return unit_run("netd_policy_routes", suite());
}
