/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_TIME_SERVERS_H
#define CULVERT_NETD_TIME_SERVERS_H

#include "config/settings.h"
#include "system/netlink_nft.h"

/*
 * The time servers of `kill_switch_time`. A host whose clock is wrong refuses the server's
 * certificate, and behind a kill switch it cannot set the clock. So this host's own packets to these
 * addresses pass: UDP to the port of NTP (RFC 5905) and nothing else. NTS (RFC 8915) has no
 * exception: it checks certificates by the wrong clock, too, and its key server may name any other
 * address. Hosts behind this one have no exception. netd's only thread.
 */

enum { TIME_SERVERS_PORT = 123 };

/* Adds a rule for each time server to a chain. */
void time_servers_accept(const struct settings *settings, struct netlink_nft_batch *batch,
	const char *table, const char *chain);

#endif
