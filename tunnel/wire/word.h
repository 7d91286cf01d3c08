/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_WORD_H
#define CULVERT_WIRE_WORD_H

#include <stddef.h>
#include <stdint.h>

/*
 * Reads and writes big-endian fields at known offsets of a header whose length is checked already.
 * New input is parsed through base/bytes.h instead. Pure; on the path of every packet; any thread.
 */

static inline uint16_t word16(const uint8_t *header, size_t at)
{
	return (uint16_t)(header[at] << 8 | header[at + 1]);
}

static inline void word16_put(uint8_t *header, size_t at, uint16_t value)
{
	header[at] = (uint8_t)(value >> 8);
	header[at + 1] = (uint8_t)value;
}

static inline uint32_t word32(const uint8_t *header, size_t at)
{
	return (uint32_t)word16(header, at) << 16 | word16(header, at + 2);
}

static inline void word32_put(uint8_t *header, size_t at, uint32_t value)
{
	word16_put(header, at, (uint16_t)(value >> 16));
	word16_put(header, at + 2, (uint16_t)value);
}

#endif
