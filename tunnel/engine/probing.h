/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_PROBING_H
#define CULVERT_ENGINE_PROBING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/prefix_list.h"
#include "config/settings.h"
#include "engine/netd_link.h"
#include "engine/probe.h"
#include "system/loop.h"

/*
 * Probes what is behind the probed announcements (`probe` in `announce`). netd makes each socket
 * (netd/probe_socket says why); this module sends the echo, waits, and reads the answer.
 *
 * A probe begins every 90 to 100 % of its interval, so that many do not keep step. It never begins
 * later, as the time to notice a dead target follows from the interval. One that has no answer when
 * the next one begins has failed. Each announcement has at most one probe under way. A failure
 * of this host itself, such as too few descriptors, is no result. Main thread only.
 */

struct probing_item {
	struct probing *probing;
	struct prefix prefix;
	struct endpoint target; /* port 0: ICMP echo */
	struct probe probe;
	struct netd_call call;
	struct loop_timer timer; /* until the next probe begins, or this one has failed */
	struct loop_watch watch; /* of the probe under way; fd -1: none */
	bool removed;            /* by new settings; it stays until netd's reply has come */
	uint16_t sequence;
	uint64_t cookie; /* of the echo under way: only a host that sees it can answer */
};

struct probing {
	struct loop *loop;
	struct netd_link *netd;
	struct probing_item **items; /* in the order of the settings */
	size_t count;
	struct loop_timer gathering; /* from a change until it is told */
	uint64_t random;             /* of the jitter and the cookies; see next_random() */
	/* The set of withheld prefixes has changed. */
	void (*changed)(struct probing *probing);
};

/*
 * Takes the probes of the settings, of which it keeps no reference. An item that was there before,
 * with the same prefix and target, keeps its state. `trusted`: see probe_init(). Called before
 * probing_start(), and again when the settings have changed. -ENOMEM: nothing has changed.
 */
int probing_configure(struct probing *probing, struct loop *loop, const struct settings *settings,
	bool trusted, void (*changed)(struct probing *probing));
/* netd takes requests from now on. Called again after probing_configure(): starts the new ones. */
void probing_start(struct probing *probing, struct netd_link *netd);
/* Ends all probes. Does nothing when *probing is zeroed. No reply of netd may come after this. */
void probing_free(struct probing *probing);

/* Lists the prefixes that are not announced now, sorted. -ENOMEM. */
int probing_withheld(const struct probing *probing, struct prefix_list *list);
/* Returns the item of the prefix, or NULL. */
const struct probing_item *probing_find(const struct probing *probing, const struct prefix *prefix);

/* Writes "10.1.0.5:22", or an address alone for ICMP echo. Returns `out`. */
const char *probing_target_format(
	const struct probing_item *item, char out[static ENDPOINT_TEXT_MAX]);

#endif
