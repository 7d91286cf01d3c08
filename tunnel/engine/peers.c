/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peers.h"

#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "engine/session.h"

enum {
	SPREAD_MS = 20, /* from a change of a peer's routes until other peers learn of it */
	/*
	 * A spread takes longer with more sessions. The next one waits this many times as long, so
	 * that one peer's changes take a twentieth of the main thread's time at most.
	 */
	SPREAD_PAUSE_TIMES = 19,
	SPREAD_PAUSE_MAX_MS = 1000,
};

/* ---- the registry ---- */

void peers_init(struct peers *peers, struct loop *loop)
{
	*peers = (struct peers){ .loop = loop };
	TAILQ_INIT(&peers->sessions);
}

void peers_free(struct peers *peers)
{
	loop_timer_stop(peers->loop, &peers->spread);
	loop_timer_stop(peers->loop, &peers->judging);
	tls_context_unref(peers->judge);
	filter_exclusions_unref(peers->exclusions);
	announced_free(&peers->announced);
}

void peers_add(struct peers *peers, struct session *session)
{
	TAILQ_INSERT_TAIL(&peers->sessions, session, link);
	peers->session_count++;
}

void peers_remove(struct peers *peers, struct session *session)
{
	TAILQ_REMOVE(&peers->sessions, session, link);
	peers->session_count--;
}

struct session *peers_find(const struct peers *peers, const struct identity *name)
{
	struct session *session;

	TAILQ_FOREACH(session, &peers->sessions, link) {
		if (identity_equal(&session->name, name))
			return session;
	}
	return NULL;
}

/*
 * ---- excluded addresses ----
 *
 * A peer that announces a wide prefix, such as 0.0.0.0/0 or 10.0.0.0/8, does not mean the addresses
 * of other peers in it. A server's peers are behind the server too. Their addresses are in its
 * pools. Their networks are in their `accept_routes`, announced or not, and in what they have
 * announced. No other peer may reach them because the server, or a peer in its `reach`, announces a
 * wider prefix. At a client the `bypass` is excluded, which does not come out of the tunnel. Lanes
 * get exclusions only where they matter.
 */

static bool list_overlaps(const struct prefix_list *list, const struct prefix *prefix)
{
	for (size_t i = 0; i < list->count; i++) {
		if (prefix_overlaps(&list->items[i], prefix))
			return true;
	}
	return false;
}

static bool overlaps_peers(const struct settings *settings, const struct prefix *prefix)
{
	if (prefix_overlaps(prefix, &settings->pool4) || prefix_overlaps(prefix, &settings->pool6))
		return true;
	for (size_t i = 0; i < settings->peer_count; i++) {
		if (list_overlaps(&settings->peers[i].accept_routes, prefix))
			return true;
	}
	return false;
}

static bool needs_exclusions(const struct peers *peers)
{
	const struct prefix_list *announced = &peers->announced.all;

	if (peers->settings->role == SETTINGS_CLIENT)
		return peers->settings->bypass.count > 0;
	if (peers->has_reach)
		return true;
	for (size_t i = 0; i < announced->count; i++) {
		if (overlaps_peers(peers->settings, &announced->items[i]))
			return true;
	}
	return false;
}

static int add_pool(struct prefix_list *list, const struct prefix *pool)
{
	return addr_is_set(&pool->addr) ? prefix_list_append(list, pool, 1) : 0;
}

static int gather_exclusions(const struct peers *peers, struct prefix_list *list)
{
	const struct settings *settings = peers->settings;
	const struct session *session;
	int r;

	if (settings->role == SETTINGS_CLIENT)
		return prefix_list_append(list, settings->bypass.items, settings->bypass.count);
	r = add_pool(list, &settings->pool4);
	if (r == 0)
		r = add_pool(list, &settings->pool6);
	for (size_t i = 0; i < settings->peer_count && r == 0; i++)
		r = prefix_list_append(list, settings->peers[i].accept_routes.items,
			settings->peers[i].accept_routes.count);
	TAILQ_FOREACH(session, &peers->sessions, link) {
		for (size_t i = 0; i < session->routes.count && r == 0; i++) {
			if (route_in_use(&session->routes.items[i]))
				r = prefix_list_append(list, &session->routes.items[i].prefix, 1);
		}
	}
	return r;
}

/*
 * Makes `exclusions` again after this end or a peer has changed its announcements. Sessions take it
 * in session_update_reach(). On failure (-ENOMEM) it is stale.
 */
