/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_REVERSE_PATH_H
#define CULVERT_NETD_REVERSE_PATH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "netd/desired_item.h"

/*
 * Switches off the kernel's check of IPv4 sources (rp_filter, RFC 3704) while a full tunnel is in
 * force, and restores it afterwards. The check asks the policy rules which way an answer would
 * take, as if the answer had no mark. In full tunnel that is the tunnel, or none. So the kernel
 * would drop the server's packets, which come in by another interface: the strict check (1) always,
 * the loose one (2) while the tunnel has no IPv4 route. src_valid_mark does not help, as incoming
 * packets have no mark. The check is switched off on every interface that has it on. A killed netd
 * leaves it off. netd's only thread.
 */

struct reverse_path_saved {
	char name[IF_NAMESIZE]; /* an interface, or "all", which applies to each of them */
	char value;             /* '1' or '2', as it was before */
};

struct reverse_path {
	struct reverse_path_saved *saved; /* the changed interfaces, with their former values */
	size_t count, capacity;
	bool logged;              /* that the check cannot be switched off */
	struct desired_item item; /* that it stays off where it was switched off */
};

/* Begins with nothing changed. */
void reverse_path_init(struct reverse_path *reverse_path);

/*
 * Switches the check off wherever it is on. Call it again when the network has changed. Logs its
 * failures.
 */
void reverse_path_relax(struct reverse_path *reverse_path);

/*
 * For a restart. inherit: takes over what the run before has switched off; -ENOMEM. leave: ends this
 * module, and leaves it switched off for the next run.
 */
int reverse_path_inherit(
	struct reverse_path *reverse_path, const struct reverse_path_saved *saved, size_t count);
void reverse_path_leave(struct reverse_path *reverse_path);

/* Restores each value that is still as this module set it. Does nothing when none was changed. */
void reverse_path_restore(struct reverse_path *reverse_path);

#endif
