/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes superpackets and datagrams for the tests, with the checksums that a sender's kernel leaves
 * behind: IPv4's finished, the transport's the sum of the pseudo header.
 */
#ifndef CULVERT_TESTS_UNIT_SUPERPACKET_SAMPLE_H
#define CULVERT_TESTS_UNIT_SUPERPACKET_SAMPLE_H

#include "random.h"
#include "segment_model.h"

struct sample {
	const char *name;
	bool v6;
	bool udp;
	bool df;          /* IPv4 */
	uint8_t words;    /* of IPv4 header: 5 to 15 */
	uint8_t chain;    /* IPv6 extension headers: 0 to 3 */
	uint8_t tcp;      /* words of TCP header: 5 to 15 */
	uint8_t flags;    /* TCP */
	uint16_t id;      /* IPv4 */
	uint32_t number;  /* TCP's sequence number */
	uint16_t segment; /* 0: not to be segmented */
	uint16_t payload;
	uint64_t seed; /* of everything else, but the addresses */
};

struct made {
	uint8_t data[65535];
	size_t len;
	struct vnet vnet;
};

static inline void made_ipv4(struct made *made, const struct sample *sample, struct random *random)
{
	static const uint8_t addresses[8] = { 10, 98, 0, 2, 10, 99, 0, 2 };

	made->len = sample->words * 4u;
	random_fill(random, made->data, made->len);
	made->data[0] = (uint8_t)(0x40 + sample->words);
	model_put16(made->data + 4, sample->id);
	model_put16(made->data + 6, sample->df ? 0x4000 : 0);
	made->data[8] = 64;
	made->data[9] = sample->udp ? 17 : 6;
	memcpy(made->data + 12, addresses, sizeof(addresses));
	memset(made->data + 20, 1, made->len - 20); /* no-operation options */
}

static inline void made_ipv6(struct made *made, const struct sample *sample, struct random *random)
{
	/* In the order that RFC 8200 wants: hop-by-hop, destination options, routing. */
	static const uint8_t types[] = { 0, 60, 43 };
	static const uint8_t source[16] = { 0xfd, 0x98, [15] = 2 };
	static const uint8_t destination[16] = { 0xfd, 0x99, [15] = 2 };
	uint8_t *next = made->data + 6;

	random_fill(random, made->data, 8);
	made->data[0] = (uint8_t)(0x60 | made->data[0] % 16);
	made->data[7] = 64;
	memcpy(made->data + 8, source, 16);
	memcpy(made->data + 24, destination, 16);
	made->len = 40;
	for (size_t i = 0; i < sample->chain; i++) {
		uint8_t *head = made->data + made->len;
		/* Linux takes no more than seven bytes of padding between hop-by-hop options. */
		size_t size = i == 0 ? 8 : 8 * (1 + random_below(random, 4));

		*next = types[i];
		next = head;
		memset(head, 0, size); /* all of it Pad1, or a routing header that is used up */
		head[1] = (uint8_t)(size / 8 - 1);
		made->len += size;
	}
	*next = sample->udp ? 17 : 6;
}

static inline void made_transport(
	struct made *made, const struct sample *sample, struct random *random)
{
	uint8_t *transport = made->data + made->len;
	size_t size = sample->udp ? 8 : sample->tcp * 4u;

	random_fill(random, transport, size);
	model_put16(transport, 12345);
	model_put16(transport + 2, 9999);
	if (!sample->udp) {
		model_put16(transport + 4, sample->number / 65536);
		model_put16(transport + 6, sample->number % 65536);
		transport[12] = (uint8_t)(sample->tcp * 16 + transport[12] % 16);
		transport[13] = sample->flags;
	}
	made->len += size;
}

static inline void made_offload(
	struct made *made, const struct sample *sample, size_t transport, size_t headers)
{
	uint8_t *at = made->data + transport;
	size_t behind = made->len - transport;
	bool ecn = !sample->udp && (sample->flags & 0x80) != 0;

	made->vnet = (struct vnet){
		.flags = VNET_NEEDS_CSUM,
		.csum_start = (uint16_t)transport,
		.csum_offset = sample->udp ? 6 : 16,
	};
	if (sample->segment > 0) {
		made->vnet.header_len = (uint16_t)headers;
		made->vnet.gso_size = sample->segment;
		made->vnet.gso_type = sample->udp ? VNET_GSO_UDP_L4
			: sample->v6              ? VNET_GSO_TCPV6
						  : VNET_GSO_TCPV4;
		made->vnet.gso_type |= ecn ? VNET_GSO_ECN : 0;
	}
	if (sample->v6)
		model_put16(made->data + 4, made->len - 40);
	else
		model_finish_ipv4(made->data, made->len);
	if (sample->udp)
		model_put16(at + 4, behind);
	model_put16(at + made->vnet.csum_offset,
		model_pseudo_sum(made->data, sample->udp ? 17 : 6, behind));
}

static inline void make(struct made *made, const struct sample *sample)
{
	struct random random = { sample->seed };
	size_t transport, headers;

	if (sample->v6)
		made_ipv6(made, sample, &random);
	else
		made_ipv4(made, sample, &random);
	transport = made->len;
	made_transport(made, sample, &random);
	headers = made->len;
	random_fill(&random, made->data + headers, sample->payload);
	made->len += sample->payload;
	made_offload(made, sample, transport, headers);
}

#endif
