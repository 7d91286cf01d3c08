/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine may have of netd, but for routes. */
#include "base/exit_code.h"

#include "policy_fixture.h"
#include "unit.h"

START_TEST(a_listed_peer_gets_an_address_of_the_pool)
{
	struct request_interface both = wanted(
		"branch-a", "10.99.0.1", "10.99.0.2", "fd99::1", "fd99::2");
	struct request_interface only6 = wanted("branch-a", NULL, NULL, "fd99::1", "fd99::2");

	ck_assert_int_eq(judge("branch-a", "10.99.0.1", "10.99.0.2"), 0);
	ck_assert_int_eq(judge("branch-a", "10.99.0.1", "10.99.0.254"), 0);
	ck_assert_int_eq(policy_interface(settings, &live, &both, &problem), 0);
	ck_assert_int_eq(policy_interface(settings, &live, &only6, &problem), 0);
}
END_TEST

START_TEST(what_is_no_host_address_of_the_pool_is_refused)
{
	refuse("branch-a", "10.99.0.1", "10.99.1.2");
	refuse("branch-a", "10.99.0.1", "10.99.0.0");
	refuse("branch-a", "10.99.0.1", "10.99.0.1");
	refuse("branch-a", "10.99.0.1", "10.99.0.255");
	refuse("branch-a", "10.99.0.1", "127.0.0.1");
}
END_TEST

START_TEST(the_local_address_is_the_servers_own)
{
	refuse("branch-a", "10.99.0.3", "10.99.0.2");
	refuse("branch-a", "192.168.1.1", "10.99.0.2");
}
END_TEST

START_TEST(each_family_is_judged)
{
	struct request_interface outside6 = wanted(
		"branch-a", "10.99.0.1", "10.99.0.2", "fd99::1", "fd98::2");
	struct request_interface local6 = wanted(
		"branch-a", "10.99.0.1", "10.99.0.2", "fd99::5", "fd99::2");

	ck_assert_int_eq(policy_interface(settings, &live, &outside6, &problem), -EPERM);
	ck_assert_int_eq(policy_interface(settings, &live, &local6, &problem), -EPERM);
	settings->pool6 = (struct prefix){ .addr.family = AF_UNSPEC };
	local6 = wanted("branch-a", NULL, NULL, "::1", "::2");
	ck_assert_int_eq(policy_interface(settings, &live, &local6, &problem), -EPERM);
}
END_TEST

START_TEST(addresses_come_in_pairs_of_one_family)
{
	struct request_interface request = wanted("branch-a", "10.99.0.1", NULL, NULL, NULL);

	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request = wanted("branch-a", NULL, "10.99.0.2", NULL, NULL);
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request = wanted("branch-a", NULL, NULL, NULL, NULL);
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request = wanted("branch-a", "fd99::1", "fd99::2", NULL, NULL);
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
}
END_TEST

START_TEST(a_fixed_address_is_its_peers_and_no_other)
{
	ck_assert_int_eq(judge("branch-b", "10.99.0.1", "10.99.0.50"), 0);
	refuse("branch-b", "10.99.0.1", "10.99.0.51");
	refuse("branch-a", "10.99.0.1", "10.99.0.50");
}
END_TEST

/* The first entry's as well, and none behind the last. */
START_TEST(every_fixed_address_counts)
{
	settings->unlisted = true;
	settings->peers[0].address4 = addr_of("10.99.0.60");
	refuse("somebody", "10.99.0.1", "10.99.0.60");
	refuse("somebody", "10.99.0.1", "10.99.0.50");
	settings->peer_count = 1;
	ck_assert_int_eq(judge("somebody", "10.99.0.1", "10.99.0.50"), 0);
	settings->peer_count = 2;
}
END_TEST

