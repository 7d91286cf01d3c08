/* SPDX-License-Identifier: Apache-2.0 */
#include "client/dialer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"

/*
 * advance() is the engine of a round: it asks client/race what to do next and does it, until there
 * is something to wait for. All events lead to it by the loop's timer, so no call nests.
 */

enum {
	DIALER_LOOKUP_MS = 2000, /* limit for a name where there is something else to try */
	DIALER_BACKOFF_FIRST_MS = 200,
	DIALER_BACKOFF_LONGEST_MS = 30000,
	DIALER_KNOWN_TRIES = 5, /* of the known endpoint, before resolving names without a tunnel */
	DIALER_WHERE_MAX = 2 * SETTINGS_HOST_MAX + 128, /* of describe() */
};

static void due(struct loop_timer *timer);

/* Returns NULL if connections go to the remote itself. */
static const struct proxy *proxy_of(const struct dialer *dialer)
{
	const struct proxy *proxy = &dialer->settings->proxy;

	return proxy->kind != PROXY_NONE ? proxy : NULL;
}

static void set_state(struct dialer *dialer, enum dialer_state state)
{
	if (dialer->state != state)
		log_debug("%s: dialer: %s -> %s", dialer->settings->peers[0].name.name,
			dialer_state_text(dialer->state), dialer_state_text(state));
	dialer->state = state;
}

const char *dialer_state_text(enum dialer_state state)
{
	static const char *const texts[DIALER_STATE_COUNT] = {
		[DIALER_RESTING] = "idle",
		[DIALER_WAITING] = "waiting",
		[DIALER_DIALLING] = "dialling",
	};
	return state < DIALER_STATE_COUNT ? texts[state] : "unknown";
}

/*
 * Formats "host (address:port)", or only the name before it is resolved. With a proxy it is "host
 * through the HTTP proxy proxy-host (address:port)".
 */
static const char *describe(const struct dialer *dialer, size_t remote,
	const struct endpoint *outer, char out[static DIALER_WHERE_MAX])
{
	const struct proxy *proxy = proxy_of(dialer);
	char address[ENDPOINT_TEXT_MAX] = "";

	if (outer)
		endpoint_format(outer, address);
	snprintf(out, DIALER_WHERE_MAX, "%s%s%s%s%s%s%s%s", dialer->settings->remotes[remote].host,
		proxy ? " through the " : "", proxy ? proxy_kind_text(proxy->kind) : "",
		proxy ? " proxy " : "", proxy ? proxy->host : "", outer ? " (" : "", address,
		outer ? ")" : "");
	return out;
}

/* ---- what is under way ---- */

static size_t count_flying(const struct dialer *dialer)
{
	size_t count = 0;

	for (size_t i = 0; i < DIALER_ATTEMPTS_MAX; i++)
		count += attempt_is_flying(&dialer->attempts[i].attempt);
	return count;
}

static size_t count_asking(const struct dialer *dialer)
{
	size_t count = 0;

	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++)
		count += dialer->lookups[i].asking;
	return count;
}

/* The first attempt in that state, or NULL. */
static struct attempt *find(struct dialer *dialer, enum attempt_state state)
{
	for (size_t i = 0; i < DIALER_ATTEMPTS_MAX; i++) {
		struct attempt *attempt = &dialer->attempts[i].attempt;

		if (attempt->state == state && !attempt->abandoned)
			return attempt;
	}
	return NULL;
}

static void abandon_all(struct dialer *dialer)
{
	for (size_t i = 0; i < DIALER_ATTEMPTS_MAX; i++)
		attempt_abandon(&dialer->attempts[i].attempt, "the client has another connection");
}

/* The answers that still come are for a later round. */
static void forget_lookups(struct dialer *dialer)
{
	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++)
		dialer->lookups[i].asking = false;
}

static bool is_quiet(const struct dialer *dialer)
{
	for (size_t i = 0; i < DIALER_ATTEMPTS_MAX; i++) {
		if (!attempt_is_free(&dialer->attempts[i].attempt))
			return false;
	}
	return count_asking(dialer) == 0;
}

/* Called after each end, once the dialer was stopped. */
static void end_if_quiet(struct dialer *dialer)
{
	if (is_quiet(dialer)) {
		set_state(dialer, DIALER_RESTING);
		dialer->events->ended(dialer);
	}
}

