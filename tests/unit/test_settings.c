/* SPDX-License-Identifier: Apache-2.0 */
/* What settings_check() promises in config/settings.h, on settings built by hand. */
#include "settings_fixture.h"
#include "unit.h"

START_TEST(test_good)
{
	struct settings *settings = server(3);

	settings->peers[0].address4 = addr_of("10.9.0.6");
	settings->peers[0].address6 = addr_of("fd00::ffff:1");
	settings->peers[1].address4 = addr_of("10.9.0.2");
	announce(settings, "192.168.0.0/24");
	good(settings);

	settings = server(0);
	settings->pool4 = (struct prefix){ .len = 0 };
	good(settings);
	settings = server(0);
	settings->pool6 = (struct prefix){ .len = 0 };
	settings->pool4 = prefix_of("10.9.0.0/30");
	good(settings);
}
END_TEST

START_TEST(test_pools)
{
	struct settings *settings = server(0);

	settings->pool4 = settings->pool6 = (struct prefix){ .len = 0 };
	refused(settings, "pool4:", "pool6");
	settings = server(0);
	settings->pool4 = prefix_of("10.9.0.0/31");
	refused(settings, "pool4:", "too small");
	settings = server(0);
	settings->pool6 = prefix_of("fd00::/127");
	refused(settings, "pool6:", "too small");
	settings = server(0);
	settings->pool4 = prefix_of("10.9.0.1/24");
	refused(settings, "pool4:", "host bits");
	settings = server(0);
	settings->pool4 = prefix_of("fd01::/64");
	refused(settings, "pool4:", "family");
	settings = server(0);
	settings->pool4 = prefix_of("127.0.0.0/24");
	refused(settings, "pool4:", "loopback");
	settings = server(0);
	settings->pool6 = prefix_of("::/0");
	refused(settings, "pool6:", "::/0");
}
END_TEST

