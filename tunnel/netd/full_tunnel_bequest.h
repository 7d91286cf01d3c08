/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_FULL_TUNNEL_BEQUEST_H
#define CULVERT_NETD_FULL_TUNNEL_BEQUEST_H

#include <stdint.h>

#include "config/settings.h"
#include "netd/bequest.h"
#include "netd/full_tunnel.h"

/* What a full tunnel leaves to the next run of netd (netd/bequest). Pure functions. */

/* Returns the fingerprint of all settings that its policy rules depend on. */
uint64_t full_tunnel_fingerprint(const struct settings *settings);

/* Describes the full tunnel as it is now. */
void full_tunnel_bequeath(
	const struct full_tunnel *full_tunnel, struct bequest_full_tunnel *ret_bequest);

/* Puts back what the module knew then. Nothing is judged yet. */
void full_tunnel_recall(struct full_tunnel *full_tunnel, const struct bequest_full_tunnel *bequest);

#endif
