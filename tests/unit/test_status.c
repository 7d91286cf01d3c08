/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status.h"

#include "base/offload.h"
#include "engine/lane_internal.h"
#include "engine/session.h"
#include "tests/unit/json_read.h"
#include "tests/unit/unit.h"

/* A server with one session in full, one that only begins, and a listed peer that is not there. */
static struct bench {
	struct engine engine;
	struct lane lane;
	struct session *full, *young;
	struct prefix announced[2];
	char *text;
} bench;

static struct addr ip(const char *text)
{
	struct addr addr;

	ck_assert_int_eq(addr_parse(text, &addr), 0);
	return addr;
}

static struct prefix pfx(const char *text)
{
	struct prefix prefix;

	ck_assert_int_eq(prefix_parse(text, &prefix), 0);
	return prefix;
}

static struct identity named(const char *text)
{
	struct identity identity;

	ck_assert_int_eq(identity_set(&identity, text, strlen(text)), 0);
	return identity;
}

static struct mono ago(int64_t seconds)
{
	return (struct mono){ .ns = mono_now().ns - seconds * 1000000000 };
}

static void fill_settings(struct settings *settings)
{
	static const char *const names[] = { "branch-a", "branch-c" };

	snprintf(settings->name, sizeof(settings->name), "hub");
	settings->listen[0] = (struct endpoint){ ip("192.0.2.1"), 443 };
	settings->listen[1] = (struct endpoint){ ip("2001:db8::1"), 8443 };
	settings->listen_count = 2;
	settings->peers = calloc(2, sizeof(*settings->peers));
	settings->peer_count = 2;
	for (int i = 0; i < 2; i++)
		settings->peers[i].name = named(names[i]);
}

static void fill_counters(struct lane_counters *counters, uint64_t unit)
{
	counter_add(&counters->in_packets, 1 * unit);
	counter_add(&counters->in_bytes, 2 * unit);
	counter_add(&counters->in_control, 3 * unit);
	counter_add(&counters->out_packets, 4 * unit);
	counter_add(&counters->out_bytes, 5 * unit);
	counter_add(&counters->out_control, 6 * unit);
	counter_add(&counters->received_bytes, 7 * unit);
	counter_add(&counters->sent_bytes, 8 * unit);
	counter_add(&counters->drops[DROP_IN_SOURCE], 9 * unit);
}

static void fill_session(struct session *session)
{
	session->state = SESSION_UP;
	session->created = ago(5000);
	session->entered = session->up_since = ago(3725);
	session->connections = 2;
	session->outer = (struct endpoint){ ip("198.51.100.7"), 50312 };
	session->interface = (struct session_interface){ .fd = 100, .index = 12, .name = "cv3" };
	session->terms = (struct session_terms){
		.mtu = 1400,
		.offloads_send = OFFLOAD_CSUM | OFFLOAD_TSO4,
		.offloads_accept = OFFLOAD_ALL,
		.local4 = ip("10.99.0.1"),
		.remote4 = ip("10.99.0.2"),
		.local6 = ip("fd99::1"),
		.remote6 = ip("fd99::2"),
		.ping_interval = DURATION_MS(5000),
		.dead_after = DURATION_MS(15000),
	};
	session->liveness.measured = true;
	session->liveness.rtt_last = (struct duration){ 12345678 };
	session->liveness.rtt_smooth = (struct duration){ 11000000 };
	session->liveness.rtt_least = (struct duration){ 10000000 };
	snprintf(session->lane_peer.cipher, sizeof(session->lane_peer.cipher),
		"TLS_AES_256_GCM_SHA384");
	snprintf(session->lane_peer.group, sizeof(session->lane_peer.group), "X25519");
	session->lane_peer.not_after = 1893456000; /* 2030-01-01 */
	session->leave = (struct session_leave){
		.code = GOODBYE_SHUTDOWN,
		.heard = true,
		.retry_after_ms = 1500,
		.text = "bye \x1b[31m\"now\"",
	};
	session->lane = &bench.lane;
	atomic_store(&bench.lane.counters.heard_ns, ago(3).ns);
	fill_counters(&bench.lane.counters, 1);
	fill_counters(&session->past, 1000);
}

static void fill_routes(struct routes *routes)
{
	routes->items = calloc(2, sizeof(*routes->items));
	routes->count = routes->capacity = 2;
	routes->items[0] = (struct route){ .prefix = pfx("10.1.0.0/16"), .state = ROUTE_INSTALLED };
	routes->items[1] = (struct route){
		.prefix = pfx("203.0.113.0/24"),
		.state = ROUTE_REFUSED,
		.verdict = ROUTE_NOT_ALLOWED,
	};
	routes->refusals = calloc(1, sizeof(*routes->refusals));
	routes->refusal_count = routes->refusal_capacity = 1;
	routes->refusals[0] = (struct route_refusal){ pfx("10.2.0.0/16"), ROUTE_LIMIT };
	routes->over_limit = 4;
}

