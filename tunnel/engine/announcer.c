/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/announcer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/container.h"

/*
 * Writes the prefixes of `from` that `without` does not have to `out`, which has room for all of
 * `from`.
 */
static size_t difference(
	const struct prefix_list *from, const struct prefix_list *without, struct prefix *out)
{
	size_t count = 0;

	for (size_t i = 0; i < from->count; i++) {
		if (!prefix_list_has(without, &from->items[i]))
			out[count++] = from->items[i];
	}
	return count;
}

/*
 * The peer refused some prefixes because of its max_routes; `room` of them may fit now. Appends
 * these to `part`, to be announced again.
 */
static size_t retry(struct announcer *announcer, size_t room, struct prefix *part, size_t count)
{
	struct routes *routes = announcer->routes;

	/* From the end: forgetting one moves those behind it. */
	for (size_t i = routes->refusal_count; i-- > 0 && room > 0;) {
		struct route_refusal refusal = routes->refusals[i];

		if (refusal.verdict != ROUTE_LIMIT ||
			!prefix_list_has(announcer->wanted, &refusal.prefix) ||
			!prefix_list_has(&announcer->sent, &refusal.prefix))
			continue;
		routes_forget_refusal(routes, &refusal.prefix);
		part[count++] = refusal.prefix;
		room--;
	}
	return count;
}

/* Withdraws first, as the peer's max_routes may need the room. */
static int send_changes(struct announcer *announcer)
{
	const struct prefix_list *wanted = announcer->wanted, *known = &announcer->sent;
	size_t most = wanted->count > known->count ? wanted->count : known->count;
	struct prefix *part = calloc(most + 1, sizeof(*part));
	struct prefix_list sent = { .items = NULL };
	size_t count, withdrawn;

	if (!part || prefix_list_append(&sent, wanted->items, wanted->count) < 0) {
		free(part);
		return -ENOMEM;
	}
	withdrawn = difference(known, wanted, part);
	routes_send(announcer->routes, MESSAGE_WITHDRAW, part, withdrawn);
	for (size_t i = 0; i < withdrawn; i++)
		routes_forget_refusal(announcer->routes, &part[i]);
	count = difference(wanted, known, part);
	count = retry(announcer, withdrawn, part, count);
	routes_send(announcer->routes, MESSAGE_ANNOUNCE, part, count);
	free(part);
	prefix_list_free(&announcer->sent);
	announcer->sent = sent;
	return 0;
}

static void hold_over(struct loop_timer *timer);

static int send_and_hold(struct announcer *announcer)
{
	int r = send_changes(announcer);

	announcer->changed = r < 0;
	loop_timer_start(announcer->loop, &announcer->hold,
		mono_add(mono_now(), DURATION_MS(ANNOUNCER_HOLD_MS)), hold_over);
	return r;
}

static void hold_over(struct loop_timer *timer)
{
	struct announcer *announcer = container_of(timer, struct announcer, hold);

	/* Out of memory: send_and_hold() has started the hold again. */
	if (announcer->changed)
		(void)send_and_hold(announcer);
}

void announcer_init(struct announcer *announcer, struct loop *loop, struct routes *routes,
	const struct prefix_list *wanted)
{
	*announcer = (struct announcer){ .loop = loop, .routes = routes, .wanted = wanted };
}

void announcer_free(struct announcer *announcer)
{
	announcer_end(announcer);
	prefix_list_free(&announcer->sent);
}

int announcer_begin(struct announcer *announcer)
{
	announcer->up = true;
	prefix_list_free(&announcer->sent);
	return send_and_hold(announcer);
}

void announcer_end(struct announcer *announcer)
{
	announcer->up = false;
	announcer->changed = false;
	if (announcer->loop)
		loop_timer_stop(announcer->loop, &announcer->hold);
}

int announcer_changed(struct announcer *announcer)
{
	if (!announcer->up)
		return 0;
	announcer->changed = true;
	return announcer->hold.running ? 0 : send_and_hold(announcer);
}
