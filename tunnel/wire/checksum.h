/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_CHECKSUM_H
#define CULVERT_WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The Internet checksum (RFC 1071): the one's complement sum of 16-bit words, and its update when a
 * word changes (RFC 1624). A "sum" is the added-up value; a "checksum" is its complement, as a
 * finished header has it. Where the checksum is still open (NEEDS_CSUM), its field holds the sum of
 * the pseudo header. Pure and without allocation, on the path of every packet; any thread.
 */

/* Folds a sum to 16 bits and adds the carries. */
static inline uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Updates a sum after one of its words changed. */
static inline uint16_t checksum_sum_replace(uint16_t sum, uint16_t before, uint16_t after)
{
	return checksum_fold((uint32_t)sum + (uint16_t)~before + after);
}

/* Updates a checksum after one of its words changed (RFC 1624, equation 3). */
static inline uint16_t checksum_replace(uint16_t checksum, uint16_t before, uint16_t after)
{
	return (uint16_t)~checksum_sum_replace((uint16_t)~checksum, before, after);
}

/* The sum of `len` bytes. A last odd byte counts as if a zero followed. */
uint16_t checksum_sum(const uint8_t *data, size_t len);

/* Writes the word at `at` and updates the checksum at `checksum_at`, or the sum at `sum_at`. */
void checksum_put(uint8_t *header, size_t at, uint16_t value, size_t checksum_at);
void checksum_sum_put(uint8_t *header, size_t at, uint16_t value, size_t sum_at);

#endif
