/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_POOL_H
#define CULVERT_DAEMON_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/identity.h"
#include "base/problem.h"
#include "config/settings.h"

/*
 * Which peer has which inner addresses. A lease binds an identity to an address of each pool; it
 * stays when the peer goes, so that the peer gets the same again. Addresses that have never been
 * given come first; when there are none left, the lease that has been out of use for longest loses
 * its address. Fixed addresses of listed peers belong to them alone.
 *
 * Memory grows with the leases and the listed peers, not with the pools. Only the engine's main
 * thread calls this.
 */

enum { POOL_LEASES_MAX = SETTINGS_SESSIONS_MAX };

struct pool_lease {
	struct identity name;
	struct addr addr4, addr6; /* AF_UNSPEC: none of that family, or a fixed one */
	int64_t last_used;        /* seconds since 1970, of taking or releasing */
};

struct pool;

/* Copies what it needs of `settings`, which settings_check() has passed. -ENOMEM. */
int pool_new(const struct settings *settings, struct pool **ret_pool);
void pool_free(struct pool *pool);

/*
 * The addresses of `name` for as long as it is connected, AF_UNSPEC for a family without a pool.
 * Taking again what is in use gives the same. `now` is the time of day in seconds. On failure
 * `name` has nothing, and whoever is connected keeps what it has: -EADDRNOTAVAIL (all addresses of
 * a pool are in use or fixed, or POOL_LEASES_MAX peers are connected; with words in `problem`),
 * -ENOMEM.
 */
int pool_take(struct pool *pool, const struct identity *name, int64_t now, struct addr *ret_addr4,
	struct addr *ret_addr6, struct problem *problem);

/*
 * A session that outlived its engine has these addresses on its interface: `name` has them again, in
 * use, before any pool_take(). What runs counts for more than what is remembered: a lease that says
 * otherwise, of `name` or of a peer that is not connected, gives way. `lease->last_used` is now.
 * The peer is to be offered nothing else, or two sessions could wait for each other's address for
 * ever. -EADDRINUSE (fixed for, or already in use by, another; or the peer has a fixed one now) and
 * -ERANGE (not of these pools): `name` has nothing, and the session must end, so that its interface
 * gives the address back. -EADDRNOTAVAIL: POOL_LEASES_MAX peers are connected; -ENOMEM.
 */
int pool_claim(struct pool *pool, const struct pool_lease *lease, struct problem *problem);

/* The peer has gone; its lease stays. An identity that has none is fine. */
void pool_release(struct pool *pool, const struct identity *name, int64_t now);

/*
 * Adds a remembered lease, out of use; it counts as used after all that are there already. Before
 * any pool_take(). An address that is no longer the peer's to have is left out when the other one
 * still is; when neither is: -ERANGE (not of these pools), -EADDRINUSE (fixed for, or leased by,
 * another; or the peer now has a fixed one). -EADDRINUSE also when the peer has a lease already;
 * -ENOSPC: POOL_LEASES_MAX are there; -ENOMEM.
 */
int pool_restore(struct pool *pool, const struct pool_lease *lease);

/*
 * Calls `visit` for every lease, the longest out of use first and those in use last; stops at the
 * first negative result and returns it. `visit` must not call the pool.
 */
int pool_each(const struct pool *pool, int (*visit)(const struct pool_lease *lease, void *context),
	void *context);

#endif
