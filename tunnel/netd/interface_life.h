/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACE_LIFE_H
#define CULVERT_NETD_INTERFACE_LIFE_H

#include "netd/interfaces.h"

/*
 * The life of an interface: it is made, gets its addresses, changes them, and is deleted. It uses
 * netd/interface_make for the TUN and netd/interface_routes for the routes; the registry
 * (netd/interfaces) knows none of them. netd's only thread.
 */

/*
 * Makes the peer's interface at that place, or brings the one it has to what is wanted. Its routes
 * and its queues, however many, stay. Where the kernel takes the address of one family alone, such
 * as with IPv6 switched off, the interface has that family; the log tells it once. On failure a new interface is gone again, an old one is as far
 * as it came. The registry keeps owning *ret_interface. Negative errno with words.
 */
int interfaces_bring(struct interfaces *interfaces, const struct request_interface *wanted,
	const struct interface_place *place, struct interface **ret_interface,
	struct problem *problem);

/*
 * Takes its addresses away; the next interfaces_bring() gives it others. Its routes stay, and lead nowhere. Negative
 * errno with words: some of it is left.
 */
int interfaces_strip(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem);

/* Deletes it, with its addresses and routes. `why` is for the log. */
void interfaces_remove(struct interfaces *interfaces, struct interface *interface, const char *why);
void interfaces_remove_all(struct interfaces *interfaces, const char *why);

#endif
