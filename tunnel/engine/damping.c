/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/damping.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct damping_entry {
	struct prefix prefix;
	struct damping damping;
};

/* ---- one prefix ---- */

struct mono damping_due(const struct damping *damping)
{
	return mono_add(damping->added, damping->hold);
}

/* Twice the hold after it was added, the prefix has been quiet for as long as it had to wait. */
static struct mono over_at(const struct damping *damping)
{
	return mono_add(damping_due(damping), damping->hold);
}

/* True: the prefix begins again without a past, so it may be forgotten. */
static bool is_over(const struct damping *damping, struct mono now)
{
	return !mono_before(now, over_at(damping));
}

void damping_add(struct damping *damping, struct mono now)
{
	struct duration hold = { damping->hold.ns * 2 };

	if (is_over(damping, now))
		hold = DURATION_MS(DAMPING_FIRST_MS);
	else if (hold.ns > DURATION_MS(DAMPING_LAST_MS).ns)
		hold = DURATION_MS(DAMPING_LAST_MS);
	*damping = (struct damping){ .added = now, .hold = hold };
}

void damping_forgive(struct damping *damping)
{
	*damping = (struct damping){ .hold = { 0 } };
}

/* ---- those of the past ---- */

void damping_list_free(struct damping_list *list)
{
	free(list->items);
	*list = (struct damping_list){ .items = NULL };
}

/* The prefix's position, or the position where it belongs. */
static size_t position(const struct damping_list *list, const struct prefix *prefix)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&list->items[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct damping_list *list, size_t at, const struct prefix *prefix)
{
	return at < list->count && prefix_equal(&list->items[at].prefix, prefix);
}

static void remove_at(struct damping_list *list, size_t at)
{
	list->count--;
	memmove(&list->items[at], &list->items[at + 1],
		(list->count - at) * sizeof(list->items[0]));
}

static void forget_over(struct damping_list *list, struct mono now)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (!is_over(&list->items[i].damping, now))
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

static void forget_first(struct damping_list *list)
{
	size_t first = 0;

	for (size_t i = 1; i < list->count; i++) {
		if (mono_before(
			    over_at(&list->items[i].damping), over_at(&list->items[first].damping)))
			first = i;
	}
	remove_at(list, first);
}

static bool has_room(struct damping_list *list)
{
	struct damping_entry *items = array_grow(
		list->items, list->count, &list->capacity, sizeof(*items));

	if (items)
		list->items = items;
	return items != NULL;
}

void damping_list_keep(struct damping_list *list, const struct prefix *prefix,
	const struct damping *damping, size_t most, struct mono now)
{
	size_t at;

	if (most == 0 || is_over(damping, now))
		return;
	if (list->count >= most)
		forget_over(list, now);
	if (list->count >= most)
		forget_first(list);
	at = position(list, prefix);
	if (!is_at(list, at, prefix)) {
		if (!has_room(list))
			return;
		memmove(&list->items[at + 1], &list->items[at],
			(list->count - at) * sizeof(list->items[0]));
		list->count++;
	}
	list->items[at] = (struct damping_entry){ *prefix, *damping };
}

struct damping damping_list_take(struct damping_list *list, const struct prefix *prefix)
{
	size_t at = position(list, prefix);
	struct damping damping = { .hold = { 0 } };

	if (!is_at(list, at, prefix))
		return damping;
	damping = list->items[at].damping;
	remove_at(list, at);
	if (list->count == 0)
		damping_list_free(list);
	return damping;
}
