/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_REVERSE_PATH_H
#define CULVERT_NETD_REVERSE_PATH_H

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

struct reverse_path_saved;

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

/* Restores each value that is still as this module set it. Does nothing when none was changed. */
void reverse_path_restore(struct reverse_path *reverse_path);

#endif
