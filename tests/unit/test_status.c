/* SPDX-License-Identifier: Apache-2.0 */
/* The status for a person to read, and what holds for both forms; JSON: test_status_json.c. */
#include "tests/unit/status_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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
	ck_says(text, "last 12.3 ms, smoothed 11.0 ms, lowest 10.0 ms");
	ck_says(text, "1.96 KiB, 1001 packets"); /* 2002 bytes */
	ck_says(text, "in_source 9009");
	ck_says(text, "9.78 KiB now, recent delay 12.0 ms, 11011 packets marked"); /* 10010 bytes */
	/* Only drops that happened. */
	ck_assert_ptr_null(strstr(text, "out_link_local"));
	/* Words of the peer do not reach the terminal as they are. */
	ck_says(text, "bye \\x1b[31m\"now\"");
	for (const char *byte = text; *byte; byte++)
		ck_assert((*byte >= 0x20 && *byte <= 0x7e) || *byte == '\n');
}
END_TEST

/* What keeps a path's queue short is told while it does. */
START_TEST(limits)
{
	struct lane_counters *counters = &fixture.lane.counters;

	ck_assert_ptr_null(strstr(render(STATUS_OVERVIEW, false), "limit:"));
	counter_set(&counters->limit_rate, 12 << 20);
	ck_says(render(STATUS_OVERVIEW, false),
		"lane no. 3: 12.00 MiB a second, what its path takes");
	counter_set(&counters->limit_rate, 0);
	counter_set(&counters->limit_window, 24 << 10);
	ck_says(render(STATUS_OVERVIEW, false),
		"lane no. 3: 24.00 KiB under way, what its short path takes");
	ck_assert_ptr_null(strstr(render(STATUS_OVERVIEW, false), "a second"));
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
	ck_says(text, "branch-a announced 4 prefixes more than its max_routes");
}
END_TEST

START_TEST(probes)
{
	struct prefix dead = prefix_of("10.2.0.0/16");
	struct probing_item items[2], *pointers[2];

	fill_probes(&fixture.engine.probing, items, pointers);
	fixture.engine.peers.announced.withheld = (struct prefix_list){ &dead, 1 };
	ck_says(render(STATUS_OVERVIEW, false),
		"probes:             10.2.0.0/16 withheld: 10.2.0.5:22 is dead for 1 min 40 s: Connection refused\n");
	ck_says(fixture.text, "it answers again: 2 of 10 in a row\n");
	ck_says(fixture.text, "fd02::/48 announced: fd02::5 is alive for 1 h");
	ck_says(render(STATUS_ROUTES, false), "withheld: what is behind it is dead\n");
	fixture.engine.probing.count = 0;
	fixture.engine.peers.announced.withheld = (struct prefix_list){ .items = NULL };
}
END_TEST

/* Packets do not arrive at the peer: its routes have given way. */
START_TEST(held_routes)
{
	struct session *session = peers_find(
		&fixture.engine.peers, &(struct identity){ "branch-a" });
	const char *text;

	ck_assert_ptr_nonnull(session);
	session->interface.carrier = SESSION_INTERFACE_CARRIER_OFF;
	text = render(STATUS_ROUTES, false);
	ck_says(text, "held, idle\n");
	ck_says(text, "refused: it is not inside any prefix of accept_routes\n");
	ck_says(render(STATUS_OVERVIEW, false), "routes:             1 held, idle: ");
}
END_TEST

/* One peer alone, whether it is there or not. */
START_TEST(one_peer)
{
	struct status_request request = { .peer = "branch-a" };
	char value[64], *text = NULL;
	const char *json;
	size_t len;
	FILE *out;

	ck_says(render_request(&request), "server: hub");
	ck_says(fixture.text, "peer: branch-a\n");
	ck_assert_ptr_null(strstr(fixture.text, "peer: a-stranger"));
	request.peer = "branch-c";
	ck_says(render_request(&request),
		"peer: branch-c\n  absent:             not seen since this engine started\n");
	ck_assert_ptr_null(strstr(fixture.text, "peer: branch-a"));
	request.json = true;
	json = render_request(&request);
	ck_assert_int_eq(json_count(json, "sessions"), 0);
	request.peer = "a-stranger";
	json = render_request(&request);
	ck_assert_int_eq(json_count(json, "sessions"), 1);
	ck_assert_str_eq(json_at(json, "sessions.0.peer", value, sizeof(value)), "\"a-stranger\"");
	request.peer = "nobody";
	out = open_memstream(&text, &len);
	ck_assert_int_eq(status_render(&fixture.engine, &request, out), -ENOENT);
	ck_assert_int_eq(fclose(out), 0);
	free(text);
}
END_TEST

