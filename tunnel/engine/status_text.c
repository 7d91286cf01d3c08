/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/wall_clock.h"
#include "base/version.h"
#include "engine/attempts.h"
#include "engine/held_back.h"

/*
 * Text for people: aligned, rounded, without empty values. A peer's texts are escaped. Tables are
 * rendered twice: the first time to measure their columns.
 */

enum {
	TEXT_MAX = DURATION_TEXT_MAX, /* a duration, a size or a date as text */
	LABEL_WIDTH = STATUS_LABEL_WIDTH,
	TABLE_COLUMNS_MAX = 10,
	CELL_MAX = ROUTE_REASON_MAX + 16, /* the longest is a route's state */
	ESCAPED_MAX = 4 * MESSAGE_TEXT_MAX + 1,
};

static const char *rtt_text(char out[static TEXT_MAX], struct duration rtt)
{
	snprintf(out, TEXT_MAX, "%.1f ms", (double)rtt.ns / 1e6);
	return out;
}

static const char *size_text(char out[static TEXT_MAX], uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double size = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(out, TEXT_MAX, "%" PRIu64 " B", bytes);
		return out;
	}
	for (; size >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
		size /= 1024;
	snprintf(out, TEXT_MAX, "%.2f %s", size, units[unit]);
	return out;
}

static const char *date_text(char out[static TEXT_MAX], int64_t seconds)
{
	time_t moment = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&moment, &utc) || strftime(out, TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0)
		snprintf(out, TEXT_MAX, "unknown");
	return out;
}

static const char *expired_text(int64_t seconds)
{
	return seconds < wall_now() ? " (expired)" : "";
}

