/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACE_LIFE_H
#define CULVERT_NETD_INTERFACE_LIFE_H

#include "netd/interfaces.h"

/*
 * The life of an interface: netd makes it, gives it addresses, changes them, and deletes it. These
 * functions use netd/interface_make for the TUN and netd/interface_routes for the routes; the
 * registry (netd/interfaces) uses none of them. netd's only thread.
 */

/*
 * Makes the peer's interface as `target` says, or changes the existing one to what is wanted. An
 * existing interface keeps its routes and its queues, however many. If the kernel accepts the
 * address of only one family, for example because IPv6 is switched off, the interface has that
 * family, and netd logs this once.
 *
 * The registry owns *ret_interface. On failure (negative errno) *problem says why; a new interface
 * is deleted again, and an old one may be partly changed.
 */
int interfaces_bring(struct interfaces *interfaces, const struct request_interface *wanted,
	const struct interface_target *target, struct interface **ret_interface,
	struct problem *problem);

/*
 * Removes the interface's addresses; the next interfaces_bring() gives it others. Its routes stay,
 * and packets for them go nowhere. On failure (negative errno) *problem says why, and some
 * addresses may be left.
 */
int interfaces_strip(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem);

/* Deletes the interface with its addresses and routes. `why` is for the log. */
void interfaces_remove(struct interfaces *interfaces, struct interface *interface, const char *why);
void interfaces_remove_all(struct interfaces *interfaces, const char *why);

#endif
