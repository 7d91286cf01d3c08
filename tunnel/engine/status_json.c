/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status_internal.h"

#include "base/array.h"
#include "base/json.h"
#include "base/version.h"
#include "base/wall_clock.h"
#include "engine/attempts.h"
#include "engine/held_back.h"

/*
 * Programs rely on the keys: docs/status.md has each. New keys are added; no key is renamed, and
 * none changes its meaning.
 */

static void put_addr(struct json *json, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	json_string(json, key, addr_is_set(addr) ? addr_format(addr, text) : NULL);
}

static void put_endpoint(struct json *json, const char *key, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];

	json_string(
		json, key, addr_is_set(&endpoint->addr) ? endpoint_format(endpoint, text) : NULL);
}

static void put_prefix(struct json *json, const char *key, const struct prefix *prefix)
{
	char text[ADDR_TEXT_MAX];

	json_string(json, key, prefix_format(prefix, text));
}

/* A text that is not known yet is null, not "". */
static void put_text(struct json *json, const char *key, const char *text)
{
	json_string(json, key, text[0] ? text : NULL);
}

static void put_identity(struct json *json, const struct engine *engine)
{
	if (!engine->tls) {
		json_null(json, "identity");
		json_null(json, "certificate_expires");
		return;
	}
	json_string(json, "identity", tls_context_identity(engine->tls)->name);
	json_i64(json, "certificate_expires", tls_context_not_after(engine->tls));
}

static void put_renewal(struct json *json, const struct engine *engine)
{
	struct engine_renewal renewal = { .on = false };

	if (engine->role && engine->role->renewal_status)
		engine->role->renewal_status(engine, &renewal);
	if (!renewal.on) {
		json_null(json, "renewal");
		return;
	}
	json_object_begin(json, "renewal");
	json_i64(json, "next", renewal.due);
	if (renewal.last != 0) {
		json_i64(json, "last", renewal.last);
		json_bool(json, "renewed", renewal.good);
		json_string(json, "result", renewal.result);
	} else {
		json_null(json, "last");
		json_null(json, "renewed");
		json_null(json, "result");
	}
	json_object_end(json);
}