START_TEST(a_live_address_is_not_given_twice)
{
	add_live("branch-a", "10.99.0.1", "10.99.0.7");
	settings->unlisted = true;
	refuse("somebody", "10.99.0.1", "10.99.0.7");
	ck_assert_int_eq(judge("somebody", "10.99.0.1", "10.99.0.8"), 0);
	ck_assert_int_eq(judge("branch-a", "10.99.0.1", "10.99.0.7"), 0);
}
END_TEST

START_TEST(an_unlisted_peer_needs_the_setting)
{
	refuse("somebody", "10.99.0.1", "10.99.0.8");
	settings->unlisted = true;
	ck_assert_int_eq(judge("somebody", "10.99.0.1", "10.99.0.8"), 0);
}
END_TEST

START_TEST(no_more_interfaces_than_sessions)
{
	settings->unlisted = true;
	add_live("one", "10.99.0.1", "10.99.0.11");
	add_live("two", "10.99.0.1", "10.99.0.12");
	ck_assert_int_eq(judge("three", "10.99.0.1", "10.99.0.13"), 0);
	add_live("three", "10.99.0.1", "10.99.0.13");
	refuse("four", "10.99.0.1", "10.99.0.14");
	/* One that is there may still be changed. */
	ck_assert_int_eq(judge("three", "10.99.0.1", "10.99.0.23"), 0);
}
END_TEST

START_TEST(the_mtu_is_bounded)
{
	struct request_interface request = wanted("branch-a", "10.99.0.1", "10.99.0.2", NULL, NULL);
	static const struct {
		uint32_t mtu;
		int result;
	} table[] = { { 0, -EPERM }, { 1279, -EPERM }, { 1280, 0 }, { 9000, 0 }, { 65535, 0 },
		{ 65536, -EPERM }, { UINT32_MAX, -EPERM } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		request.mtu = table[i].mtu;
		ck_assert_int_eq(
			policy_interface(settings, &live, &request, &problem), table[i].result);
	}
}
END_TEST

START_TEST(no_more_queues_than_lanes)
{
	struct request_interface request = wanted("branch-a", "10.99.0.1", "10.99.0.2", NULL, NULL);

	request.queues = 2;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), 0);
	request.queues = 3;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	ck_assert_str_eq(
		problem.text, "an interface with 3 queues for branch-a, which may have 2 lanes");
	/* Its own number counts, whether it is more or less. */
	settings->peers[0].lanes = 3;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), 0);
	settings->peers[0].lanes = 1;
	request.queues = 2;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	/* A peer without an entry has the common number. */
	settings->unlisted = true;
	request = wanted("somebody", "10.99.0.1", "10.99.0.8", NULL, NULL);
	request.queues = 2;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), 0);
	request.queues = REQUEST_QUEUES_MAX;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
}
END_TEST

START_TEST(an_interface_has_its_peers_name_or_the_template)
{
	struct identity a = identity_of("branch-a"), b = identity_of("branch-b"),
			c = identity_of("other");

	ck_assert_str_eq(policy_interface_target(settings, &a).name, "cv%d");
	ck_assert_str_eq(policy_interface_target(settings, &b).name, "branchb");
	ck_assert_str_eq(policy_interface_target(settings, &c).name, "cv%d");
	unit_text(settings->peers[0].interface, "x");
	ck_assert_str_eq(policy_interface_target(settings, &a).name, "x");
}
END_TEST

START_TEST(an_interface_lives_where_its_entry_says)
{
	struct identity a = identity_of("branch-a"), b = identity_of("branch-b"),
			c = identity_of("other");

	(void)snprintf(settings->peers[1].netns, sizeof(settings->peers[1].netns), "blue");
	ck_assert_str_eq(policy_interface_target(settings, &a).netns, "");
	ck_assert_str_eq(policy_interface_target(settings, &b).netns, "blue");
	ck_assert_str_eq(policy_interface_target(settings, &c).netns, "");
}
END_TEST