/* ---- rounds ---- */

/* Goes on by the loop. */
static void go_on(struct dialer *dialer)
{
	if (dialer->state == DIALER_DIALLING)
		loop_timer_start(dialer->loop, &dialer->timer, mono_now(), due);
}

static void begin_round(struct dialer *dialer, struct duration wait)
{
	forget_lookups(dialer);
	set_state(dialer, DIALER_WAITING);
	loop_timer_start(dialer->loop, &dialer->timer, mono_add(mono_now(), wait), due);
}

/* The `remote` for client/holds. */
static size_t hold_remote(const struct dialer *dialer, size_t remote)
{
	return proxy_of(dialer) ? remote : 0;
}

static bool is_held(struct dialer *dialer, size_t remote, const struct endpoint *outer)
{
	return holds_has(&dialer->holds, outer, hold_remote(dialer, remote), mono_now());
}

static uint64_t random_number(void)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) < 0)
		random = (uint64_t)mono_now().ns; /* only jitter and order depend on it */
	return random;
}

static void wait_backoff(struct dialer *dialer)
{
	struct duration wait = backoff_next(&dialer->backoff, random_number());
	/* No server is left to try until a hold ends. */
	struct duration hold = holds_shortest(&dialer->holds, mono_now());

	if (!dialer->tried && wait.ns < hold.ns)
		wait = hold;
	log_info("%s: retrying in %.1f s", dialer->settings->peers[0].name.name,
		duration_seconds(wait));
	begin_round(dialer, wait);
}

/* A remote or an endpoint (NULL: its name did not resolve) cannot be reached now. */
static void report(
	struct dialer *dialer, size_t remote, const struct endpoint *outer, const char *cause)
{
	char where[DIALER_WHERE_MAX];
	struct problem text;

	problem_set(
		&text, "%s: connection failed: %s", describe(dialer, remote, outer, where), cause);
	log_warning("%s", text.text);
	dialer->tried = true;
	if (dialer->events->failed)
		dialer->events->failed(dialer, text.text);
}

/* ---- attempts ---- */

static struct dialer *dialer_of(struct attempt *attempt)
{
	return container_of(attempt, struct dialer_attempt, attempt)->dialer;
}

static int attempt_lane(struct attempt *attempt, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	struct dialer *dialer = dialer_of(attempt);

	return dialer->events->lane(dialer, fd, deadline, owner, ret_lane);
}

static void watch_progress(struct dialer *dialer)
{
	if (dialer->state != DIALER_RESTING || !dialer->events->slow ||
		(count_flying(dialer) == 0 && !race_has_more(&dialer->race)))
		return;
	loop_timer_start(dialer->loop, &dialer->timer,
		mono_add(mono_now(), DURATION_MS(RACE_PRIORITY_MS)), due);
}

/*
 * Gives the lane to the session. The attempt is free and the dialer rests before that: the owner of
 * the new lane may request another one at once.
 */
static void hand_over(struct dialer *dialer, struct attempt *attempt)
{
	struct endpoint outer = attempt->outer;
	struct lane_peer peer = attempt->peer;
	size_t old_remote = dialer->remote;
	struct lane *lane;

	if (!attempt->known) /* that endpoint may be another remote's */
		kept_addresses_add(&dialer->kept, attempt->remote, &outer);
	loop_timer_stop(dialer->loop, &dialer->timer);
	dialer->remote = attempt->remote;
	set_state(dialer, DIALER_RESTING);
	lane = attempt_take(attempt);
	int r = dialer->events->connected(dialer, lane, &peer, &outer);
	if (r == 0) {
		dialer->outer = outer;
		dialer->at_known = attempt->known;
		dialer->removed = false;
		watch_progress(dialer);
		return;
	}
	dialer->remote = old_remote;
	attempt_return(attempt, lane);
	if (r == -ECANCELED)
		dialer_settle(dialer);
	if (r == -ECANCELED || r == -EAGAIN)
		return;
	set_state(dialer, DIALER_DIALLING);
	struct problem text;
	problem_set(&text, "the client cannot use the connection: %s", error_text(r));
	attempt_refuse(attempt, text.text);
}