/* From ten peers on a line for each, unless all was asked for, or one. */
START_TEST(short_form)
{
	struct settings *settings = fixture.engine.settings;
	struct settings_peer peers[9] = { 0 };
	struct settings_peer *before = settings->peers;
	struct status_request request = { .kind = STATUS_OVERVIEW };

	for (int i = 0; i < 9; i++) {
		char name[] = { 'p', (char)('0' + i), '\0' };

		peers[i].name = identity_of(name);
	}
	settings->peers = peers;
	settings->peer_count = 7; /* and two sessions */
	ck_says(render_request(&request), "peer: branch-a");
	settings->peer_count = 8;
	ck_says(render_request(&request), "server: hub");
	ck_says(fixture.text, "\nPEER ");
	ck_says(fixture.text, "\np7 ");
	ck_says(fixture.text, "culvert status PEER shows one of them in full");
	ck_assert_ptr_null(strstr(fixture.text, "peer: branch-a"));
	request.full = true;
	ck_says(render_request(&request), "peer: branch-a");
	request = (struct status_request){ .peer = "branch-a" };
	ck_says(render_request(&request), "peer: branch-a");
	settings->peers = before;
	settings->peer_count = 2;
}
END_TEST

/* What `status --check` goes by: configured peers that are not up, or the one that is asked for. */
START_TEST(check)
{
	struct status_request request = { .kind = STATUS_CHECK };

	ck_assert_str_eq(render_request(&request),
		"branch-c is not up: it has no session; not seen since this engine started\n");
	fixture.full->state = SESSION_IDLE;
	fixture.full->down_since = ago(5);
	ck_says(render_request(&request),
		"branch-a is not up (state idle): received a goodbye: the other end is shutting down: bye \\x1b[31m\"now\"; this for 5 s\n");
	ck_assert_ptr_null(strstr(fixture.text, "a-stranger"));
	request.peer = "a-stranger";
	ck_says(render_request(&request), "a-stranger is not up (state idle): ");
	request.peer = "branch-a";
	fixture.full->state = SESSION_UP;
	ck_assert_str_eq(render_request(&request), "");
}
END_TEST

static time_t clock_ahead;

/* In place of the C library's: somebody sets the clock. */
int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret_now);

	if (clock == CLOCK_REALTIME)
		ret_now->tv_sec += clock_ahead;
	return r;
}

/* A peer that was here, by its session's end. */
START_TEST(departed)
{
	struct settings *settings = fixture.engine.settings;
	struct departures *departures = &fixture.engine.departures;
	char value[128], *end;
	const char *json;

	ck_assert_int_eq(departures_init(departures, settings), 0);
	departures_add(departures, fixture.young); /* not configured */
	fixture.full->name = settings->peers[1].name;
	fixture.full->peer = &settings->peers[1];
	fixture.full->down_since = ago(125);
	fixture.full->connections = 0;
	departures_add(departures, fixture.full);
	ck_assert_ptr_null(departures_find(departures, settings, &settings->peers[1]));
	fixture.full->connections = 1;
	departures_add(departures, fixture.full);
	ck_assert_ptr_null(departures_find(departures, settings, &settings->peers[0]));
	fixture.full->name = settings->peers[0].name;
	fixture.full->peer = &settings->peers[0];
	ck_says(render(STATUS_OVERVIEW, false),
		"peer: branch-c\n  absent:             last seen 2 min 5 s ago, from 198.51.100.7:50312: received a goodbye: the other end is shutting down: bye \\x1b[31m\"now\"\n");
	ck_says(render(STATUS_PEERS, false), "  seen 2 min 5 s ago\n");
	ck_says(render(STATUS_CHECK, false),
		"branch-c is not up: it has no session; last seen 2 min 5 s ago, from ");
	json = render(STATUS_OVERVIEW, true);
	ck_assert_int_eq(json_count(json, "absent"), 1);
	ck_assert_str_eq(json_at(json, "absent.0.peer", value, sizeof(value)), "\"branch-c\"");
	ck_assert_int_le(
		llabs(strtoll(json_at(json, "absent.0.last_seen", value, sizeof(value)), &end, 10) +
			125 - time(NULL)),
		2);
	ck_assert_str_eq(json_at(json, "absent.0.last_outer", value, sizeof(value)),
		"\"198.51.100.7:50312\"");
	ck_assert_str_eq(json_at(json, "absent.0.last_left", value, sizeof(value)),
		"\"received a goodbye: the other end is shutting down: bye \\u001b[31m\\\"now\\\"\"");
	/* A host without a clock of its own learns the date from the network. */
	clock_ahead = 1000000000;
	ck_says(render(STATUS_PEERS, false), "  seen 2 min 5 s ago\n");
	json = render(STATUS_OVERVIEW, true);
	ck_assert_int_le(
		llabs(strtoll(json_at(json, "absent.0.last_seen", value, sizeof(value)), &end, 10) +
			125 - clock_ahead - time(NULL)),
		2);
	clock_ahead = 0;
	json = render(STATUS_PEERS, true);
	ck_assert_str_eq(json_at(json, "peers.1.last_seen", value, sizeof(value)), "null");
	ck_assert_str_ne(json_at(json, "peers.2.last_seen", value, sizeof(value)), "null");
	departures_free(departures);
	ck_assert_ptr_null(departures_find(departures, settings, &settings->peers[1]));
	departures_add(departures, fixture.full); /* no memory for any */
}
END_TEST

