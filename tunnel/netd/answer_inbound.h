/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ANSWER_INBOUND_H
#define CULVERT_NETD_ANSWER_INBOUND_H

#include "base/problem.h"
#include "config/settings.h"
#include "netd/desired_item.h"
#include "netd/local_bridges.h"
#include "system/netlink_nft.h"

/*
 * `answer_inbound = true` of a profile with `full_tunnel` or `kill_switch`. Callers from outside the
 * tunnel get their answers there: a rented server that goes into a full tunnel is still reached by
 * SSH.
 *
 * A call comes in for this host or for a local bridge, by a link that is neither a tunnel's, nor
 * loopback, nor a local bridge. A firewall table of netd's own gives its connection the mark
 * SETTINGS_MARK_INBOUND (in conntrack). Connections that this host only passes on get no mark, so a
 * network behind it stays in the tunnel. Packets of marked connections get the same mark, and then
 *  - a policy rule of the full tunnel sends them to the main table;
 *  - the tables of full tunnel and kill switch accept them, but only answers, and by the mark of
 *    the connection: programs can give a packet a mark, but only root can give a connection one.
 *
 * A TCP socket that accepts a call takes the mark over (tcp_fwmark_accept, switched on meanwhile).
 * Without that the kernel would look for a route before any rule sees the answer, and find none
 * while the tunnel is down.
 *
 * Connections from before netd's start are known only if the host tracks connections already. The
 * table belongs to netd's netlink socket and disappears with it. netd's only thread.
 */

struct answer_inbound {
	const struct settings *settings; /* borrowed, as are the bridges */
	const struct local_bridges *local;
	struct netlink_nft *nft; /* NULL: not in force */
	char table[sizeof("culvert-inbound-") + SETTINGS_NAME_MAX];
	bool switched; /* tcp_fwmark_accept was off before */
	struct desired_item item;
};

/*
 * Puts the table in force if the settings want it; otherwise ends what was inherited. Before that,
 * `nft` and `switched` may have been inherited from the run before; else *answer is zeroed. Errors: those of
 * netlink_nft_open() and netlink_nft_commit(). On failure *problem says why.
 */
int answer_inbound_start(struct answer_inbound *answer, const struct settings *settings,
	const struct local_bridges *local, struct problem *problem);
/* The local bridges have changed. Logs its failures. Does nothing when not in force. */
void answer_inbound_local_changed(struct answer_inbound *answer);
/* Does nothing when *answer is zeroed. */
void answer_inbound_stop(struct answer_inbound *answer);

/*
 * Adds the rule that accepts answers to a chain of a closed table, if the settings want it. NULL:
 * they are not known.
 */
void answer_inbound_accept(const struct settings *settings, struct netlink_nft_batch *batch,
	const char *table, const char *chain);

#endif