static void attempt_secured(struct attempt *attempt)
{
	struct dialer *dialer = dialer_of(attempt);

	/* While a lane is with the session this one waits. */
	if (dialer->state == DIALER_DIALLING)
		hand_over(dialer, attempt);
}

static void attempt_failed(struct attempt *attempt, const char *cause)
{
	struct dialer *dialer = dialer_of(attempt);

	if (attempt->known)
		dialer->known_failed++;
	dialer_hold(dialer, attempt->remote, &attempt->outer, DURATION_MS(attempt->retry_after_ms));
	race_failed(&dialer->race);
	report(dialer, attempt->remote, &attempt->outer, cause);
	go_on(dialer);
}

static void attempt_gone(struct attempt *attempt)
{
	struct dialer *dialer = dialer_of(attempt);

	if (dialer->stopped)
		end_if_quiet(dialer);
	else
		go_on(dialer); /* it may wait for a free attempt */
}

static const struct attempt_events attempt_events = {
	.lane = attempt_lane,
	.secured = attempt_secured,
	.failed = attempt_failed,
	.gone = attempt_gone,
};

/* ---- names ---- */

static_assert((int)KEPT_ADDRESSES_MAX <= (int)RESOLVER_ADDRESSES_MAX, "endpoints has room");

/* Returns how many there are. */
static size_t add_kept(struct dialer *dialer, size_t remote)
{
	struct endpoint endpoints[KEPT_ADDRESSES_MAX];
	size_t count = kept_addresses_get(&dialer->kept, remote, endpoints);

	race_add(&dialer->race, remote, endpoints, count);
	return count;
}

/* The name has no addresses, or none yet. */
static void unresolved(struct dialer *dialer, size_t remote, const char *cause)
{
	char where[DIALER_WHERE_MAX];

	dialer->lookups[remote].asking = false;
	if (add_kept(dialer, remote) == 0)
		report(dialer, remote, NULL, cause);
	else
		log_warning("%s: %s; trying its last known addresses",
			describe(dialer, remote, NULL, where), cause);
}

static void resolved(struct resolver *resolver)
{
	struct dialer_lookup *lookup = container_of(resolver, struct dialer_lookup, resolver);
	const struct resolver_answer *answer = &resolver->answer;
	struct dialer *dialer = lookup->dialer;
	size_t remote = (size_t)(lookup - dialer->lookups);

	if (!lookup->asking)
		return; /* too late */
	lookup->asking = false;
	if (dialer->stopped) {
		end_if_quiet(dialer);
		return;
	}
	if (answer->count == 0)
		unresolved(dialer, remote, answer->problem.text);
	else
		race_add(&dialer->race, remote, answer->endpoints, answer->count);
	go_on(dialer);
}

/* The resolver needs memory and a descriptor, so it is made when it is needed. */
static int ask(struct dialer_lookup *lookup, const char *host, uint16_t port)
{
	int r = 0;

	if (!lookup->made)
		r = resolver_init(&lookup->resolver, lookup->dialer->loop, resolved);
	if (r < 0)
		return r;
	lookup->made = true;
	/* The answer to an earlier round's question is as good. */
	return lookup->resolver.busy ? 0 : resolver_ask(&lookup->resolver, host, port);
}

/*
 * True if a name need not be resolved yet. While the known server is held, the other remotes' names
 * are worth the long wait.
 */
static bool is_hidden(struct dialer *dialer, size_t remote)
{
	struct addr addr;

	if (dialer->known.port == 0 || dialer->known_failed >= DIALER_KNOWN_TRIES ||
		addr_parse(dialer->settings->remotes[remote].host, &addr) == 0)
		return false;
	return dialer->settings->remote_count <= 1 ||
		!is_held(dialer, dialer->known_remote, &dialer->known);
}

static void look_up(struct dialer *dialer, size_t remote)
{
	const struct settings_remote *to = &dialer->settings->remotes[remote];
	struct dialer_lookup *lookup = &dialer->lookups[remote];
	const struct proxy *proxy = proxy_of(dialer);

	if (is_hidden(dialer, remote)) {
		(void)add_kept(dialer, remote);
		return;
	}
	int r = ask(lookup, proxy ? proxy->host : to->host, proxy ? proxy->port : to->port);
	if (r < 0) {
		unresolved(dialer, remote, error_text(r));
		return;
	}
	lookup->asking = true;
	lookup->since = mono_now();
}

