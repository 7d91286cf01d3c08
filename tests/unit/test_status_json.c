/* SPDX-License-Identifier: Apache-2.0 */
/* The status as JSON: what each value is. */
#include "tests/unit/status_fixture.h"

#include "base/version.h"

/* The value at a path is written so. */
static void ck_json(const char *json, const char *path, const char *expected)
{
	char value[256];

	ck_assert_msg(strcmp(json_at(json, path, value, sizeof(value)), expected) == 0,
		"%s is %s, not %s", path, value, expected);
}

/* A number of seconds, at least this and less than two more: the clock goes on. */
static void ck_seconds(const char *json, const char *path, double least)
{
	char value[256];
	double seconds = strtod(json_at(json, path, value, sizeof(value)), NULL);

	ck_assert_msg(seconds >= least && seconds < least + 2, "%s is %s", path, value);
}

START_TEST(json_daemon)
{
	const char *json = render(STATUS_OVERVIEW, true);
	char version[64];

	ck_json(json, "name", "\"hub\"");
	ck_json(json, "role", "\"server\"");
	(void)snprintf(version, sizeof(version), "\"%s\"", culvert_version);
	ck_json(json, "version", version);
	ck_json(json, "identity", "null"); /* no TLS context here */
	ck_json(json, "certificate_expires", "null");
	ck_seconds(json, "uptime", 90061);
	ck_json(json, "stopping", "false");
	ck_json(json, "generation", "3");
	ck_json(json, "workers", "2");
	ck_assert_int_eq(json_count(json, "listen"), 2);
	ck_json(json, "listen.0", "\"192.0.2.1:443\"");
	ck_json(json, "listen.1", "\"[2001:db8::1]:8443\"");
	ck_json(json, "remotes", "[]");
	ck_json(json, "session_count", "2");
	ck_assert_int_eq(json_count(json, "sessions"), 2);
	/* By name. */
	ck_json(json, "sessions.0.peer", "\"a-stranger\"");
	ck_json(json, "sessions.1.peer", "\"branch-a\"");
}
END_TEST

START_TEST(json_host)
{
	const char *json = render(STATUS_OVERVIEW, true);

	ck_json(json, "host", "[]");
	fill_held(&fixture.engine.held);
	json = render(STATUS_OVERVIEW, true);
	ck_assert_int_eq(json_count(json, "host"), 4);
	ck_json(json, "host.0.item", "\"interfaces\"");
	ck_json(json, "host.0.in_place", "true");
	ck_json(json, "host.0.changes", "0");
	ck_json(json, "host.0.changed", "null");
	ck_json(json, "host.0.cause", "null");
	ck_json(json, "host.1.in_place", "true");
	ck_json(json, "host.1.changed", "\"rule 25463\"");
	ck_json(json, "host.1.changed_by", "\"bird\"");
	ck_json(json, "host.3.in_place", "false");
	ck_json(json, "host.3.changed_by", "null");
	ck_json(json, "host.3.cause", "\"no memory\"");
}
END_TEST

START_TEST(json_session)
{
	const char *json = render(STATUS_OVERVIEW, true);

	ck_json(json, "sessions.1.listed", "true");
	ck_json(json, "sessions.1.state", "\"up\"");
	ck_seconds(json, "sessions.1.state_for", 3725);
	ck_seconds(json, "sessions.1.up_for", 3725);
	ck_seconds(json, "sessions.1.age", 5000);
	ck_json(json, "sessions.1.outer", "\"198.51.100.7:50312\"");
	ck_json(json, "sessions.1.cipher", "\"TLS_AES_256_GCM_SHA384\"");
	ck_json(json, "sessions.1.group", "\"X25519\"");
	ck_json(json, "sessions.1.certificate_expires", "1893456000");
	ck_json(json, "sessions.1.interface.name", "\"cv3\"");
	ck_json(json, "sessions.1.interface.index", "12");
	ck_json(json, "sessions.1.interface.missing.link", "false");
	ck_json(json, "sessions.1.interface.missing.routes", "0");
	ck_json(json, "sessions.1.interface.routes_held", "0");
	ck_json(json, "sessions.1.addresses.local4", "\"10.99.0.1\"");
	ck_json(json, "sessions.1.addresses.remote4", "\"10.99.0.2\"");
	ck_json(json, "sessions.1.addresses.local6", "\"fd99::1\"");
	ck_json(json, "sessions.1.addresses.remote6", "\"fd99::2\"");
	ck_json(json, "sessions.1.mtu", "1400");
	ck_assert_int_eq(json_count(json, "sessions.1.offloads.send"), 2);
	ck_json(json, "sessions.1.offloads.send.0", "\"csum\"");
	ck_json(json, "sessions.1.offloads.send.1", "\"tso4\"");
	ck_assert_int_eq(json_count(json, "sessions.1.offloads.accept"), 5);
	ck_json(json, "sessions.1.ping_interval", "5.000000");
	ck_json(json, "sessions.1.dead_after", "15.000000");
	ck_json(json, "sessions.1.rtt.last", "0.012345");
	ck_json(json, "sessions.1.rtt.smooth", "0.011000");
	ck_json(json, "sessions.1.rtt.least", "0.010000");
	ck_json(json, "sessions.1.connections", "2");
	ck_json(json, "sessions.1.left.code", "1");
	ck_json(json, "sessions.1.left.heard", "true");
	ck_json(json, "sessions.1.left.retry_after", "1.500000");
	/* Words of the peer: whole, and harmless. */
	ck_json(json, "sessions.1.left.text", "\"bye \\u001b[31m\\\"now\\\"\"");
}
END_TEST