START_TEST(a_place_has_its_peers_metric)
{
	struct identity a = identity_of("branch-a"), other = identity_of("other");

	settings->peers[0].metric = 77;
	ck_assert_uint_eq(policy_interface_target(settings, &a).metric, 77);
	ck_assert_uint_eq(policy_interface_target(settings, &other).metric, settings_metric(NULL));
}
END_TEST

START_TEST(a_fixed_ipv6_address_is_its_peers_and_no_other)
{
	struct request_interface request = wanted("branch-b", NULL, NULL, "fd99::1", "fd99::50");

	settings->peers[1].address6 = addr_of("fd99::50");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), 0);
	request.remote6 = addr_of("fd99::51");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "address fd99::51 for branch-b, which has a fixed one");
	request = wanted("branch-a", NULL, NULL, "fd99::1", "fd99::50");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "address fd99::50 for branch-a, which is another's");
	request.remote6 = addr_of("fd99::51");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), 0);
}
END_TEST

START_TEST(a_live_ipv6_address_is_not_given_twice)
{
	struct interface *live_one = add_live("branch-b", NULL, NULL);
	struct request_interface request = wanted("branch-a", NULL, NULL, "fd99::1", "fd99::8");

	live_one->now.local6 = addr_of("fd99::1");
	live_one->now.remote6 = addr_of("fd99::8");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "address fd99::8 for branch-a, which is another's");
	/* Behind one that is in nobody's way. */
	(void)add_live("somebody", "10.99.0.1", "10.99.0.9");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request.remote6 = addr_of("fd99::9");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), 0);
}
END_TEST

START_TEST(a_refusal_names_what_is_wrong)
{
	static const struct {
		const char *local, *remote, *text;
	} table[] = {
		{ "10.99.0.3", "10.99.0.2",
			"local address 10.99.0.3, which is not the server's own of pool "
			"10.99.0.0/24" },
		{ "10.99.0.1", "10.99.1.2",
			"address 10.99.1.2 for branch-a, which is not a host address of pool "
			"10.99.0.0/24" },
		{ "10.99.0.1", "10.99.0.50",
			"address 10.99.0.50 for branch-a, which is another's" },
		{ "10.99.0.1", NULL, "an interface whose addresses do not come in pairs" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		ck_assert_int_eq(judge("branch-a", table[i].local, table[i].remote), -EPERM);
		ck_assert_str_eq(problem.text, table[i].text);
	}
	refuse("somebody", "10.99.0.1", "10.99.0.8");
	ck_assert_str_eq(problem.text, "an interface for somebody, a peer that is not configured");
	settings->max_sessions = 1;
	(void)add_live("branch-b", "10.99.0.1", "10.99.0.50");
	refuse("branch-a", "10.99.0.1", "10.99.0.2");
	ck_assert_str_eq(problem.text, "interface number 2 where 1 are the most");
}
END_TEST

/* The kinds of addresses that a member of each family may have. */
START_TEST(each_member_has_its_family)
{
	struct request_interface both = wanted(
		"branch-a", "10.99.0.1", "10.99.0.2", "fd99::1", "fd99::2");
	struct request_interface request = both;

	request.local6 = request.remote6 = both.local4;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request = both;
	request.local6 = addr_of(NULL);
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request = both;
	request.remote6 = addr_of(NULL);
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request = both;
	request.local4 = request.remote4 = both.local6;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "an interface whose addresses do not come in pairs");
}
END_TEST

START_TEST(only_a_client_makes_connections)
{
	ck_assert_int_eq(policy_socket(settings, AF_INET, &problem), -EPERM);
	settings->role = SETTINGS_CLIENT;
	ck_assert_int_eq(policy_socket(settings, AF_INET, &problem), 0);
	ck_assert_int_eq(policy_socket(settings, AF_INET6, &problem), 0);
	ck_assert_int_eq(policy_socket(settings, AF_UNIX, &problem), -EPERM);
	ck_assert_int_eq(policy_socket(settings, AF_UNSPEC, &problem), -EPERM);
}
END_TEST

