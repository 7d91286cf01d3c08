/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/examine.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "base/wall_clock.h"
#include "base/finding.h"
#include "config/validity.h"
#include "engine/attempts.h"
#include "engine/engine.h"
#include "engine/held_back.h"
#include "engine/session.h"

enum {
	MISSING_MAX = 16, /* the most missing routes that are listed */
	DAY_S = 86400,
	ANNOUNCE_SHOWN_MAX = 4,
	PAIRS_MAX = 32, /* the most pairs that are listed: most problems concern all of them */
};

/* ---- certificates ---- */

enum { CLOCK_LEAST_S = 1793491200 }; /* 2026-11-01: this program is not older */

/* What ends in a month is worth knowing, and what ends in a week is a problem. */
static enum finding_level level_of(enum validity_stage stage)
{
	return stage == VALIDITY_GOOD     ? FINDING_OK
		: stage == VALIDITY_MONTH ? FINDING_NOTE
					  : FINDING_PROBLEM;
}

static void examine_term(
	const struct tls_term *term, const struct settings *settings, struct findings *findings)
{
	static const char prefix[] = "certificate: ";
	enum validity_stage stage = validity_judge(term->from, term->until, wall_now());
	struct problem text;
	const char *shown = text.text;

	validity_explain(term, wall_now(), settings->crl_expired == SETTINGS_CRL_REFUSE, &text);
	if (strncmp(shown, prefix, strlen(prefix)) == 0)
		shown += strlen(prefix);
	if (stage != VALIDITY_GOOD)
		findings_add(findings, level_of(stage), "certificate", "%s%s",
			stage >= VALIDITY_ENDED && term->kind == TLS_TERM_CERTIFICATE
				? "new connections fail: "
				: "",
			shown);
	else if (term->kind == TLS_TERM_CERTIFICATE)
		findings_add(findings, FINDING_OK, "certificate",
			"this end's certificate (%s) is valid for %" PRId64 " more days",
			term->name, (term->until - wall_now()) / DAY_S);
}

static void examine_peer(const struct session *session, struct findings *findings)
{
	const struct lane_peer *peer = &session->lane_peer;
	int64_t left = peer->not_after - wall_now();
	enum validity_stage stage = validity_judge(peer->not_before, peer->not_after, wall_now());
	struct finding *finding;

	if (peer->not_after == 0)
		return;
	if (stage == VALIDITY_GOOD)
		findings_add(findings, FINDING_OK, "certificate",
			"the peer's certificate (%s) is valid for %" PRId64 " more days",
			session->name.name, left / DAY_S);
	if (stage == VALIDITY_GOOD)
		return;
	if (left < 0)
		finding = findings_add(findings, level_of(stage), "certificate",
			"the peer's certificate (%s) has expired, or this host's clock is wrong",
			session->name.name);
	else
		finding = findings_add(findings, level_of(stage), "certificate",
			"the peer's certificate (%s) ends in less than %" PRId64 " days",
			session->name.name, left / DAY_S + 1);
	finding_cure(finding, "culvert-pki renew %s", session->name.name);
}

/*
 * A clock that is behind makes certificates look as if they were not valid yet. Behind a kill
 * switch no program can set it, and there is no tunnel as long as it is wrong.
 */
static void examine_clock(const struct engine *engine, const struct tls_term *terms, size_t count,
	struct findings *findings)
{
	const struct settings *settings = engine->settings;
	bool behind = wall_now() < CLOCK_LEAST_S;

	for (size_t i = 0; i < count; i++)
		behind = behind || (terms[i].kind != TLS_TERM_LIST && wall_now() < terms[i].from);
	if (!behind)
		return;
	if (!settings->kill_switch)
		findings_add(findings, FINDING_PROBLEM, "clock",
			"this host's clock is behind: set it, so that certificates are valid");
	else if (settings->kill_switch_time_count > 0)
		findings_add(findings, FINDING_PROBLEM, "clock",
			"this host's clock is behind, and only the time servers of kill_switch_time can be asked; let the NTP client ask one of them, or set the clock by hand (date -s)");
	else
		findings_add(findings, FINDING_PROBLEM, "clock",
			"this host's clock is behind, so there is no tunnel, and without a tunnel the kill switch blocks NTP, which would set it; set the clock by hand (date -s), or name time servers in kill_switch_time");
}

