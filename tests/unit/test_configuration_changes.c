/* SPDX-License-Identifier: Apache-2.0 */
#include "config/configuration_changes.h"

#include <string.h>

#include "client/options.h"
#include "daemon/options.h"

#include "options_test.h"

#define SERVER                                                                                 \
	"certificate = \"/c\"; key = \"/k\"; ca = \"/a\"; pool4 = \"10.9.0.0/24\"; peers = ( " \
	"{ name = \"berlin\"; } ); "
#define CLIENT \
	"certificate = \"/c\"; key = \"/k\"; ca = \"/a\"; server_name = \"hub\"; remotes = \"h\"; "

static struct configuration_changes changes_of(
	options_load load, const char *before, const char *after)
{
	struct configuration_changes changes = { .count = 0 };
	struct settings *first = options_good(load, before, "a.conf"),
			*second = options_good(load, after, "a.conf");
	int r = load == daemon_options_load ? daemon_options_compare(first, second, &changes)
					    : client_options_compare(first, second, &changes);

	ck_assert_int_eq(r, 0);
	settings_free(first);
	settings_free(second);
	return changes;
}

static void changed(options_load load, const char *before, const char *after, const char *text,
	const char *restart)
{
	struct configuration_changes changes = changes_of(load, before, after);
	char out[CONFIGURATION_CHANGES_TEXT + 32];

	ck_assert_str_eq(configuration_changes_format(&changes, out, sizeof(out)), text);
	ck_assert_str_eq(changes.restart, restart);
}

START_TEST(test_server)
{
	changed(daemon_options_load, SERVER, SERVER "# a comment", "nothing", "");
	changed(daemon_options_load, SERVER, SERVER "linger = 7;", "linger", "");
	changed(daemon_options_load, SERVER, SERVER "name = \"x\";",
		"name, control_socket, state_dir", "name, control_socket, state_dir");
	changed(daemon_options_load, SERVER "workers = 1;", SERVER "mtu = 1400; workers = 2;",
		"workers, mtu", "workers");
	changed(daemon_options_load, SERVER,
		"certificate = \"/c\"; key = \"/k\"; ca = \"/a\"; pool4 = \"10.9.0.0/24\"; peers = ( "
		"{ name = \"berlin\"; reach = [ \"@all\" ]; }, { name = \"rome\"; interface = \"r\"; } );",
		"peers.berlin.reach, peers.rome (new)", "");
	changed(daemon_options_load, SERVER,
		"certificate = \"/c\"; key = \"/k\"; ca = \"/a\"; pool4 = \"10.9.0.0/24\"; peers = ( "
		"{ name = \"berlin\"; interface = \"b\"; } );",
		"peers.berlin.interface", "peers.berlin.interface");
}
END_TEST

START_TEST(test_client)
{
	changed(client_options_load, CLIENT, CLIENT, "nothing", "");
	changed(client_options_load, CLIENT, CLIENT "accept_routes = [ ]; metric = 3;",
		"accept_routes, metric", "");
	changed(client_options_load, CLIENT, CLIENT "netns = \"n\";", "netns", "netns");
	changed(client_options_load, CLIENT "proxy = \"http://u:one@p:1\";",
		CLIENT "proxy = \"http://u:two@p:1\";", "proxy", "");
}
END_TEST

/* Each part of a proxy counts. */
START_TEST(test_proxies)
{
	static const char *const others[] = { "http://u:one@q:1", "http://u:one@p:2",
		"http://v:one@p:1", "http://u:two@p:1", "socks5://u:one@p:1", "http://p:1" };
	char text[512];

	changed(client_options_load, CLIENT "proxy = \"http://u:one@p:1\";",
		CLIENT "proxy = \"http://u:one@p:1\";", "nothing", "");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		(void)snprintf(text, sizeof(text), "%sproxy = \"%s\";", CLIENT, others[i]);
		changed(client_options_load, CLIENT "proxy = \"http://u:one@p:1\";", text, "proxy",
			"");
	}
}
END_TEST

