/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_DNS_H
#define CULVERT_NETD_DNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/nameservers.h"
#include "base/problem.h"
#include "netd/interfaces.h"
#include "system/loop.h"
#include "netd/resolvers.h"

/*
 * This host's resolvers while there is a tunnel whose server pushes its own. In the first of these ways
 * that there is, which the log names:
 *
 *	systemd-resolved, where it answers at 127.0.0.53: by resolvectl(1), for the tunnel's interface;
 *	resolvconf(8), where it is what writes /etc/resolv.conf;
 *	/etc/resolv.conf itself (netd/resolv_conf).
 *
 * Where domains come with the resolvers and the tunnel is no full one, systemd-resolved asks them for
 * these domains alone; in all other cases they are asked for everything. The other two ways know no
 * difference.
 *
 * DHCP clients write /etc/resolv.conf when they like. netd looks at the file every DNS_LOOK_S; one that another program has
 * written whole, and left alone since the look before, is written again, with one warning. What that program wrote comes
 * back at the end. After DNS_AGAIN_MAX times in one session netd gives in. A file of ours that somebody has changed
 * is left alone, with a warning.
 *
 * What a killed netd leaves, dns_sweep() takes away: systemd-resolved forgets by itself when the
 * interface goes. Whoever has changed /etc/resolv.conf meanwhile keeps what they have written. netd's
 * only thread, which waits for the programs, each DNS_TOOL_S at most.
 */

enum { DNS_TOOL_S = 5, DNS_LOOK_S = 1, DNS_AGAIN_MAX = 10 };

enum dns_way { DNS_NONE, DNS_RESOLVED, DNS_RESOLVCONF, DNS_FILE };

struct dns {
	enum dns_way way; /* that it is set in; DNS_NONE: it is not */
	bool full_tunnel;
	uint32_t index; /* of the interface that it is set for */
	char interface[REQUEST_IFNAME_MAX + 1];
	struct nameservers nameservers;
	struct resolvers before; /* those of this host, as they were last while it was not set */
	int held;                /* /etc/resolv.conf, -1: not by us */
	struct loop *loop;       /* NULL: the file is not looked at */
	struct loop_timer look;
	bool taken;     /* by another program, at the last look */
	bool told;      /* that it is left alone */
	unsigned again; /* how often it has been written again */
};

void dns_init(struct dns *dns, bool full_tunnel);
/* The loop that looks at the file from now on. Borrowed; before dns_set(). */
void dns_run_in(struct dns *dns, struct loop *loop);

/*
 * Makes these the host's resolvers; without a server, those from before come back. Fine when they are
 * already. Negative errno with words: those from before are still there, or there again.
 */
int dns_set(struct dns *dns, const struct interface *interface,
	const struct nameservers *nameservers, struct problem *problem);

/*
 * True: this host asks that resolver, and not only because the server pushed it. A server must not be able to push
 * a resolver first and to take it over then.
 */
bool dns_is_asked(struct dns *dns, const struct addr *addr);

/* Those from before come back. Logs what goes wrong. */
void dns_lift(struct dns *dns);

/*
 * Takes away what those have left that are no more. How many places had something, or negative errno
 * with words. Before there is an interface of our own.
 */
int dns_sweep(struct problem *problem);

/* The same, without touching it: where there is something, as a word for people; *ret_where NULL: nowhere. */
int dns_find_left(const char **ret_where, struct problem *problem);

#endif
