/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/announcer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

static bool is_listed(const struct prefix *list, size_t count, const struct prefix *prefix)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_equal(&list[i], prefix))
			return true;
	}
	return false;
}

/* Those of `from` that are not in `without`, into `out`, which has room for all of `from`. */
static size_t difference(const struct prefix *from, size_t from_count, const struct prefix *without,
	size_t without_count, struct prefix *out)
{
	size_t count = 0;

	for (size_t i = 0; i < from_count; i++) {
		if (!is_listed(without, without_count, &from[i]))
			out[count++] = from[i];
	}
	return count;
}

/* Withdrawals first: the peer's max_routes may need the room. */
static int tell(struct announcer *announcer)
{
	const struct prefix_list *wanted = announcer->wanted;
	size_t most = wanted->count > announcer->told_count ? wanted->count : announcer->told_count;
	struct prefix *told = calloc(wanted->count + 1, sizeof(*told));
	struct prefix *part = calloc(most + 1, sizeof(*part));
	size_t count;

	if (!told || !part) {
		free(told);
		free(part);
		return -ENOMEM;
	}
	count = difference(
		announcer->told, announcer->told_count, wanted->items, wanted->count, part);
	routes_send(announcer->routes, MESSAGE_WITHDRAW, part, count);
	for (size_t i = 0; i < count; i++)
		routes_forget_refusal(announcer->routes, &part[i]);
	count = difference(
		wanted->items, wanted->count, announcer->told, announcer->told_count, part);
	routes_send(announcer->routes, MESSAGE_ANNOUNCE, part, count);
	if (wanted->count > 0)
		memcpy(told, wanted->items, wanted->count * sizeof(*told));
	free(part);
	free(announcer->told);
	announcer->told = told;
	announcer->told_count = wanted->count;
	return 0;
}

static void hold_over(struct loop_timer *timer);

static int tell_and_hold(struct announcer *announcer)
{
	int r = tell(announcer);

	announcer->changed = r < 0;
	loop_timer_start(announcer->loop, &announcer->hold,
		mono_add(mono_now(), DURATION_MS(ANNOUNCER_HOLD_MS)), hold_over);
	return r;
}

static void hold_over(struct loop_timer *timer)
{
	struct announcer *announcer = container_of(timer, struct announcer, hold);

	if (announcer->changed)
		(void)tell_and_hold(announcer); /* out of memory: the hold begins again */
}

void announcer_init(struct announcer *announcer, struct loop *loop, struct routes *routes,
	const struct prefix_list *wanted)
{
	*announcer = (struct announcer){ .loop = loop, .routes = routes, .wanted = wanted };
}

void announcer_free(struct announcer *announcer)
{
	announcer_end(announcer);
	free(announcer->told);
	announcer->told = NULL;
}

int announcer_begin(struct announcer *announcer)
{
	announcer->up = true;
	announcer->told_count = 0;
	return tell_and_hold(announcer);
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
	return announcer->hold.running ? 0 : tell_and_hold(announcer);
}