/* Writes one line of a description: an indented label, then the value; the values form a column. */
__attribute__((format(printf, 3, 4))) static void field(
	FILE *out, const char *label, const char *format, ...)
{
	va_list args;

	fprintf(out, "  %-*s", LABEL_WIDTH, label);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

static void field_date(FILE *out, const char *label, int64_t seconds)
{
	char shown[TEXT_MAX];

	field(out, label, "%s%s", date_text(shown, seconds), expired_text(seconds));
}

/* ---- the overview ---- */

static void write_ends(FILE *out, const struct settings *settings)
{
	char text[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < settings->listen_count; i++)
		field(out, i == 0 ? "listening on:" : "", "%s",
			endpoint_format(&settings->listen[i], text));
	for (size_t i = 0; i < settings->remote_count; i++)
		field(out, i == 0 ? "remotes:" : "", "%s port %u, priority %u",
			settings->remotes[i].host, settings->remotes[i].port,
			settings->remotes[i].priority);
}

/* What the server does with packets of its peers to other networks. */
static void write_passing_on(FILE *out, const struct settings *settings)
{
	field(out, "NAT:", "%s", settings->nat ? "of the pools' addresses" : "off");
	field(out, "forwarding:", "%s",
		settings->forwarding ? "switched on by this server" : "left to this host");
}

static void write_resolvers(const struct status_view *view, FILE *out)
{
	const struct nameservers *nameservers = status_nameservers(view);
	char text[ADDR_TEXT_MAX];

	if (!nameservers) {
		field(out, "DNS:", "this host's own");
		return;
	}
	fprintf(out, "  %-*sthe server's:", LABEL_WIDTH, "DNS:");
	for (size_t i = 0; i < nameservers->server_count; i++)
		fprintf(out, " %s", addr_format(&nameservers->server[i], text));
	for (size_t i = 0; i < nameservers->domain_count; i++)
		fprintf(out, "%s %s", i == 0 ? ", for" : "", nameservers->domain[i]);
	fputc('\n', out);
}

/* The lines of the session then say so. */
static bool is_held_back(const struct status_view *view)
{
	for (size_t i = 0; i < view->session_count; i++) {
		if (held_back_in_force(view->peers[i].session))
			return true;
	}
	return false;
}

/* What keeps this host's packets in the tunnel. */
static void write_protection(const struct status_view *view, FILE *out)
{
	const struct settings *settings = view->engine->settings;

	field(out, "kill switch:", settings->kill_switch ? "in force" : "off");
	if (!settings->full_tunnel)
		field(out, "full tunnel:", "off");
	else if (settings_is_elsewhere(settings))
		field(out, "full tunnel:", "in its network namespace");
	else if (!is_held_back(view))
		field(out, "full tunnel:",
			"not in force yet: it begins when the server first welcomes this client");
	write_resolvers(view, out);
	if (settings->forwarding)
		field(out, "forwarding:", "switched on by this client");
}

/* What netd holds on this host: a line for all that nobody has touched, and one for each other. */
static void write_host(FILE *out, const struct request_held *held)
{
	const char *between = "";

	for (size_t i = 0; i < held->count; i++) {
		if (!held->items[i].in_place || held->items[i].changes > 0)
			continue;
		if (between[0] == '\0')
			fprintf(out, "  %-*s", LABEL_WIDTH, "in place:");
		fprintf(out, "%s%s", between, held->items[i].name);
		between = "; ";
	}
	if (between[0] != '\0')
		fputc('\n', out);
	for (size_t i = 0; i < held->count; i++) {
		const struct request_held_item *item = &held->items[i];
		bool once = item->changes == 1;

		if (item->in_place && item->changes == 0)
			continue;
		field(out, item->in_place ? "restored:" : "not in place:",
			"%s: changed %" PRIu32 " time%s by other programs, the last: %s, by %s%s%s",
			item->name, item->changes, once ? "" : "s", item->what,
			item->writer[0] ? item->writer : "an unknown program",
			item->in_place ? "" : "; ", item->why);
	}
}

/* A line for each probed announcement, and for a dead one why the last probe failed. */
static void write_probes(const struct status_view *view, FILE *out)
{
	const struct probing *probing = &view->engine->probing;

	for (size_t i = 0; i < probing->count; i++) {
		const struct probing_item *item = probing->items[i];
		const struct probe *probe = &item->probe;
		char prefix[ADDR_TEXT_MAX], target[ENDPOINT_TEXT_MAX], age[TEXT_MAX];

		field(out, i == 0 ? "probes:" : "", "%s %s: %s is %s for %s%s%s",
			prefix_format(&item->prefix, prefix),
			probe_announces(probe) ? "announced" : "withheld",
			probing_target_format(item, target), probe_state_text(probe),
			duration_format(mono_since(view->now, probe->since), age),
			probe->state != PROBE_DEAD ? "" : ": ",
			probe->state != PROBE_DEAD ? "" : probe->why);
		if (probe->state == PROBE_DEAD && probe->answered)
			field(out, "", "it answers again: %u of %u in a row", probe->streak,
				probe_needed(probe));
	}
}

static struct mono load_time(const struct request_load *load)
{
	return mono_add((struct mono){ 0 }, DURATION_S(load->at_s));
}

static void write_renewal(const struct engine *engine, FILE *out)
{
	struct engine_renewal renewal = { .on = false };

	if (!engine->settings->renew)
		return;
	if (engine->role && engine->role->renewal_status)
		engine->role->renewal_status(engine, &renewal);
	if (!renewal.on) {
		field(out,
			"renewal:", "none, although renew = true; the log of the start says why");
		return;
	}
	field_date(out, "next renewal:", renewal.due);
	if (renewal.last != 0) {
		field_date(out, renewal.good ? "renewed:" : "renewal failed:", renewal.last);
		if (!renewal.good)
			field(out, "because:", "%s", renewal.result);
	}
}

/* What ends soon, or has ended. */
static void write_warnings(FILE *out, const struct engine *engine)
{
	struct tls_term terms[TLS_TERMS_MAX];
	size_t count = tls_context_terms(engine->tls, terms, TLS_TERMS_MAX);
	struct problem text;

	for (size_t i = 0; i < count; i++) {
		validity_explain(&terms[i], wall_now(),
			engine->settings->crl_expired == SETTINGS_CRL_REFUSE, &text);
		if (text.text[0] != '\0')
			field(out, "warning:", "%s", text.text);
	}
}

static void write_daemon(const struct status_view *view, FILE *out)
{
	const struct engine *engine = view->engine;
	const struct settings *settings = engine->settings;
	char shown[TEXT_MAX];

	fprintf(out, "%s: %s\n", settings->role == SETTINGS_SERVER ? "server" : "client",
		settings->name);
	field(out, "version:", "%s", culvert_version);
	field(out, "up for:", "%s%s",
		duration_format(mono_since(view->now, engine->started), shown),
		engine->world.stopping ? ", stopping now" : "");
	if (engine->tls) {
		field(out, "identity:", "%s", tls_context_identity(engine->tls)->name);
		field_date(out, "certificate until:", tls_context_not_after(engine->tls));
		write_renewal(engine, out);
		write_warnings(out, engine);
	}
	field(out, "configuration:", "%u, loaded %s ago%s%s", engine->load.number,
		duration_format(mono_since(view->now, load_time(&engine->load)), shown),
		engine->load.changed[0] ? ", changed: " : "", engine->load.changed);
	write_ends(out, settings);
	status_text_failover(view, out);
	if (settings->role == SETTINGS_SERVER)
		write_passing_on(out, settings);
	else if (!settings->contained)
		write_protection(view, out);
	write_host(out, &engine->held);
	write_probes(view, out);
	field(out, "workers:", "%u", engine->worker_count);
	field(out, "sessions:", "%u", engine->peers.session_count);
}

static void write_addresses(FILE *out, const struct session_terms *terms)
{
	char local[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];
	bool both = addr_is_set(&terms->local4) && addr_is_set(&terms->local6);

	if (addr_is_set(&terms->local4))
		field(out, "addresses:", "%s, peer %s", addr_format(&terms->local4, local),
			addr_format(&terms->remote4, remote));
	if (addr_is_set(&terms->local6))
		field(out, both ? "" : "addresses:", "%s, peer %s",
			addr_format(&terms->local6, local), addr_format(&terms->remote6, remote));
}

static void put_offloads(FILE *out, const char *what, uint32_t offloads)
{
	fputs(what, out);
	for (size_t i = 0; i < status_offload_count; i++) {
		if (offloads & status_offloads[i].bit)
			fprintf(out, " %s", status_offloads[i].name);
	}
	if (offloads == 0)
		fputs(" none", out);
}

/* The features that this end does not use, as the peer's version is older. */
static void write_lacking(FILE *out, uint32_t lacking)
{
	const char *between = "";

	if (lacking == 0)
		return;
	fprintf(out, "  %-*s", LABEL_WIDTH, "peer lacks:");
	for (size_t i = 0; i < status_feature_count; i++) {
		if ((lacking & status_features[i].bit) == 0)
			continue;
		fprintf(out, "%s%s", between, status_features[i].name);
		between = ", ";
	}
	fputs(" (an older version)\n", out);
}

/* What another program removed and netd cannot restore. */
static void write_missing(FILE *out, const struct session *session)
{
	const struct session_interface_lack *lack = session_interface_lack(&session->interface);

	if (lack->why)
		field(out, "missing:", "%s%s%s%s: %s", lack->link ? "its link, " : "",
			lack->local4 ? "its IPv4 address, " : "",
			lack->local6 ? "its IPv6 address, " : "",
			routes_count_missing(&session->routes) > 0 ? "routes" : "no route",
			lack->why);
}

/* Those that have given way, since packets do not arrive at the peer. */
static void write_held(FILE *out, const struct session *session)
{
	size_t count = status_count_held(session);

	if (count > 0)
		field(out, "routes:",
			"%zu held, idle: each gives way to any live one, and is unreachable without",
			count);
}

static void write_interface(FILE *out, const struct session *session)
{
	const struct session_terms *terms = &session->terms;

	if (session_interface_is_there(&session->interface))
		field(out, "interface:", "%s, index %" PRIu32 "%s%s",
			session_interface_name(&session->interface),
			session_interface_index(&session->interface),
			session_netns(session)[0] ? ", in network namespace " : "",
			session_netns(session));
	write_missing(out, session);
	write_held(out, session);
	write_addresses(out, terms);
	if (session_interface_lacks_family(&session->interface, AF_INET) ||
		session_interface_lacks_family(&session->interface, AF_INET6))
		field(out, "without:", "IPv%d, which this host's kernel refuses: see the log",
			session_interface_lacks_family(&session->interface, AF_INET6) ? 6 : 4);
	if (terms->mtu == 0)
		return; /* the terms are not known */
	field(out, "MTU:", "%" PRIu32, terms->mtu);
	fprintf(out, "  %-*s", LABEL_WIDTH, "offloads:");
	put_offloads(out, "sent", terms->offloads_send);
	put_offloads(out, "; accepted", terms->offloads_accept);
	fputc('\n', out);
	write_lacking(out, status_lacking(session));
}

static void write_liveness(const struct status_view *view, FILE *out, const struct session *session)
{
	const struct session_lane *sl = status_main_lane(session);
	const struct liveness *liveness = status_rtt(session);
	char last[TEXT_MAX], smooth[TEXT_MAX], least[TEXT_MAX];

	if (liveness)
		field(out, "round trip:", "last %s, smoothed %s, lowest %s",
			rtt_text(last, liveness->rtt_last), rtt_text(smooth, liveness->rtt_smooth),
			rtt_text(least, liveness->rtt_least));
	if (sl)
		field(out, "last heard:", "%s ago",
			duration_format(status_heard_ago(sl->lane, view->now), last));
}

static void write_drops(FILE *out, const struct lane_counters *counters)
{
	const char *before = "";

	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		uint64_t count = counter_read(&counters->drops[i]);
		if (count == 0)
			continue;
		if (!before[0])
			fprintf(out, "  %-*s", LABEL_WIDTH, "dropped:");
		fprintf(out, "%s%s %" PRIu64, before, drop_reason_text(i), count);
		before = ", ";
	}
	if (before[0])
		fputc('\n', out);
}