static void setup(void)
{
	struct identity full = named("branch-a"), young = named("a-stranger");

	bench = (struct bench){
		.engine = { .started = ago(90061), .worker_count = 2, .generation = 3 }
	};
	TAILQ_INIT(&bench.engine.sessions);
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &bench.engine.settings), 0);
	fill_settings(bench.engine.settings);
	bench.announced[0] = pfx("10.2.0.0/16");
	bench.announced[1] = pfx("fd02::/48");
	bench.engine.announced = (struct prefix_list){ bench.announced, 2 };
	ck_assert_int_eq(
		session_new(&bench.engine, &full, &bench.engine.settings->peers[0], &bench.full),
		0);
	ck_assert_int_eq(session_new(&bench.engine, &young, NULL, &bench.young), 0);
	fill_session(bench.full);
	fill_routes(&bench.full->routes);
}

static void teardown(void)
{
	routes_free(&bench.full->routes);
	free(bench.full);
	free(bench.young);
	free(bench.text);
	settings_free(bench.engine.settings);
}

static const char *render(enum status_kind kind, bool json)
{
	size_t len;
	FILE *out;

	free(bench.text);
	bench.text = NULL;
	out = open_memstream(&bench.text, &len);
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(status_render(&bench.engine, kind, json, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	if (json)
		ck_assert_msg(json_is_valid(bench.text), "%s", bench.text);
	return bench.text;
}

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

	ck_json(json, "name", "\"hub\"");
	ck_json(json, "role", "\"server\"");
	ck_json(json, "version", "\"" CULVERT_VERSION "\"");
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
		{ "drops.out_link_local", 0 },
	};
	const char *json = render(STATUS_OVERVIEW, true);
	char path[80], value[32];

	ck_assert_int_eq(json_count(json, "sessions.1.lanes"), 1);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		snprintf(path, sizeof(path), "sessions.1.%s", counters[i].key);
		snprintf(value, sizeof(value), "%d", counters[i].unit * 1001);
		ck_json(json, path, value);
		snprintf(path, sizeof(path), "sessions.1.lanes.0.%s", counters[i].key);
		snprintf(value, sizeof(value), "%d", counters[i].unit);
		ck_json(json, path, value);
	}
	ck_seconds(json, "sessions.1.lanes.0.heard_ago", 3);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		snprintf(path, sizeof(path), "sessions.1.drops.%s", drop_reason_text(i));
		ck_assert_str_ne(json_at(json, path, value, sizeof(value)), "-");
	}
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
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
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

	bench.young->leave = (struct session_leave){ .text = "connection failed" };
	json = render(STATUS_OVERVIEW, true);
	ck_json(json, "sessions.0.left.code", "0");
	ck_json(json, "sessions.0.left.meaning", "null");
	ck_json(json, "sessions.0.left.text", "\"connection failed\"");
}
END_TEST

START_TEST(json_client)
{
	struct settings *settings = bench.engine.settings;
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
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(path, sizeof(path), "peers.2.%s", keys[i]);
		ck_json(json, path, "null");
	}
}
END_TEST

