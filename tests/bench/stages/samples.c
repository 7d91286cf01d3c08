/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"

#include "tests/unit/superpacket_sample.h"

enum { SEGMENTS = 45, ACK = 0x10, WORDS = 8 /* of TCP header, with timestamps */ };

static const struct sample samples[SAMPLE_KINDS] = {
	[SAMPLE_ACK] = { .payload = 0 },
	[SAMPLE_V4] = { .payload = 1400 - 52 },
	[SAMPLE_V6] = { .v6 = true, .payload = 1400 - 72 },
	[SAMPLE_CHAIN] = { .v6 = true, .chain = 3, .payload = 1400 - 72 - 3 * 8 },
	[SAMPLE_SUPER] = { .segment = SAMPLE_SEGMENT, .payload = SEGMENTS * SAMPLE_SEGMENT },
	[SAMPLE_SUPER_V6] = { .v6 = true,
		.segment = SAMPLE_SEGMENT - 20,
		.payload = SEGMENTS * (SAMPLE_SEGMENT - 20) },
};

struct sample_packet sample_packet(enum sample_kind kind)
{
	static struct made made[SAMPLE_KINDS];
	struct made *packet = &made[kind];

	if (packet->len == 0) {
		struct sample sample = samples[kind];

		sample.words = 5;
		sample.tcp = WORDS;
		sample.flags = ACK;
		sample.seed = 1;
		make(packet, &sample);
	}
	return (struct sample_packet){ packet->data, packet->len, packet->vnet };
}