static int update_exclusions(struct peers *peers)
{
	struct prefix_list list = { .items = NULL };
	struct filter_exclusions *exclusions = NULL;

	peers->exclusions_stale = true;
	if (needs_exclusions(peers)) {
		int r = gather_exclusions(peers, &list);
		if (r == 0)
			r = filter_exclusions_new(&list, &exclusions);
		prefix_list_free(&list);
		if (r < 0)
			return r;
	}
	filter_exclusions_unref(peers->exclusions);
	peers->exclusions = exclusions;
	peers->exclusions_stale = false;
	return 0;
}

int peers_exclusions(struct peers *peers, struct filter_exclusions **ret_exclusions)
{
	int r = peers->exclusions_stale ? update_exclusions(peers) : 0;

	if (r == 0)
		*ret_exclusions = peers->exclusions;
	return r;
}

/* ---- announcements to all peers ---- */

static bool has_reach(const struct settings *settings)
{
	for (size_t i = 0; i < settings->peer_count; i++) {
		if (settings->peers[i].reach.count > 0)
			return true;
	}
	return false;
}

int peers_configure(struct peers *peers, const struct settings *settings)
{
	peers->settings = settings;
	int r = announced_configure(&peers->announced, settings);
	if (r < 0)
		return r;
	peers->has_reach = has_reach(settings);
	return update_exclusions(peers);
}

/*
 * Each session that is up announces the change. A session that comes up later announces the list of
 * that time.
 */
static void announce_to_all(struct peers *peers)
{
	struct session *session;

	(void)update_exclusions(peers); /* on failure sessions ask again, and are refused */
	TAILQ_FOREACH(session, &peers->sessions, link) {
		if (session->state == SESSION_UP)
			session_announced_changed(session);
	}
}

int peers_announce(
	struct peers *peers, const struct prefix *prefixes, size_t count, struct problem *problem)
{
	int r = announced_add(&peers->announced, peers->settings->role, prefixes, count, problem);

	if (r == 0)
		announce_to_all(peers);
	return r;
}

int peers_withdraw(
	struct peers *peers, const struct prefix *prefixes, size_t count, struct problem *problem)
{
	int r = announced_withdraw(&peers->announced, prefixes, count, problem);

	if (r == 0)
		announce_to_all(peers);
	return r;
}

void peers_withhold(struct peers *peers, struct prefix_list *withheld)
{
	announced_withhold(&peers->announced, withheld);
	announce_to_all(peers);
}

void peers_tracked(struct peers *peers, const struct request_tracked *page)
{
	size_t before = peers->announced.tracked.count;
	int r = announced_track(&peers->announced, page);

	if (r < 0)
		log_error("cannot announce tracked prefixes: out of memory");
	if (r <= 0)
		return;
	if (before > 0 || peers->announced.tracked.count > 0) /* each reload sends the set again */
		log_info("announcing %zu tracked prefixes", peers->announced.tracked.count);
	announce_to_all(peers);
}

#define NO_ENTRY_ANY_MORE "the server's configuration has no entry in peers for it any more"

/*
 * The certificate may meet another entry now, or two. netd, the leases and the routes know the peer
 * by the name of its entry, so a session of another name ends, and the client comes back at once.
 */
static void follow_certificate(struct session *session, const struct settings *now)
{
	const struct settings_peer *entry;
	struct identity name = session->name;
	struct problem problem = { 0 };
	int r = settings_meet(now, session->lane_peer.names, &name, &entry, &problem);

	if (r == -EEXIST)
		session_leave(session, GOODBYE_BAD_IDENTITY, problem.text, true);
	else if (r < 0)
		session_leave(session, GOODBYE_REMOVED,
			session->peer ? problem.text : NO_ENTRY_ANY_MORE, true);
	else if (!identity_equal(&name, &session->name))
		session_leave(session, GOODBYE_DEAD_PEER,
			"the peer has another name in the server's configuration now", true);
}

static void follow_entry(
	struct session *session, const struct settings *before, const struct settings *now)
{
	const struct settings_peer *renamed = settings_find_renamed(before, now, &session->name);
	struct nameservers was, is;

	/* netd has renamed the interface, before it let this end switch. */
	if (renamed) {
		log_notice("%s: is called %s from now on", session->name.name, renamed->name.name);
		session->name = renamed->name;
	}
	settings_nameservers(before, session->peer, &was); /* its entry is one of before still */
	session_set_entry(session, settings_find_peer(now, &session->name));
	settings_nameservers(now, session->peer, &is);
	if (now->role == SETTINGS_SERVER && !nameservers_equal(&was, &is))
		session_push(session, &is);
	if (now->role == SETTINGS_SERVER && session->lane_peer.names)
		follow_certificate(session, now);
	else if (!session->peer && !now->unlisted)
		session_leave(session, GOODBYE_REMOVED, NO_ENTRY_ANY_MORE, true);
}

