/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_RACE_H
#define CULVERT_CLIENT_RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "client/resolver.h"
#include "config/settings.h"

/*
 * What a round of the dialer tries, and when: the order of "Happy Eyeballs" (RFC 8305) over all
 * remotes of a priority. Addresses of the families take turns. An attempt begins RACE_STAGGER_MS
 * after the one before, or at once when none is under way. The remotes of the next priority follow
 * when all of the better one has failed, or RACE_PRIORITY_MS after that one began; the attempts
 * before them go on. It knows no sockets and no clock of its own. A plain value, one owner.
 */

enum {
	RACE_STAGGER_MS = 250,   /* RFC 8305, 5: connection attempt delay */
	RACE_PRIORITY_MS = 3000, /* for one priority, before the next one joins in */
	RACE_ENTRIES_MAX = SETTINGS_REMOTES_MAX * RESOLVER_ADDRESSES_MAX + 1,
};

struct race_entry {
	struct endpoint endpoint;
	size_t remote; /* index in settings->remotes */
	size_t rank;   /* of its remote; less is tried earlier */
	bool known;    /* the endpoint of the last connection, before all others */
	bool tried;
};

struct race {
	uint8_t priorities[SETTINGS_REMOTES_MAX]; /* by rank */
	size_t order[SETTINGS_REMOTES_MAX];       /* the remotes by rank */
	size_t remote_count;
	size_t asked; /* how many of `order` were asked for */
	bool behind_proxy;
	struct race_entry entries[RACE_ENTRIES_MAX];
	size_t count;
	struct mono started;    /* the newest attempt; 0: none */
	struct mono last_asked; /* the newest remote; 0: none */
	struct mono priority_began;
	struct duration head_start; /* how long the first priority is waited for already */
};

enum race_step {
	RACE_START, /* begin an attempt to *ret_entry */
	RACE_ASK,   /* find the addresses of a remote; then race_add(), perhaps without any */
	RACE_WAIT,  /* until ret_due, or until something else happens where ret_due is 0 */
	RACE_OVER,  /* nothing is left to try or to wait for */
};

/*
 * Begins a round with all remotes. Of those with one priority the one with index `last` comes
 * first: it may still have the client's session. SIZE_MAX: none. `random` decides the others' order
 * where the configuration wants that.
 */
void race_begin(struct race *race, const struct settings *settings, size_t last, uint64_t random);
/* The endpoint of the last connection: it is tried before everything else. */
void race_add_known(struct race *race, size_t remote, const struct endpoint *endpoint);
/*
 * Adds a remote's addresses, those of the two families in turn. An endpoint that the race has
 * already is left out, unless a proxy leads from there to another remote.
 */
void race_add(struct race *race, size_t remote, const struct endpoint *endpoints, size_t count);
/*
 * What to do now. `flying`: attempts that may still lead to a connection; `asking`: remotes whose
 * addresses are still looked up.
 */
enum race_step race_next(struct race *race, struct mono now, size_t flying, size_t asking,
	const struct race_entry **ret_entry, size_t *ret_remote, struct mono *ret_due);
/* An attempt has failed: the next one need not wait for its turn. */
void race_failed(struct race *race);
/* True: there is something that it has not tried yet. */
bool race_has_more(const struct race *race);

#endif
