/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

/*
 * Each route has a goal (wanted or not) and a state. routes_work() asks netd, one request at a
 * time, to bring the states to the goals. So announcements and withdrawals that come meanwhile need
 * no queue, nor do those that exceed the budget. Refused prefixes are kept for `status`, up to
 * ROUTES_REFUSED_MAX.
 */

static void routes_work(struct routes *routes);

void routes_init(struct routes *routes, const struct routes_events *events, struct loop *loop,
	struct netd_link *netd, uint32_t limit)
{
	*routes = (struct routes){
		.events = events,
		.loop = loop,
		.netd = netd,
		.limit = limit,
	};
	rate_init(&routes->budget, ROUTES_PER_SECOND, (double)limit * ROUTES_BUDGET_FACTOR,
		mono_now());
}

void routes_free(struct routes *routes)
{
	free(routes->items);
	free(routes->order);
	free(routes->refusals);
	prefix_list_free(&routes->asked);
	damping_list_free(&routes->past);
	loop_timer_stop(routes->loop, &routes->later);
	routes->items = NULL;
	routes->order = NULL;
	routes->refusals = NULL;
	routes->count = routes->capacity = 0;
	routes->refusal_count = routes->refusal_capacity = 0;
}

/* The prefix's position in `order`, or the position where it belongs. */
static size_t order_position(const struct routes *routes, const struct prefix *prefix)
{
	size_t low = 0, high = routes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&routes->items[routes->order[middle]].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct route *find(const struct routes *routes, const struct prefix *prefix)
{
	size_t at = order_position(routes, prefix);

	if (at == routes->count || !prefix_equal(&routes->items[routes->order[at]].prefix, prefix))
		return NULL;
	return &routes->items[routes->order[at]];
}

/* False: out of memory. */
static bool grow(struct routes *routes)
{
	size_t capacity = routes->capacity ? routes->capacity * 2 : 8;
	struct route *items = reallocarray(routes->items, capacity, sizeof(*items));
	uint32_t *order;

	if (!items)
		return false;
	routes->items = items;
	order = reallocarray(routes->order, capacity, sizeof(*order));
	if (!order)
		return false;
	routes->order = order;
	routes->capacity = capacity;
	return true;
}

/* Adds a prefix that find() did not find. NULL: out of memory. */
static struct route *add(struct routes *routes, const struct prefix *prefix)
{
	size_t at = order_position(routes, prefix);
	struct route *route;

	if (routes->count == routes->capacity && !grow(routes))
		return NULL;
	memmove(&routes->order[at + 1], &routes->order[at],
		(routes->count - at) * sizeof(routes->order[0]));
	routes->order[at] = (uint32_t)routes->count;
	route = &routes->items[routes->count++];
	*route = (struct route){
		.prefix = *prefix,
		.damping = damping_list_take(&routes->past, prefix),
	};
	return route;
}

/*
 * True: the route is in the kernel, or netd works on it. It was acceptable when it was added,
 * although the peer may have connected from another address since.
 */
static bool is_in_kernel(const struct route *route)
{
	return route->state == ROUTE_ADDING || route->state == ROUTE_INSTALLED ||
		route->state == ROUTE_DELETING;
}

/* The number of routes that are kept for `status` only. */
static size_t count_refused(const struct routes *routes)
{
	size_t refused = 0;

	for (size_t i = 0; i < routes->count; i++)
		refused += routes->items[i].state == ROUTE_REFUSED && routes->items[i].wanted;
	return refused;
}

/*
 * Drops routes that are neither wanted nor in the kernel. Of the refused ones it dropped the oldest,
 * until ROUTES_REFUSED_MAX are left.
 */
static void compact(struct routes *routes)
{
	size_t refused = count_refused(routes), ordered = 0;
	struct mono now = mono_now();
	uint32_t kept = 0;

	for (size_t i = 0; i < routes->count; i++) {
		struct route *route = &routes->items[i];
		bool counts = route->state == ROUTE_REFUSED && route->wanted;
		bool dropped = (counts && refused > ROUTES_REFUSED_MAX) ||
			(!route->wanted && !is_in_kernel(route));

		refused -= counts && dropped;
		if (dropped)
			damping_list_keep(&routes->past, &route->prefix, &route->damping,
				(size_t)routes->limit * ROUTES_BUDGET_FACTOR, now);
		route->new_index = dropped ? UINT32_MAX : kept++;
	}
	if (kept == routes->count)
		return;
	for (size_t i = 0; i < routes->count; i++) {
		uint32_t position = routes->items[routes->order[i]].new_index;

		if (position != UINT32_MAX)
			routes->order[ordered++] = position;
	}
	for (size_t i = 0; i < routes->count; i++) {
		if (routes->items[i].new_index != UINT32_MAX)
			routes->items[routes->items[i].new_index] = routes->items[i];
	}
	routes->count = kept;
}

static void refuse(struct routes *routes, struct message *message, struct route *route,
	enum route_verdict verdict, const char *obstacle)
{
	struct message_prefixes *refusal = &message->prefixes;

	route->state = ROUTE_REFUSED;
	route->verdict = verdict;
	snprintf(route->reason, sizeof(route->reason), "%s", obstacle);
	routes->events->note(routes, route, "refused");
	refusal->prefix[refusal->count] = route->prefix;
	refusal->reason[refusal->count++] = (uint8_t)verdict;
}

static void send_refusals(struct routes *routes, struct message *message)
{
	if (message->prefixes.count == 0)
		return;
	message->type = MESSAGE_REFUSE;
	routes->events->send(routes, message);
}

static enum route_verdict judge(
	const struct routes *routes, const struct prefix *prefix, const struct prefix_list *local)
{
	enum route_verdict verdict = route_rule_judge(&routes->rule, prefix);

	return verdict == ROUTE_ACCEPTED && prefix_list_has(local, prefix) ? ROUTE_LOCAL : verdict;
}

/*
 * True: the route counts against max_routes. Refused routes do not count, nor do withdrawn ones
 * that netd still deletes, as netd deletes before it adds.
 */
static bool is_accepted(const struct route *route)
{
	return route->wanted && route->state != ROUTE_REFUSED;
}

static size_t accepted_count(const struct routes *routes)
{
	size_t count = 0;

	for (size_t i = 0; i < routes->count; i++)
		count += is_accepted(&routes->items[i]);
	return count;
}

/* True: it was in use, so the filter changes. */
static bool withdraw(struct route *route)
{
	bool passed = route->wanted && route->state == ROUTE_INSTALLED;

	route->wanted = false;
	return passed;
}

/* Explains for display what prevents the route; "" if the verdict alone is enough. */
static const char *explain(enum route_verdict verdict, const struct prefix *prefix,
	char out[static REQUEST_REASON_MAX + 1])
{
	char text[ADDR_TEXT_MAX];

	out[0] = '\0';
	if (verdict == ROUTE_LOCAL)
		snprintf(out, REQUEST_REASON_MAX + 1, "this end announces %s",
			prefix_format(prefix, text));
	return out;
}

static void take_refused(struct routes *routes, const struct prefix *prefix, struct route *route,
	enum route_verdict verdict, struct message *refusals)
{
	struct route passing = { .prefix = *prefix };
	char obstacle[REQUEST_REASON_MAX + 1];

	explain(verdict, prefix, obstacle);
	if (route && is_in_kernel(route)) {
		if (withdraw(route))
			routes->events->changed(routes);
		refuse(routes, refusals, &passing, verdict, obstacle);
		return;
	}
	if (!route)
		route = add(routes, prefix);
	if (!route)
		route = &passing; /* out of memory: the peer gets the refusal, but it is not kept */
	route->wanted = true;
	route->fresh = true;
	route->by_netd = false; /* netd may have refused it before, for another reason */
	refuse(routes, refusals, route, verdict, obstacle);
}

/* One message of announcements, while it is processed. */
struct announcing {
	const struct prefix_list *local;
	size_t accepted; /* what accepted_count() would return */
	struct message refusals;
	struct prefix repeated[MESSAGE_PREFIX_MAX]; /* installed ones, for the first time */
	size_t repeated_count;
};

static void announced_one(
	struct routes *routes, const struct prefix *prefix, struct announcing *announcing)
{
	struct route *route = find(routes, prefix);
	enum route_verdict verdict = judge(routes, prefix, announcing->local);
	bool counts_already = route && is_accepted(route);

	if (verdict == ROUTE_ACCEPTED && !counts_already && announcing->accepted >= routes->limit) {
		verdict = ROUTE_LIMIT;
		routes->over_limit++;
	}
	if (verdict == ROUTE_ACCEPTED && !route)
		route = add(routes, prefix);
	if (verdict == ROUTE_ACCEPTED && !route)
		verdict = ROUTE_FAILED;
	announcing->accepted -= counts_already;
	announcing->accepted += verdict == ROUTE_ACCEPTED;
	if (verdict != ROUTE_ACCEPTED) {
		take_refused(routes, prefix, route, verdict, &announcing->refusals);
		return;
	}
	if (route->state == ROUTE_INSTALLED && !route->fresh)
		announcing->repeated[announcing->repeated_count++] = *prefix;
	route->wanted = true;
	route->fresh = true;
	/* The peer gets an answer to each announcement. */
	route->asked_again = false;
	if (route->state == ROUTE_REFUSED)
		route->state = ROUTE_ABSENT;
}

void routes_announced(struct routes *routes, const struct message_prefixes *prefixes,
	const struct prefix_list *local)
{
	struct announcing announcing = {
		.local = local,
		.accepted = accepted_count(routes),
		.refusals = { .type = MESSAGE_REFUSE },
	};

	for (uint16_t i = 0; i < prefixes->count; i++)
		announced_one(routes, &prefixes->prefix[i], &announcing);
	compact(routes);
	send_refusals(routes, &announcing.refusals);
	if (announcing.repeated_count > 0)
		routes->events->taken(routes, announcing.repeated, announcing.repeated_count);
	routes_work(routes);
}

/* Finishes withdrawals: first the filter stops their packets, then netd deletes the routes. */
static void finish_withdrawing(struct routes *routes, bool changed)
{
	if (changed)
		routes->events->changed(routes);
	compact(routes);
	routes_work(routes);
}

void routes_withdrawn(struct routes *routes, const struct message_prefixes *prefixes)
{
	bool changed = false;

	for (uint16_t i = 0; i < prefixes->count; i++) {
		struct route *route = find(routes, &prefixes->prefix[i]);
		if (route && withdraw(route))
			changed = true;
	}
	finish_withdrawing(routes, changed);
}

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

void routes_missing(struct routes *routes, const struct prefix *prefixes, size_t count, bool first)
{
	struct prefix sorted[REQUEST_PREFIX_MAX];

	if (count > REQUEST_PREFIX_MAX)
		return;
	memcpy(sorted, prefixes, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), compare_prefixes);
	for (size_t i = 0; i < routes->count; i++) {
		struct route *route = &routes->items[i];
		bool found = bsearch(
			&route->prefix, sorted, count, sizeof(sorted[0]), compare_prefixes);

		route->missing = found || (route->missing && !first);
	}
}

