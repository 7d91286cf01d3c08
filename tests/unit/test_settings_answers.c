/* SPDX-License-Identifier: Apache-2.0 */
/* What config/settings tells of settings: marks, outer addresses, places, pools, a peer's metric. */
#include "settings_fixture.h"
#include "unit.h"

/* What others must not read, and where the outer connections go; a proxy changes both. */
START_TEST(test_proxy)
{
	struct addr outer[SETTINGS_REMOTES_MAX], expected = addr_of("192.0.2.1");
	struct settings *settings;

	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &settings), 0);
	settings->key = strdup("/k.key");
	unit_text(settings->remotes[0].host, "vpn.example.org");
	unit_text(settings->remotes[1].host, "::ffff:192.0.2.1");
	settings->remote_count = 2;
	ck_assert(!settings_hold_secret(settings));
	ck_assert_uint_eq(settings_outer(settings, outer), 1);
	ck_assert(addr_equal(&outer[0], &expected));

	settings->proxy = (struct proxy){ .kind = PROXY_HTTP, .host = "proxy", .user = "alice" };
	ck_assert(!settings_hold_secret(settings));
	ck_assert_uint_eq(settings_outer(settings, outer), 0);
	unit_text(settings->proxy.host, "2001:db8::5");
	unit_text(settings->proxy.password, "secret");
	expected = addr_of("2001:db8::5");
	ck_assert(settings_hold_secret(settings));
	ck_assert_uint_eq(settings_outer(settings, outer), 1);
	ck_assert(addr_equal(&outer[0], &expected));
	settings_free(settings);
}
END_TEST

START_TEST(test_mark)
{
	struct settings *settings;

	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &settings), 0);
	ck_assert_uint_eq(settings_mark(settings), SETTINGS_MARK_PLAIN);
	settings->kill_switch = true;
	ck_assert_uint_eq(settings_mark(settings), SETTINGS_MARK_DEFAULT);
	settings->contained = true;
	ck_assert_uint_eq(settings_mark(settings), 0);
	settings->mark = 7;
	ck_assert_uint_eq(settings_mark(settings), 7);
	settings_free(settings);
}
END_TEST

START_TEST(test_find_and_places)
{
	struct settings *settings = server(3);
	struct identity name;

	ck_assert_int_eq(identity_set(&name, "peer-2", 6), 0);
	ck_assert_ptr_eq(settings_find_peer(settings, &name), &settings->peers[2]);
	ck_assert_int_eq(identity_set(&name, "peer-22", 7), 0);
	ck_assert_ptr_null(settings_find_peer(settings, &name));

	unit_text(settings->name, "x");
	unit_text(settings->state_dir, "/else");
	settings_fill_paths(settings);
	ck_assert_str_eq(settings->control_socket, "/run/culvert/x.sock");
	ck_assert_str_eq(settings->state_dir, "/else");
	settings->state_dir[0] = '\0';
	settings_fill_paths(settings);
	ck_assert_str_eq(settings->state_dir, "/var/lib/culvert/x");
	settings->state_dir[0] = '\0';
	settings->role = SETTINGS_CLIENT;
	settings_fill_paths(settings);
	ck_assert_str_eq(settings->state_dir, "");
	settings_free(settings);
	settings_free(NULL);
}
END_TEST

START_TEST(test_pool_addresses)
{
	struct prefix pool4 = prefix_of("10.9.0.0/29"), pool6 = prefix_of("fd00::/64");
	struct prefix none = { .len = 0 };
	struct addr server4 = settings_server_address(&pool4);
	struct addr server6 = settings_server_address(&pool6);
	struct addr expected4 = addr_of("10.9.0.1"), expected6 = addr_of("fd00::1"), nothing;

	ck_assert(addr_equal(&server4, &expected4));
	ck_assert(addr_equal(&server6, &expected6));
	nothing = settings_server_address(&none);
	ck_assert(!addr_is_set(&nothing));
	for (int last = 0; last < 10; last++) {
		char text[32];
		struct addr each;

		(void)snprintf(text, sizeof(text), "10.9.0.%d", last);
		each = addr_of(text);
		ck_assert_int_eq(settings_pool_usable(&pool4, &each), last >= 2 && last <= 6);
		ck_assert(!settings_pool_usable(&none, &each));
	}
	nothing = addr_of("fd00::ffff:ffff:ffff:ffff");
	ck_assert(settings_pool_usable(&pool6, &nothing));
	nothing = addr_of("fd00::");
	ck_assert(!settings_pool_usable(&pool6, &nothing));
}
END_TEST

START_TEST(test_inline)
{
	ck_assert(settings_is_inline("-----BEGIN CERTIFICATE-----\nAA==\n"));
	ck_assert(!settings_is_inline("/etc/culvert/x.crt"));
	ck_assert(!settings_is_inline(" -----BEGIN"));
	ck_assert(!settings_is_inline(""));
	ck_assert(!settings_is_inline(NULL));
}
END_TEST

START_TEST(test_metric)
{
	struct settings_peer peer = { .metric = 7 };

	ck_assert_uint_eq(settings_metric(&peer), 7);
	peer.metric = 0;
	ck_assert_uint_eq(settings_metric(&peer), SETTINGS_METRIC);
	ck_assert_uint_eq(settings_metric(NULL), SETTINGS_METRIC);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("settings_answers");

	unit_add(suite, "proxy", test_proxy);
	unit_add(suite, "mark", test_mark);
	unit_add(suite, "find and places", test_find_and_places);
	unit_add(suite, "pool addresses", test_pool_addresses);
	unit_add(suite, "inline", test_inline);
	unit_add(suite, "metric", test_metric);
	return suite;
}

int main(void)
{
	return unit_run("settings_answers", suite());
}