/* Only if packets have waited. */
static void write_queue(FILE *out, const struct lane_counters *counters)
{
	struct duration delay = { .ns = (int64_t)counter_read(&counters->queue_delay_ns) };
	char size[TEXT_MAX], wait[TEXT_MAX];

	if (delay.ns == 0)
		return;
	field(out, "queue:", "%s now, recent delay %s, %" PRIu64 " packets marked",
		size_text(size, counter_read(&counters->queue_bytes)), rtt_text(wait, delay),
		counter_read(&counters->marks));
}

static void write_counters(FILE *out, const struct session *session)
{
	struct lane_counters sums;
	char size[TEXT_MAX], other[TEXT_MAX];

	session_sum(session, &sums);
	field(out, "connections:", "%" PRIu64, session->connections);
	field(out, "in:", "%s, %" PRIu64 " packets, %" PRIu64 " control messages",
		size_text(size, counter_read(&sums.in_bytes)), counter_read(&sums.in_packets),
		counter_read(&sums.in_control));
	field(out, "out:", "%s, %" PRIu64 " packets, %" PRIu64 " control messages",
		size_text(size, counter_read(&sums.out_bytes)), counter_read(&sums.out_packets),
		counter_read(&sums.out_control));
	field(out, "on the wire:", "%s received, %s sent",
		size_text(size, counter_read(&sums.received_bytes)),
		size_text(other, counter_read(&sums.sent_bytes)));
	write_queue(out, &sums);
	write_drops(out, &sums);
}