void peers_follow(struct peers *peers, const struct settings *before)
{
	const struct settings *now = peers->settings;
	struct session *session, *next;

	if (announced_follow(&peers->announced, before, now) < 0)
		log_error(
			"cannot announce what the changed configuration announces: out of memory");
	peers->has_reach = has_reach(now);
	(void)update_exclusions(peers); /* on failure sessions ask again, and are refused */
	/* First every session gets its entry: what one peer hears depends on those of others. */
	for (session = TAILQ_FIRST(&peers->sessions); session; session = next) {
		next = TAILQ_NEXT(session, link);
		follow_entry(session, before, now);
	}
	TAILQ_FOREACH(session, &peers->sessions, link) {
		if (session->state == SESSION_UP)
			session_announced_changed(session);
		routes_settings_changed(
			&session->routes, session->peer ? session->peer->max_routes : 0);
	}
}

/* ---- what one peer learns of the others ---- */

/*
 * If packets do not arrive at a peer, no other peer learns of it: there may be another way to its
 * networks.
 */
bool peers_hears_of(const struct session *session, const struct session *other)
{
	return session_interface_carries(&other->interface) &&
		settings_reaches(session->peer, other->peer);
}

bool peers_may_pass(const struct session *session, const struct session *other)
{
	return settings_reaches(session->peer, other->peer) ||
		settings_reaches(other->peer, session->peer);
}

static bool is_leaving(const struct session *session)
{
	return session->state >= SESSION_REMOVING ||
		(session->state == SESSION_CLOSING && session->final);
}

/*
 * Gathers this end's announcements to the peer, and the prefixes of the peers for which related()
 * is true; sorted.
 */
static int gather(const struct peers *peers, const struct session *session,
	bool (*related)(const struct session *session, const struct session *other),
	struct prefix_list *list)
{
	const struct session *other;
	int r = announced_append(&peers->announced, session->peer, list);

	TAILQ_FOREACH(other, &peers->sessions, link) {
		if (r == 0 && other != session && !is_leaving(other) && related(session, other))
			r = session_append_theirs(other, list);
	}
	if (r == 0)
		prefix_list_sort(list);
	return r;
}

/*
 * A peer does not learn of other peers' prefixes that it announces itself. This end's own
 * announcements stay in the list: the peer refuses them, and both ends show that.
 */