static void examine_certificates(const struct engine *engine, struct findings *findings)
{
	struct tls_term terms[TLS_TERMS_MAX];
	size_t count = engine->tls ? tls_context_terms(engine->tls, terms, TLS_TERMS_MAX) : 0;
	const struct session *session;

	for (size_t i = 0; i < count; i++)
		examine_term(&terms[i], engine->settings, findings);
	if (engine->tls)
		examine_clock(engine, terms, count, findings);
	TAILQ_FOREACH(session, &engine->peers.sessions, link)
		examine_peer(session, findings);
}

/* ---- sessions ---- */

static void examine_state(
	const struct engine *engine, const struct session *session, struct findings *findings)
{
	char text[ATTEMPTS_EXPLAINED_MAX];

	if (session->state == SESSION_UP)
		findings_add(findings, FINDING_OK, "session", "%s is up", session->name.name);
	else /* a client that leaves a server, or is dropped by it, is what servers are for */
		findings_add(findings,
			session_is_server(session) && session->state >= SESSION_CLOSING
				? FINDING_NOTE
				: FINDING_PROBLEM,
			"session", "%s", attempts_explain(engine, session, mono_now(), text));
}

/* A host that reaches nothing looks like a broken network, so doctor names the full tunnel. */
static void examine_held_back(const struct session *session, struct findings *findings)
{
	unsigned families = held_back_families(session);
	char cause[HELD_BACK_TEXT_MAX];

	if (families != HELD_BACK_NONE)
		findings_add(findings, FINDING_PROBLEM, "full_tunnel", "%s is held back: %s",
			families == HELD_BACK_IPV4           ? "IPv4"
				: families == HELD_BACK_IPV6 ? "IPv6"
							     : "everything",
			held_back_cause(session, cause));
	else if (held_back_in_force(session))
		findings_add(findings, FINDING_OK, "full_tunnel",
			"all packets leave by the tunnel, except what `bypass` names");
}

/* netd's retries fail, so a person has to find the other program. */
static void examine_missing(const struct session *session, struct findings *findings)
{
	const struct session_interface_lack *lack = session_interface_lack(&session->interface);
	size_t routes = routes_count_missing(&session->routes), listed = 0;
	char text[ADDR_TEXT_MAX];
	struct finding *finding;

	if (!lack->why)
		return;
	for (size_t i = 0; i < session->routes.count && listed < MISSING_MAX; i++) {
		const struct route *route = &session->routes.items[i];

		if (route->state != ROUTE_INSTALLED || !route->missing)
			continue;
		listed++;
		findings_add(findings, FINDING_PROBLEM, "routes",
			"the kernel has lost the route to %s of %s, so packets to it do not enter the tunnel",
			prefix_format(&route->prefix, text), session->name.name);
	}
	finding = findings_add(findings, FINDING_PROBLEM, "interface",
		"%s: another program removed %s%s%s%zu routes, and netd cannot restore them: %s",
		session_interface_name(&session->interface), lack->link ? "its link, " : "",
		lack->local4 ? "its IPv4 address, " : "", lack->local6 ? "its IPv6 address, " : "",
		routes, lack->why);
	finding_cure(finding, "ip monitor link address route");
}

static void examine_lanes(const struct session *session, struct findings *findings)
{
	uint32_t wanted = settings_lanes(session->world->settings, session->peer);
	unsigned carrying = 0;
	const struct session_lane *sl;

	if (session->state != SESSION_UP || wanted <= 1)
		return;
	TAILQ_FOREACH(sl, &session->lanes, link)
		carrying += sl->stage == SESSION_LANE_CARRYING;
	if (carrying >= wanted)
		findings_add(findings, FINDING_OK, "lanes", "%s: %u of %u", session->name.name,
			carrying, wanted);
	else if (!session_is_server(session) &&
		session_interface_count_queues(&session->interface) < wanted)
		findings_add(findings, FINDING_PROBLEM, "lanes",
			"%s: %u of %u: the kernel refused the BPF program that spreads packets over lanes; start Culvert as root, outside of a rootless container (CAP_BPF)",
			session->name.name, carrying, wanted);
	else if (session->terms.lanes < wanted)
		findings_add(findings, FINDING_NOTE, "lanes",
			"%s: %u of %u: the peer's `lanes` allows %u", session->name.name, carrying,
			wanted, session->terms.lanes);
	else
		findings_add(findings, FINDING_NOTE, "lanes",
			"%s: %u of %u: the other lanes are not connected yet", session->name.name,
			carrying, wanted);
}

