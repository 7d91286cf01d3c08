/* SPDX-License-Identifier: Apache-2.0 */
#include "client/preferred.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>

#include "base/container.h"
#include "base/log.h"

/*
 * A probe walks over the better remotes and the addresses of each, one at a time, and ends with the
 * first that answers, or with the last.
 */

static void due(struct loop_timer *timer);
static void heard_nothing(struct loop_timer *timer);

/* ---- which remote ---- */

/* The remote that comes after `remote` of `priority` among the better ones. False: none. */
static bool find_next(const struct preferred *preferred, unsigned priority, size_t after,
	bool begin, size_t *ret_remote)
{
	const struct settings *settings = preferred->settings;
	unsigned best = preferred->below;

	for (size_t i = 0; i < settings->remote_count; i++) {
		unsigned candidate = settings->remotes[i].priority;
		bool later = begin || candidate > priority || (candidate == priority && i > after);

		if (later && candidate < best) {
			best = candidate;
			*ret_remote = i;
		}
	}
	return best < preferred->below;
}

/* ---- a probe ends ---- */

/* A quarter of the interval is random, so many clients do not probe and return together. */
static struct duration interval(const struct preferred *preferred)
{
	int64_t ns = preferred->settings->return_after.ns / 3;
	uint32_t random = 0;

	if (ns > DURATION_MS(PREFERRED_INTERVAL_MS).ns)
		ns = DURATION_MS(PREFERRED_INTERVAL_MS).ns;
	if (ns < DURATION_MS(PREFERRED_INTERVAL_LEAST_MS).ns)
		ns = DURATION_MS(PREFERRED_INTERVAL_LEAST_MS).ns;
	if (getrandom(&random, sizeof(random), 0) < 0)
		random = (uint32_t)mono_now().ns;
	return (struct duration){ ns - (int64_t)((uint64_t)ns / 4 * (random >> 16) >> 16) };
}

static void wait_for_next(struct preferred *preferred)
{
	preferred->next = mono_add(mono_now(), interval(preferred));
	loop_timer_start(preferred->loop, &preferred->timer, preferred->next, due);
}

/* Nothing has answered. */
static void probe_failed(struct preferred *preferred)
{
	if (preferred->answers)
		log_info("%s: the preferred remote %s does not answer any more",
			preferred->settings->peers[0].name.name,
			preferred->settings->remotes[preferred->answering].host);
	preferred->answers = false;
	wait_for_next(preferred);
}

/* True: this remote has answered for long enough. */
static bool count_answer(struct preferred *preferred)
{
	struct mono now = mono_now();

	if (!preferred->answers || preferred->answering != preferred->remote) {
		preferred->answers = true;
		preferred->answering = preferred->remote;
		preferred->since = now;
		log_info(
			"%s: the preferred remote %s answers; the client returns to it when it has done so for %.0f s",
			preferred->settings->peers[0].name.name,
			preferred->settings->remotes[preferred->remote].host,
			duration_seconds(preferred->settings->return_after));
	}
	return mono_since(now, preferred->since).ns >= preferred->settings->return_after.ns;
}

static void hand_over(struct preferred *preferred)
{
	struct attempt *attempt = &preferred->attempt;
	struct lane_peer peer = attempt->peer;
	struct endpoint outer = attempt->outer;
	struct lane *lane = attempt_take(attempt);

	preferred->running = false;
	preferred->answers = false;
	if (preferred->events->steady(preferred, lane, &peer, preferred->remote, &outer) == 0)
		return;
	attempt_return(attempt, lane);
	attempt_abandon(attempt, "the client stays where it is");
	preferred->running = true;
	wait_for_next(preferred);
}

/* No goodbye came behind the handshake: the server takes sessions. */
static void heard_nothing(struct loop_timer *timer)
{
	struct preferred *preferred = container_of(timer, struct preferred, timer);

	if (count_answer(preferred)) {
		hand_over(preferred);
		return;
	}
	attempt_abandon(&preferred->attempt, "a probe whether this server answers");
	wait_for_next(preferred);
}

/* ---- a probe goes on ---- */

static void try_address(struct preferred *preferred);
static void try_remote(struct preferred *preferred, bool begin);

static int attempt_lane(struct attempt *attempt, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	struct preferred *preferred = container_of(attempt, struct preferred, attempt);

	return preferred->events->lane(preferred, fd, deadline, owner, ret_lane);
}

static void attempt_secured(struct attempt *attempt)
{
	struct preferred *preferred = container_of(attempt, struct preferred, attempt);
	struct mono now = mono_now();
	struct duration took = mono_since(now, attempt->since);
	struct duration wait = { DURATION_MS(PREFERRED_LISTEN_MS).ns + 2 * took.ns };

	loop_timer_start(preferred->loop, &preferred->timer, mono_add(now, wait), heard_nothing);
}

