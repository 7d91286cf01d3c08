/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of engine/status.c share: an engine to describe. */
#ifndef CULVERT_TESTS_UNIT_STATUS_FIXTURE_H
#define CULVERT_TESTS_UNIT_STATUS_FIXTURE_H

#include "engine/status.h"

#include "base/offload.h"
#include "lane/lane_internal.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "tests/unit/parse.h"
#include "wire/feature.h"
#include "tests/unit/json_read.h"
#include "tests/unit/unit.h"

/* A server with one session in full, one that only begins, and a listed peer that is not there. */
static struct fixture {
	struct engine engine;
	struct lane lane;
	struct worker worker;
	struct session_lane session_lane;
	struct session *full, *young;
	struct prefix announced[2];
	char *text;
} fixture;

static inline struct mono ago(int64_t seconds)
{
	return (struct mono){ .ns = mono_now().ns - seconds * 1000000000 };
}

static inline void fill_settings(struct settings *settings)
{
	static const char *const names[] = { "branch-a", "branch-c" };

	snprintf(settings->name, sizeof(settings->name), "hub");
	settings->listen[0] = (struct endpoint){ addr_of("192.0.2.1"), 443 };
	settings->listen[1] = (struct endpoint){ addr_of("2001:db8::1"), 8443 };
	settings->listen_count = 2;
	settings->peers = calloc(2, sizeof(*settings->peers));
	settings->peer_count = 2;
	for (int i = 0; i < 2; i++)
		settings->peers[i].name = identity_of(names[i]);
}

/* An item that nobody has touched, and others. */
static inline void fill_held(struct request_held *held)
{
	*held = (struct request_held){ .count = 4 };
	snprintf(held->items[0].name, sizeof(held->items[0].name), "interfaces");
	snprintf(held->items[1].name, sizeof(held->items[1].name), "policy rules");
	snprintf(held->items[1].what, sizeof(held->items[1].what), "rule 25463");
	snprintf(held->items[1].writer, sizeof(held->items[1].writer), "bird");
	snprintf(held->items[2].name, sizeof(held->items[2].name), "resolvers");
	snprintf(held->items[3].name, sizeof(held->items[3].name), "firewall rules");
	snprintf(held->items[3].what, sizeof(held->items[3].what), "table x");
	snprintf(held->items[3].why, sizeof(held->items[3].why), "no memory");
	held->items[0].in_place = held->items[1].in_place = held->items[2].in_place = true;
	held->items[1].changes = 3;
	held->items[3].changes = 1;
}

static inline void fill_counters(struct lane_counters *counters, uint64_t unit)
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
	counter_set(&counters->queue_bytes, 10 * unit);
	counter_set(&counters->marks, 11 * unit);
	counter_set(&counters->queue_delay_ns, 12000 * unit);
}

static inline void fill_session(struct session *session)
{
	session->state = SESSION_UP;
	session->created = ago(5000);
	session->entered = session->up_since = ago(3725);
	session->connections = 2;
	session->outer = (struct endpoint){ addr_of("198.51.100.7"), 50312 };
	session->interface.tun = (struct session_tun){
		.queue_count = 1, .index = 12, .name = "cv3"
	};
	session->terms = (struct session_terms){
		.mtu = 1400,
		.offloads_send = OFFLOAD_CSUM | OFFLOAD_TSO4,
		.offloads_accept = OFFLOAD_ALL,
		.features = FEATURES_OURS,
		.local4 = addr_of("10.99.0.1"),
		.remote4 = addr_of("10.99.0.2"),
		.local6 = addr_of("fd99::1"),
		.remote6 = addr_of("fd99::2"),
		.ping_interval = DURATION_MS(5000),
		.dead_after = DURATION_MS(15000),
	};
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
	fixture.worker.index = 1;
	fixture.lane.worker = &fixture.worker;
	fixture.session_lane = (struct session_lane){
		.session = session,
		.lane = &fixture.lane,
		.outer = session->outer,
		.stage = SESSION_LANE_CARRYING,
		.number = 3,
		.since = ago(3600),
		.liveness = {
			.measured = true,
			.rtt_last = { 12345678 },
			.rtt_smooth = { 11000000 },
			.rtt_least = { 10000000 },
		},
	};
	TAILQ_INSERT_TAIL(&session->lanes, &fixture.session_lane, link);
	session->control = &fixture.session_lane;
	session->terms.lanes = 4;
	atomic_store(&fixture.lane.counters.heard_ns, ago(3).ns);
	fill_counters(&fixture.lane.counters, 1);
	fill_counters(&session->past, 1000);
}