/* Where there is something else to try, a name has a limit. Returns when the next one is reached. */
static struct mono limit_lookups(struct dialer *dialer, struct mono now)
{
	struct mono first = { 0 };

	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++) {
		struct dialer_lookup *lookup = &dialer->lookups[i];
		struct mono limit = mono_add(lookup->since, DURATION_MS(DIALER_LOOKUP_MS));

		if (!lookup->asking ||
			(dialer->kept.remotes[i].count == 0 && dialer->race.count == 0))
			continue;
		if (!mono_before(now, limit))
			unresolved(dialer, i, "its name is not resolved yet");
		else if (first.ns == 0 || mono_before(limit, first))
			first = limit;
	}
	return first;
}

/* ---- a round ---- */

static void wait_until(struct dialer *dialer, struct mono when, struct mono lookup)
{
	if (when.ns == 0 || (lookup.ns != 0 && mono_before(lookup, when)))
		when = lookup;
	if (when.ns != 0)
		loop_timer_start(dialer->loop, &dialer->timer, when, due);
}

static void begin_attempt(
	struct dialer *dialer, struct attempt *attempt, const struct race_entry *entry)
{
	if (is_held(dialer, entry->remote, &entry->endpoint)) {
		race_failed(&dialer->race);
		return;
	}
	attempt->known = entry->known;
	attempt_begin(attempt, entry->remote, &entry->endpoint);
}

/* Does one step of the round. False: there is something to wait for. */
static bool take_step(struct dialer *dialer)
{
	struct mono now = mono_now(), next = { 0 }, lookup = limit_lookups(dialer, now);
	struct attempt *spare = find(dialer, ATTEMPT_SECURED);
	struct attempt *attempt = find(dialer, ATTEMPT_FREE);
	const struct race_entry *entry;
	size_t remote;

	if (dialer->events->wanted && !dialer->events->wanted(dialer)) {
		set_state(dialer, DIALER_RESTING);
		dialer_settle(dialer);
		return false;
	}
	if (spare) {
		hand_over(dialer, spare);
		return false;
	}
	if (!attempt)
		return false; /* the end of one leads here again */
	switch (race_next(&dialer->race, now, count_flying(dialer), count_asking(dialer), &entry,
		&remote, &next)) {
	case RACE_START:
		begin_attempt(dialer, attempt, entry);
		return true;
	case RACE_ASK:
		look_up(dialer, remote);
		return true;
	case RACE_WAIT:
		wait_until(dialer, next, lookup);
		return false;
	case RACE_OVER:
		wait_backoff(dialer);
		break;
	}
	return false;
}

static void advance(struct dialer *dialer)
{
	while (dialer->state == DIALER_DIALLING && take_step(dialer))
		;
}

static void start_round(struct dialer *dialer)
{
	struct race *race = &dialer->race;

	dialer->tried = false;
	race_begin(race, dialer->settings, dialer->outer.port != 0 ? dialer->remote : SIZE_MAX,
		dialer->settings->remotes_order == SETTINGS_ORDER_RANDOM ? random_number() : 0);
	race->head_start = dialer->head_start;
	dialer->head_start = (struct duration){ 0 };
	if (dialer->direct) {
		race->asked = race->remote_count; /* no other endpoint than this */
		race_add(race, dialer->remote, &dialer->direct_to, 1);
	} else if (dialer->known.port != 0) {
		race_add_known(race, dialer->known_remote, &dialer->known);
	}
	set_state(dialer, DIALER_DIALLING);
	advance(dialer);
}

static void due(struct loop_timer *timer)
{
	struct dialer *dialer = container_of(timer, struct dialer, timer);

	switch (dialer->state) {
	case DIALER_WAITING:
		start_round(dialer);
		break;
	case DIALER_DIALLING:
		advance(dialer);
		break;
	default:
		dialer->events->slow(dialer); /* see watch_progress() */
		break;
	}
}

/* ---- for the client ---- */