static void attempt_failed(struct attempt *attempt, const char *cause)
{
	struct preferred *preferred = container_of(attempt, struct preferred, attempt);

	log_debug("%s: the preferred remote %s does not answer: %s",
		preferred->settings->peers[0].name.name,
		preferred->settings->remotes[preferred->remote].host, cause);
	loop_timer_stop(preferred->loop, &preferred->timer);
	if (attempt->retry_after_ms > 0)
		preferred->events->hold(preferred, attempt->remote, &attempt->outer,
			DURATION_MS(attempt->retry_after_ms));
	preferred->address++;
	try_address(preferred);
}

static void attempt_gone(struct attempt *attempt)
{
	struct preferred *preferred = container_of(attempt, struct preferred, attempt);

	if (!preferred->running)
		preferred->events->ended(preferred);
}

static const struct attempt_events attempt_events = {
	.lane = attempt_lane,
	.secured = attempt_secured,
	.failed = attempt_failed,
	.gone = attempt_gone,
};

static void try_address(struct preferred *preferred)
{
	while (preferred->address < preferred->endpoint_count &&
		preferred->events->held(
			preferred, preferred->remote, &preferred->endpoints[preferred->address]))
		preferred->address++;
	if (preferred->address < preferred->endpoint_count)
		attempt_begin(&preferred->attempt, preferred->remote,
			&preferred->endpoints[preferred->address]);
	else
		try_remote(preferred, false);
}

static void resolved(struct resolver *resolver)
{
	struct preferred *preferred = container_of(resolver, struct preferred, resolver);

	if (!preferred->asking)
		return;
	preferred->asking = false;
	memcpy(preferred->endpoints, resolver->answer.endpoints, sizeof(preferred->endpoints));
	preferred->endpoint_count = resolver->answer.count;
	preferred->address = 0;
	try_address(preferred);
}

static int ask(struct preferred *preferred)
{
	const struct settings_remote *remote = &preferred->settings->remotes[preferred->remote];
	const struct proxy *proxy = &preferred->settings->proxy;
	bool direct = proxy->kind == PROXY_NONE;
	int r = 0;

	if (!preferred->resolver_made)
		r = resolver_init(&preferred->resolver, preferred->loop, resolved);
	if (r < 0)
		return r;
	preferred->resolver_made = true;
	r = resolver_ask(&preferred->resolver, direct ? remote->host : proxy->host,
		direct ? remote->port : proxy->port);
	preferred->asking = r == 0;
	return r;
}

static void try_remote(struct preferred *preferred, bool begin)
{
	while (find_next(
		preferred, preferred->priority, preferred->remote, begin, &preferred->remote)) {
		begin = false;
		preferred->priority = preferred->settings->remotes[preferred->remote].priority;
		if (ask(preferred) == 0)
			return;
	}
	probe_failed(preferred);
}

static void due(struct loop_timer *timer)
{
	struct preferred *preferred = container_of(timer, struct preferred, timer);

	/* The last probe's lane still ends, or the resolver still works on an old question. */
	if (!attempt_is_free(&preferred->attempt) ||
		(preferred->resolver_made && preferred->resolver.busy)) {
		wait_for_next(preferred);
		return;
	}
	preferred->next = (struct mono){ 0 };
	try_remote(preferred, true);
}

/* ---- for the client ---- */

void preferred_init(struct preferred *preferred, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct preferred_events *events)
{
	*preferred = (struct preferred){ .events = events, .loop = loop, .settings = settings };
	attempt_init(&preferred->attempt, loop, netd, settings, &attempt_events);
}

void preferred_free(struct preferred *preferred)
{
	if (!preferred->loop)
		return;
	preferred->running = false;
	loop_timer_stop(preferred->loop, &preferred->timer);
	attempt_free(&preferred->attempt);
	if (preferred->resolver_made)
		resolver_free(&preferred->resolver);
	preferred->resolver_made = false;
}

void preferred_stop(struct preferred *preferred)
{
	if (!preferred->loop)
		return;
	preferred->running = false;
	preferred->asking = false;
	preferred->answers = false;
	loop_timer_stop(preferred->loop, &preferred->timer);
	attempt_abandon(&preferred->attempt, "a probe whether this server answers");
}

void preferred_watch(struct preferred *preferred, unsigned priority)
{
	size_t remote;

	preferred_stop(preferred);
	preferred->below = priority;
	if (!find_next(preferred, 0, 0, true, &remote))
		return;
	preferred->running = true;
	wait_for_next(preferred);
}

bool preferred_is_idle(const struct preferred *preferred)
{
	return !preferred->running && attempt_is_free(&preferred->attempt);
}
