/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ecn.h"

#include "wire/checksum.h"
#include "wire/word.h"

enum {
	/* Bits of the traffic class: 0 not capable, 1 and 2 capable, 3 congestion experienced. */
	ECN_MASK = 3,
	IPV4_TOS = 1, /* in the header's first word */
	IPV4_CHECKSUM = 10,
};

static bool mark_ipv4(uint8_t *data)
{
	if ((data[IPV4_TOS] & ECN_MASK) == 0)
		return false;
	checksum_put(data, 0, word16(data, 0) | ECN_MASK, IPV4_CHECKSUM);
	return true;
}

/* The traffic class spans the first two bytes: RFC 8200, 3. */
static bool mark_ipv6(uint8_t *data)
{
	if ((data[1] >> 4 & ECN_MASK) == 0)
		return false;
	data[1] |= ECN_MASK << 4;
	return true;
}

bool ecn_mark(uint8_t *data, size_t len)
{
	if (len < 20) /* the shorter of both headers */
		return false;
	return data[0] >> 4 == 4 ? mark_ipv4(data) : mark_ipv6(data);
}
