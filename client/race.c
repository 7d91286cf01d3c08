/* SPDX-License-Identifier: Apache-2.0 */
#include "client/race.h"

/* ---- the order of remotes ---- */

static void swap(size_t *a, size_t *b)
{
	size_t kept = *a;

	*a = *b;
	*b = kept;
}

/* Fisher and Yates; xorshift is random enough to spread clients over servers. */
static void shuffle(size_t *items, size_t count, uint64_t random)
{
	random |= 1;
	for (size_t i = count; i > 1; i--) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		swap(&items[i - 1], &items[random % i]);
	}
}

static bool comes_before(const struct settings *settings, size_t a, size_t b, size_t last)
{
	uint8_t first = settings->remotes[a].priority, second = settings->remotes[b].priority;

	return first != second ? first < second : a == last && b != last;
}

/* Insertion: remotes that are equal keep their order. */
static void sort(struct race *race, const struct settings *settings, size_t last)
{
	for (size_t i = 1; i < race->remote_count; i++) {
		for (size_t j = i;
			j > 0 && comes_before(settings, race->order[j], race->order[j - 1], last);
			j--)
			swap(&race->order[j], &race->order[j - 1]);
	}
}

void race_begin(struct race *race, const struct settings *settings, size_t last, uint64_t random)
{
	*race = (struct race){ .remote_count = settings->remote_count,
		.behind_proxy = settings->proxy.kind != PROXY_NONE };
	for (size_t i = 0; i < race->remote_count; i++)
		race->order[i] = i;
	if (settings->remotes_order == SETTINGS_ORDER_RANDOM)
		shuffle(race->order, race->remote_count, random);
	sort(race, settings, last);
	for (size_t i = 0; i < race->remote_count; i++)
		race->priorities[i] = settings->remotes[race->order[i]].priority;
}

/* ---- addresses ---- */

static bool has(const struct race *race, size_t remote, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < race->count; i++) {
		const struct race_entry *entry = &race->entries[i];

		if (entry->endpoint.port == endpoint->port &&
			addr_equal(&entry->endpoint.addr, &endpoint->addr) &&
			(!race->behind_proxy || entry->remote == remote))
			return true;
	}
	return false;
}

static void add(struct race *race, size_t remote, size_t rank, const struct endpoint *endpoint)
{
	if (race->count == RACE_ENTRIES_MAX || has(race, remote, endpoint))
		return;
	race->entries[race->count++] = (struct race_entry){
		.endpoint = *endpoint, .remote = remote, .rank = rank
	};
}

void race_add_known(struct race *race, size_t remote, const struct endpoint *endpoint)
{
	add(race, remote, 0, endpoint);
	race->entries[race->count - 1].known = true;
}

static size_t rank_of(const struct race *race, size_t remote)
{
	size_t rank = 0;

	while (rank < race->remote_count && race->order[rank] != remote)
		rank++;
	return rank;
}

/* Returns the first of that family from `at` on, or `count`. */
static size_t find_family(
	const struct endpoint *endpoints, size_t count, size_t at, bool same, uint8_t family)
{
	while (at < count && (endpoints[at].addr.family == family) != same)
		at++;
	return at;
}

void race_add(struct race *race, size_t remote, const struct endpoint *endpoints, size_t count)
{
	size_t rank = rank_of(race, remote) + 1; /* 0 is the known endpoint's */
	uint8_t family = count > 0 ? endpoints[0].addr.family : 0;
	size_t mine = 0, theirs = find_family(endpoints, count, 0, false, family);

	while (mine < count || theirs < count) {
		if (mine < count)
			add(race, remote, rank, &endpoints[mine]);
		if (theirs < count)
			add(race, remote, rank, &endpoints[theirs]);
		mine = mine < count ? find_family(endpoints, count, mine + 1, true, family) : count;
		theirs = theirs < count ? find_family(endpoints, count, theirs + 1, false, family)
					: count;
	}
}

/* ---- when ---- */

static struct race_entry *untried(struct race *race)
{
	struct race_entry *best = NULL;

	for (size_t i = 0; i < race->count; i++) {
		struct race_entry *entry = &race->entries[i];

		if (!entry->tried && (!best || entry->rank < best->rank))
			best = entry;
	}
	return best;
}

static struct mono later(struct mono a, struct mono b)
{
	return mono_before(a, b) ? b : a;
}

/* When the next remote may be asked for while others are under way. */
static struct mono ask_due(const struct race *race)
{
	struct mono turn = mono_add(
		later(race->started, race->last_asked), DURATION_MS(RACE_STAGGER_MS));
	size_t at = race->asked;

	if (at == 0 || race->priorities[at] == race->priorities[at - 1])
		return turn;
	return later(turn, mono_add(race->priority_began, DURATION_MS(RACE_PRIORITY_MS)));
}

static size_t ask(struct race *race, struct mono now)
{
	size_t at = race->asked++;

	if (at == 0)
		race->priority_began.ns = now.ns - race->head_start.ns;
	else if (race->priorities[at] != race->priorities[at - 1])
		race->priority_began = now;
	race->last_asked = now;
	return race->order[at];
}

enum race_step race_next(struct race *race, struct mono now, size_t flying, size_t asking,
	const struct race_entry **ret_entry, size_t *ret_remote, struct mono *ret_due)
{
	struct race_entry *entry = untried(race);
	struct mono due = { 0 };

	if (entry) {
		due = mono_add(race->started, DURATION_MS(RACE_STAGGER_MS));
		if (flying == 0 || !mono_before(now, due)) {
			entry->tried = true;
			race->started = now;
			*ret_entry = entry;
			return RACE_START;
		}
	} else if (race->asked < race->remote_count) {
		due = ask_due(race);
		if (flying + asking == 0 || !mono_before(now, due)) {
			*ret_remote = ask(race, now);
			return RACE_ASK;
		}
	} else if (flying + asking == 0) {
		return RACE_OVER;
	}
	*ret_due = due;
	return RACE_WAIT;
}

void race_failed(struct race *race)
{
	race->started = (struct mono){ 0 };
}

bool race_has_more(const struct race *race)
{
	for (size_t i = 0; i < race->count; i++) {
		if (!race->entries[i].tried)
			return true;
	}
	return race->asked < race->remote_count;
}
