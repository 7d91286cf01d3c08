/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver makes of a packet with its offload header, in the plainest way. It writes each
 * segment from scratch with all of its checksums (RFC 791, 768, 9293, 8200 and 1071), and compares
 * each length in the headers with the bytes. It shares no code with the product, and does
 * not use libcheck, so a program can compare the kernel with it as well.
 */
#ifndef CULVERT_TESTS_UNIT_SEGMENT_MODEL_H
#define CULVERT_TESTS_UNIT_SEGMENT_MODEL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/vnet.h"

struct model_list {
	struct {
		uint8_t *data;
		size_t len;
	} * at;
	size_t count;
};

static inline void model_add(struct model_list *list, const uint8_t *data, size_t len)
{
	list->at = realloc(list->at, (list->count + 1) * sizeof(list->at[0]));
	if (!list->at)
		abort();
	list->at[list->count].data = malloc(len);
	if (!list->at[list->count].data)
		abort();
	memcpy(list->at[list->count].data, data, len);
	list->at[list->count].len = len;
	list->count++;
}

static inline void model_free(struct model_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->at[i].data);
	free(list->at);
	*list = (struct model_list){ .count = 0 };
}

static inline unsigned model_get16(const uint8_t *at)
{
	return at[0] * 256u + at[1];
}

static inline void model_put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value / 256);
	at[1] = (uint8_t)(value % 256);
}

/* The one's complement sum, 0 to 0xffff: an odd last byte counts as a word's upper half. */
static inline unsigned model_sum(unsigned sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? data[i] * 256u : data[i];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return sum;
}

/* Of the pseudo header: addresses, protocol, length of what is behind the IP header. */
static inline unsigned model_pseudo_sum(const uint8_t *packet, uint8_t protocol, size_t len)
{
	uint8_t rest[8] = { [7] = protocol };
	unsigned sum = packet[0] / 16 == 4 ? model_sum(0, packet + 12, 8)
					   : model_sum(0, packet + 8, 32);

	model_put16(rest + 2, len);
	return model_sum(sum, rest, sizeof(rest));
}

static inline void model_finish_ipv4(uint8_t *packet, size_t len)
{
	model_put16(packet + 2, len);
	model_put16(packet + 10, 0);
	model_put16(packet + 10, 0xffff - model_sum(0, packet, packet[0] % 16 * 4u));
}

/* Lengths and all checksums of a packet that is whole but for these. */
static inline void model_finish(
	uint8_t *packet, size_t len, size_t transport, size_t csum, uint8_t protocol)
{
	uint8_t *field = packet + transport + csum;
	size_t behind = len - transport;
	unsigned sum;

	if (packet[0] / 16 == 4)
		model_finish_ipv4(packet, len);
	else
		model_put16(packet + 4, len - 40);
	if (protocol == 17)
		model_put16(packet + transport + 4, behind);
	model_put16(field, 0);
	sum = model_sum(model_pseudo_sum(packet, protocol, behind), packet + transport, behind);
	/* For UDP 0 means that there is none (RFC 768). */
	model_put16(field, protocol == 17 && sum == 0xffff ? 0xffff : 0xffff - sum);
}

/* What the packet says of itself does not hold: what; else NULL. */
static inline const char *model_wrong(
	const uint8_t *packet, size_t len, const struct vnet *vnet, uint8_t protocol)
{
	size_t transport = vnet->csum_start;

	if (packet[0] / 16 == 4 && model_get16(packet + 2) != len)
		return "IPv4's total length";
	if (packet[0] / 16 == 4 && model_sum(0, packet, packet[0] % 16 * 4u) != 0xffff)
		return "IPv4's header checksum";
	if (packet[0] / 16 == 6 && model_get16(packet + 4) + 40u != len)
		return "IPv6's payload length";
	if (protocol == 17 && model_get16(packet + transport + 4) != len - transport)
		return "UDP's length";
	if (vnet->flags != VNET_NEEDS_CSUM || vnet->csum_offset != (protocol == 17 ? 6 : 16))
		return "the offload header's checksum";
	if (model_get16(packet + transport + vnet->csum_offset) !=
		model_pseudo_sum(packet, protocol, len - transport))
		return "the partial checksum";
	return NULL;
}

/* One of the segments: payload from `at` on, `size` bytes of it. */
static inline void model_one(struct model_list *list, const uint8_t *packet, size_t len,
	const struct vnet *vnet, uint8_t protocol, size_t number, size_t at, size_t size)
{
	static uint8_t out[65535];
	size_t transport = vnet->csum_start;
	size_t headers = transport + (protocol == 17 ? 8u : packet[transport + 12] / 16 * 4u);

	memcpy(out, packet, headers);
	memcpy(out + headers, packet + headers + at, size);
	if (out[0] / 16 == 4)
		model_put16(out + 4, (model_get16(packet + 4) + number) % 65536);
	if (protocol == 6) {
		uint64_t sequence = model_get16(packet + transport + 4) * UINT64_C(65536) +
			model_get16(packet + transport + 6) + at;

		model_put16(out + transport + 4, sequence / 65536 % 65536);
		model_put16(out + transport + 6, sequence % 65536);
		if (at > 0)
			out[transport + 13] &= 0x7f; /* CWR */
		if (headers + at + size < len)
			out[transport + 13] &= 0xf6; /* PSH, FIN */
	}
	model_finish(out, headers + size, transport, vnet->csum_offset, protocol);
	model_add(list, out, headers + size);
}

/*
 * Appends the finished segments. NULL, or what is wrong with the packet. The transport header is
 * where the offload header says, after the chain that leads there.
 */
static inline const char *model_segment(
	struct model_list *list, const uint8_t *packet, size_t len, const struct vnet *vnet)
{
	uint8_t protocol = vnet->csum_offset == 6 ? 17 : 6;
	size_t headers = vnet->csum_start +
		(protocol == 17 ? 8u : packet[vnet->csum_start + 12] / 16 * 4u);
	const char *wrong = model_wrong(packet, len, vnet, protocol);
	size_t size = vnet->gso_type == VNET_GSO_NONE ? len : vnet->gso_size;
	size_t number = 0;

	if (wrong)
		return wrong;
	if (vnet->header_len != (vnet->gso_type == VNET_GSO_NONE ? 0 : headers))
		return "the offload header's length of headers";
	if (headers == len)
		model_one(list, packet, len, vnet, protocol, 0, 0, 0);
	for (size_t at = 0; headers + at < len; at += size)
		model_one(list, packet, len, vnet, protocol, number++, at,
			headers + at + size < len ? size : len - headers - at);
	return NULL;
}

#endif