static const char *remedy(uint8_t verdict)
{
	return verdict == ROUTE_NOT_ALLOWED ? "; allow it in `accept_routes` at that end"
		: verdict == ROUTE_LIMIT    ? "; raise `max_routes` at that end"
					    : "";
}

/*
 * A server announces to all of its peers. A default route that a peer without a full tunnel refuses
 * is no problem.
 */
static void examine_routes(const struct session *session, struct findings *findings)
{
	const struct prefix_list *offer = &session->offer; /* includes other peers' prefixes */
	const struct routes *routes = &session->routes;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < routes->count; i++) {
		if (routes->items[i].state == ROUTE_REFUSED)
			findings_add(findings, FINDING_NOTE, "routes",
				"this end refuses the route to %s of %s: %s",
				prefix_format(&routes->items[i].prefix, text), session->name.name,
				route_verdict_text(routes->items[i].verdict));
	}
	if (routes->over_limit > 0)
		findings_add(findings, FINDING_NOTE, "routes",
			"%" PRIu64 " prefixes of %s are refused: the limit `max_routes` is %u",
			routes->over_limit, session->name.name, routes->limit);
	for (size_t i = 0; i < offer->count && routes->refusal_count > 0; i++) {
		uint8_t verdict = routes_refusal(routes, &offer->items[i]);

		if (verdict != ROUTE_ACCEPTED)
			findings_add(findings,
				verdict == ROUTE_DEFAULT ? FINDING_NOTE : FINDING_PROBLEM, "routes",
				"this end announces %s, but %s refuses it: %s%s",
				prefix_format(&offer->items[i], text), session->name.name,
				route_verdict_text((enum route_verdict)verdict), remedy(verdict));
	}
}

/* ---- what a peer may not reach ---- */

static const struct session *find_owner(const struct engine *engine, const struct addr *addr)
{
	const struct session *session;

	TAILQ_FOREACH(session, &engine->peers.sessions, link) {
		if (session->filter && filter_is_theirs(session->filter, addr->family, addr->bytes))
			return session;
	}
	return NULL;
}

/*
 * Writes the list of "announce = [ "10.2.0.0/24", "10.5.0.7/32" ];": the stated prefixes, if they
 * are few, and `more`.
 */
static void write_announce(
	const struct prefix_list *stated, const struct prefix *more, char *out, size_t size)
{
	char text[ADDR_TEXT_MAX];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < stated->count && stated->count <= ANNOUNCE_SHOWN_MAX; i++)
		len += (size_t)snprintf(
			&out[len], size - len, "\"%s\", ", prefix_format(&stated->items[i], text));
	if (stated->count > ANNOUNCE_SHOWN_MAX)
		len += (size_t)snprintf(&out[len], size - len, "..., ");
	(void)snprintf(&out[len], size - len, "\"%s\"", prefix_format(more, text));
}

/* A note, as neither end has to be wrong: a person decides whether the peer should get there. */
static void examine_strays(
	const struct engine *engine, const struct session *session, struct findings *findings)
{
	char list[(ANNOUNCE_SHOWN_MAX + 1) * (ADDR_TEXT_MAX + 8)], text[ADDR_TEXT_MAX];
	const struct session *owner;
	struct lane_counters sums;
	struct prefix prefix;
	struct addr addr;
	uint64_t drops;

	session_sum(session, &sums);
	drops = counter_read(&sums.drops[DROP_IN_DESTINATION]);
	if (drops == 0 || !stray_read(&sums.stray, &addr))
		return;
	owner = find_owner(engine, &addr);
	addr_format(&addr, text);
	if (owner == session)
		findings_add(findings, FINDING_NOTE, "destination",
			"%s sent packets to %s, which is behind that peer itself (%" PRIu64
			" in_destination); check its routes",
			session->name.name, text, drops);
	else if (owner)
		findings_add(findings, FINDING_NOTE, "destination",
			"%s sent packets to %s of %s, which it may not reach (%" PRIu64
			" in_destination); to allow that, in its peers entry: reach = [ \"%s\" ];",
			session->name.name, text, owner->name.name, drops, owner->name.name);
	else if (session->peer && session->peer->has_announce)
		findings_add(findings, FINDING_NOTE, "destination",
			"%s sent packets to %s, which this end does not announce to it (%" PRIu64
			" in_destination); to allow that, add its prefix to announce in the peers entry of %s",
			session->name.name, text, drops, session->name.name);
	else {
		prefix = prefix_host(&addr);
		write_announce(&engine->peers.announced.stated, &prefix, list, sizeof(list));
		findings_add(findings, FINDING_NOTE, "destination",
			"%s sent packets to %s, which this end does not announce to it (%" PRIu64
			" in_destination); to allow that: announce = [ %s ];",
			session->name.name, text, drops, list);
	}
}