static inline void fill_routes(struct routes *routes)
{
	routes->items = calloc(2, sizeof(*routes->items));
	routes->count = routes->capacity = 2;
	routes->items[0] = (struct route){ .prefix = prefix_of("10.1.0.0/16"),
		.state = ROUTE_INSTALLED };
	routes->items[1] = (struct route){
		.prefix = prefix_of("203.0.113.0/24"),
		.state = ROUTE_REFUSED,
		.verdict = ROUTE_NOT_ALLOWED,
	};
	routes->refusals = calloc(1, sizeof(*routes->refusals));
	routes->refusal_count = routes->refusal_capacity = 1;
	routes->refusals[0] = (struct route_refusal){ prefix_of("10.2.0.0/16"), ROUTE_LIMIT };
	routes->over_limit = 4;
}

/* 10.2.0.0/16 is dead and answers again; fd02::/48 is alive. */
static inline void fill_probes(
	struct probing *probing, struct probing_item *items, struct probing_item **pointers)
{
	const struct settings_probe_rule rule = { DURATION_MS(400), 3, 5 };

	items[0] = (struct probing_item){ .prefix = prefix_of("10.2.0.0/16"),
		.target = { addr_of("10.2.0.5"), 22 },
		.probe = { .rule = rule,
			.state = PROBE_DEAD,
			.streak = 2,
			.doublings = 1,
			.since = ago(100),
			.changes = 3,
			.answered = true,
			.has_failed = true,
			.failed = ago(7),
			.why = "Connection refused" } };
	items[1] = (struct probing_item){ .prefix = prefix_of("fd02::/48"),
		.target = { addr_of("fd02::5"), 0 },
		.probe = { .rule = rule,
			.state = PROBE_ALIVE,
			.since = ago(3600),
			.answered = true } };
	pointers[0] = &items[0];
	pointers[1] = &items[1];
	probing->items = pointers;
	probing->count = 2;
}

static inline void setup(void)
{
	static const struct engine_role role = { .configuration.tls_role = TLS_SERVER };
	struct identity full = identity_of("branch-a"), young = identity_of("a-stranger");

	fixture = (struct fixture){ .engine = { .role = &role,
					    .started = ago(90061),
					    .worker_count = 2,
					    .load.number = 3 } };
	peers_init(&fixture.engine.peers, NULL);
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &fixture.engine.settings), 0);
	fill_settings(fixture.engine.settings);
	fixture.engine.world.settings = fixture.engine.settings;
	fixture.announced[0] = prefix_of("10.2.0.0/16");
	fixture.announced[1] = prefix_of("fd02::/48");
	fixture.engine.peers.announced.all = (struct prefix_list){ fixture.announced, 2 };
	fixture.engine.peers.announced.tracked = (struct prefix_list){ &fixture.announced[1], 1 };
	ck_assert_int_eq(engine_new_session(&fixture.engine, &full,
				 &fixture.engine.settings->peers[0], &fixture.full),
		0);
	ck_assert_int_eq(engine_new_session(&fixture.engine, &young, NULL, &fixture.young), 0);
	fill_session(fixture.full);
	fill_routes(&fixture.full->routes);
}

static inline void teardown(void)
{
	routes_free(&fixture.full->routes);
	free(fixture.full);
	free(fixture.young);
	free(fixture.text);
	settings_free(fixture.engine.settings);
}

static inline const char *render_request(const struct status_request *request)
{
	size_t len;
	FILE *out;

	free(fixture.text);
	fixture.text = NULL;
	out = open_memstream(&fixture.text, &len);
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(status_render(&fixture.engine, request, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	if (request->json)
		ck_assert_msg(json_is_valid(fixture.text), "%s", fixture.text);
	return fixture.text;
}

static inline const char *render(enum status_kind kind, bool json)
{
	return render_request(&(struct status_request){ .kind = kind, .json = json });
}

#endif