START_TEST(test_announce)
{
	static const struct {
		const char *prefix, *word;
	} bad[] = {
		{ "10.1.0.1/24", "host bits" },
		{ "127.1.0.0/16", "loopback" },
		{ "224.0.0.0/8", "multicast" },
		{ "fe80::/64", "link-local" },
		{ "10.9.0.0/24", "pool" },
		{ "10.9.0.4/30", "pool" },
		{ "fd00::/16", "pool" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct settings *settings = server(0);

		announce(settings, bad[i].prefix);
		refused(settings, "announce.[0]:", bad[i].word);
	}
}
END_TEST

/* "I am the way to everywhere" is a server's to say, its own pools included. */
START_TEST(test_announce_default)
{
	struct settings *settings = server(0);

	announce(settings, "0.0.0.0/0");
	good(settings);
	settings = server(0);
	announce(settings, "::/0");
	good(settings);
	settings = client();
	announce(settings, "0.0.0.0/0");
	refused(settings, "announce.[0]:", "default");
}
END_TEST

START_TEST(test_dns)
{
	struct settings *settings = server(0);

	settings->dns.server[0] = addr_of("10.9.0.1");
	settings->dns.server[1] = addr_of("fd00::53");
	settings->dns.server_count = 2;
	unit_text(settings->dns.domain[0], "corp.example");
	settings->dns.domain_count = 1;
	good(settings);
	settings = server(0);
	settings->dns.server[0] = addr_of("127.0.0.53");
	settings->dns.server_count = 1;
	refused(settings, "dns.[0]:", "127.0.0.53");
	settings = server(0);
	unit_text(settings->dns.domain[0], "corp;example");
	settings->dns.domain_count = 1;
	refused(settings, "domains.[0]:", "corp;example");
}
END_TEST

START_TEST(test_full_tunnel)
{
	struct settings *settings = client();

	ck_assert_uint_eq(settings_mark(settings), SETTINGS_MARK_PLAIN);
	settings->full_tunnel = true;
	ck_assert_uint_eq(settings_mark(settings), SETTINGS_MARK_DEFAULT);
	settings->mark = 7;
	ck_assert_uint_eq(settings_mark(settings), 7);
	settings->bypass.items = calloc(1, sizeof(struct prefix));
	ck_assert_ptr_nonnull(settings->bypass.items);
	settings->bypass.count = 1;
	settings->bypass.items[0] = prefix_of("::/0");
	refused(settings, "bypass.[0]:", "full_tunnel");
}
END_TEST

START_TEST(test_fixed_addresses)
{
	struct settings *settings = server(2);

	settings->peers[1].address4 = addr_of("10.9.0.1");
	refused(settings, "peers.[1].address4", "server's own");
	settings = server(2);
	settings->peers[1].address6 = addr_of("fd00::1");
	refused(settings, "peers.[1].address6", "server's own");
	settings = server(2);
	settings->peers[0].address4 = addr_of("10.9.0.0");
	refused(settings, "peers.[0].address4", "no host address");
	settings = server(2);
	settings->peers[0].address4 = addr_of("10.9.0.7");
	refused(settings, "peers.[0].address4", "no host address");
	settings = server(2);
	settings->peers[0].address4 = addr_of("10.9.0.8");
	refused(settings, "peers.[0].address4", "not in pool4");
	settings = server(2);
	settings->peers[0].address6 = addr_of("fd01::2");
	refused(settings, "peers.[0].address6", "not in pool6");
	settings = server(2);
	settings->pool6 = (struct prefix){ .len = 0 };
	settings->peers[0].address6 = addr_of("fd00::2");
	refused(settings, "peers.[0].address6", "pool6");
}
END_TEST

START_TEST(test_duplicates)
{
	struct settings *settings = server(5);

	settings->peers[4].name = settings->peers[1].name;
	refused(settings, "peers.[4].name", "peers.[1]");
	settings = server(5);
	settings->peers[0].address4 = settings->peers[3].address4 = addr_of("10.9.0.3");
	refused(settings, "peers.[3].address4", "peers.[0]");
	settings = server(5);
	settings->peers[0].address6 = settings->peers[3].address6 = addr_of("fd00::3");
	refused(settings, "peers.[3].address6", "peers.[0]");
	settings = server(5);
	unit_text(settings->peers[0].interface, "tun-x");
	unit_text(settings->peers[2].interface, "tun-x");
	refused(settings, "peers.[2].interface", "peers.[0]");
	settings = server(5);
	unit_text(settings->peers[0].interface, "tun%d");
	unit_text(settings->peers[2].interface, "tun%d");
	good(settings);
	settings = server(0);
	settings->listen[1] = settings->listen[0];
	settings->listen_count = 2;
	refused(settings, "listen.[1]", "0.0.0.0:443");
}
END_TEST

START_TEST(test_times_and_ends)
{
	struct settings *settings = server(0);

	settings->dead_after = settings->ping_interval;
	refused(settings, "dead_after:", "ping_interval");
	settings = server(0);
	settings->listen_count = 0;
	refused(settings, "listen:", "none");
}
END_TEST

START_TEST(test_client)
{
	struct settings *settings;

	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &settings), 0);
		settings->remote_count = round == 0 ? 0 : 1;
		settings->peers = calloc(1, sizeof(*settings->peers));
		settings->peer_count = round == 1 ? 0 : 1;
		if (round == 0)
			refused(settings, "remotes:", "none");
		else if (round == 1)
			refused(settings, "server_name:", "one");
		else
			good(settings);
	}
}
END_TEST

/* The one thing that is announced, for the test to fill. */
static struct settings_announce *tracked(struct settings **ret_settings)
{
	*ret_settings = server(0);
	announce(*ret_settings, "192.168.0.0/24");
	(*ret_settings)->announce.items[0] = (struct settings_announce){ .table = 0 };
	return &(*ret_settings)->announce.items[0];
}