/* ---- refused peers ---- */

static void examine_refusals(const struct refusals *refusals, struct findings *findings)
{
	struct mono now = mono_now();

	for (size_t i = 0; i < REFUSALS_KEPT; i++) {
		const struct refusal *refusal = &refusals->items[i];
		struct duration ago = mono_since(now, refusal->last);
		char text[ADDR_TEXT_MAX];

		if (refusal->count == 0 || ago.ns > DURATION_S(REFUSALS_LATELY_S).ns)
			continue;
		findings_add(findings, refusal->name[0] != '\0' ? FINDING_PROBLEM : FINDING_NOTE,
			"refused",
			"%s%sfrom %s was refused, last %" PRId64 " s ago (%" PRIu64 " times): %s",
			refusal->name, refusal->name[0] != '\0' ? " " : "a stranger ",
			addr_format(&refusal->outer, text), duration_ms(ago) / 1000, refusal->count,
			refusal->cause.text);
	}
}

/* ---- facts ---- */

static void write_session_facts(const struct session *session, FILE *out)
{
	const char *name = session_interface_name(&session->interface);
	char text[ADDR_TEXT_MAX];

	if (session->state == SESSION_UP && addr_is_set(&session->outer.addr))
		(void)fprintf(out, "fact\touter\t%s\n", addr_format(&session->outer.addr, text));
	/* An interface in another namespace cannot be examined from here. */
	if (!session_interface_is_there(&session->interface) || session_is_apart(session))
		return;
	(void)fprintf(out, "fact\tinterface\t%s\n", name);
	for (size_t i = 0; i < session->routes.count; i++) {
		if (session->routes.items[i].state == ROUTE_INSTALLED)
			(void)fprintf(out, "fact\troute\t%s\t%s\n", name,
				prefix_format(&session->routes.items[i].prefix, text));
	}
}

/* What a client has changed for the whole host. */
static void write_client_facts(const struct session *session, FILE *out)
{
	const struct settings *settings = session->world->settings;
	const struct nameservers *nameservers = session->nameservers; /* NULL: a server's */
	char text[ADDR_TEXT_MAX];

	if (session->state != SESSION_UP || session_is_apart(session) ||
		!session_interface_is_there(&session->interface))
		return;
	if (held_back_in_force(session))
		(void)fputs("fact\tfull_tunnel\tin force\n", out);
	if (!nameservers || !settings->use_dns || settings_is_elsewhere(settings))
		return;
	for (size_t i = 0; i < nameservers->server_count; i++)
		(void)fprintf(out, "fact\tresolver\t%s\t%s\n",
			session_interface_name(&session->interface),
			addr_format(&nameservers->server[i], text));
}

/* Writes the pairs of existing interfaces between which packets may pass. */
static void write_pairs(const struct engine *engine, FILE *out)
{
	const struct session *first, *second;
	int left = PAIRS_MAX;

	for (first = TAILQ_FIRST(&engine->peers.sessions); first && engine->peers.has_reach;
		first = TAILQ_NEXT(first, link)) {
		for (second = TAILQ_NEXT(first, link); second && left > 0;
			second = TAILQ_NEXT(second, link)) {
			if (!peers_may_pass(first, second) || session_is_apart(first) ||
				session_is_apart(second) ||
				!session_interface_is_there(&first->interface) ||
				!session_interface_is_there(&second->interface))
				continue;
			(void)fprintf(out, "fact\tpair\t%s\t%s\n",
				session_interface_name(&first->interface),
				session_interface_name(&second->interface));
			left--;
		}
	}
}