/* Since when the session is down, and what a client does about it. */
static void write_down(const struct status_view *view, FILE *out, const struct session *session)
{
	struct attempts attempts;
	char shown[TEXT_MAX], line[ATTEMPTS_LINE_MAX], text[4 * ATTEMPTS_TEXT_MAX];
	char lost[LEAVE_TEXT_MAX];

	if (session->state == SESSION_UP)
		return;
	attempts_leave_text(status_lost(session), lost);
	field(out, session->connections > 0 ? "down for:" : "not up for:", "%s%s%s",
		duration_format(mono_since(view->now, session->down_since), shown),
		lost[0] ? ": " : "", problem_escape(text, sizeof(text), lost, strlen(lost)));
	if (!attempts_read(view->engine, session, view->now, &attempts))
		return;
	field(out, "attempts:", "%s", attempts_line(&attempts, line));
	if (attempts.text[0] != '\0')
		field(out, "last attempt:", "%s",
			problem_escape(text, sizeof(text), attempts.text, strlen(attempts.text)));
}

/*
 * Escapes a peer's text. Our own text, which may come from the kernel or a library, is harmless
 * either way.
 */
static void write_left(FILE *out, const struct session *session)
{
	const struct session_leave *leave = status_left(session);
	char text[ESCAPED_MAX];

	if (!leave)
		return;
	problem_escape(text, sizeof(text), leave->text, strnlen(leave->text, sizeof(leave->text)));
	if (leave->attempt)
		return; /* write_down() has it */
	if (leave->code == 0)
		field(out, "last end:", "connection lost: %s", text);
	else
		field(out, "last end:", "goodbye %s: %s%s%s", leave->heard ? "received" : "sent",
			leave->heard ? goodbye_code_text(leave->code)
				     : goodbye_code_text_sent(leave->code),
			text[0] ? ": " : "", text);
}

