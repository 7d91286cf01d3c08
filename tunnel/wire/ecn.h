/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_ECN_H
#define CULVERT_WIRE_ECN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Marks an IP packet with "congestion experienced" (CE), which a queue does instead of dropping it:
 * RFC 3168, 5. `data` is a packet that packet_parse() accepted. True: the packet has the mark.
 * False: its sender does not support marks; the packet is unchanged. Any thread.
 */
bool ecn_mark(uint8_t *data, size_t len);

#endif