size_t routes_count_missing(const struct routes *routes)
{
	size_t count = 0;

	for (size_t i = 0; i < routes->count; i++)
		count += routes->items[i].state == ROUTE_INSTALLED && routes->items[i].missing;
	return count;
}

bool route_in_use(const struct route *route)
{
	return route->state == ROUTE_INSTALLED && route->wanted;
}

bool routes_has_any(const struct routes *routes, const struct prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct route *route = find(routes, &prefixes[i]);

		if (route && route_in_use(route))
			return true;
	}
	return false;
}

void routes_begin(struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++)
		routes->items[i].fresh = false;
	routes->refusal_count = 0;
}

int routes_adopt(struct routes *routes, const struct prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct route *route = find(routes, &prefixes[i]);
		if (!route)
			route = add(routes, &prefixes[i]);
		if (!route)
			return -ENOMEM;
		route->state = ROUTE_INSTALLED;
		route->wanted = true;
	}
	return 0;
}

void routes_end(struct routes *routes)
{
	bool changed = false;

	for (size_t i = 0; i < routes->count; i++) {
		if (!routes->items[i].fresh && withdraw(&routes->items[i]))
			changed = true;
	}
	finish_withdrawing(routes, changed);
}

bool routes_complete(const struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++) {
		const struct route *route = &routes->items[i];

		if (route->state == ROUTE_ADDING || route->state == ROUTE_DELETING ||
			(route->state == ROUTE_ABSENT && route->wanted))
			return false;
	}
	return true;
}