/* One line a lane, if the session may have several. */
static void write_lanes(const struct status_view *view, FILE *out, const struct session *session)
{
	const struct session_lane *sl;
	char outer[ENDPOINT_TEXT_MAX], age[TEXT_MAX], rtt[TEXT_MAX], in[TEXT_MAX], to[TEXT_MAX];

	if (session->terms.lanes <= 1)
		return;
	field(out, "lanes:", "%u of %u", session_lane_count(session), session->terms.lanes);
	TAILQ_FOREACH(sl, &session->lanes, link) {
		const struct lane_counters *counters = lane_counters(sl->lane);

		field(out, "", "no. %u %s%s for %s, %s, worker %u, round trip %s, in %s, out %s",
			sl->number, status_stage_text(sl->stage),
			sl == session->control ? " (control)" : "",
			duration_format(mono_since(view->now, sl->since), age),
			endpoint_format(&sl->outer, outer), lane_worker(sl->lane),
			sl->liveness.measured ? rtt_text(rtt, sl->liveness.rtt_smooth) : "-",
			size_text(in, counter_read(&counters->in_bytes)),
			size_text(to, counter_read(&counters->out_bytes)));
	}
}

/* A line for each lane whose congestion control has changed, or should have. */
static void write_congestion(
	const struct status_view *view, FILE *out, const struct session *session)
{
	const struct session_lane *sl;
	char age[TEXT_MAX], shown[CONGESTION_VIEW_TEXT_MAX];

	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (sl->congestion.reason == CONGESTION_BEGAN)
			continue;
		field(out, "congestion:", "lane no. %u: %s for %s: %s (%s)", sl->number,
			sl->congestion.control,
			duration_format(mono_since(view->now, sl->congestion_since), age),
			congestion_reason_text(sl->congestion.reason),
			congestion_view_text(shown, &sl->congestion.view));
	}
}

/*
 * A line for each lane whose connection sends less than it could, so that packets wait here and not
 * on its path.
 */
