/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/checksum.h"

#include <endian.h>
#include <string.h>

#include "base/array.h"
#include "wire/word.h"

/*
 * Adds four bytes at a time in the machine's byte order, which at most swaps the two bytes of the
 * sum (RFC 1071, 2(B)). The sum over a packet is far from overflow.
 */
static uint64_t add_words(const uint8_t *data, size_t len)
{
	uint64_t even = 0, odd = 0, words[4];

	for (; len >= sizeof(words); len -= sizeof(words), data = &data[sizeof(words)]) {
		memcpy(words, data, sizeof(words));
		even += (words[0] & UINT32_MAX) + (words[1] & UINT32_MAX) +
			(words[2] & UINT32_MAX) + (words[3] & UINT32_MAX);
		odd += (words[0] >> 32) + (words[1] >> 32) + (words[2] >> 32) + (words[3] >> 32);
	}
	memset(words, 0, sizeof(words));
	memcpy(words, data, len);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		even += (words[i] & UINT32_MAX) + (words[i] >> 32);
	return even + odd;
}

uint16_t checksum_sum(const uint8_t *data, size_t len)
{
	uint64_t sum = add_words(data, len);

	/* The sum is below 2^49. Folded once it is below 2^32, and folds as usual. */
	sum = (sum & UINT16_MAX) + (sum >> 16 & UINT16_MAX) + (sum >> 32);
	return be16toh(checksum_fold((uint32_t)sum));
}

void checksum_put(uint8_t *header, size_t at, uint16_t value, size_t checksum_at)
{
	uint16_t checksum = word16(header, checksum_at);

	word16_put(header, checksum_at, checksum_replace(checksum, word16(header, at), value));
	word16_put(header, at, value);
}

void checksum_sum_put(uint8_t *header, size_t at, uint16_t value, size_t sum_at)
{
	uint16_t sum = word16(header, sum_at);

	word16_put(header, sum_at, checksum_sum_replace(sum, word16(header, at), value));
	word16_put(header, at, value);
}