/* What protects the host, or is done for the peers. */
START_TEST(protection)
{
	struct settings *settings = fixture.engine.settings;
	struct nameservers nameservers = { .server = { addr_of("10.2.0.53"), addr_of("fd02::53") },
		.server_count = 2,
		.domain = { "corp.example" },
		.domain_count = 1 };
	struct session_tun tun;
	char value[128];

	ck_says(render(STATUS_OVERVIEW, false), "NAT:                off\n");
	ck_says(fixture.text, "forwarding:         left to this host\n");
	settings->nat = settings->forwarding = true;
	ck_says(render(STATUS_OVERVIEW, false), "NAT:                of the pools' addresses\n");
	ck_says(fixture.text, "forwarding:         switched on by this server\n");
	ck_assert_str_eq(
		json_at(render(STATUS_OVERVIEW, true), "nat", value, sizeof(value)), "true");
	ck_assert_str_eq(json_at(fixture.text, "forwarding", value, sizeof(value)), "true");
	ck_assert_str_eq(json_at(fixture.text, "dns", value, sizeof(value)), "null");

	settings->role = SETTINGS_CLIENT;
	settings->forwarding = false;
	ck_says(render(STATUS_OVERVIEW, false), "kill switch:        off\n");
	ck_says(fixture.text, "full tunnel:        off\n");
	settings->full_tunnel = true;
	tun = fixture.full->interface.tun;
	fixture.full->interface.tun = (struct session_tun){ .queue_count = 0 };
	ck_says(render(STATUS_OVERVIEW, false), "full tunnel:        not in force yet: ");
	fixture.full->interface.tun = tun;
	ck_says(render(STATUS_OVERVIEW, false), "full tunnel:        in force; held back: ");
	settings->full_tunnel = false;
	ck_says(fixture.text, "DNS:                this host's own\n");
	fixture.full->nameservers = &nameservers;
	settings->use_dns = false;
	ck_says(render(STATUS_OVERVIEW, false), "DNS:                this host's own\n");
	settings->use_dns = true;
	settings->kill_switch = true;
	ck_says(render(STATUS_OVERVIEW, false), "kill switch:        in force\n");
	ck_says(fixture.text,
		"DNS:                the server's: 10.2.0.53 fd02::53, for corp.example\n");
	ck_assert_str_eq(
		json_at(render(STATUS_OVERVIEW, true), "dns.resolvers.1", value, sizeof(value)),
		"\"fd02::53\"");
	ck_assert_str_eq(
		json_at(fixture.text, "dns.domains.0", value, sizeof(value)), "\"corp.example\"");
	settings->contained = true;
	ck_assert_ptr_null(strstr(render(STATUS_OVERVIEW, false), "kill switch:"));
	fixture.full->nameservers = NULL;
}
END_TEST

/* Nobody there, nothing announced: still valid and still a text. */
START_TEST(empty)
{
	struct engine engine = { .started = mono_now() };

	peers_init(&engine.peers, NULL);
	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &engine.settings), 0);
	for (int kind = STATUS_OVERVIEW; kind <= STATUS_ROUTES; kind++) {
		for (int json = 0; json <= 1; json++) {
			char *text = NULL;
			size_t len;
			FILE *out = open_memstream(&text, &len);

			const struct status_request request = { .kind = (enum status_kind)kind,
				.json = json != 0 };

			ck_assert_int_eq(status_render(&engine, &request, out), 0);
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

/* What netd holds: untouched, restored, and lost. */
START_TEST(host)
{
	struct request_held *held = &fixture.engine.held;
	const char *text;

	ck_assert_ptr_null(strstr(render(STATUS_OVERVIEW, false), "in place"));
	fill_held(held);
	text = render(STATUS_OVERVIEW, false);
	ck_says(text, "in place:           interfaces; resolvers\n");
	ck_says(text,
		"restored:           policy rules: changed 3 times by other programs, the last: rule 25463, by bird\n");
	ck_says(text,
		"not in place:       firewall rules: changed 1 time by other programs, the last: table x, by an unknown program; no memory\n");
}
END_TEST

START_TEST(failing_stream)
{
	char room[16];
	FILE *out = fmemopen(room, sizeof(room), "w");

	setvbuf(out, NULL, _IONBF, 0);
	ck_assert_int_lt(
		status_render(&fixture.engine,
			&(struct status_request){ .kind = STATUS_OVERVIEW, .json = true }, out),
		0);
	fclose(out);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { text_overview, limits, text_is_aligned, text_peers,
		text_routes, probes, held_routes, one_peer, short_form, check, departed, protection,
		host, empty, failing_stream };

	return unit_suite("status", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("status", suite());
}
