/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_PUPPET_CRAFT_H
#define CULVERT_TESTS_SYSTEM_PUPPET_CRAFT_H

#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"

/*
 * Makes IP packets with right headers and checksums. -ENOBUFS: no room. -EINVAL: the addresses are
 * of two families.
 */

int craft_udp(struct writer *writer, const struct addr *source, const struct addr *destination,
	uint16_t port, const char *text);
/* Makes a segment with `len` zero bytes, to a port without a listener. */
int craft_tcp(struct writer *writer, const struct addr *source, const struct addr *destination,
	size_t len);

#endif