/* Entries without a name are compared as a whole and in their order. */
START_TEST(test_groups)
{
	const char *probed = SERVER
		"announce = ( { prefix = \"10.1.0.0/24\"; probe = \"10.1.0.5:22\"; }, \"10.2.0.0/24\" );";

	changed(daemon_options_load, probed, probed, "nothing", "");
	changed(daemon_options_load, probed,
		SERVER
		"announce = ( { prefix = \"10.1.0.0/24\"; probe = \"10.1.0.5:23\"; }, \"10.2.0.0/24\" );",
		"announce", "");
	changed(daemon_options_load, probed,
		SERVER
		"announce = ( { prefix = \"10.1.0.0/24\"; probe = \"10.1.0.6:22\"; }, \"10.2.0.0/24\" );",
		"announce", "");
	changed(daemon_options_load, probed,
		SERVER
		"announce = ( \"10.2.0.0/24\", { prefix = \"10.1.0.0/24\"; probe = \"10.1.0.5:22\"; } );",
		"announce", "");
	changed(daemon_options_load, probed, SERVER "announce = [ \"10.1.0.0/24\" ];", "announce",
		"");
}
END_TEST

#define PEER(lines)                                                                            \
	"certificate = \"/c\"; key = \"/k\"; ca = \"/a\"; pool4 = \"10.9.0.0/24\"; peers = ( " \
	"{ name = \"berlin\"; " lines " } );"

/* A list of its own that is empty is another thing than none. */
START_TEST(test_given)
{
	changed(daemon_options_load, PEER(""), PEER("dns = [ ];"), "peers.berlin.dns", "");
	changed(daemon_options_load, PEER("dns = [ ];"), PEER("dns = [ ];"), "nothing", "");
	changed(daemon_options_load, PEER("dns = [ ];"), PEER(""), "peers.berlin.dns", "");
}
END_TEST

#define POOL(pool) "certificate = \"/c\"; key = \"/k\"; ca = \"/a\"; " pool

/* A pool may grow if no address changes its owner. */
START_TEST(test_pools)
{
	changed(daemon_options_load, POOL("pool4 = \"10.9.0.0/24\";"),
		POOL("pool4 = \"10.9.0.0/23\";"), "pool4", "");
	changed(daemon_options_load, POOL("pool4 = \"10.9.0.0/24\";"),
		POOL("pool4 = \"10.9.0.0/24\"; pool6 = \"fd00::/64\";"), "pool6", "");
	changed(daemon_options_load, POOL("pool4 = \"10.9.0.0/24\";"),
		POOL("pool4 = \"10.9.0.0/25\";"), "pool4", "pool4");
	/* The server's own address is another. */
	changed(daemon_options_load, POOL("pool4 = \"10.9.1.0/24\";"),
		POOL("pool4 = \"10.9.0.0/23\";"), "pool4", "pool4");
	changed(daemon_options_load, POOL("pool4 = \"10.9.0.0/24\"; pool6 = \"fd00::/64\";"),
		POOL("pool4 = \"10.9.0.0/24\";"), "pool6", "pool6");
	changed(daemon_options_load, POOL("pool6 = \"fd00::/64\";"), POOL("pool6 = \"fd01::/64\";"),
		"pool6", "pool6");
}
END_TEST

/* What finds no room is counted. */
START_TEST(test_many)
{
	struct configuration_changes changes = { .count = 0 };
	char out[CONFIGURATION_CHANGES_TEXT + 32];

	for (int i = 0; i < 100; i++)
		configuration_changes_note(&changes, "certificate");
	ck_assert_uint_eq(changes.count, 100);
	ck_assert_uint_gt(changes.hidden, 0);
	ck_assert_uint_lt(strlen(changes.text), sizeof(changes.text));
	configuration_changes_format(&changes, out, sizeof(out));
	ck_assert_ptr_nonnull(strstr(out, "certificate and 8"));
	/* Something short that would fit comes after what was hidden, so it is hidden too. */
	configuration_changes_note(&changes, "x");
	ck_assert_ptr_null(strstr(changes.text, ", x"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("configuration changes");

	unit_add(suite, "server", test_server);
	unit_add(suite, "client", test_client);
	unit_add(suite, "proxies", test_proxies);
	unit_add(suite, "groups", test_groups);
	unit_add(suite, "given", test_given);
	unit_add(suite, "pools", test_pools);
	unit_add(suite, "many", test_many);
	return unit_run("configuration_changes", suite);
}
