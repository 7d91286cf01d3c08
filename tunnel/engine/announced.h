/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ANNOUNCED_H
#define CULVERT_ENGINE_ANNOUNCED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prefix_list.h"
#include "base/problem.h"
#include "config/settings.h"
#include "wire/request.h"

/*
 * The prefixes that this end announces to its peers. They come from the configuration, from
 * `culvert routes`, and from netd, which tracks the kernel's routes and interfaces. A zeroed struct
 * announces nothing. It knows no session: the caller passes a change on to the sessions. Main
 * thread only.
 */

struct announced {
	/* stated, tracked and announced to single peers: sorted, without duplicates */
	struct prefix_list all;
	/* named by the common list of the configuration or `culvert routes` */
	struct prefix_list stated;
	struct prefix_list tracked; /* reported by netd, sorted */
	struct prefix_list pages;   /* of a tracked set whose last page has not come */
	/*
	 * Not announced to anybody now, whatever list has them: what is behind them is dead
	 * (engine/probing). They stay in `all`: no peer may take them.
	 */
	struct prefix_list withheld; /* sorted */
	/* of the peers' own lists; borrowed from the settings; NULL: none */
	const struct prefix_list *own;
};

/*
 * The settings have changed and `before` has the former ones: states the prefixes of now. What
 * `culvert routes` has added or withdrawn stays so. -ENOMEM: nothing has changed.
 */
int announced_follow(
	struct announced *announced, const struct settings *before, const struct settings *now);
/*
 * Adds the prefixes of the configuration. Called first, and once. Borrowed: the settings, until
 * announced_free(). -ENOMEM.
 */
int announced_configure(struct announced *announced, const struct settings *settings);
void announced_free(struct announced *announced);

/* Takes the prefixes that are not announced now, sorted, and with them the list's memory. */
void announced_withhold(struct announced *announced, struct prefix_list *withheld);

/*
 * Appends what is announced to the peer: the common prefixes, or those of its own list. Duplicates
 * may be among them. NULL: a peer without an entry. -ENOMEM: some may be missing.
 */
int announced_append(const struct announced *announced, const struct settings_peer *peer,
	struct prefix_list *list);

/* Returns true if the prefix is announced to every peer without a list of its own. */
bool announced_is_common(const struct announced *announced, const struct prefix *prefix);

/*
 * Adds prefixes to the stated ones, or removes them: all of them or none. On failure *problem names
 * the prefix.
 *
 * -EINVAL   it cannot be announced, such as a default route by a client
 * -EEXIST   it is stated already, or the caller names it twice
 * -ENOENT   it is not stated (announced_withdraw())
 * -ENOSPC   there would be more than SETTINGS_PREFIX_MAX
 * -ENOMEM
 */
int announced_add(struct announced *announced, enum settings_role role,
	const struct prefix *prefixes, size_t count, struct problem *problem);
int announced_withdraw(struct announced *announced, const struct prefix *prefixes, size_t count,
	struct problem *problem);

/*
 * Takes a page of the tracked set from netd. Returns 1 when the set is complete and has replaced
 * the set before. Returns 0 while pages are missing. A page without those before it is ignored, as
 * netd sends such a set again. -ENOMEM: the set before stays in force.
 */
int announced_track(struct announced *announced, const struct request_tracked *page);

#endif