START_TEST(test_tracked)
{
	struct settings *settings = server(0);
	struct settings_announce *item;

	announce(settings, "192.168.0.0/24");
	ck_assert(!settings_tracks(settings));
	settings_free(settings);
	item = tracked(&settings);
	item->table = 254;
	item->protocol = 12;
	ck_assert(settings_tracks(settings));
	good(settings);
	(void)snprintf(tracked(&settings)->interface, sizeof(item->interface), "eth1");
	good(settings);

	(void)tracked(&settings);
	refused(settings, "announce.[0]:", "none");
	item = tracked(&settings);
	item->table = 254;
	item->prefix = prefix_of("192.168.0.0/24");
	refused(settings, "announce.[0]:", "several");
	item = tracked(&settings);
	(void)snprintf(item->interface, sizeof(item->interface), "eth1");
	item->protocol = 12;
	refused(settings, "announce.[0].protocol:", "beside a table");
	item = tracked(&settings);
	(void)snprintf(item->interface, sizeof(item->interface), "eth%%d");
	refused(settings, "announce.[0].interface:", "eth%d");
}
END_TEST

/* An announcement with a probe of that address, for the test to fill. */
static struct settings_announce *probed(struct settings **ret_settings, const char *target)
{
	*ret_settings = server(0);
	announce(*ret_settings, "192.168.0.0/24");
	(*ret_settings)->announce.items[0].probe = (struct endpoint){ addr_of(target), 22 };
	return &(*ret_settings)->announce.items[0];
}

START_TEST(test_probes)
{
	struct settings *settings;
	struct settings_announce *item;
	struct settings_probe_rule rule = settings_probe_rule(probed(&settings, "192.168.0.5"));

	ck_assert_int_eq(duration_ms(rule.interval), SETTINGS_PROBE_INTERVAL_MS);
	ck_assert_uint_eq(rule.down, SETTINGS_PROBE_DOWN);
	ck_assert_uint_eq(rule.up, SETTINGS_PROBE_UP);
	item = &settings->announce.items[0];
	ck_assert_ptr_eq(settings_find_probe(settings, &item->prefix), item);
	item->probe_interval = DURATION_S(2);
	item->probe_down = 7;
	item->probe_up = 9;
	rule = settings_probe_rule(item);
	ck_assert(rule.interval.ns == DURATION_S(2).ns && rule.down == 7 && rule.up == 9);
	good(settings);
	(void)probed(&settings, "fd01::5"); /* a router on the way is in another network */
	good(settings);
	probed(&settings, "8.8.8.8")->prefix = prefix_of("0.0.0.0/0");
	good(settings);
}
END_TEST

START_TEST(test_bad_probes)
{
	static const char *const bad[] = { "10.9.0.3", "fd00::7", "127.0.0.1", "224.0.0.1",
		"fe80::1", "169.254.1.1" };
	struct settings *settings;
	struct settings_announce *item;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)probed(&settings, bad[i]);
		refused(settings, "announce.[0].probe:",
			i < 2 ? "an address of the tunnel" : "not the address of a host");
	}
	announce(settings = client(), "192.168.0.0/24");
	settings->announce.items[0].probe.addr = addr_of("192.168.0.5");
	(void)snprintf(settings->peers[0].netns, sizeof(settings->peers[0].netns), "lab");
	refused(settings, "announce.[0].probe:", "another network namespace");
	item = probed(&settings, "192.168.0.5");
	item->prefix = (struct prefix){ .len = 0 };
	item->table = 254;
	refused(settings, "announce.[0].probe:", "beside a prefix");
	announce(settings = server(0), "192.168.0.0/24");
	settings->announce.items[0].probe_interval = DURATION_S(1);
	refused(settings, "announce.[0].probe_interval:", "beside a probe");
	announce(settings = server(0), "192.168.0.0/24");
	settings->announce.items[0].probe_down = 1;
	refused(settings, "announce.[0].probe_down:", "beside a probe");
	announce(settings = server(0), "192.168.0.0/24");
	settings->announce.items[0].probe_up = 1;
	refused(settings, "announce.[0].probe_up:", "beside a probe");
	(void)probed(&settings, "192.168.0.5");
	settings->announce.items = reallocarray(
		settings->announce.items, 2, sizeof(*settings->announce.items));
	settings->announce.items[1] = (struct settings_announce){ .prefix = prefix_of(
									  "192.168.0.0/24") };
	settings->announce.count = 2;
	refused(settings, "announce.[0]:", "there twice");
}
END_TEST

