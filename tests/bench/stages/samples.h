/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_STAGES_SAMPLES_H
#define CULVERT_TESTS_BENCH_STAGES_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "wire/vnet.h"

/*
 * The packets for the stages: TCP as a current host sends it, with timestamps and an open checksum.
 * From 10.98.0.2 or fd98::2 to 10.99.0.2 or fd99::2. Made once, never changed.
 */

enum sample_kind {
	SAMPLE_ACK,   /* 52 bytes: only headers */
	SAMPLE_V4,    /* 1,400 bytes */
	SAMPLE_V6,    /* the same */
	SAMPLE_CHAIN, /* the same, after three extension headers */
	SAMPLE_SUPER, /* 45 segments in 65,212 bytes, IPv4 */
	SAMPLE_SUPER_V6,
	SAMPLE_KINDS
};

enum { SAMPLE_SEGMENT = 1448 }; /* of SAMPLE_SUPER: the most that fits into 1,500 bytes */

struct sample_packet {
	const uint8_t *data;
	size_t len;
	struct vnet vnet;
};

struct sample_packet sample_packet(enum sample_kind kind);

#endif