/* A family that this host's kernel refuses. */
START_TEST(json_without)
{
	ck_json(render(STATUS_OVERVIEW, true), "sessions.1.without", "[]");
	fixture.full->interface.tun.off6 = true;
	ck_json(render(STATUS_OVERVIEW, true), "sessions.1.without.0", "\"ipv6\"");
	fixture.full->interface.tun.off4 = true;
	ck_assert_int_eq(json_count(render(STATUS_OVERVIEW, true), "sessions.1.without"), 2);
}
END_TEST

/* The session's counters are the sums over all its connections, the lane's are its own. */
START_TEST(json_counters)
{
	static const struct {
		const char *key;
		int unit;
	} counters[] = {
		{ "in_packets", 1 },
		{ "in_bytes", 2 },
		{ "in_control", 3 },
		{ "out_packets", 4 },
		{ "out_bytes", 5 },
		{ "out_control", 6 },
		{ "received_bytes", 7 },
		{ "sent_bytes", 8 },
		{ "drops.in_source", 9 },
		{ "queue.bytes", 10 },
		{ "queue.marks", 11 },
		{ "drops.out_link_local", 0 },
	};
	const char *json = render(STATUS_OVERVIEW, true);
	char path[80], value[32];

	ck_assert_int_eq(json_count(json, "sessions.1.lanes"), 1);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		snprintf(path, sizeof(path), "sessions.1.%s", counters[i].key);
		snprintf(value, sizeof(value), "%d", counters[i].unit * 1001);
		ck_json(json, path, value);
		snprintf(path, sizeof(path), "sessions.1.lanes.0.%s", counters[i].key);
		snprintf(value, sizeof(value), "%d", counters[i].unit);
		ck_json(json, path, value);
	}
	ck_json(json, "sessions.1.queue.delay", "0.012000"); /* the longest of both */
	ck_json(json, "sessions.1.lanes.0.queue.delay", "0.000012");
	ck_seconds(json, "sessions.1.lanes.0.heard_ago", 3);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		snprintf(path, sizeof(path), "sessions.1.drops.%s", drop_reason_text(i));
		ck_assert_str_ne(json_at(json, path, value, sizeof(value)), "-");
	}
}
END_TEST

START_TEST(json_limit)
{
	struct lane_counters *counters = &fixture.lane.counters;

	ck_json(render(STATUS_OVERVIEW, true), "sessions.1.lanes.0.limit", "null");
	counter_set(&counters->limit_rate, 12000000);
	ck_json(render(STATUS_OVERVIEW, true), "sessions.1.lanes.0.limit.bytes_per_second",
		"12000000");
	ck_json(render(STATUS_OVERVIEW, true), "sessions.1.lanes.0.limit.bytes", "null");
	counter_set(&counters->limit_rate, 0);
	counter_set(&counters->limit_window, 24000);
	ck_json(render(STATUS_OVERVIEW, true), "sessions.1.lanes.0.limit.bytes_per_second", "null");
	ck_json(render(STATUS_OVERVIEW, true), "sessions.1.lanes.0.limit.bytes", "24000");
}
END_TEST