static void reach(struct settings_peer *peer, const char *first, const char *second)
{
	const char *const names[] = { first, second };

	peer->reach.items = calloc(2, sizeof(struct identity));
	ck_assert_ptr_nonnull(peer->reach.items);
	for (size_t i = 0; i < 2 && names[i]; i++)
		ck_assert_int_eq(identity_set(&peer->reach.items[peer->reach.count++], names[i],
					 strlen(names[i])),
			0);
}

START_TEST(test_filter)
{
	struct settings *settings = server(3);

	reach(&settings->peers[0], "peer-2", "peer-1");
	ck_assert(settings_reaches(&settings->peers[0], &settings->peers[1]));
	ck_assert(!settings_reaches(&settings->peers[1], &settings->peers[0]));
	ck_assert(!settings_reaches(NULL, &settings->peers[0]));
	ck_assert(!settings_reaches(&settings->peers[0], NULL));
	good(settings);
	settings = server(3);
	reach(&settings->peers[1], "peer-2", "peer-7");
	refused(settings, "peers.[1].reach.[1] (peer-1): peer-7:", "no entry in peers");
	settings = server(3);
	reach(&settings->peers[1], "peer-1", NULL);
	refused(settings, "peers.[1].reach.[0]", "itself");
	settings = server(3);
	reach(&settings->peers[1], "peer-2", "peer-2");
	refused(settings, "peers.[1].reach.[1]", "already");
}
END_TEST

/* "@all" is an empty name: every other peer that has an entry, and none without one. */
START_TEST(test_reach_all)
{
	struct settings *settings = server(3);

	reach(&settings->peers[0], "peer-1", NULL);
	settings->peers[0].reach.items[0] = (struct identity){ .name = "" };
	ck_assert(settings_reaches(&settings->peers[0], &settings->peers[1]));
	ck_assert(settings_reaches(&settings->peers[0], &settings->peers[2]));
	ck_assert(!settings_reaches(&settings->peers[0], &settings->peers[0]));
	ck_assert(!settings_reaches(&settings->peers[1], &settings->peers[0]));
	ck_assert(!settings_reaches(&settings->peers[0], NULL));
	ck_assert(settings_is_between(settings, AF_INET));
	good(settings);
	for (size_t at = 0; at < 2; at++) {
		settings = server(3);
		reach(&settings->peers[1], "peer-2", "peer-2");
		settings->peers[1].reach.items[at] = (struct identity){ .name = "" };
		refused(settings,
			at == 0 ? "peers.[1].reach.[0] (peer-1): @all:"
				: "peers.[1].reach.[1] (peer-1): @all:",
			"leave out the names");
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("settings");

	unit_add(suite, "good", test_good);
	unit_add(suite, "pools", test_pools);
	unit_add(suite, "announce", test_announce);
	unit_add(suite, "announce default", test_announce_default);
	unit_add(suite, "dns", test_dns);
	unit_add(suite, "full tunnel", test_full_tunnel);
	unit_add(suite, "fixed addresses", test_fixed_addresses);
	unit_add(suite, "duplicates", test_duplicates);
	unit_add(suite, "times and ends", test_times_and_ends);
	unit_add(suite, "client", test_client);
	unit_add(suite, "tracked", test_tracked);
	unit_add(suite, "probes", test_probes);
	unit_add(suite, "bad probes", test_bad_probes);
	unit_add(suite, "reach", test_filter);
	unit_add(suite, "reach all", test_reach_all);
	return suite;
}

int main(void)
{
	return unit_run("settings", suite());
}
