/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_CHECKSUM_H
#define CULVERT_WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The Internet checksum (RFC 1071) and its change when a word of what it covers changes (RFC 1624).
 * Words are 16 bits, big-endian, `data` at even offsets of what is covered. Pure; any thread.
 */

static inline uint16_t checksum_load(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

static inline void checksum_store(uint8_t *data, uint16_t word)
{
	data[0] = (uint8_t)(word >> 8);
	data[1] = (uint8_t)word;
}

/* A sum of words, with its carries added in. */
static inline uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* The sum (not complemented) without `before` and with `after`. */
static inline uint16_t checksum_replace(uint16_t sum, uint16_t before, uint16_t after)
{
	return checksum_fold((uint32_t)sum + (uint16_t)~before + after);
}

/* Sets a 16-bit word, and changes the complemented checksum at `checksum`, which covers it. */
static inline void checksum_set(uint8_t *word, uint16_t after, uint8_t *checksum)
{
	uint16_t sum = (uint16_t)~checksum_load(checksum);

	sum = checksum_replace(sum, checksum_load(word), after);
	checksum_store(checksum, (uint16_t)~sum);
	checksum_store(word, after);
}

#endif
