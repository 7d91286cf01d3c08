/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_LOCAL_ADDRESS_H
#define CULVERT_SYSTEM_LOCAL_ADDRESS_H

#include <stdbool.h>

#include "base/addr.h"

/* Any thread, no privilege. */

/*
 * Whether this host has the address just now. In doubt (no descriptor is left, or
 * net.ipv4.ip_nonlocal_bind lets every address pass) it has.
 */
bool local_address_is_here(const struct addr *addr);

#endif
