/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel makes of a superpacket that is written to a TUN (sequence numbers, flags,
 * identifications, lengths, checksums) is what wire/superpacket.h relies upon: segments are the same
 * byte by byte, whether it is written whole or as the parts that it was cut into.
 */
#include "tests/assumptions/tun_forward.h"

#include "base/array.h"
#include "base/offload.h"
#include "wire/superpacket.h"

static struct made made;

static void write_parts(const struct forward *forward, size_t segments)
{
	static uint8_t data[65535], bytes[65535];
	struct superpacket superpacket;

	memcpy(data, made.data, made.len);
	assume(superpacket_init(&superpacket, data, made.len, &made.vnet) == 0,
		"it is a superpacket");
	while (superpacket_segments(&superpacket) > 0) {
		struct writer part;
		struct vnet vnet;

		writer_init(&part, bytes, sizeof(bytes));
		assume(superpacket_cut(&superpacket, segments, &part, &vnet) == 0, "it is cut");
		forward_write(forward, bytes, part.len, &vnet);
	}
}

static void try_sample(const struct forward *forward, const struct sample *sample)
{
	struct model_list list = { .count = 0 };

	printf("%s\n", sample->name);
	make(&made, sample);
	forward_model(&list, &made);
	forward_write(forward, made.data, made.len, &made.vnet);
	forward_expect_all(forward, &list);
	for (size_t segments = 1; segments <= list.count; segments += 1 + segments / 2) {
		write_parts(forward, segments);
		forward_expect_all(forward, &list);
	}
	model_free(&list);
}

int main(void)
{
	/* FIN, PSH and CWR are set where the flags are 0xd9; SYN and RST would not be superpackets. */
	static const struct sample tcp[] = {
		{ .name = "TCP over IPv4",
			.words = 5,
			.tcp = 8,
			.flags = 0x18,
			.df = true,
			.id = 7,
			.segment = 1448,
			.payload = 60000 },
		{ .name = "TCP over IPv4, flags",
			.words = 5,
			.tcp = 5,
			.flags = 0xd9,
			.id = 0xfffe,
			.number = 0xfffff000,
			.segment = 1000,
			.payload = 9999 },
		{ .name = "TCP over IPv4, options",
			.words = 8,
			.tcp = 15,
			.flags = 0x99,
			.id = 1,
			.segment = 500,
			.payload = 5000 },
		{ .name = "TCP over IPv6",
			.v6 = true,
			.tcp = 8,
			.flags = 0x18,
			.segment = 1428,
			.payload = 60000 },
		{ .name = "TCP over IPv6, flags",
			.v6 = true,
			.tcp = 6,
			.flags = 0xd9,
			.number = 0xfffff000,
			.segment = 1000,
			.payload = 9999 },
		{ .name = "TCP over IPv6, extensions",
			.v6 = true,
			.chain = 3,
			.tcp = 8,
			.flags = 0x19,
			.segment = 700,
			.payload = 4444 },
		{ .name = "TCP, one segment",
			.words = 5,
			.tcp = 8,
			.flags = 0x19,
			.segment = 1448,
			.payload = 1000 },
	};
	static const struct sample udp[] = {
		{ .name = "UDP over IPv4",
			.udp = true,
			.words = 5,
			.df = true,
			.id = 7,
			.segment = 1472,
			.payload = 60000 },
		{ .name = "UDP over IPv4, identifications",
			.udp = true,
			.words = 5,
			.id = 0xfffe,
			.segment = 1000,
			.payload = 9999 },
		{ .name = "UDP over IPv4, options",
			.udp = true,
			.words = 8,
			.segment = 100,
			.payload = 64 * 100 },
		{ .name = "UDP over IPv6",
			.udp = true,
			.v6 = true,
			.segment = 1452,
			.payload = 60000 },
		{ .name = "UDP over IPv6, extensions",
			.udp = true,
			.v6 = true,
			.chain = 3,
			.segment = 700,
			.payload = 4444 },
	};
	struct forward forward = forward_begin();

	for (size_t i = 0; i < ARRAY_SIZE(tcp); i++)
		try_sample(&forward, &tcp[i]);
	if ((tun_kernel_offloads() & OFFLOAD_USO) == 0) {
		printf("skipped: UDP: this kernel has no USO; TCP holds\n");
		return SKIPPED;
	}
	for (size_t i = 0; i < ARRAY_SIZE(udp); i++)
		try_sample(&forward, &udp[i]);
	forward_end(&forward);
	return 0;
}
