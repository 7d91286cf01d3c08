/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a server may give to a client's tunnel. */
#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/options.h"
#include "parse.h"
#include "unit.h"

static struct settings *settings;
static struct problem problem;

/* A profile as short as can be, with these lines more. */
static void load(const char *lines)
{
	char text[1024];
	int len = snprintf(text, sizeof(text),
		"name = \"t\"; server_name = \"hub\"; certificate = \"/c\"; key = \"/k\"; ca = \"/a\";\n"
		"%s\n",
		lines);

	ck_assert_int_lt(len, (int)sizeof(text));
	settings_free(settings);
	ck_assert_msg(client_options_load(text, (size_t)len, "t.conf", &settings, &problem) == 0,
		"%s", problem.text);
}

static int judge(const char *text)
{
	struct addr addr;

	problem.text[0] = '\0';
	addr = addr_of(text);
	return settings_judge_address(settings, &addr, &problem);
}

static void tear_down(void)
{
	settings_free(settings);
	settings = NULL;
}

START_TEST(private_addresses_are_taken)
{
	static const char *const fine[] = { "10.0.0.1", "10.255.255.254", "172.16.0.1",
		"172.31.255.1", "192.168.7.1", "100.64.0.1", "100.127.255.1", "fc00::1",
		"fd99::2" };

	load("remotes = [ \"vpn.example\" ];");
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		ck_assert_int_eq(judge(fine[i]), 0);
}
END_TEST

START_TEST(others_need_a_key)
{
	static const char *const foreign[] = { "8.8.8.9", "9.255.255.255", "11.0.0.1", "172.32.0.1",
		"192.169.0.1", "100.63.255.255", "100.128.0.0", "198.18.0.1", "203.0.113.1",
		"2001:db8::1", "2606:4700::1", "fe00::1", "2002:808:808::1" };
	char words[PROBLEM_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		load("remotes = [ \"vpn.example\" ];");
		ck_assert_int_eq(judge(foreign[i]), -EPERM);
		(void)snprintf(words, sizeof(words),
			"address %s, which is inside no range of tunnel_addresses or accept_routes",
			foreign[i]);
		ck_assert_str_eq(problem.text, words);
		load("remotes = [ \"vpn.example\" ]; "
		     "tunnel_addresses = [ \"0.0.0.0/1\", \"128.0.0.0/1\", \"::/1\", \"8000::/1\" ];");
		ck_assert_int_eq(judge(foreign[i]), 0);
		load("remotes = [ \"vpn.example\" ]; tunnel_addresses = [ ]; "
		     "accept_routes = [ \"0.0.0.0/1\", \"128.0.0.0/1\", \"2000::/3\", \"fe00::/9\" ];");
		ck_assert_int_eq(judge(foreign[i]), 0);
	}
}
END_TEST

START_TEST(the_key_takes_private_ranges_away)
{
	load("remotes = [ \"vpn.example\" ]; accept_routes = [ ]; tunnel_addresses = [ "
	     "\"10.7.0.0/24\" ];");
	ck_assert_int_eq(judge("10.7.0.5"), 0);
	ck_assert_int_eq(judge("10.7.1.5"), -EPERM);
	ck_assert_int_eq(judge("192.168.1.1"), -EPERM);
	ck_assert_int_eq(judge("fd99::1"), -EPERM);
	load("remotes = [ \"vpn.example\" ]; accept_routes = [ ]; tunnel_addresses = [ ];");
	ck_assert_int_eq(judge("10.7.0.5"), -EPERM);
	/* A default route that is taken is none of accept_routes. */
	load("remotes = [ \"vpn.example\" ]; accept_routes = [ ]; tunnel_addresses = [ ]; "
	     "full_tunnel = true;");
	ck_assert_int_eq(judge("10.7.0.5"), -EPERM);
}
END_TEST

START_TEST(what_no_interface_has_is_never_taken)
{
	static const char *const bad[] = { "127.0.0.1", "0.0.0.0", "0.1.2.3", "169.254.1.1",
		"224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::1", "::", "::2",
		"fe80::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1" };

	load("remotes = [ \"vpn.example\" ]; "
	     "tunnel_addresses = [ \"0.0.0.0/0\", \"::/0\" ];");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(judge(bad[i]), -EINVAL);
}
END_TEST

START_TEST(what_reaches_the_server_is_never_taken)
{
	load("remotes = [ \"vpn.example\", \"10.20.0.77\", \"[fd00::7]:443\" ];");
	ck_assert_int_eq(judge("10.20.0.77"), -EADDRINUSE);
	ck_assert_str_eq(problem.text,
		"address 10.20.0.77, at which remotes or proxy reach the server itself");
	ck_assert_int_eq(judge("fd00::7"), -EADDRINUSE);
	ck_assert_int_eq(judge("10.20.0.78"), 0);
	load("remotes = [ \"10.20.0.77\" ]; proxy = \"http://10.1.1.1:3128\";");
	ck_assert_int_eq(judge("10.1.1.1"), -EADDRINUSE);
	/* The tunnel is elsewhere, and captures nothing here. */
	load("remotes = [ \"10.20.0.77\" ]; netns = \"blue\";");
	ck_assert_int_eq(judge("10.20.0.77"), 0);
}
END_TEST

START_TEST(a_servers_pool_may_be_private)
{
	static const struct {
		const char *pool;
		bool is;
	} table[] = { { "10.0.0.0/8", true }, { "10.9.0.0/24", true }, { "8.0.0.0/7", false },
		{ "10.0.0.0/7", false }, { "172.16.0.0/12", true }, { "172.16.0.0/11", false },
		{ "100.64.0.0/10", true }, { "203.0.113.0/24", false }, { "fd00::/64", true },
		{ "2001:db8::/64", false } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct prefix pool;

		pool = prefix_of(table[i].pool);
		ck_assert_int_eq(settings_is_private(&pool), table[i].is);
	}
	/* The list that is a default says the same. */
	load("remotes = [ \"vpn.example\" ];");
	ck_assert_uint_eq(settings->tunnel_addresses.count, 5);
	for (size_t i = 0; i < settings->tunnel_addresses.count; i++) {
		struct prefix wider = settings->tunnel_addresses.items[i];

		ck_assert(settings_is_private(&wider));
		wider.len--;
		ck_assert(!settings_is_private(&wider));
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { private_addresses_are_taken, others_need_a_key,
		the_key_takes_private_ranges_away, what_no_interface_has_is_never_taken,
		what_reaches_the_server_is_never_taken, a_servers_pool_may_be_private };

	return unit_run("settings_addresses",
		unit_suite("settings_addresses", NULL, tear_down, tests, ARRAY_SIZE(tests)));
}
