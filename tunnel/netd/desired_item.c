/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/desired_item.h"

#include <stdio.h>

#include "base/fingerprint.h"
#include "base/log.h"

enum {
	WARNINGS_PER_SECOND = 1,
	WARNINGS_BURST = 5,
	WRITER_TEXT_MAX = DESIRED_WRITER_MAX + 24,
};

static const struct duration no_wait; /* 0 */

bool desired_pace_is_held(const struct desired_pace *pace, struct mono now)
{
	return mono_before(now, pace->held_until);
}

bool desired_pace_take(struct desired_pace *pace, const char *writer, struct mono now)
{
	uint64_t fingerprint = fingerprint_of_text(writer);

	if (pace->count == 0 || pace->writer != fingerprint ||
		mono_since(now, pace->since).ns >= DURATION_S(DESIRED_FIGHT_S).ns) {
		pace->count = 0;
		pace->since = now;
		pace->writer = fingerprint;
	}
	if (pace->count++ < DESIRED_FIGHT_TIMES)
		return true;
	pace->count = 0;
	pace->held_until = mono_add(now, DURATION_S(DESIRED_HOLD_S));
	return false;
}

/* "another program (NAME)" */
static const char *writer_text(const struct desired_sight *sight, char out[static WRITER_TEXT_MAX])
{
	bool known = sight->writer[0] != '\0';

	(void)snprintf(out, WRITER_TEXT_MAX, "another program%s%s%s", known ? " (" : "",
		sight->writer, known ? ")" : "");
	return out;
}

static void log_repaired(struct desired_item *item, struct mono now)
{
	char writer[WRITER_TEXT_MAX];

	if (rate_take(&item->warnings, now))
		log_warning("%s has changed the %s (%s): netd restored them; meanwhile %s",
			writer_text(&item->seen, writer), item->name, item->seen.what,
			item->meanwhile);
}

static void log_failed(struct desired_item *item, struct mono now)
{
	char writer[WRITER_TEXT_MAX];

	if (!item->tried && rate_take(&item->warnings, now))
		log_warning(
			"%s has changed the %s (%s), and netd cannot restore them: %s; netd tries again at least every %d seconds, and meanwhile %s",
			writer_text(&item->seen, writer), item->name, item->seen.what,
			item->why.text, DESIRED_RETRY_MAX_S, item->meanwhile);
}

static void give_way(struct desired_item *item)
{
	char writer[WRITER_TEXT_MAX];

	problem_set(&item->why, "%s changes them each time that netd restores them",
		writer_text(&item->seen, writer));
	log_warning(
		"%s changes the %s (%s) each time that netd restores them; netd leaves them alone for %d seconds, and meanwhile %s",
		writer, item->name, item->seen.what, DESIRED_HOLD_S, item->meanwhile);
}

static struct duration poll_wait(const struct desired_item *item)
{
	return item->polled ? DURATION_MS(DESIRED_POLL_MS) : no_wait;
}

static struct duration in_place(struct desired_item *item)
{
	if (item->state == DESIRED_LOST && item->repair)
		log_notice("the %s are in place again", item->name);
	item->state = DESIRED_IN_PLACE;
	item->settling = item->tried = false;
	item->wait = no_wait;
	return poll_wait(item);
}

static struct duration repair(struct desired_item *item, struct mono now)
{
	const struct duration most = DURATION_S(DESIRED_RETRY_MAX_S);
	int r = item->repair(item, &item->why);

	if (r == 0) {
		log_repaired(item, now);
		item->state = DESIRED_IN_PLACE;
		item->settling = item->tried = false;
		item->wait = no_wait;
		return poll_wait(item);
	}
	log_failed(item, now);
	item->tried = true;
	item->state = DESIRED_LOST;
	item->wait.ns = item->wait.ns == 0 ? DURATION_MS(DESIRED_RETRY_MS).ns : 2 * item->wait.ns;
	if (item->wait.ns > most.ns)
		item->wait = most;
	item->retry_at = mono_add(now, item->wait);
	return item->wait;
}

/* Notes a loss that the last look did not see. */
static void lose(struct desired_item *item, const struct desired_sight *sight, struct mono now)
{
	item->settling = true;
	item->tried = false;
	item->lost_at = now;
	item->wait = no_wait;
	item->retry_at = now;
	if (!item->repair)
		return; /* its module notes the rest */
	item->seen = *sight;
	item->changes++;
	problem_set(&item->why, "netd restores them soon");
}

/* Returns the count of this object's losses; that of the one which began first gives way. */
static struct desired_pace *pace_of(struct desired_item *item, const char *what)
{
	struct desired_object *slot = &item->objects[0];
	uint64_t fingerprint = fingerprint_of_text(what);

	for (size_t i = 0; i < DESIRED_OBJECTS; i++) {
		struct desired_object *at = &item->objects[i];

		if (at->what == fingerprint)
			return &at->pace;
		if (mono_before(at->pace.since, slot->pace.since))
			slot = at;
	}
	*slot = (struct desired_object){ .what = fingerprint };
	return &slot->pace;
}

static struct duration lost(
	struct desired_item *item, const struct desired_sight *sight, struct mono now)
{
	const struct mono due = mono_add(item->lost_at, item->settle);

	if (mono_before(now, due))
		return mono_since(due, now);
	if (!item->repair) {
		item->state = DESIRED_LOST;
		return poll_wait(item);
	}
	if (mono_before(now, item->held_until)) {
		item->state = DESIRED_LOST;
		return mono_since(item->held_until, now);
	}
	if (item->tried && mono_before(now, item->retry_at))
		return mono_since(item->retry_at, now);
	if (!item->tried && !desired_pace_take(pace_of(item, sight->what), sight->writer, now)) {
		item->state = DESIRED_LOST;
		item->held_until = mono_add(now, DURATION_S(DESIRED_HOLD_S));
		give_way(item);
		return DURATION_S(DESIRED_HOLD_S);
	}
	return repair(item, now);
}

struct duration desired_item_check(struct desired_item *item, struct mono now)
{
	struct desired_sight sight = { .what = "" };
	enum desired_look look = item->look(item, &sight);

	if (item->warnings.burst < 1)
		rate_init(&item->warnings, WARNINGS_PER_SECOND, WARNINGS_BURST, now);
	switch (look) {
	case DESIRED_UNWANTED:
		item->state = DESIRED_UNWANTED;
		item->settling = item->tried = false;
		return no_wait;
	case DESIRED_IN_PLACE:
		return in_place(item);
	case DESIRED_UNKNOWN:
		return DURATION_MS(DESIRED_RETRY_MS);
	case DESIRED_LOST:
		break;
	}
	if (!item->settling)
		lose(item, &sight, now);
	return lost(item, &sight, now);
}