START_TEST(json_young_session)
{
	static const char *const nulls[] = { "up_for", "outer", "cipher", "group",
		"certificate_expires", "interface", "addresses.local4", "addresses.remote6", "mtu",
		"ping_interval", "dead_after", "rtt", "left" };
	const char *json = render(STATUS_OVERVIEW, true);
	char path[80];

	ck_json(json, "sessions.0.listed", "false");
	ck_json(json, "sessions.0.state", "\"idle\"");
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++) {
		snprintf(path, sizeof(path), "sessions.0.%s", nulls[i]);
		ck_json(json, path, "null");
	}
	ck_json(json, "sessions.0.offloads.send", "[]");
	ck_json(json, "sessions.0.in_bytes", "0");
	ck_json(json, "sessions.0.lanes", "[]");
	ck_assert_int_eq(json_count(json, "sessions.0.lanes"), 0);
}
END_TEST

START_TEST(json_lost_connection)
{
	const char *json;

	fixture.young->leave = (struct session_leave){ .text = "connection failed" };
	json = render(STATUS_OVERVIEW, true);
	ck_json(json, "sessions.0.left.code", "0");
	ck_json(json, "sessions.0.left.meaning", "null");
	ck_json(json, "sessions.0.left.text", "\"connection failed\"");
}
END_TEST

/* A client that waits for its next try has moved the reason, which people still want to see. */
START_TEST(json_lost_connection_of_an_idle_session)
{
	fixture.young->leave = (struct session_leave){ .code = 0 };
	fixture.young->last_leave = (struct session_leave){ .code = GOODBYE_NO_ADDRESS,
		.text = "why" };
	fixture.young->state = SESSION_IDLE;
	ck_json(render(STATUS_OVERVIEW, true), "sessions.0.left.text", "\"why\"");
	ck_assert_ptr_nonnull(strstr(render(STATUS_OVERVIEW, false), ": why"));
	fixture.young->last_leave = (struct session_leave){ .attempt = true,
		.text = "nobody there" };
	ck_json(render(STATUS_OVERVIEW, true), "sessions.0.left.text", "\"nobody there\"");
	ck_json(render(STATUS_OVERVIEW, true), "sessions.0.left.attempt", "true");
	fixture.young->state = SESSION_UP;
	ck_json(render(STATUS_OVERVIEW, true), "sessions.0.left", "null");
}
END_TEST

START_TEST(json_client)
{
	struct settings *settings = fixture.engine.settings;
	const char *json;

	settings->role = SETTINGS_CLIENT;
	settings->listen_count = 0;
	snprintf(settings->remotes[0].host, sizeof(settings->remotes[0].host), "vpn.example.org");
	settings->remotes[0].port = 443;
	settings->remote_count = 1;
	json = render(STATUS_OVERVIEW, true);
	ck_json(json, "role", "\"client\"");
	ck_json(json, "listen", "[]");
	ck_json(json, "remotes.0.host", "\"vpn.example.org\"");
	ck_json(json, "remotes.0.port", "443");
	ck_assert_ptr_nonnull(strstr(render(STATUS_OVERVIEW, false), "vpn.example.org"));
}
END_TEST

START_TEST(json_peers)
{
	static const char *const keys[] = { "state", "state_for", "outer", "address4", "address6",
		"interface", "rtt", "in_bytes", "out_bytes" };
	const char *json = render(STATUS_PEERS, true);
	char path[80];

	/* Those with a session by name, then the listed one without. */
	ck_assert_int_eq(json_count(json, "peers"), 3);
	ck_json(json, "peers.0.name", "\"a-stranger\"");
	ck_json(json, "peers.0.listed", "false");
	ck_json(json, "peers.0.state", "\"idle\"");
	ck_json(json, "peers.1.name", "\"branch-a\"");
	ck_json(json, "peers.1.listed", "true");
	ck_json(json, "peers.1.state", "\"up\"");
	ck_seconds(json, "peers.1.state_for", 3725);
	ck_json(json, "peers.1.outer", "\"198.51.100.7:50312\"");
	ck_json(json, "peers.1.address4", "\"10.99.0.2\"");
	ck_json(json, "peers.1.address6", "\"fd99::2\"");
	ck_json(json, "peers.1.interface", "\"cv3\"");
	ck_json(json, "peers.1.rtt", "0.011000");
	ck_json(json, "peers.1.in_bytes", "2002");
	ck_json(json, "peers.1.out_bytes", "5005");
	ck_json(json, "peers.2.name", "\"branch-c\"");
	ck_json(json, "peers.2.listed", "true");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		snprintf(path, sizeof(path), "peers.2.%s", keys[i]);
		ck_json(json, path, "null");
	}
}
END_TEST