START_TEST(a_client_takes_what_is_a_hosts)
{
	struct request_interface six = wanted("hub", NULL, NULL, "2001:db8::2", "2001:db8::1");

	ck_assert_int_eq(judge("hub", "10.99.0.2", "10.99.0.1"), 0);
	ck_assert_int_eq(judge("hub", "198.51.100.2", "10.99.0.1"), 0);
	ck_assert_int_eq(policy_interface(settings, &live, &six, &problem), 0);
}
END_TEST

START_TEST(a_client_refuses_what_no_host_has)
{
	static const char *const bad4[] = { "127.0.0.1", "0.0.0.0", "0.1.2.3", "169.254.1.1",
		"224.0.0.1", "240.0.0.1", "255.255.255.255" };
	static const char *const bad6[] = { "::1", "::", "fe80::1", "ff02::1" };

	for (size_t i = 0; i < ARRAY_SIZE(bad4); i++) {
		refuse("hub", bad4[i], "10.99.0.1");
		refuse("hub", "10.99.0.2", bad4[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad6); i++) {
		struct request_interface request = wanted("hub", NULL, NULL, bad6[i], "fd99::1");

		ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
		request = wanted("hub", NULL, NULL, "fd99::2", bad6[i]);
		ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	}
	refuse("hub", "10.99.0.1", "10.99.0.1");
}
END_TEST

START_TEST(each_end_of_each_family_is_a_clients)
{
	struct request_interface good = wanted(
		"hub", "10.99.0.2", "10.99.0.1", "fd99::2", "fd99::1");
	struct request_interface request = good;

	ck_assert_int_eq(policy_interface(settings, &live, &good, &problem), 0);
	request.local6 = addr_of("ff02::1");
	refuse("hub", "192.168.1.2", "10.99.0.1");
	refuse("hub", "10.99.0.2", "192.168.1.1");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request = good;
	request.remote6 = addr_of("ff02::1");
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	request = good;
	request.remote6 = good.local6;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "address fd99::2 for both ends of a tunnel");
	request = good;
	request.remote4 = good.local4;
	ck_assert_int_eq(policy_interface(settings, &live, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "address 10.99.0.2 for both ends of a tunnel");
}
END_TEST

static struct request_dns resolvers(void)
{
	struct request_dns request = { .nameservers.server_count = 1 };

	request.nameservers.server[0] = addr_of("10.99.0.53");
	return request;
}

START_TEST(whose_paths_may_be_silent)
{
	settings->mptcp = true;
	ck_assert_int_eq(policy_silent(settings, &problem), 0);
	settings->mptcp = false;
	ck_assert_int_eq(policy_silent(settings, &problem), -EPERM);
	settings->mptcp = true;
	settings->role = SETTINGS_SERVER;
	ck_assert_int_eq(policy_silent(settings, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "other paths, which only a client with `mptcp = true` has");
	settings->role = SETTINGS_CLIENT;
	settings->mptcp = false;
}
END_TEST

/* The engine names the prefix, and netd its own target. */
START_TEST(what_is_probed)
{
	struct settings_announce items[] = { { .prefix = prefix_of("10.1.0.0/24"),
						     .probe = { addr_of("10.1.0.5"), 22 } },
		{ .prefix = prefix_of("10.2.0.0/24") } };
	struct announce_list before = settings->announce;
	struct endpoint target;

	settings->announce = (struct announce_list){ items, ARRAY_SIZE(items) };
	ck_assert_int_eq(policy_probe(settings, &items[0].prefix, &target, &problem), 0);
	ck_assert(addr_equal(&target.addr, &items[0].probe.addr) && target.port == 22);
	ck_assert_int_eq(policy_probe(settings, &items[1].prefix, &target, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "a probe of 10.2.0.0/24, which has none");
	settings->announce = before;
}
END_TEST

START_TEST(a_client_takes_resolvers)
{
	struct request_dns request = resolvers();

	settings->use_dns = true;
	ck_assert_int_eq(policy_dns(settings, &request, &problem), 0);
	request.nameservers.server_count = 0; /* none any more */
	ck_assert_int_eq(policy_dns(settings, &request, &problem), 0);
}
END_TEST

START_TEST(resolvers_that_are_not_wanted)
{
	struct request_dns request = resolvers();

	settings->use_dns = false;
	ck_assert_int_eq(policy_dns(settings, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "other resolvers for this host");
	settings->use_dns = true;
	(void)snprintf(settings->peers[0].netns, sizeof(settings->peers[0].netns), "blue");
	ck_assert_int_eq(policy_dns(settings, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "other resolvers for this host");
	settings->peers[0].netns[0] = '\0';
	ck_assert_int_eq(policy_dns(settings, &request, &problem), 0);
	request.nameservers.server[0] = addr_of("127.0.0.53");
	ck_assert_int_eq(policy_dns(settings, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "invalid resolvers or domains");
	settings->role = SETTINGS_SERVER;
	request = resolvers();
	ck_assert_int_eq(policy_dns(settings, &request, &problem), -EPERM);
	ck_assert_str_eq(problem.text, "other resolvers for this host");
}
END_TEST

START_TEST(a_client_has_one_interface_for_its_server)
{
	settings->unlisted = true;
	refuse("other", "10.99.0.2", "10.99.0.1");
	add_peer("second", "", NULL);
	add_live("hub", "10.99.0.2", "10.99.0.1");
	refuse("second", "10.99.0.3", "10.99.0.1");
	ck_assert_int_eq(judge("hub", "10.99.0.9", "10.99.0.1"), 0);
}
END_TEST

START_TEST(exit_codes_are_those_an_engine_can_know)
{
	for (unsigned code = 0; code < 256; code++) {
		bool allowed = code == EXIT_CODE_OK || code == EXIT_CODE_FAILURE ||
			code == EXIT_CODE_CONFIG || code == EXIT_CODE_UNREACHABLE ||
			code == EXIT_CODE_REFUSED;

		ck_assert_int_eq(policy_exit((uint8_t)code, &problem), allowed ? 0 : -EPERM);
	}
}
END_TEST

static Suite *suite(void)
{
	const TTest *const server[] = { a_listed_peer_gets_an_address_of_the_pool,
		what_is_no_host_address_of_the_pool_is_refused,
		the_local_address_is_the_servers_own, each_family_is_judged,
		addresses_come_in_pairs_of_one_family, a_fixed_address_is_its_peers_and_no_other,
		a_live_address_is_not_given_twice, an_unlisted_peer_needs_the_setting,
		no_more_interfaces_than_sessions, the_mtu_is_bounded, no_more_queues_than_lanes,
		an_interface_has_its_peers_name_or_the_template,
		an_interface_lives_where_its_entry_says, only_a_client_makes_connections,
		exit_codes_are_those_an_engine_can_know, every_fixed_address_counts,
		a_place_has_its_peers_metric, a_fixed_ipv6_address_is_its_peers_and_no_other,
		a_live_ipv6_address_is_not_given_twice, a_refusal_names_what_is_wrong,
		each_member_has_its_family };
	const TTest *const client[] = { a_client_takes_what_is_a_hosts,
		a_client_refuses_what_no_host_has, a_client_has_one_interface_for_its_server,
		each_end_of_each_family_is_a_clients, whose_paths_may_be_silent, what_is_probed,
		a_client_takes_resolvers, resolvers_that_are_not_wanted };
	Suite *s = suite_create("netd_policy");

	unit_add_case(s, "server", set_up_server, tear_down, server, ARRAY_SIZE(server));
	unit_add_case(s, "client", set_up_client, tear_down, client, ARRAY_SIZE(client));
	return s;
}

int main(void)
{
	return unit_run("netd_policy", suite());
}