static void put_validity(struct json *json, const struct engine *engine)
{
	static const char *const kinds[] = { [TLS_TERM_CERTIFICATE] = "certificate",
		[TLS_TERM_CA] = "ca",
		[TLS_TERM_LIST] = "crl" };
	struct tls_term terms[TLS_TERMS_MAX];
	size_t count = engine->tls ? tls_context_terms(engine->tls, terms, TLS_TERMS_MAX) : 0;

	json_array_begin(json, "validity");
	for (size_t i = 0; i < count; i++) {
		const struct tls_term *term = &terms[i];

		json_object_begin(json, NULL);
		json_string(json, "kind", kinds[term->kind]);
		json_string(json, "name", term->name);
		json_i64(json, "from", term->from);
		if (term->until != 0)
			json_i64(json, "until", term->until);
		else
			json_null(json, "until");
		json_string(json, "state",
			validity_stage_text(validity_judge(term->from, term->until, wall_now())));
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_ends(struct json *json, const struct settings *settings)
{
	json_array_begin(json, "listen");
	for (size_t i = 0; i < settings->listen_count; i++)
		put_endpoint(json, NULL, &settings->listen[i]);
	json_array_end(json);
	json_array_begin(json, "remotes");
	for (size_t i = 0; i < settings->remote_count; i++) {
		json_object_begin(json, NULL);
		json_string(json, "host", settings->remotes[i].host);
		json_u64(json, "port", settings->remotes[i].port);
		json_u64(json, "priority", settings->remotes[i].priority);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_offloads(struct json *json, const char *key, uint32_t offloads)
{
	json_array_begin(json, key);
	for (size_t i = 0; i < status_offload_count; i++) {
		if (offloads & status_offloads[i].bit)
			json_string(json, NULL, status_offloads[i].name);
	}
	json_array_end(json);
}

static void put_counters(struct json *json, const struct lane_counters *counters)
{
	json_u64(json, "in_packets", counter_read(&counters->in_packets));
	json_u64(json, "in_bytes", counter_read(&counters->in_bytes));
	json_u64(json, "in_control", counter_read(&counters->in_control));
	json_u64(json, "out_packets", counter_read(&counters->out_packets));
	json_u64(json, "out_bytes", counter_read(&counters->out_bytes));
	json_u64(json, "out_control", counter_read(&counters->out_control));
	json_u64(json, "received_bytes", counter_read(&counters->received_bytes));
	json_u64(json, "sent_bytes", counter_read(&counters->sent_bytes));
	json_object_begin(json, "queue");
	json_u64(json, "bytes", counter_read(&counters->queue_bytes));
	json_duration(json, "delay",
		(struct duration){ .ns = (int64_t)counter_read(&counters->queue_delay_ns) });
	json_u64(json, "marks", counter_read(&counters->marks));
	json_object_end(json);
	json_object_begin(json, "drops");
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		json_u64(json, drop_reason_text(i), counter_read(&counters->drops[i]));
	json_object_end(json);
}

static void put_terms(struct json *json, const struct session *session)
{
	const struct session_terms *terms = &session->terms;

	json_object_begin(json, "addresses");
	put_addr(json, "local4", &terms->local4);
	put_addr(json, "remote4", &terms->remote4);
	put_addr(json, "local6", &terms->local6);
	put_addr(json, "remote6", &terms->remote6);
	json_object_end(json);
	json_array_begin(json, "without");
	if (session_interface_lacks_family(&session->interface, AF_INET))
		json_string(json, NULL, "ipv4");
	if (session_interface_lacks_family(&session->interface, AF_INET6))
		json_string(json, NULL, "ipv6");
	json_array_end(json);
	if (terms->mtu != 0)
		json_u64(json, "mtu", terms->mtu);
	else
		json_null(json, "mtu");
	json_object_begin(json, "offloads");
	put_offloads(json, "send", terms->offloads_send);
	put_offloads(json, "accept", terms->offloads_accept);
	json_object_end(json);
	json_array_begin(json, "peer_lacks");
	for (size_t i = 0; i < status_feature_count; i++) {
		if (status_lacking(session) & status_features[i].bit)
			json_string(json, NULL, status_features[i].name);
	}
	json_array_end(json);
}

static void put_keepalive(struct json *json, const struct session_terms *terms)
{
	if (terms->dead_after.ns == 0) { /* the terms are not known yet */
		json_null(json, "ping_interval");
		json_null(json, "dead_after");
		return;
	}
	json_duration(json, "ping_interval", terms->ping_interval);
	json_duration(json, "dead_after", terms->dead_after);
}

/* What another program removed and netd cannot restore. */
static void put_missing(struct json *json, const struct session *session)
{
	const struct session_interface_lack *lack = session_interface_lack(&session->interface);

	json_object_begin(json, "missing");
	json_bool(json, "link", lack->link);
	json_bool(json, "address4", lack->local4);
	json_bool(json, "address6", lack->local6);
	json_u64(json, "routes", routes_count_missing(&session->routes));
	json_string(json, "cause", lack->why);
	json_object_end(json);
	json_u64(json, "routes_held", status_count_held(session));
}

static void put_interface(struct json *json, const struct session *session)
{
	const struct session_interface *interface = &session->interface;

	if (!session_interface_is_there(interface)) {
		json_null(json, "interface");
		return;
	}
	json_object_begin(json, "interface");
	json_string(json, "name", session_interface_name(interface));
	json_u64(json, "index", session_interface_index(interface));
	if (session_netns(session)[0])
		json_string(json, "netns", session_netns(session));
	else
		json_null(json, "netns");
	put_missing(json, session);
	json_object_end(json);
}

static void put_rtt(struct json *json, const struct session *session)
{
	const struct liveness *liveness = status_rtt(session);

	if (!liveness) {
		json_null(json, "rtt");
		return;
	}
	json_object_begin(json, "rtt");
	json_duration(json, "last", liveness->rtt_last);
	json_duration(json, "smooth", liveness->rtt_smooth);
	json_duration(json, "least", liveness->rtt_least);
	json_object_end(json);
}

static void put_left(struct json *json, const struct session *session)
{
	const struct session_leave *leave = status_left(session);

	if (!leave) {
		json_null(json, "left");
		return;
	}
	json_object_begin(json, "left");
	json_u64(json, "code", leave->code);
	json_string(json, "meaning",
		leave->code == 0       ? NULL
			: leave->heard ? goodbye_code_text(leave->code)
				       : goodbye_code_text_sent(leave->code));
	json_bool(json, "heard", leave->heard);
	json_bool(json, "attempt", leave->attempt);
	json_string(json, "text", leave->text);
	json_duration(json, "retry_after", DURATION_MS(leave->retry_after_ms));
	json_object_end(json);
}

/* null: it is up, or was not yet. */
static void put_lost(struct json *json, const struct session *session)
{
	char text[LEAVE_TEXT_MAX] = "";

	if (session->state != SESSION_UP)
		attempts_leave_text(status_lost(session), text);
	put_text(json, "lost", text);
}

/* null: it is up, or this end does not connect by itself. */
static void put_attempt(
	struct json *json, const struct status_view *view, const struct session *session)
{
	struct attempts attempts;

	if (!attempts_read(view->engine, session, view->now, &attempts)) {
		json_null(json, "attempt");
		return;
	}
	json_object_begin(json, "attempt");
	json_u64(json, "failed", attempts.count);
	if (attempts.count > 0)
		json_duration(json, "ago", attempts.ago);
	else
		json_null(json, "ago");
	put_text(json, "text", attempts.text);
	json_duration(json, "next", attempts.next);
	json_object_end(json);
}

static void put_congestion(struct json *json, const struct session_lane *sl, struct mono now)
{
	const struct lane_congestion *congestion = &sl->congestion;

	if (congestion->control[0] == '\0') {
		json_null(json, "congestion");
		return;
	}
	json_object_begin(json, "congestion");
	json_string(json, "control", congestion->control);
	json_duration(json, "for", mono_since(now, sl->congestion_since));
	json_u64(json, "changes", sl->congestion_changes);
	if (congestion->reason == CONGESTION_BEGAN) {
		json_null(json, "reason");
	} else {
		json_string(json, "reason", congestion_reason_text(congestion->reason));
		json_u64(json, "loss_ppm", congestion->view.loss_ppm);
		json_duration(
			json, "rtt", (struct duration){ congestion->view.rtt_us * INT64_C(1000) });
		json_duration(json, "least_rtt",
			(struct duration){ congestion->view.least_rtt_us * INT64_C(1000) });
		json_u64(json, "bytes_per_second", congestion->view.rate);
	}
	json_object_end(json);
}

static void put_amount(struct json *json, const char *key, uint64_t amount)
{
	if (amount > 0)
		json_u64(json, key, amount);
	else
		json_null(json, key);
}

static void put_limit(struct json *json, const struct lane_counters *counters)
{
	uint64_t rate = counter_read(&counters->limit_rate);
	uint64_t window = counter_read(&counters->limit_window);

	if (rate == 0 && window == 0) {
		json_null(json, "limit");
		return;
	}
	json_object_begin(json, "limit");
	put_amount(json, "bytes_per_second", rate);
	put_amount(json, "bytes", window);
	json_object_end(json);
}

static void put_lanes(struct json *json, const struct session *session, struct mono now)
{
	const struct session_lane *sl;

	json_array_begin(json, "lanes");
	TAILQ_FOREACH(sl, &session->lanes, link) {
		json_object_begin(json, NULL);
		json_u64(json, "number", sl->number);
		json_string(json, "stage", status_stage_text(sl->stage));
		json_bool(json, "control", sl == session->control);
		json_u64(json, "worker", lane_worker(sl->lane));
		json_duration(json, "age", mono_since(now, sl->since));
		put_endpoint(json, "outer", &sl->outer);
		put_text(json, "cipher", session->lane_peer.cipher);
		put_text(json, "group", session->lane_peer.group);
		json_duration(json, "heard_ago", status_heard_ago(sl->lane, now));
		if (sl->liveness.measured)
			json_duration(json, "rtt", sl->liveness.rtt_smooth);
		else
			json_null(json, "rtt");
		put_congestion(json, sl, now);
		put_limit(json, lane_counters(sl->lane));
		put_counters(json, lane_counters(sl->lane));
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_session(
	struct json *json, const struct status_view *view, const struct session *session)
{
	struct lane_counters sums;

	session_sum(session, &sums);
	json_object_begin(json, NULL);
	json_string(json, "peer", session->name.name);
	json_bool(json, "listed", session->peer != NULL);
	json_string(json, "state", session_state_text(session->state));
	json_duration(json, "state_for", mono_since(view->now, session->entered));
	if (session->linger.running)
		json_duration(json, "linger_left", mono_since(session->linger.due, view->now));
	else
		json_null(json, "linger_left");
	json_duration(json, "age", mono_since(view->now, session->created));
	if (session->state == SESSION_UP)
		json_duration(json, "up_for", mono_since(view->now, session->up_since));
	else
		json_null(json, "up_for");
	if (session->state != SESSION_UP)
		json_duration(json, "down_for", mono_since(view->now, session->down_since));
	else
		json_null(json, "down_for");
	put_endpoint(json, "outer", &session->outer);
	put_text(json, "proxy", status_proxy_text(view));
	put_text(json, "cipher", session->lane_peer.cipher);
	put_text(json, "group", session->lane_peer.group);
	if (session->lane_peer.not_after != 0)
		json_i64(json, "certificate_expires", session->lane_peer.not_after);
	else
		json_null(json, "certificate_expires");
	put_interface(json, session);
	put_terms(json, session);
	put_keepalive(json, &session->terms);
	json_u64(json, "lanes_granted", session->terms.lanes);
	put_rtt(json, session);
	json_u64(json, "connections", session->connections);
	put_counters(json, &sums);
	put_left(json, session);
	put_lost(json, session);
	put_attempt(json, view, session);
	put_lanes(json, session, view->now);
	json_object_end(json);
}

/* null: no full tunnel is in force. */
static void put_full_tunnel(struct json *json, const struct status_view *view)
{
	const struct session *session = NULL;
	char cause[HELD_BACK_TEXT_MAX];
	unsigned families;

	for (size_t i = 0; i < view->session_count && !session; i++) {
		if (held_back_in_force(view->peers[i].session))
			session = view->peers[i].session;
	}
	if (!session) {
		json_null(json, "full_tunnel");
		return;
	}
	families = held_back_families(session);
	json_object_begin(json, "full_tunnel");
	json_array_begin(json, "held_back");
	if ((families & HELD_BACK_IPV4) != 0)
		json_string(json, NULL, "IPv4");
	if ((families & HELD_BACK_IPV6) != 0)
		json_string(json, NULL, "IPv6");
	json_array_end(json);
	put_text(json, "cause", held_back_cause(session, cause));
	json_object_end(json);
}

/* null: this host's own resolvers are in use. */
static void put_dns(struct json *json, const struct status_view *view)
{
	const struct nameservers *nameservers = status_nameservers(view);

	if (!nameservers) {
		json_null(json, "dns");
		return;
	}
	json_object_begin(json, "dns");
	json_array_begin(json, "resolvers");
	for (size_t i = 0; i < nameservers->server_count; i++)
		put_addr(json, NULL, &nameservers->server[i]);
	json_array_end(json);
	json_array_begin(json, "domains");
	for (size_t i = 0; i < nameservers->domain_count; i++)
		json_string(json, NULL, nameservers->domain[i]);
	json_array_end(json);
	json_object_end(json);
}

/* `departure` NULL: it is here, or was not here since this engine began. */
static void put_departure(
	struct json *json, const struct status_view *view, const struct departure *departure)
{
	if (!departure) {
		json_null(json, "last_seen");
		json_null(json, "last_outer");
		json_null(json, "last_left");
		return;
	}
	json_i64(json, "last_seen", status_seen_date(view, departure));
	put_endpoint(json, "last_outer", &departure->outer);
	put_text(json, "last_left", departure->text);
}

static void put_absent(struct json *json, const struct status_view *view, FILE *out)
{
	json_array_begin(json, "absent");
	for (size_t i = view->session_count; i < view->peer_count && status_has_room(out); i++) {
		json_object_begin(json, NULL);
		json_string(json, "peer", view->peers[i].name->name);
		put_departure(json, view, view->peers[i].departure);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_host(struct json *json, const struct request_held *held)
{
	json_array_begin(json, "host");
	for (size_t i = 0; i < held->count; i++) {
		const struct request_held_item *item = &held->items[i];
		bool changed = item->changes > 0;

		json_object_begin(json, NULL);
		json_string(json, "item", item->name);
		json_bool(json, "in_place", item->in_place);
		json_u64(json, "changes", item->changes);
		json_string(json, "changed", changed ? item->what : NULL);
		json_string(json, "changed_by",
			changed && item->writer[0] != '\0' ? item->writer : NULL);
		json_string(json, "cause", item->in_place ? NULL : item->why);
		json_object_end(json);
	}
	json_array_end(json);
}

/* `last_failure`: null while no probe has failed. */
static void put_probe(struct json *json, const char *key, const struct status_view *view,
	const struct prefix *prefix)
{
	const struct probing_item *item = probing_find(&view->engine->probing, prefix);
	const struct probe *probe = item ? &item->probe : NULL;
	char target[ENDPOINT_TEXT_MAX];

	if (!probe) {
		json_null(json, key);
		return;
	}
	json_object_begin(json, key);
	put_prefix(json, "prefix", prefix);
	json_string(json, "target", probing_target_format(item, target));
	json_string(json, "kind", item->target.port != 0 ? "tcp" : "icmp");
	json_string(json, "state", probe_state_text(probe));
	json_duration(json, "for", mono_since(view->now, probe->since));
	json_bool(json, "announced", probe_announces(probe));
	json_bool(json, "answered", probe->answered);
	json_u64(json, "changes", probe->changes);
	json_u64(json, "in_a_row", probe->streak);
	json_u64(json, "needed",
		probe->state == PROBE_DEAD ? probe_needed(probe) : probe->rule.down);
	if (probe->has_failed) {
		json_object_begin(json, "last_failure");
		json_duration(json, "age", mono_since(view->now, probe->failed));
		put_text(json, "error", probe->why);
		json_object_end(json);
	} else {
		json_null(json, "last_failure");
	}
	json_object_end(json);
}

static void put_probes(struct json *json, const struct status_view *view)
{
	const struct probing *probing = &view->engine->probing;

	json_array_begin(json, "probes");
	for (size_t i = 0; i < probing->count; i++)
		put_probe(json, NULL, view, &probing->items[i]->prefix);
	json_array_end(json);
}

void status_json_overview(const struct status_view *view, FILE *out)
{
	const struct engine *engine = view->engine;
	const struct settings *settings = engine->settings;
	struct json json;

	json_init(&json, out);
	json_object_begin(&json, NULL);
	json_string(&json, "name", settings->name);
	json_string(&json, "role", settings->role == SETTINGS_SERVER ? "server" : "client");
	json_string(&json, "version", culvert_version);
	put_identity(&json, engine);
	put_renewal(&json, engine);
	put_validity(&json, engine);
	json_duration(&json, "uptime", mono_since(view->now, engine->started));
	json_bool(&json, "stopping", engine->world.stopping);
	json_u64(&json, "generation", engine->load.number);
	json_duration(&json, "loaded_for",
		mono_since(view->now, mono_add((struct mono){ 0 }, DURATION_S(engine->load.at_s))));
	put_text(&json, "changed", engine->load.changed);
	json_u64(&json, "workers", engine->worker_count);
	put_ends(&json, settings);
	status_json_failover(&json, view);
	json_bool(&json, "kill_switch", settings->kill_switch && !settings->contained);
	put_full_tunnel(&json, view);
	put_dns(&json, view);
	json_bool(&json, "nat", settings->nat);
	json_bool(&json, "forwarding", settings->forwarding);
	put_host(&json, &engine->held);
	put_probes(&json, view);
	json_u64(&json, "session_count", engine->peers.session_count);
	json_array_begin(&json, "sessions");
	for (size_t i = 0; i < view->session_count && status_has_room(out); i++)
		put_session(&json, view, view->peers[i].session);
	json_array_end(&json);
	put_absent(&json, view, out);
	json_object_end(&json);
}

static void put_peer_session(
	struct json *json, const struct status_view *view, const struct session *session)
{
	struct lane_counters sums;

	session_sum(session, &sums);
	json_string(json, "state", session_state_text(session->state));
	json_duration(json, "state_for", mono_since(view->now, session->entered));
	put_endpoint(json, "outer", &session->outer);
	put_addr(json, "address4", &session->terms.remote4);
	put_addr(json, "address6", &session->terms.remote6);
	put_text(json, "interface", session_interface_name(&session->interface));
	if (status_rtt(session))
		json_duration(json, "rtt", status_rtt(session)->rtt_smooth);
	else
		json_null(json, "rtt");
	json_u64(json, "in_bytes", counter_read(&sums.in_bytes));
	json_u64(json, "out_bytes", counter_read(&sums.out_bytes));
}

/* The keys of put_peer_session(), all null. */
static void put_peer_absent(struct json *json)
{
	static const char *const keys[] = { "state", "state_for", "outer", "address4", "address6",
		"interface", "rtt", "in_bytes", "out_bytes" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_null(json, keys[i]);
}

static void put_peer(
	struct json *json, const struct status_view *view, const struct status_peer *peer)
{
	json_object_begin(json, NULL);
	json_string(json, "name", peer->name->name);
	json_bool(json, "listed", peer->listed);
	if (peer->session)
		put_peer_session(json, view, peer->session);
	else
		put_peer_absent(json);
	put_departure(json, view, peer->departure);
	json_object_end(json);
}

void status_json_peers(const struct status_view *view, FILE *out)
{
	struct json json;

	json_init(&json, out);
	json_object_begin(&json, NULL);
	json_array_begin(&json, "peers");
	for (size_t i = 0; i < view->peer_count && status_has_room(out); i++)
		put_peer(&json, view, &view->peers[i]);
	json_array_end(&json);
	json_object_end(&json);
}

static void put_announced(
	struct json *json, const struct status_view *view, const struct prefix *prefix)
{
	json_object_begin(json, NULL);
	put_prefix(json, "prefix", prefix);
	json_bool(json, "tracked", prefix_list_has(&view->engine->peers.announced.tracked, prefix));
	json_bool(json, "common", announced_is_common(&view->engine->peers.announced, prefix));
	json_bool(
		json, "withheld", prefix_list_has(&view->engine->peers.announced.withheld, prefix));
	put_probe(json, "probe", view, prefix);
	json_array_begin(json, "refusals");
	for (size_t i = 0; i < view->session_count; i++) {
		const struct session *session = view->peers[i].session;
		uint8_t verdict = routes_refusal(&session->routes, prefix);

		if (verdict == ROUTE_ACCEPTED)
			continue;
		json_object_begin(json, NULL);
		json_string(json, "peer", session->name.name);
		json_u64(json, "verdict", verdict);
		json_string(json, "reason", route_verdict_text((enum route_verdict)verdict));
		json_object_end(json);
	}
	json_array_end(json);
	json_object_end(json);
}

/* The peers that learn the routes of this one. */
static void put_passed_to(
	struct json *json, const struct status_view *view, const struct session *session)
{
	const struct session *other;

	json_array_begin(json, "passed_to");
	TAILQ_FOREACH(other, &view->engine->peers.sessions, link) {
		if (other != session && peers_hears_of(other, session))
			json_string(json, NULL, other->name.name);
	}
	json_array_end(json);
}

static void put_received(
	struct json *json, const struct status_view *view, const struct session *session)
{
	char reason[ROUTE_REASON_MAX];

	for (size_t i = 0; i < session->routes.count; i++) {
		const struct route *route = &session->routes.items[i];
		bool refused = route->state == ROUTE_REFUSED;

		json_object_begin(json, NULL);
		put_prefix(json, "prefix", &route->prefix);
		json_string(json, "peer", session->name.name);
		json_string(json, "state", status_route_text(session, route));
		json_u64(json, "verdict", refused ? route->verdict : ROUTE_ACCEPTED);
		json_string(json, "reason", refused ? route_reason(route, reason) : NULL);
		json_u64(json, "metric", settings_metric(session->peer));
		put_passed_to(json, view, session);
		json_object_end(json);
	}
}

void status_json_routes(const struct status_view *view, FILE *out)
{
	const struct prefix_list *announced = &view->engine->peers.announced.all;
	struct json json;

	json_init(&json, out);
	json_object_begin(&json, NULL);
	json_array_begin(&json, "announced");
	for (size_t i = 0; i < announced->count && status_has_room(out); i++)
		put_announced(&json, view, &announced->items[i]);
	json_array_end(&json);
	json_array_begin(&json, "received");
	for (size_t i = 0; i < view->session_count && status_has_room(out); i++)
		put_received(&json, view, view->peers[i].session);
	json_array_end(&json);
	json_array_begin(&json, "over_limit");
	for (size_t i = 0; i < view->session_count; i++) {
		const struct session *session = view->peers[i].session;

		if (session->routes.over_limit == 0)
			continue;
		json_object_begin(&json, NULL);
		json_string(&json, "peer", session->name.name);
		json_u64(&json, "count", session->routes.over_limit);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_object_end(&json);
}