START_TEST(json_probes)
{
	struct prefix dead = prefix_of("10.2.0.0/16");
	struct probing_item items[2], *pointers[2];
	const char *json = render(STATUS_OVERVIEW, true);

	ck_json(json, "probes", "[]");
	fill_probes(&fixture.engine.probing, items, pointers);
	fixture.engine.peers.announced.withheld = (struct prefix_list){ &dead, 1 };
	json = render(STATUS_OVERVIEW, true);
	ck_assert_int_eq(json_count(json, "probes"), 2);
	ck_json(json, "probes.0.prefix", "\"10.2.0.0/16\"");
	ck_json(json, "probes.0.target", "\"10.2.0.5:22\"");
	ck_json(json, "probes.0.kind", "\"tcp\"");
	ck_json(json, "probes.0.state", "\"dead\"");
	ck_json(json, "probes.0.announced", "false");
	ck_json(json, "probes.0.answered", "true");
	ck_json(json, "probes.0.in_a_row", "2");
	ck_json(json, "probes.0.needed", "10");
	ck_json(json, "probes.0.changes", "3");
	ck_json(json, "probes.0.last_failure.error", "\"Connection refused\"");
	ck_json(json, "probes.1.target", "\"fd02::5\"");
	ck_json(json, "probes.1.kind", "\"icmp\"");
	ck_json(json, "probes.1.needed", "3");
	ck_json(json, "probes.1.last_failure", "null");
	json = render(STATUS_ROUTES, true);
	ck_json(json, "announced.0.withheld", "true");
	ck_json(json, "announced.0.probe.state", "\"dead\"");
	ck_json(json, "announced.1.withheld", "false");
	fixture.engine.probing.count = 0;
	ck_json(render(STATUS_ROUTES, true), "announced.1.probe", "null");
	fixture.engine.peers.announced.withheld = (struct prefix_list){ .items = NULL };
}
END_TEST

START_TEST(json_routes)
{
	const char *json = render(STATUS_ROUTES, true);

	ck_assert_int_eq(json_count(json, "announced"), 2);
	ck_json(json, "announced.0.prefix", "\"10.2.0.0/16\"");
	ck_json(json, "announced.0.common", "false");
	ck_json(json, "announced.1.common", "true");
	ck_assert_int_eq(json_count(json, "announced.0.refusals"), 1);
	ck_json(json, "announced.0.refusals.0.peer", "\"branch-a\"");
	ck_json(json, "announced.0.refusals.0.verdict", "9");
	ck_json(json, "announced.0.refusals.0.reason", "\"more prefixes than max_routes allows\"");
	ck_json(json, "announced.1.prefix", "\"fd02::/48\"");
	ck_json(json, "announced.1.refusals", "[]");
	ck_assert_int_eq(json_count(json, "received"), 2);
	ck_json(json, "received.0.prefix", "\"10.1.0.0/16\"");
	ck_json(json, "received.0.peer", "\"branch-a\"");
	ck_json(json, "received.0.state", "\"installed\"");
	ck_json(json, "received.0.verdict", "0");
	ck_json(json, "received.0.reason", "null");
	ck_json(json, "received.1.prefix", "\"203.0.113.0/24\"");
	ck_json(json, "received.1.state", "\"refused\"");
	ck_json(json, "received.1.verdict", "8");
	ck_json(json, "received.1.reason", "\"it is not inside any prefix of accept_routes\"");
	ck_assert_int_eq(json_count(json, "over_limit"), 1);
	ck_json(json, "over_limit.0.peer", "\"branch-a\"");
	ck_json(json, "over_limit.0.count", "4");
}
END_TEST

START_TEST(json_held_routes)
{
	struct session *session = peers_find(
		&fixture.engine.peers, &(struct identity){ "branch-a" });
	const char *json;

	ck_assert_ptr_nonnull(session);
	session->interface.carrier = SESSION_INTERFACE_CARRIER_OFF;
	ck_json(render(STATUS_OVERVIEW, true), "sessions.1.interface.routes_held", "1");
	json = render(STATUS_ROUTES, true);
	ck_json(json, "received.0.state", "\"held, idle\"");
	ck_json(json, "received.1.state", "\"refused\"");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { json_daemon, json_host, json_session, json_without,
		json_counters, json_limit, json_young_session, json_lost_connection,
		json_lost_connection_of_an_idle_session, json_client, json_peers, json_probes,
		json_routes, json_held_routes };

	return unit_suite("status_json", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("status_json", suite());
}