static void write_limits(FILE *out, const struct session *session)
{
	const struct session_lane *sl;
	char size[TEXT_MAX];

	TAILQ_FOREACH(sl, &session->lanes, link) {
		uint64_t rate = counter_read(&lane_counters(sl->lane)->limit_rate);
		uint64_t window = counter_read(&lane_counters(sl->lane)->limit_window);

		if (rate > 0)
			field(out, "limit:", "lane no. %u: %s a second, what its path takes",
				sl->number, size_text(size, rate));
		if (window > 0)
			field(out, "limit:", "lane no. %u: %s under way, what its short path takes",
				sl->number, size_text(size, window));
	}
}

static void write_full_tunnel(FILE *out, const struct session *session)
{
	char cause[HELD_BACK_TEXT_MAX];

	if (!held_back_in_force(session))
		return;
	if (held_back_families(session) == HELD_BACK_NONE)
		field(out, "full tunnel:", "in force");
	else
		field(out, "full tunnel:", "in force; held back: %s",
			held_back_cause(session, cause));
}

static void write_session(const struct status_view *view, FILE *out, const struct session *session)
{
	const struct lane_peer *peer = &session->lane_peer;
	const char *proxy = status_proxy_text(view);
	char shown[TEXT_MAX], text[ENDPOINT_TEXT_MAX];

	fprintf(out, "\npeer: %s%s\n", session->name.name, session->peer ? "" : " (not listed)");
	field(out, "state:", "%s for %s", session_state_text(session->state),
		duration_format(mono_since(view->now, session->entered), shown));
	write_down(view, out, session);
	if (session->linger.running)
		field(out, "lingers:", "%s more",
			duration_format(mono_since(session->linger.due, view->now), shown));
	if (addr_is_set(&session->outer.addr))
		field(out, "outer address:", "%s%s%s%s", endpoint_format(&session->outer, text),
			*proxy ? ", the " : "", proxy, *proxy ? " proxy" : "");
	if (peer->cipher[0])
		field(out, "TLS:", "%s, %s", peer->cipher, peer->group);
	if (peer->not_after != 0)
		field_date(out, "certificate until:", peer->not_after);
	write_full_tunnel(out, session);
	write_interface(out, session);
	write_liveness(view, out, session);
	write_lanes(view, out, session);
	write_congestion(view, out, session);
	write_limits(out, session);
	write_counters(out, session);
	write_left(out, session);
}

/* ---- tables ---- */

struct row {
	char cell[TABLE_COLUMNS_MAX][CELL_MAX];
};

struct table {
	FILE *out;
	const char *const *titles; /* ended by NULL */
	bool measuring;
	size_t width[TABLE_COLUMNS_MAX];
};

static void table_row(struct table *table, const struct row *row)
{
	for (size_t i = 0; table->titles[i]; i++) {
		size_t len = strlen(row->cell[i]);

		if (table->measuring) {
			if (len > table->width[i])
				table->width[i] = len;
		} else if (table->titles[i + 1]) {
			fprintf(table->out, "%-*s  ", (int)table->width[i], row->cell[i]);
		} else {
			fprintf(table->out, "%s\n", row->cell[i]);
		}
	}
}

/* Calls `rows` twice, to measure and to print, under a line of titles. */
static void table_render(FILE *out, const struct status_view *view, const char *const *titles,
	void (*rows)(const struct status_view *view, struct table *table))
{
	struct table table = { .out = out, .titles = titles, .measuring = true };
	struct row head = { 0 };

	for (size_t i = 0; titles[i]; i++)
		snprintf(head.cell[i], CELL_MAX, "%s", titles[i]);
	table_row(&table, &head);
	rows(view, &table);
	table.measuring = false;
	table_row(&table, &head);
	rows(view, &table);
}

