/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_DNS_H
#define CULVERT_NETD_DNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/nameservers.h"
#include "base/problem.h"
#include "netd/desired_item.h"
#include "netd/interfaces.h"
#include "system/file_watch.h"
#include "system/loop.h"
#include "netd/resolvers.h"

/*
 * Sets this host's resolvers while a tunnel is up whose server pushes resolvers. netd takes the
 * first of these ways that the host offers, and logs which:
 *
 *	systemd-resolved, where it answers at 127.0.0.53: by resolvectl(1), for the tunnel's
 *	interface;
 *	resolvconf(8), where it is the program that writes /etc/resolv.conf;
 *	/etc/resolv.conf itself (netd/resolv_conf).
 *
 * If the server pushes domains too and the tunnel is not a full tunnel, systemd-resolved asks the
 * pushed resolvers for these domains only. In all other cases they are asked for every name.
 * resolvconf and the file cannot make this difference.
 *
 * DHCP clients write /etc/resolv.conf at any time. netd gets notice of that by inotify(7), or looks
 * every second, and writes its own again (netd/desired_state); the other program's text is restored
 * at the end. If another program has edited netd's text, netd leaves the file as it is. While
 * another Culvert has the file, netd waits for its turn. What resolvectl and resolvconf were told
 * is compared with the files in which they note it, where there are such files.
 *
 * dns_sweep() removes the leftovers of a killed netd; systemd-resolved forgets its part when the
 * interface disappears. A file that another program has changed since then is not touched. netd's
 * only thread runs the programs and waits for each of them, at most DNS_TOOL_S.
 */

enum {
	DNS_TOOL_S = 5,
	DNS_SETTLE_MS = 200, /* another program may still write */
	DNS_ENTRY_PATH_MAX = 96,
};

enum dns_way { DNS_NONE, DNS_RESOLVED, DNS_RESOLVCONF, DNS_FILE };

struct dns {
	enum dns_way way; /* in use; DNS_NONE: the resolvers are not set */
	bool full_tunnel;
	uint32_t index; /* of the interface whose resolvers are set */
	char interface[REQUEST_IFNAME_MAX + 1];
	struct nameservers nameservers;
	struct resolvers before; /* this host's own, as they were last while no others were set */
	/* the lock on /etc/resolv.conf; -1: netd has not written the file */
	int held;
	struct loop *loop; /* NULL: the file is not watched */
	struct file_watch watch;
	struct loop_watch ready;
	/* another Culvert has the file: `interface` and `nameservers` are what is wanted */
	bool waiting;
	/* where the program in use notes what it was told; entry_sum 0: unknown */
	char entry[DNS_ENTRY_PATH_MAX];
	uint64_t entry_sum;
	struct desired_item item;
};

void dns_init(struct dns *dns, bool full_tunnel);
/* Gives the module the loop in which it checks the file. Borrowed. Call it before dns_set(). */
void dns_run_in(struct dns *dns, struct loop *loop);

/*
 * Sets these as the host's resolvers; with no server in `nameservers`, restores the former ones.
 * Does nothing when they are set already. On failure (negative errno) *problem says why, and the
 * former resolvers are in force.
 */
int dns_set(struct dns *dns, const struct interface *interface,
	const struct nameservers *nameservers, struct problem *problem);

/*
 * Returns true if this host asks that resolver for its own reasons, not only because the server
 * pushed it. Otherwise a server could push a resolver first and then take over its address.
 */
bool dns_is_asked(struct dns *dns, const struct addr *addr);

struct bequest_dns;

/*
 * For a restart, in which the resolvers stay. bequeath: describes them for the next run. leave: ends
 * this module and leaves them set. inherit: takes over what the run before has set, with the lock on
 * the file (-1: none), which is this module's from then on.
 */
void dns_bequeath(const struct dns *dns, struct bequest_dns *ret_bequest);
void dns_leave(struct dns *dns);
void dns_inherit(struct dns *dns, const struct bequest_dns *bequest, int held);

/* Restores the former resolvers. Logs its failures. */
void dns_lift(struct dns *dns);
/* Stops watching the file. Call it after dns_lift(). */
void dns_close(struct dns *dns);

/*
 * Removes the leftovers of programs that have ended. Returns how many files and programs had some,
 * or a negative errno, and *problem says why. Call it before netd has made an interface.
 */
int dns_sweep(struct problem *problem);

/*
 * Finds the same leftovers without removing them. *ret_where names where they are, for a message,
 * or is NULL when there are none. On failure *problem says why.
 */
int dns_find_left(const char **ret_where, struct problem *problem);

#endif