START_TEST(json_routes)
{
	const char *json = render(STATUS_ROUTES, true);

	ck_assert_int_eq(json_count(json, "announced"), 2);
	ck_json(json, "announced.0.prefix", "\"10.2.0.0/16\"");
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

static void ck_says(const char *text, const char *words)
{
	ck_assert_msg(strstr(text, words) != NULL, "\"%s\" is missing in:\n%s", words, text);
}

START_TEST(text_overview)
{
	const char *text = render(STATUS_OVERVIEW, false);

	ck_says(text, "server: hub");
	ck_says(text, "1 d 1 h");
	ck_says(text, "[2001:db8::1]:8443");
	ck_says(text, "peer: a-stranger (not listed)");
	ck_says(text, "peer: branch-a\n");
	ck_says(text, "up for 1 h 2 min");
	ck_says(text, "198.51.100.7:50312");
	ck_says(text, "TLS_AES_256_GCM_SHA384, X25519");
	ck_says(text, "2030-01-01 00:00:00 UTC");
	ck_says(text, "cv3, index 12");
	ck_says(text, "10.99.0.1, peer 10.99.0.2");
	ck_says(text, "fd99::1, peer fd99::2");
	ck_says(text, "sent csum tso4; accepted csum tso4 tso6 ecn uso");
	ck_says(text, "last 12.3 ms, smooth 11.0 ms, least 10.0 ms");
	ck_says(text, "1.96 KiB, 1001 packets"); /* 2002 bytes */
	ck_says(text, "in_source 9009");
	/* Only drops that happened. */
	ck_assert_ptr_null(strstr(text, "out_link_local"));
	/* Words of the peer do not reach the terminal as they are. */
	ck_says(text, "bye \\x1b[31m\"now\"");
	for (const char *byte = text; *byte; byte++)
		ck_assert((*byte >= 0x20 && *byte <= 0x7e) || *byte == '\n');
}
END_TEST

/* All values of a description begin in the same column. */
START_TEST(text_is_aligned)
{
	char *text = strdup(render(STATUS_OVERVIEW, false)), *rest = text, *line;
	size_t column = 0;
	int lines = 0;

	while ((line = strsep(&rest, "\n"))) {
		char *colon = strstr(line, ": ");
		size_t value;

		if (line[0] != ' ' || !colon)
			continue;
		value = (size_t)(colon - line) + 1 + strspn(colon + 1, " ");
		if (column == 0)
			column = value;
		ck_assert_msg(value == column, "%s", line);
		lines++;
	}
	ck_assert_int_gt(lines, 20);
	free(text);
}
END_TEST

START_TEST(text_peers)
{
	char *text = strdup(render(STATUS_PEERS, false)), *rest = text, *line;
	const char *state_title;
	size_t column;

	line = strsep(&rest, "\n");
	state_title = strstr(line, "STATE");
	ck_assert_ptr_nonnull(state_title);
	column = (size_t)(state_title - line);
	line = strsep(&rest, "\n");
	ck_assert_int_eq(strncmp(line, "a-stranger ", 11), 0);
	ck_assert_int_eq(strncmp(line + column, "idle ", 5), 0);
	line = strsep(&rest, "\n");
	ck_assert_int_eq(strncmp(line, "branch-a ", 9), 0);
	ck_assert_int_eq(strncmp(line + column, "up ", 3), 0);
	ck_says(line, "10.99.0.2, fd99::2");
	ck_says(line, "11.0 ms");
	line = strsep(&rest, "\n");
	ck_assert_int_eq(strncmp(line, "branch-c ", 9), 0);
	ck_assert_int_eq(strncmp(line + column, "- ", 2), 0);
	ck_assert_str_eq(rest, "");
	free(text);
}
END_TEST

START_TEST(text_routes)
{
	const char *text = render(STATUS_ROUTES, false);

	ck_says(text, "10.2.0.0/16");
	ck_says(text, "more prefixes than max_routes allows");
	ck_says(text, "fd02::/48");
	ck_says(text, "installed\n");
	ck_says(text, "refused: it is not inside any prefix of accept_routes\n");
	ck_says(text, "branch-a announced 4 more than its max_routes");
}
END_TEST

/* Nobody there, nothing announced: still valid and still a text. */
START_TEST(empty)
{
	struct engine engine = { .started = mono_now() };

	TAILQ_INIT(&engine.sessions);
	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &engine.settings), 0);
	for (int kind = STATUS_OVERVIEW; kind <= STATUS_ROUTES; kind++) {
		for (int json = 0; json <= 1; json++) {
			char *text = NULL;
			size_t len;
			FILE *out = open_memstream(&text, &len);

			ck_assert_int_eq(
				status_render(&engine, (enum status_kind)kind, json != 0, out), 0);
			fclose(out);
			ck_assert_uint_gt(len, 0);
			if (json)
				ck_assert(json_is_valid(text));
			free(text);
		}
	}
	settings_free(engine.settings);
}
END_TEST

START_TEST(failing_stream)
{
	char room[16];
	FILE *out = fmemopen(room, sizeof(room), "w");

	setvbuf(out, NULL, _IONBF, 0);
	ck_assert_int_lt(status_render(&bench.engine, STATUS_OVERVIEW, true, out), 0);
	fclose(out);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { json_daemon, json_session, json_counters, json_young_session,
		json_lost_connection, json_client, json_peers, json_routes, text_overview,
		text_is_aligned, text_peers, text_routes, empty, failing_stream };
	Suite *s = suite_create("status");
	TCase *tcase = tcase_create("status");

	tcase_add_checked_fixture(tcase, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(s, tcase);
	return s;
}

int main(void)
{
	return unit_run("status", suite());
}
