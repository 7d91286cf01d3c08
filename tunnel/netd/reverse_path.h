/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_REVERSE_PATH_H
#define CULVERT_NETD_REVERSE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The kernel's check of where IPv4 packets come from (rp_filter, RFC 3704) asks the policy rules which
 * way an answer would take, as if the answer had no mark: in full tunnel by the tunnel, or nowhere. So
 * the server's packets, which come in by the wan, would be dropped: by the strict check (1) always, by
 * the loose one (2) while the tunnel has no IPv4 route. src_valid_mark does not help, as what comes in
 * has no mark. Hence the check is off while a full tunnel is in force, on every interface that has it
 * on, and on again afterwards; a killed netd leaves it off. netd's only thread.
 */

struct reverse_path_saved;

struct reverse_path {
	struct reverse_path_saved *saved; /* what was changed, and from what */
	size_t count, capacity;
	bool told; /* that it cannot be changed */
};

/* Switches off what is on; again after the network has changed. Logs what it cannot. */
void reverse_path_relax(struct reverse_path *reverse_path);

/* Everything that still is as relaxed goes back. Fine when nothing was. */
void reverse_path_restore(struct reverse_path *reverse_path);

#endif
