/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_PROTOCOL_H
#define CULVERT_SYSTEM_NETLINK_PROTOCOL_H

#include <stdint.h>

/*
 * The programs that make routes and policy rules, by the protocol number that the kernel keeps with
 * each (linux/rtnetlink.h). Pure; any thread.
 */

/* Returns the program's name, such as "bird". NULL: the number has none, or tells nothing. */
const char *netlink_protocol_name(uint8_t protocol);

#endif
