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
 * The prefixes that this end announces to every peer. They come from the configuration, from
 * `culvert routes`, and from netd, which tracks what the kernel has. A zeroed struct announces
 * nothing. It knows no session: the caller tells them of a change.
 */

struct announced {
	struct prefix_list all;     /* stated and tracked: sorted, each once */
	struct prefix_list stated;  /* by the configuration and `culvert routes` */
	struct prefix_list tracked; /* by netd, sorted */
	struct prefix_list pages;   /* of a tracked set that is not whole yet */
};

/* States what the configuration lists, before anything else is stated. -ENOMEM. */
int announced_configure(struct announced *announced, const struct settings *settings);
void announced_free(struct announced *announced);

/*
 * States prefixes, or takes them back: all of them or none. -EINVAL: one cannot be announced, as a
 * default route by a client; -EEXIST: one is stated already, or named twice; -ENOENT: one is not
 * stated; -ENOSPC: more than SETTINGS_PREFIX_MAX; -ENOMEM. The problem names the prefix.
 */
int announced_add(struct announced *announced, enum settings_role role,
	const struct prefix *prefixes, size_t count, struct problem *problem);
int announced_withdraw(struct announced *announced, const struct prefix *prefixes, size_t count,
	struct problem *problem);

/*
 * netd has sent a page of the set that it tracks. 1: the set is whole and has taken the place of the
 * one before. 0: more pages are to come, or the page belongs to a set whose beginning is missing,
 * which netd sends again. -ENOMEM: the set before stays.
 */
int announced_track(struct announced *announced, const struct request_tracked *page);

#endif
