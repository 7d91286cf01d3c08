/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/checksum.h"

#include "wire/word.h"

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
