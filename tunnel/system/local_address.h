/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_LOCAL_ADDRESS_H
#define CULVERT_SYSTEM_LOCAL_ADDRESS_H

#include <stdbool.h>

#include "base/addr.h"

/* Finds out whether an address belongs to this host. Any thread; needs no privilege. */

/*
 * True if this host has the address now. Also true in doubt: without a free descriptor, or if
 * net.ipv4.ip_nonlocal_bind accepts every address.
 */
bool local_address_is_here(const struct addr *addr);

#endif