static void write_facts(const struct engine *engine, FILE *out)
{
	const struct session *session;
	char text[ADDR_TEXT_MAX], endpoint[ENDPOINT_TEXT_MAX];

	for (int i = 0; i < 2; i++) {
		if (settings_is_between(engine->settings, i == 0 ? AF_INET : AF_INET6))
			(void)fprintf(out, "fact\tbetween\t%d\n", i == 0 ? 4 : 6);
	}

	for (size_t i = 0; i < engine->settings->listen_count; i++)
		(void)fprintf(out, "fact\tlisten\t%s\n",
			endpoint_format(&engine->settings->listen[i], endpoint));
	if (engine->settings->forwarding)
		(void)fputs("fact\tforwarding\tswitched on\n", out);
	if (settings_mark(engine->settings) != 0)
		(void)fprintf(out, "fact\tmark\t%u\n", settings_mark(engine->settings));
	if (engine->settings->congestion[0] != '\0')
		(void)fprintf(out, "fact\tcongestion\t%s\n", engine->settings->congestion);
	for (size_t i = 0;
		i < engine->peers.announced.all.count && !settings_is_elsewhere(engine->settings);
		i++)
		(void)fprintf(out, "fact\tannounce\t%s\n",
			prefix_format(&engine->peers.announced.all.items[i], text));
	TAILQ_FOREACH(session, &engine->peers.sessions, link) {
		write_session_facts(session, out);
		write_client_facts(session, out);
	}
	write_pairs(engine, out);
}

/* What netd holds on this host, and which program has changed it. */
static void examine_host(const struct request_held *held, struct findings *findings)
{
	for (size_t i = 0; i < held->count; i++) {
		const struct request_held_item *item = &held->items[i];
		const char *writer = item->writer[0] != '\0' ? item->writer : "an unknown program";

		if (item->in_place && item->changes == 0)
			findings_add(
				findings, FINDING_OK, "host", "the %s are in place", item->name);
		else if (item->in_place)
			findings_add(findings, FINDING_NOTE, "host",
				"the %s are in place; other programs have changed them %" PRIu32
				" time%s, the last: %s, by %s",
				item->name, item->changes, item->changes == 1 ? "" : "s",
				item->what, writer);
		else
			findings_add(findings, FINDING_PROBLEM, "host",
				"the %s are not in place: %s, changed by %s%s%s", item->name,
				item->what, writer, item->why[0] != '\0' ? "; " : "", item->why);
	}
}

/* What is behind this end's probed announcements. */
static void examine_probes(const struct probing *probing, struct findings *findings)
{
	for (size_t i = 0; i < probing->count; i++) {
		const struct probing_item *item = probing->items[i];
		const struct probe *probe = &item->probe;
		char prefix[ADDR_TEXT_MAX], target[ENDPOINT_TEXT_MAX];
		int64_t since = duration_ms(mono_since(mono_now(), probe->since)) / 1000;

		prefix_format(&item->prefix, prefix);
		probing_target_format(item, target);
		if (probe->state == PROBE_DEAD)
			findings_add(findings, FINDING_PROBLEM, "probe",
				"%s is not announced since %" PRId64
				" s: %s does not answer: %s; it comes back after %u answers in a row",
				prefix, since, target, probe->why, probe_needed(probe));
		else if (probe->state == PROBE_ALIVE && probe->doublings > 0)
			findings_add(findings, FINDING_NOTE, "probe",
				"%s is announced: %s answers since %" PRId64
				" s; it comes and goes (%" PRIu64 " times)",
				prefix, target, since, probe->changes);
		else
			findings_add(findings, FINDING_OK, "probe", "%s is announced: %s %s",
				prefix, target,
				probe->state == PROBE_ALIVE ? "answers" : "is probed first");
	}
}

int examine_render(const struct engine *engine, FILE *out)
{
	struct findings findings = { .count = 0 };
	const struct session *session;
	int r;

	examine_certificates(engine, &findings);
	examine_host(&engine->held, &findings);
	examine_probes(&engine->probing, &findings);
	TAILQ_FOREACH(session, &engine->peers.sessions, link) {
		examine_state(engine, session, &findings);
		examine_held_back(session, &findings);
		examine_missing(session, &findings);
		examine_lanes(session, &findings);
		examine_routes(session, &findings);
		examine_strays(engine, session, &findings);
	}
	examine_refusals(&engine->refusals, &findings);
	for (size_t i = 0; i < findings.count; i++) {
		finding_write(&findings.items[i], out);
		(void)fputc('\n', out);
	}
	write_facts(engine, out);
	r = findings.failed ? -ENOMEM : fflush(out) != 0 || ferror(out) ? -EIO : 0;
	findings_free(&findings);
	return r;
}
