/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_DESIRED_ITEM_H
#define CULVERT_NETD_DESIRED_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/problem.h"
#include "base/rate.h"
#include "wire/request.h"

/*
 * One thing that netd keeps on the host, such as the policy rules of a full tunnel. The module that
 * makes the thing declares an item: how to look whether it is in place, and how to repair it.
 * netd/desired_state decides when. This file has the rules that hold for all items:
 *
 *	An item that is lost is repaired, with one warning that names the first lost object, and the
 *	program that changed it if that is known.
 *	A repair that fails is tried again after DESIRED_RETRY_MS, and the wait doubles each time up
 *	to DESIRED_RETRY_MAX_S.
 *	When the same program changes one object of an item DESIRED_FIGHT_TIMES within
 *	DESIRED_FIGHT_S, netd leaves the item alone for DESIRED_HOLD_S and says so once. A module
 *	whose parts hold packets back keeps them back meanwhile, by a second part that no other
 *	program can remove.
 *
 * netd's only thread.
 */

enum {
	DESIRED_RETRY_MS = 500,
	DESIRED_RETRY_MAX_S = 8,
	DESIRED_POLL_MS = 1000, /* between two looks at a thing whose changes cause no event */
	DESIRED_FIGHT_TIMES = 10,
	DESIRED_FIGHT_S = 10,
	DESIRED_HOLD_S = 30,
	DESIRED_OBJECTS = 8, /* of one item, whose losses are counted one by one */
	/* as the engine is told */
	DESIRED_WHAT_MAX = REQUEST_HELD_WHAT_MAX,
	DESIRED_WRITER_MAX = REQUEST_HELD_WRITER_MAX,
};

/* Counts how often one object was repaired. Zeroed: never. */
struct desired_pace {
	unsigned count;
	struct mono since, held_until;
	uint64_t writer; /* the program that `count` is about: the fingerprint of its name */
};

/* Returns true while a fight is on: the object is left alone. */
bool desired_pace_is_held(const struct desired_pace *pace, struct mono now);
/*
 * Counts one repair of what `writer` changed ("": not known). Returns false when there were too
 * many: the object is left alone from now on for DESIRED_HOLD_S.
 */
bool desired_pace_take(struct desired_pace *pace, const char *writer, struct mono now);

enum desired_look {
	DESIRED_UNWANTED, /* the module wants nothing of the kind now */
	DESIRED_IN_PLACE,
	DESIRED_LOST,    /* a part is missing, or another program has changed it */
	DESIRED_UNKNOWN, /* the look failed, and the last answer stands */
};

/* What a look found. */
struct desired_sight {
	char what[DESIRED_WHAT_MAX + 1];     /* the first lost object: "rule 25463" */
	char writer[DESIRED_WRITER_MAX + 1]; /* the program that changed them; "": not known */
};

struct desired_state;

struct desired_item {
	/* ---- what the module sets ---- */
	const char *name;      /* for people, in the plural: "policy rules" */
	const char *meanwhile; /* what holds while it is lost: "this host's packets are blocked" */
	/* how long it must be lost before netd repairs it: another program may still write */
	struct duration settle;
	bool polled; /* no event tells of a change: netd looks every DESIRED_POLL_MS */
	enum desired_look (*look)(struct desired_item *item, struct desired_sight *sight);
	/*
	 * Returns 0 or a negative errno, and *problem says why. NULL: the module repairs it, warns,
	 * and counts the changes by itself.
	 */
	int (*repair)(struct desired_item *item, struct problem *problem);

	/* ---- the rest is desired_item.c's and desired_state.c's ---- */
	struct desired_item *next;
	struct desired_state *owner; /* NULL: not registered */
	enum desired_look state;     /* as the last look left it; never DESIRED_UNKNOWN */
	bool settling;               /* lost, and `settle` is not over */
	bool tried;                  /* a repair of this loss has failed */
	unsigned changes;            /* how often other programs changed it */
	struct desired_sight seen;   /* their last change */
	struct problem why;          /* DESIRED_LOST: why it is not repaired */
	struct {
		enum desired_look state;
		unsigned changes;
	} reported; /* as the engine knows it, or will when the next message has come */
	struct mono lost_at, retry_at;
	struct duration wait;
	/* of the objects that were lost last, by a fingerprint of `what` */
	struct desired_object {
		uint64_t what;
		struct desired_pace pace;
	} objects[DESIRED_OBJECTS];
	struct mono held_until; /* a fight is on: the item is left alone */
	struct rate warnings;
};

/*
 * Looks at the item and repairs it if it is time. Returns when to look again even without an event:
 * 0: not needed.
 */
struct duration desired_item_check(struct desired_item *item, struct mono now);

#endif
