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
 * Decides which peer has which inner addresses. A lease binds an identity to an address of each
 * pool. It stays when the peer leaves, so that the peer gets the same address again. Addresses
 * without a lease are given first. When none is left, the lease that is out of use for longest
 * loses its address. A fixed address belongs to its listed peer alone.
 *
 * Memory grows with the leases and the listed peers, not with the pools. Main thread only.
 */

enum { POOL_LEASES_MAX = SETTINGS_SESSIONS_MAX };

struct pool_lease {
	struct identity name;
	struct addr addr4, addr6; /* AF_UNSPEC: none of that family, or a fixed one */
	int64_t last_used;        /* seconds since 1970, when it was last taken or released */
};

struct pool;

/* Copies what it needs of `settings`, which settings_check() has accepted. -ENOMEM. */
int pool_new(const struct settings *settings, struct pool **ret_pool);
void pool_free(struct pool *pool);

/*
 * Gives `name` its addresses until pool_release(); AF_UNSPEC: there is no pool of the family.
 * Taking them twice gives the same ones. `now` is the time of day in seconds. On failure `name` has
 * no address, and connected peers keep theirs. -EADDRNOTAVAIL: all addresses of a pool are in use
 * or fixed, or POOL_LEASES_MAX peers are connected, as *problem says; -ENOMEM.
 */
int pool_take(struct pool *pool, const struct identity *name, int64_t now, struct addr *ret_addr4,
	struct addr *ret_addr6, struct problem *problem);

/*
 * Gives `name` the addresses that an adopted session's interface has, in use. Called before any
 * pool_take(). The interface counts for more than a remembered lease. A lease that contradicts it,
 * of `name` or of a peer that is not connected, gives way. `lease->last_used` is now.
 *
 * A failed claim ends the session, so that its interface releases the address. Offering the peer
 * another address instead could make two sessions wait for each other forever. On failure `name`
 * has no address, and *problem says why.
 *
 * -EADDRINUSE: another peer uses the address or has it fixed, or `name` has another fixed one;
 * -ERANGE: it is not of these pools; -EADDRNOTAVAIL: POOL_LEASES_MAX peers are connected; -ENOMEM.
 */
int pool_claim(struct pool *pool, const struct pool_lease *lease, struct problem *problem);

/* The peer has left; its lease stays. Does nothing if it has none. */
void pool_release(struct pool *pool, const struct identity *name, int64_t now);

/*
 * Adds a remembered lease, out of use, as the last used so far. Called before any pool_take(). An
 * address that the peer may not have any more is left out, if the other address is still good.
 *
 * -ERANGE: neither is of these pools; -EADDRINUSE: another peer has the address or has it fixed, or
 * the peer now has a fixed one, or a lease already; -ENOSPC: there are POOL_LEASES_MAX; -ENOMEM.
 */
int pool_restore(struct pool *pool, const struct pool_lease *lease);

/*
 * Calls `visit` for each lease, longest out of use first and those in use last. Stops at the first
 * negative result and returns it. `visit` must not call the pool.
 */
int pool_each(const struct pool *pool, int (*visit)(const struct pool_lease *lease, void *context),
	void *context);

#endif
