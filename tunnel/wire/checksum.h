/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_CHECKSUM_H
#define CULVERT_WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The Internet checksum (RFC 1071): the one's complement sum of 16-bit words, and how it follows a
 * word that changes (RFC 1624) without the rest being read again. A "sum" is as it is added up; a
 * "checksum" is its complement, as a finished header holds it. Where the checksum is still to be
 * made (NEEDS_CSUM), its field holds the sum of the pseudo header. Pure, allocation-free, on the
 * path of every packet; any thread.
 */

/* To 16 bits, with the carries added in. */
static inline uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* The sum when one word of what it covers changes. */
static inline uint16_t checksum_sum_replace(uint16_t sum, uint16_t before, uint16_t after)
{
	return checksum_fold((uint32_t)sum + (uint16_t)~before + after);
}

/* The checksum when one word of what it covers changes (RFC 1624, equation 3). */
static inline uint16_t checksum_replace(uint16_t checksum, uint16_t before, uint16_t after)
{
	return (uint16_t)~checksum_sum_replace((uint16_t)~checksum, before, after);
}

/* The sum of so many bytes; a last odd one counts as if a zero followed. */
uint16_t checksum_sum(const uint8_t *data, size_t len);

/* Writes the word at `at`; the checksum (of which kind, the name says) at `sum_at` follows it. */
void checksum_put(uint8_t *header, size_t at, uint16_t value, size_t checksum_at);
void checksum_sum_put(uint8_t *header, size_t at, uint16_t value, size_t sum_at);

#endif
