/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_ECN_H
#define CULVERT_WIRE_ECN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Marks an IP packet as having met congestion (CE), as a queue does instead of dropping it: RFC 3168,
 * 5. `data` is a packet that packet_parse() took. True: it is marked now, or was before. False: its
 * sender does not understand marks; nothing has changed. Any thread.
 */
bool ecn_mark(uint8_t *data, size_t len);

#endif