static void peer_session_row(
	const struct status_view *view, const struct session *session, struct row *row)
{
	const struct session_terms *terms = &session->terms;
	char shown[TEXT_MAX], text[ENDPOINT_TEXT_MAX], v4[ADDR_TEXT_MAX], v6[ADDR_TEXT_MAX];
	bool both = addr_is_set(&terms->remote4) && addr_is_set(&terms->remote6);
	struct lane_counters sums;

	session_sum(session, &sums);
	snprintf(row->cell[1], CELL_MAX, "%s", session_state_text(session->state));
	if (addr_is_set(&session->outer.addr))
		snprintf(row->cell[2], CELL_MAX, "%s", endpoint_format(&session->outer, text));
	if (addr_is_set(&terms->remote4) || addr_is_set(&terms->remote6))
		snprintf(row->cell[3], CELL_MAX, "%s%s%s",
			addr_is_set(&terms->remote4) ? addr_format(&terms->remote4, v4) : "",
			both ? ", " : "",
			addr_is_set(&terms->remote6) ? addr_format(&terms->remote6, v6) : "");
	if (session_interface_is_there(&session->interface))
		snprintf(row->cell[4], CELL_MAX, "%s", session_interface_name(&session->interface));
	if (status_rtt(session))
		snprintf(row->cell[5], CELL_MAX, "%s",
			rtt_text(shown, status_rtt(session)->rtt_smooth));
	snprintf(row->cell[6], CELL_MAX, "%s", size_text(shown, counter_read(&sums.in_bytes)));
	snprintf(row->cell[7], CELL_MAX, "%s", size_text(shown, counter_read(&sums.out_bytes)));
	snprintf(row->cell[8], CELL_MAX, "%s",
		duration_format(mono_since(view->now, session->entered), shown));
}

static void peer_rows(const struct status_view *view, struct table *table)
{
	for (size_t i = 0; i < view->peer_count && status_has_room(table->out); i++) {
		const struct status_peer *peer = &view->peers[i];
		struct row row = { 0 };
		char seen[TEXT_MAX];

		snprintf(row.cell[0], CELL_MAX, "%s", peer->name->name);
		for (size_t column = 1; column < TABLE_COLUMNS_MAX; column++)
			snprintf(row.cell[column], CELL_MAX, "-");
		if (peer->session)
			peer_session_row(view, peer->session, &row);
		else if (peer->departure)
			snprintf(row.cell[8], CELL_MAX, "seen %s ago",
				duration_format(
					mono_since(view->now, peer->departure->seen), seen));
		table_row(table, &row);
	}
}

void status_text_peers(const struct status_view *view, FILE *out)
{
	static const char *const titles[] = { "PEER", "STATE", "OUTER ADDRESS", "TUNNEL ADDRESS",
		"INTERFACE", "RTT", "IN", "OUT", "SINCE", NULL };
	static_assert(ARRAY_SIZE(titles) <= TABLE_COLUMNS_MAX + 1, "room for all columns");

	table_render(out, view, titles, peer_rows);
}

/* ---- the whole ---- */

/* When a peer without a session was here, and why it left. */
static void put_departure(
	const struct status_view *view, FILE *out, const struct departure *departure)
{
	char ago[TEXT_MAX], outer[ENDPOINT_TEXT_MAX], text[4 * ATTEMPTS_TEXT_MAX];

	if (!departure) {
		fputs("not seen since this engine started\n", out);
		return;
	}
	problem_escape(text, sizeof(text), departure->text, strlen(departure->text));
	fprintf(out, "last seen %s ago, from %s%s%s\n",
		duration_format(mono_since(view->now, departure->seen), ago),
		endpoint_format(&departure->outer, outer), text[0] ? ": " : "", text);
}

/* The configured peers that have no session. */
static void write_absent(const struct status_view *view, FILE *out)
{
	for (size_t i = view->session_count; i < view->peer_count && status_has_room(out); i++) {
		fprintf(out, "\npeer: %s\n  %-*s", view->peers[i].name->name, LABEL_WIDTH,
			"absent:");
		put_departure(view, out, view->peers[i].departure);
	}
}