int dialer_init(struct dialer *dialer, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct dialer_events *events)
{
	*dialer = (struct dialer){
		.events = events,
		.loop = loop,
		.netd = netd,
		.settings = settings,
		.backoff = {
			.first = DURATION_MS(DIALER_BACKOFF_FIRST_MS),
			.longest = DURATION_MS(DIALER_BACKOFF_LONGEST_MS),
		},
	};
	for (size_t i = 0; i < DIALER_ATTEMPTS_MAX; i++) {
		dialer->attempts[i].dialer = dialer;
		attempt_init(&dialer->attempts[i].attempt, loop, netd, settings, &attempt_events);
	}
	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++)
		dialer->lookups[i].dialer = dialer;
	return 0;
}

void dialer_free(struct dialer *dialer)
{
	if (!dialer->loop)
		return;
	dialer->stopped = true;
	loop_timer_stop(dialer->loop, &dialer->timer);
	for (size_t i = 0; i < DIALER_ATTEMPTS_MAX; i++)
		attempt_free(&dialer->attempts[i].attempt);
	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++) {
		if (dialer->lookups[i].made)
			resolver_free(&dialer->lookups[i].resolver);
		dialer->lookups[i].made = false;
	}
}

void dialer_know(struct dialer *dialer, size_t remote, const struct endpoint *known)
{
	dialer->known = *known;
	dialer->known_remote = remote;
	dialer->known_failed = 0;
}

void dialer_keep(struct dialer *dialer, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < dialer->settings->remote_count; i++)
		kept_addresses_add(&dialer->kept, i, endpoint);
}

void dialer_hold(
	struct dialer *dialer, size_t remote, const struct endpoint *outer, struct duration wait)
{
	char where[ENDPOINT_TEXT_MAX];

	if (wait.ns <= 0)
		return;
	holds_set(&dialer->holds, outer, hold_remote(dialer, remote), mono_now(), wait);
	if (wait.ns > DURATION_S(HOLD_LONGEST_S).ns)
		log_notice(
			"%s: the server at %s asks for a pause of %.0f s; the client pauses for %d s, its limit",
			dialer->settings->peers[0].name.name, endpoint_format(outer, where),
			duration_seconds(wait), HOLD_LONGEST_S);
}

void dialer_begin(struct dialer *dialer, bool fresh)
{
	if (dialer->stopped)
		return;
	abandon_all(dialer);
	/* With a single server no round is needed to find that it is held. */
	dialer->tried = dialer->settings->remote_count > 1 || dialer->race.count > 1;
	if (fresh)
		backoff_reset(&dialer->backoff);
	if (fresh)
		begin_round(dialer, (struct duration){ 0 });
	else
		wait_backoff(dialer);
}

void dialer_begin_beside(struct dialer *dialer, struct duration silence)
{
	dialer_begin(dialer, true);
	dialer->head_start = silence;
}

void dialer_begin_at(struct dialer *dialer, size_t remote, const struct endpoint *outer, bool fresh)
{
	bool same = dialer->direct && dialer->direct_to.port == outer->port &&
		addr_equal(&dialer->direct_to.addr, &outer->addr);

	dialer->direct = true;
	dialer->remote = remote;
	dialer->direct_to = *outer;
	if (dialer->state != DIALER_DIALLING)
		dialer_begin(dialer, fresh);
	else if (!same)
		dialer_begin(dialer, true);
}

void dialer_next(struct dialer *dialer)
{
	if (dialer->stopped)
		return;
	if (dialer->at_known)
		dialer->known_failed++;
	if (!is_held(dialer, dialer->remote, &dialer->outer))
		dialer->tried = true;
	race_failed(&dialer->race);
	set_state(dialer, DIALER_DIALLING);
	go_on(dialer);
}

void dialer_resume(struct dialer *dialer)
{
	if (dialer->stopped || dialer->state != DIALER_RESTING)
		return;
	set_state(dialer, DIALER_DIALLING);
	go_on(dialer);
}

void dialer_took(struct dialer *dialer, size_t remote, const struct endpoint *outer)
{
	dialer->remote = remote;
	dialer->outer = *outer;
	dialer->at_known = false;
	dialer->removed = false;
	kept_addresses_add(&dialer->kept, remote, outer);
}

