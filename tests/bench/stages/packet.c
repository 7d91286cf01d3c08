/* SPDX-License-Identifier: Apache-2.0 */
/* Parses a packet, checks its offload header against it, and cuts a superpacket into parts. */
#include <string.h>

#include "base/array.h"
#include "samples.h"
#include "stage.h"
#include "wire/frame.h"
#include "wire/packet.h"
#include "wire/superpacket.h"

static struct sample_packet sample;
static struct packet parsed;
static size_t part_segments;
static uint8_t whole[FRAME_PACKET_MAX], parts[FRAME_PACKET_MAX * 2];

static void prepare(const struct stage *stage, size_t count)
{
	(void)count;
	sample = sample_packet((enum sample_kind)stage->kind);
	stage_require(
		packet_parse(sample.data, sample.len, &parsed) == 0, "the sample is a packet");
	part_segments = stage->size;
	memcpy(whole, sample.data, sample.len);
}

static void run_parse(size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count; i++)
		r |= packet_parse(sample.data, sample.len, &parsed);
	stage_require(r == 0 && parsed.length == sample.len, "a packet is read");
}

static void run_check(size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		struct vnet vnet = sample.vnet; /* the check cleans it */

		r |= vnet_check(&vnet, &parsed, sample.data, OFFLOAD_ALL);
	}
	stage_require(r == 0, "an offload header fits its packet");
}

/* The headers move up as parts are taken; this restores them for the next run. */
static size_t cut_all(void)
{
	struct superpacket superpacket;
	struct writer out;
	struct vnet vnet;
	size_t count = 0;

	memcpy(whole, sample.data, sample.vnet.header_len);
	stage_require(superpacket_init(&superpacket, whole, sample.len, &sample.vnet) == 0,
		"a superpacket can be cut");
	writer_init(&out, parts, sizeof(parts));
	while (superpacket.len > 0) {
		stage_require(superpacket_cut(&superpacket, part_segments, &out, &vnet) == 0,
			"a part is cut off");
		count++;
	}
	return count;
}

static void run_cut(size_t count)
{
	size_t made = 0;

	for (size_t i = 0; i < count; i++)
		made += cut_all();
	stage_require(made >= count, "parts were made");
}

static const struct stage stages[] = {
	{ "packet-parse-ipv4", "IPv4 and TCP", false, prepare, run_parse, NULL, SAMPLE_V4, 0 },
	{ "packet-parse-ipv6", "IPv6 and TCP", false, prepare, run_parse, NULL, SAMPLE_V6, 0 },
	{ "packet-parse-chain", "IPv6 with three extension headers", false, prepare, run_parse,
		NULL, SAMPLE_CHAIN, 0 },
	{ "vnet-check-checksum", "the offload header of a packet without its checksum", false,
		prepare, run_check, NULL, SAMPLE_V4, 0 },
	{ "vnet-check-super", "the offload header of a superpacket", false, prepare, run_check,
		NULL, SAMPLE_SUPER, 0 },
	{ "superpacket-cut-45", "64 KB into 45 parts of a segment", false, prepare, run_cut, NULL,
		SAMPLE_SUPER, 1 },
	{ "superpacket-cut-5", "64 KB into 5 parts of 9 segments", false, prepare, run_cut, NULL,
		SAMPLE_SUPER, 9 },
};

const struct stage_group packet_stages = { stages, ARRAY_SIZE(stages) };