/* The prefix's position among the refusals, which are sorted, or the position where it belongs. */
static size_t refusal_position(const struct routes *routes, const struct prefix *prefix)
{
	size_t low = 0, high = routes->refusal_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&routes->refusals[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_refused_at(const struct routes *routes, size_t at, const struct prefix *prefix)
{
	return at < routes->refusal_count && prefix_equal(&routes->refusals[at].prefix, prefix);
}

/* Out of memory, the refusal is not kept. */
static void insert_refusal(struct routes *routes, size_t at, const struct route_refusal *refusal)
{
	if (routes->refusal_count == routes->refusal_capacity) {
		size_t capacity = routes->refusal_capacity ? routes->refusal_capacity * 2 : 8;
		void *grown = reallocarray(routes->refusals, capacity, sizeof(*routes->refusals));
		if (!grown)
			return;
		routes->refusals = grown;
		routes->refusal_capacity = capacity;
	}
	memmove(&routes->refusals[at + 1], &routes->refusals[at],
		(routes->refusal_count - at) * sizeof(routes->refusals[0]));
	routes->refusals[at] = *refusal;
	routes->refusal_count++;
}

void routes_refused(struct routes *routes, const struct message_prefixes *prefixes,
	const struct prefix_list *sent)
{
	for (uint16_t i = 0; i < prefixes->count; i++) {
		const struct prefix *prefix = &prefixes->prefix[i];
		struct route_refusal refusal = { *prefix, prefixes->reason[i] };
		size_t at;

		if (!prefix_list_has(sent, prefix))
			continue;
		at = refusal_position(routes, prefix);
		if (is_refused_at(routes, at, prefix))
			routes->refusals[at] = refusal;
		else
			insert_refusal(routes, at, &refusal);
	}
}

void routes_forget_refusal(struct routes *routes, const struct prefix *prefix)
{
	size_t at = refusal_position(routes, prefix);

	if (!is_refused_at(routes, at, prefix))
		return;
	routes->refusal_count--;
	memmove(&routes->refusals[at], &routes->refusals[at + 1],
		(routes->refusal_count - at) * sizeof(routes->refusals[0]));
}

uint8_t routes_refusal(const struct routes *routes, const struct prefix *prefix)
{
	size_t at = refusal_position(routes, prefix);

	return is_refused_at(routes, at, prefix) ? routes->refusals[at].verdict : ROUTE_ACCEPTED;
}

void routes_send(
	struct routes *routes, enum message_type type, const struct prefix *prefixes, size_t count)
{
	struct message message = { .type = type };
	size_t done = 0;

	while (done < count) {
		size_t part = count - done < MESSAGE_PREFIX_MAX ? count - done : MESSAGE_PREFIX_MAX;
		message.prefixes.count = (uint16_t)part;
		memcpy(message.prefixes.prefix, prefixes + done, part * sizeof(*prefixes));
		routes->events->send(routes, &message);
		done += part;
	}
}

void routes_set_interface(struct routes *routes, uint32_t interface)
{
	routes->interface = interface;
	for (size_t i = 0; i < routes->count && interface == 0; i++) {
		if (routes->items[i].state != ROUTE_REFUSED)
			routes->items[i].state = ROUTE_ABSENT;
		damping_forgive(&routes->items[i].damping);
	}
	if (interface == 0)
		compact(routes);
	else
		routes_work(routes);
}

/* netd refuses a route that it was asked for, at first or again. */
static void refused_by_netd(struct routes *routes, struct route *route, enum route_verdict verdict,
	const char *obstacle, struct message *refusals)
{
	bool again = route->asked_again && route->verdict == verdict &&
		strcmp(route->reason, obstacle) == 0;

	route->by_netd = true;
	if (again)
		route->state = ROUTE_REFUSED;
	else
		refuse(routes, refusals, route, verdict, obstacle);
}

/* Takes netd's verdict on a route that it was asked to add. */
static void added(struct routes *routes, struct route *route, uint8_t verdict, const char *obstacle,
	struct message *refusals)
{
	if (verdict != ROUTE_ACCEPTED) {
		refused_by_netd(routes, route,
			verdict < ROUTE_VERDICT_COUNT ? (enum route_verdict)verdict : ROUTE_FAILED,
			obstacle, refusals);
		return;
	}
	route->asked_again = false;
	route->state = ROUTE_INSTALLED;
	routes->events->note(routes, route, "installed");
}

static void answered(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct routes *routes = container_of(call, struct routes, call);
	struct message refusals = { .type = MESSAGE_REFUSE };
	struct prefix_list asked = routes->asked;

	routes->asked = (struct prefix_list){ 0 };
	(void)fds; /* these replies have none */
	(void)fd_count;
	for (size_t i = 0; i < asked.count; i++) {
		struct route *route = find(routes, &asked.items[i]);
		bool judged = reply->error == 0 && i < reply->count;
		uint8_t verdict = judged ? reply->verdicts[i].verdict : ROUTE_FAILED;
		if (!route)
			continue;
		if (route->state == ROUTE_ADDING) {
			added(routes, route, verdict, judged ? reply->verdicts[i].reason : "",
				&refusals);
		} else if (route->state == ROUTE_DELETING) {
			route->state = ROUTE_ABSENT;
			routes->events->note(routes, route, "removed");
		}
	}
	prefix_list_free(&asked);
	send_refusals(routes, &refusals);
	compact(routes);
	routes->events->changed(routes);
	if (!routes->clearing)
		routes_work(routes);
}

/* Adds routes that are to go to the request, as many as fit. They do not wait for the budget. */
static void gather_deletions(struct routes *routes, struct request_routes *request, struct mono now)
{
	for (size_t i = 0; i < routes->count && request->count < REQUEST_PREFIX_MAX; i++) {
		struct route *route = &routes->items[i];

		if (route->state != ROUTE_INSTALLED || route->wanted)
			continue;
		route->state = ROUTE_DELETING;
		request->prefix[request->count++] = route->prefix;
	}
	rate_charge(&routes->budget, request->count, now);
}

static void later_over(struct loop_timer *timer)
{
	struct routes *routes = container_of(timer, struct routes, later);

	routes->exhausted = false;
	routes_work(routes);
}

static bool take_budget(struct routes *routes, struct mono now)
{
	if (!routes->exhausted)
		routes->exhausted = !rate_take(&routes->budget, now);
	return !routes->exhausted;
}

/*
 * Adds routes that may come to the request, as many as fit and as the budget allows. Returns when
 * the first of the others may be added; INT64_MAX: there is no other.
 */
static struct mono gather_additions(
	struct routes *routes, struct request_routes *request, struct mono now)
{
	struct mono next = { .ns = INT64_MAX };

	for (size_t i = 0; i < routes->count && request->count < REQUEST_PREFIX_MAX; i++) {
		struct route *route = &routes->items[i];
		struct mono due = damping_due(&route->damping);

		if (route->state != ROUTE_ABSENT || !route->wanted)
			continue;
		if (!mono_before(now, due) && !take_budget(routes, now))
			due = mono_add(now, DURATION_MS(ROUTES_BATCH_MS));
		if (mono_before(now, due)) {
			next = mono_before(due, next) ? due : next;
			continue;
		}
		damping_add(&route->damping, now);
		route->state = ROUTE_ADDING;
		request->prefix[request->count++] = route->prefix;
	}
	return next;
}

/* Makes routes that have to wait come later, together. */
static void add_later(struct routes *routes, struct mono next, struct mono now)
{
	struct mono soonest = mono_add(now, DURATION_MS(ROUTES_BATCH_MS));

	if (next.ns == INT64_MAX)
		return;
	if (mono_before(next, soonest))
		next = soonest;
	/* A timer that would be over sooner stays: it is not moved on with each message. */
	if (!routes->later.running || mono_before(next, routes->later.due))
		loop_timer_start(routes->loop, &routes->later, next, later_over);
}

static void routes_work(struct routes *routes)
{
	struct mono now = mono_now();

	if (routes->interface == 0 || routes->call.pending || routes->clearing)
		return;
	/* Delete first: added routes may need the room. */
	struct request request = {
		.type = REQUEST_ROUTE_DELETE,
		.routes = { .interface = routes->interface },
	};
	gather_deletions(routes, &request.routes, now);
	if (request.routes.count == 0) {
		request.type = REQUEST_ROUTE_ADD;
		add_later(routes, gather_additions(routes, &request.routes, now), now);
		if (request.routes.count == 0)
			return;
		routes->events->taken(routes, request.routes.prefix, request.routes.count);
	}
	if (prefix_list_append(&routes->asked, request.routes.prefix, request.routes.count) == 0 &&
		netd_link_ask(routes->netd, &routes->call, &request, answered) == 0)
		return;
	/* Out of memory: the states go back; the next announcement or reply tries again. */
	prefix_list_free(&routes->asked);
	for (size_t i = 0; i < routes->count; i++) {
		struct route *route = &routes->items[i];
		if (route->state == ROUTE_ADDING) {
			route->state = ROUTE_ABSENT;
			damping_forgive(&route->damping);
		} else if (route->state == ROUTE_DELETING) {
			route->state = ROUTE_INSTALLED;
		}
	}
}

/* ---- the host's networks have changed ---- */

void routes_judged(struct routes *routes, const struct request_judged *judged)
{
	struct route *route = find(routes, &judged->prefix);
	struct message refusals = { .type = MESSAGE_REFUSE };

	/* One that is withdrawn is being deleted anyway. */
	if (!route || route->state != ROUTE_INSTALLED || !route->wanted)
		return;
	refused_by_netd(routes, route, (enum route_verdict)judged->verdict.verdict,
		judged->verdict.reason, &refusals);
	send_refusals(routes, &refusals);
	compact(routes);
	routes->events->changed(routes);
}

static bool depends_on_places(const struct route *route)
{
	return route->state == ROUTE_REFUSED && route->by_netd &&
		(route->verdict == ROUTE_LOCAL || route->verdict == ROUTE_OUTER);
}

void routes_ask_again(struct routes *routes)
{
	for (size_t i = 0; i < routes->count; i++) {
		struct route *route = &routes->items[i];

		if (!depends_on_places(route))
			continue;
		route->state = ROUTE_ABSENT;
		route->asked_again = true;
		damping_forgive(&route->damping);
	}
	routes_work(routes);
}

void routes_settings_changed(struct routes *routes, uint32_t limit)
{
	size_t accepted = accepted_count(routes);

	routes->limit = limit;
	rate_init(&routes->budget, ROUTES_PER_SECOND, (double)limit * ROUTES_BUDGET_FACTOR,
		mono_now());
	for (size_t i = 0; i < routes->count && accepted < limit; i++) {
		struct route *route = &routes->items[i];

		if (route->state != ROUTE_REFUSED || !route->wanted ||
			route_rule_judge(&routes->rule, &route->prefix) != ROUTE_ACCEPTED)
			continue;
		route->state = ROUTE_ABSENT;
		route->asked_again = false;
		damping_forgive(&route->damping);
		accepted++;
	}
	routes_work(routes);
}

/* The text of a route, in status and in the log. */

const char *route_reason(const struct route *route, char out[static ROUTE_REASON_MAX])
{
	snprintf(out, ROUTE_REASON_MAX, "%s%s%s", route_verdict_text(route->verdict),
		route->reason[0] ? ": " : "", route->reason);
	return out;
}

const char *route_state_text(enum route_state state)
{
	switch (state) {
	case ROUTE_ABSENT:
		return "waiting";
	case ROUTE_ADDING:
		return "adding";
	case ROUTE_INSTALLED:
		return "installed";
	case ROUTE_DELETING:
		return "deleting";
	case ROUTE_REFUSED:
		return "refused";
	}
	return "unknown";
}

const char *route_text(const struct route *route)
{
	return route->state == ROUTE_INSTALLED && route->missing ? "missing"
								 : route_state_text(route->state);
}