void status_text_overview(const struct status_view *view, FILE *out)
{
	write_daemon(view, out);
	if (!view->request->peer && !view->request->full && view->peer_count >= STATUS_SHORT_FROM) {
		fputc('\n', out);
		status_text_peers(view, out);
		fputs("\nculvert status PEER shows one of them in full, --full shows them all\n",
			out);
		return;
	}
	for (size_t i = 0; i < view->session_count && status_has_room(out); i++)
		write_session(view, out, view->peers[i].session);
	write_absent(view, out);
}

void status_text_check(const struct status_view *view, FILE *out)
{
	char text[ATTEMPTS_EXPLAINED_MAX];

	for (size_t i = 0; i < view->peer_count && status_has_room(out); i++) {
		const struct status_peer *peer = &view->peers[i];

		if (!peer->session) {
			fprintf(out, "%s is not up: it has no session; ", peer->name->name);
			put_departure(view, out, peer->departure);
		} else if (peer->session->state != SESSION_UP &&
			(peer->listed || view->request->peer)) {
			fprintf(out, "%s\n",
				attempts_explain(view->engine, peer->session, view->now, text));
		}
	}
}

/* ---- routes ---- */

static void announced_rows(const struct status_view *view, struct table *table)
{
	const struct prefix_list *announced = &view->engine->peers.announced.all;

	for (size_t i = 0; i < announced->count && status_has_room(table->out); i++) {
		struct row row = { 0 };
		bool refused = false;

		prefix_format(&announced->items[i], row.cell[0]);
		for (size_t n = 0; n < view->session_count; n++) {
			const struct session *session = view->peers[n].session;
			uint8_t verdict = routes_refusal(&session->routes, &announced->items[i]);

			if (verdict == ROUTE_ACCEPTED)
				continue;
			refused = true;
			snprintf(row.cell[1], CELL_MAX, "%s", session->name.name);
			snprintf(row.cell[2], CELL_MAX, "%s",
				route_verdict_text((enum route_verdict)verdict));
			table_row(table, &row);
		}
		if (prefix_list_has(
			    &view->engine->peers.announced.withheld, &announced->items[i])) {
			snprintf(row.cell[1], CELL_MAX, "-");
			snprintf(row.cell[2], CELL_MAX, "withheld: what is behind it is dead");
			table_row(table, &row);
		} else if (!refused) {
			snprintf(row.cell[1], CELL_MAX, "-");
			table_row(table, &row);
		}
	}
}

static void received_rows(const struct status_view *view, struct table *table)
{
	for (size_t i = 0; i < view->session_count && status_has_room(table->out); i++) {
		const struct session *session = view->peers[i].session;

		for (size_t n = 0; n < session->routes.count; n++) {
			const struct route *route = &session->routes.items[n];
			bool refused = route->state == ROUTE_REFUSED;
			struct row row = { 0 };
			char reason[ROUTE_REASON_MAX];

			prefix_format(&route->prefix, row.cell[0]);
			snprintf(row.cell[1], CELL_MAX, "%s", session->name.name);
			snprintf(row.cell[2], CELL_MAX, "%s%s%s", status_route_text(session, route),
				refused ? ": " : "", refused ? route_reason(route, reason) : "");
			table_row(table, &row);
		}
	}
}

void status_text_routes(const struct status_view *view, FILE *out)
{
	static const char *const announced[] = { "ANNOUNCED", "REFUSED BY", "REASON", NULL };
	static const char *const received[] = { "RECEIVED", "FROM", "STATE", NULL };

	table_render(out, view, announced, announced_rows);
	fputc('\n', out);
	table_render(out, view, received, received_rows);
	for (size_t i = 0; i < view->session_count; i++) {
		const struct session *session = view->peers[i].session;

		if (session->routes.over_limit > 0)
			fprintf(out,
				"%s announced %" PRIu64
				" prefixes more than its max_routes: they are refused\n",
				session->name.name, session->routes.over_limit);
	}
}
