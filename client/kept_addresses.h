/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_KEPT_ADDRESSES_H
#define CULVERT_CLIENT_KEPT_ADDRESSES_H

#include <stddef.h>

#include "base/addr.h"
#include "config/settings.h"

/*
 * The endpoints by which each remote was reached, for when its name does not resolve: the resolver
 * may be down, or behind the tunnel that is down. A remote is its index in settings->remotes. These
 * endpoints are trusted no more than a resolver's: the server's certificate decides. A plain value,
 * one owner.
 */

enum { KEPT_ADDRESSES_MAX = 4 }; /* of one remote; a further one replaces the oldest */

struct kept_addresses {
	struct {
		struct endpoint items[KEPT_ADDRESSES_MAX]; /* the latest first */
		size_t count;
	} remotes[SETTINGS_REMOTES_MAX];
};

/* Records that the remote, or the proxy to it, was reached at this endpoint. */
void kept_addresses_add(
	struct kept_addresses *kept, size_t remote, const struct endpoint *endpoint);
/* Copies the endpoints to `out`, the latest first, and returns their number. */
size_t kept_addresses_get(const struct kept_addresses *kept, size_t remote,
	struct endpoint out[static KEPT_ADDRESSES_MAX]);

#endif