bool dialer_is_held(struct dialer *dialer, size_t remote, const struct endpoint *outer)
{
	return is_held(dialer, remote, outer);
}

void dialer_settle(struct dialer *dialer)
{
	if (!dialer->loop || dialer->state != DIALER_RESTING)
		return;
	loop_timer_stop(dialer->loop, &dialer->timer);
	forget_lookups(dialer);
	abandon_all(dialer);
}

static bool is_same_remote(const struct settings_remote *a, const struct settings_remote *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool have_changed(const struct settings *before, const struct settings *now)
{
	if (before->remote_count != now->remote_count ||
		memcmp(&before->proxy, &now->proxy, sizeof(now->proxy)) != 0)
		return true;
	for (size_t i = 0; i < now->remote_count; i++) {
		if (!is_same_remote(&before->remotes[i], &now->remotes[i]) ||
			before->remotes[i].priority != now->remotes[i].priority)
			return true;
	}
	return false;
}

/* Returns the remote's new index, or the count of remotes. */
static size_t follow_remote(
	const struct settings *before, const struct settings *now, size_t remote)
{
	size_t i = 0;

	while (i < now->remote_count && !is_same_remote(&before->remotes[remote], &now->remotes[i]))
		i++;
	return i;
}

void dialer_follow(struct dialer *dialer, const struct settings *before)
{
	const struct settings *now = dialer->settings;

	if (!dialer->loop || dialer->stopped || !have_changed(before, now))
		return;
	dialer->remote = follow_remote(before, now, dialer->remote);
	dialer->removed = dialer->remote == now->remote_count;
	if (dialer->removed)
		dialer->remote = 0;
	dialer->known_remote = follow_remote(before, now, dialer->known_remote);
	if (dialer->known_remote == now->remote_count)
		dialer->known = (struct endpoint){ 0 };
	dialer->kept = (struct kept_addresses){ 0 };
	dialer->holds = (struct holds){ 0 };
	if (dialer->state == DIALER_RESTING)
		dialer_settle(dialer);
	else if (!dialer->direct)
		dialer_begin(dialer, true);
}

unsigned dialer_priority(const struct dialer *dialer)
{
	return dialer->removed ? UINT8_MAX + 1 : dialer->settings->remotes[dialer->remote].priority;
}

/* True: something was under way into a network that may no longer exist. */
static bool drop_stale(struct dialer *dialer)
{
	/* A name may need the tunnel, so do not wait for its answer. */
	bool stale = dialer->known.port != 0 && count_flying(dialer) == 0 &&
		count_asking(dialer) > 0;

	for (size_t i = 0; i < DIALER_ATTEMPTS_MAX; i++) {
		struct attempt *attempt = &dialer->attempts[i].attempt;

		if (attempt->state != ATTEMPT_CONNECTING && attempt->state != ATTEMPT_PROXYING)
			continue;
		attempt_abandon(attempt, "");
		stale = true;
	}
	return stale;
}

void dialer_hurry(struct dialer *dialer)
{
	if (!dialer->loop || dialer->stopped || dialer->state == DIALER_RESTING)
		return;
	if (dialer->state == DIALER_DIALLING && !drop_stale(dialer))
		return;
	backoff_reset(&dialer->backoff);
	begin_round(dialer, (struct duration){ 0 });
}

void dialer_hurry_anywhere(struct dialer *dialer)
{
	dialer->holds.count = 0;
	dialer_hurry(dialer);
}

void dialer_stop(struct dialer *dialer)
{
	bool busy = dialer->state != DIALER_RESTING || !is_quiet(dialer);

	loop_timer_stop(dialer->loop, &dialer->timer);
	set_state(dialer, DIALER_RESTING);
	abandon_all(dialer);
	dialer->stopped = true; /* from now on the last end calls ended() */
	if (busy)
		end_if_quiet(dialer);
}

bool dialer_is_waiting(const struct dialer *dialer, struct mono *ret_due)
{
	if (dialer->state != DIALER_WAITING)
		return false;
	*ret_due = dialer->timer.due;
	return true;
}

bool dialer_is_idle(const struct dialer *dialer)
{
	return dialer->stopped && dialer->state == DIALER_RESTING && is_quiet(dialer);
}