static void remove_own(
	const struct peers *peers, const struct session *session, struct prefix_list *list)
{
	struct prefix_list own = { .items = NULL };
	size_t kept = 0;

	for (size_t i = 0; i < session->routes.count; i++) {
		/* Out of memory: the prefix stays in the list, and the peer refuses it. */
		if (route_in_use(&session->routes.items[i]))
			(void)prefix_list_append(&own, &session->routes.items[i].prefix, 1);
	}
	prefix_list_sort(&own);
	for (size_t i = 0; i < list->count; i++) {
		if (!prefix_list_has(&own, &list->items[i]) ||
			prefix_list_has(&peers->announced.all, &list->items[i]))
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
	prefix_list_free(&own);
}

/*
 * Removes prefixes of a family that this session's interface lacks: their packets could not arrive.
 */
static void remove_lacking_families(const struct session *session, struct prefix_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (!session_interface_lacks_family(
			    &session->interface, (uint8_t)list->items[i].addr.family))
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

int peers_gather_offer(
	const struct peers *peers, const struct session *session, struct prefix_list *list)
{
	int r = gather(peers, session, peers_hears_of, list);

	if (r < 0)
		return r;
	remove_own(peers, session, list);
	remove_lacking_families(session, list);
	return 0;
}

/* True: a shorter prefix of the list, which is sorted, contains the prefix. */
static bool is_covered(const struct prefix_list *list, const struct prefix *prefix)
{
	for (uint8_t len = prefix->len; len > SETTINGS_WAY_MIN;) {
		struct prefix cover = { .addr = prefix->addr, .len = --len };

		cover = prefix_network(&cover);
		if (prefix_list_has(list, &cover))
			return true;
	}
	return false;
}

/*
 * What a peer might announce is excluded from wider prefixes, but not for those that may exchange
 * packets with that peer. So if the peer is away, another peer's wider prefix takes over for them,
 * as it does in the kernel (netd/held_routes).
 */
static int gather_covered(
	const struct peers *peers, const struct session *session, struct prefix_list *list)
{
	const struct settings *settings = peers->settings;
	struct prefix_list theirs = { .items = NULL };
	const struct session *other;
	int r = 0;

	TAILQ_FOREACH(other, &peers->sessions, link) {
		if (r == 0 && other != session && !is_leaving(other) &&
			peers_may_pass(session, other))
			r = session_append_theirs(other, &theirs);
	}
	prefix_list_sort(&theirs);
	for (size_t i = 0; i < settings->peer_count && theirs.count > 0; i++) {
		const struct settings_peer *peer = &settings->peers[i];

		if (!settings_reaches(session->peer, peer) &&
			!settings_reaches(peer, session->peer))
			continue;
		for (size_t n = 0; n < peer->accept_routes.count && r == 0; n++) {
			if (is_covered(&theirs, &peer->accept_routes.items[n]))
				r = prefix_list_append(list, &peer->accept_routes.items[n], 1);
		}
	}
	prefix_list_free(&theirs);
	prefix_list_sort(list);
	return r;
}

int peers_gather_sources(
	const struct peers *peers, const struct session *session, struct prefix_list *list)
{
	int r = gather(peers, session, peers_may_pass, list);

	return r == 0 && peers->exclusions ? gather_covered(peers, session, list) : r;
}

/* ---- one session's change, and all the others ---- */

static void spread(struct loop_timer *timer)
{
	struct peers *peers = container_of(timer, struct peers, spread);
	struct mono start = mono_now(), end;
	struct session *session;
	struct duration pause;

	(void)update_exclusions(peers); /* on failure sessions ask again, and are refused */
	TAILQ_FOREACH(session, &peers->sessions, link) {
		if (session->state == SESSION_UP && session->unaware) {
			session->unaware = false;
			session_announced_changed(session);
		}
	}
	end = mono_now();
	pause.ns = mono_since(end, start).ns * SPREAD_PAUSE_TIMES;
	if (pause.ns > DURATION_MS(SPREAD_PAUSE_MAX_MS).ns)
		pause = DURATION_MS(SPREAD_PAUSE_MAX_MS);
	peers->next_spread = mono_add(end, pause);
}

void peers_spread(struct peers *peers, const struct session *changed)
{
	bool concerns_all = peers->exclusions || peers->exclusions_stale, any = false;
	struct mono due = mono_add(mono_now(), DURATION_MS(SPREAD_MS));
	struct session *session;

	TAILQ_FOREACH(session, &peers->sessions, link) {
		if (session == changed || !(concerns_all || peers_may_pass(session, changed)))
			continue;
		session->unaware = any = true;
	}
	if (any && !peers->spread.running)
		loop_timer_start(peers->loop, &peers->spread,
			mono_before(due, peers->next_spread) ? peers->next_spread : due, spread);
}

void peers_yield_routes(struct peers *peers, const struct session *except,
	const struct prefix *prefixes, size_t count)
{
	struct session *session;

	TAILQ_FOREACH(session, &peers->sessions, link) {
		if (session != except && session->state == SESSION_IDLE &&
			strcmp(session_netns(session), session_netns(except)) == 0 &&
			routes_has_any(&session->routes, prefixes, count))
			session_set_carrier(session, false);
	}
}

/* ---- this host's events, passed on to all ---- */

void peers_network_changed(struct peers *peers)
{
	struct session *session;

	TAILQ_FOREACH(session, &peers->sessions, link) {
		session_judge_addresses(session);
		session_network_changed(session);
	}
}

void peers_lack(struct peers *peers, const struct request_lack *page)
{
	struct session *session;

	TAILQ_FOREACH(session, &peers->sessions, link) {
		if (session_interface_is(&session->interface, page->interface))
			session_lacks(session, page);
	}
}

void peers_judged(struct peers *peers, const struct request_judged *judged)
{
	struct session *session;

	TAILQ_FOREACH(session, &peers->sessions, link) {
		if (session_interface_is(&session->interface, judged->interface))
			routes_judged(&session->routes, judged);
	}
}

void peers_places_changed(struct peers *peers)
{
	struct session *session;

	TAILQ_FOREACH(session, &peers->sessions, link)
		routes_ask_again(&session->routes);
}

void peers_leave(struct peers *peers, uint16_t goodbye_code, const char *text)
{
	struct session *session, *next;

	for (session = TAILQ_FIRST(&peers->sessions); session; session = next) {
		next = TAILQ_NEXT(session, link);
		session_leave(session, goodbye_code, text, true);
	}
}
