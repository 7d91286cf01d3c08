/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two TUNs in a namespace of their own, between which the kernel forwards. Into the first goes what
 * a tunnel writes, with offload headers; out of the second, which has no offloads, comes what the
 * kernel has made of it: finished packets.
 *
 *	    ours: written to                        ours: read from
 *	          │                                       ▲
 *	  first: 10.98.0.1, fd98::1  ── forwards ──  second: 10.99.0.1, fd99::1
 *	  (its far end: .2, ::2)                     (its far end: .2, ::2)
 */
#ifndef CULVERT_TESTS_ASSUMPTIONS_TUN_FORWARD_H
#define CULVERT_TESTS_ASSUMPTIONS_TUN_FORWARD_H

#include "tests/assumptions/assume.h"

#include <fcntl.h>
#include <poll.h>

#include "base/bytes.h"
#include "system/netlink.h"
#include "system/tun.h"
#include "tests/unit/superpacket_sample.h"
#include "wire/packet.h"

enum { FORWARD_WAIT_MS = 5000 };

struct forward {
	int first, second;
};

static inline void forward_set(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		skip(path);
	close(fd);
}

static inline int forward_open(struct netlink *netlink, uint8_t net)
{
	const uint8_t local4[] = { 10, net, 0, 1 }, remote4[] = { 10, net, 0, 2 };
	/* fd98 and fd99: read as decimal. */
	const uint8_t second = (uint8_t)(net / 10 * 16 + net % 10);
	const uint8_t local6[16] = { 0xfd, second, [15] = 1 };
	const uint8_t remote6[16] = { 0xfd, second, [15] = 2 };
	struct addr local = addr_v4(local4), remote = addr_v4(remote4);
	char name[IFNAMSIZ];
	uint32_t index, set;
	int fd;

	if (tun_open("cv%d", false, &fd, name) < 0)
		skip("opening a TUN");
	assume(tun_set_offloads(fd, 0, &set) == 0, "offloads can be switched off");
	assume(netlink_link_index(netlink, name, &index) == 0, "the TUN is found");
	assume(netlink_link_up(netlink, index, 9000, 500, NULL) == 0, "the TUN comes up");
	assume(netlink_address_add(netlink, index, &local, &remote, NULL) == 0,
		"an IPv4 address is added");
	local = addr_v6(local6);
	remote = addr_v6(remote6);
	assume(netlink_address_add(netlink, index, &local, &remote, NULL) == 0,
		"an IPv6 address is added");
	return fd;
}

/*
 * The routes of an IPv6 address come from a work queue, after the call that has added it. Nothing
 * tells of a single one of them, so they are asked for.
 */
static inline void forward_await_route(uint8_t net, uint8_t host)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool there = false;

	assume(fd >= 0, "a socket opens");
	to.sin6_addr = (struct in6_addr){ .s6_addr = { 0xfd, net, [15] = host } };
	for (int tries = 0; !there && tries < FORWARD_WAIT_MS; tries++) {
		there = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
		if (!there)
			(void)poll(NULL, 0, 1);
	}
	assume(there, "an IPv6 address gets its routes");
	close(fd);
}

static inline struct forward forward_begin(void)
{
	struct forward forward;
	struct netlink *netlink;

	own_namespace();
	forward_set("/proc/sys/net/ipv4/ip_forward");
	forward_set("/proc/sys/net/ipv6/conf/all/forwarding");
	assume(netlink_open(&netlink, NULL) == 0, "netlink opens");
	forward.first = forward_open(netlink, 98);
	forward.second = forward_open(netlink, 99);
	netlink_close(netlink);
	for (uint8_t host = 1; host <= 2; host++) {
		forward_await_route(0x98, host);
		forward_await_route(0x99, host);
	}
	return forward;
}

static inline void forward_write(
	const struct forward *forward, const uint8_t *data, size_t len, const struct vnet *vnet)
{
	static uint8_t bytes[VNET_SIZE + 65535];
	struct writer writer;

	writer_init(&writer, bytes, sizeof(bytes));
	assume(vnet_encode(&writer, vnet) == 0 && writer_copy(&writer, data, len) == 0,
		"a packet fits");
	assume(write(forward->first, bytes, writer.len) == (ssize_t)writer.len,
		"the kernel takes a packet with its offload header");
}

/*
 * What comes out next, with its offload header; 0: nothing waits. The kernel's own multicast, which
 * it reports for the addresses, may come between at any time.
 */
static inline size_t forward_read(const struct forward *forward, uint8_t *ret_bytes, size_t size)
{
	struct packet packet;
	ssize_t n;

	while ((n = read(forward->second, ret_bytes, size)) > VNET_SIZE) {
		size_t len = (size_t)n - VNET_SIZE;

		if (packet_parse(ret_bytes + VNET_SIZE, len, &packet) < 0 ||
			!packet_is_local_noise(&packet))
			return (size_t)n;
	}
	assume(n < 0 && errno == EAGAIN, "the TUN can be read");
	return 0;
}

static inline size_t forward_await(const struct forward *forward, uint8_t *ret_bytes, size_t size)
{
	struct pollfd ready = { .fd = forward->second, .events = POLLIN };
	size_t len;

	while ((len = forward_read(forward, ret_bytes, size)) == 0)
		assume(poll(&ready, 1, FORWARD_WAIT_MS) == 1, "every segment comes out");
	return len;
}

/* The next packet that the kernel has finished is this one, but for the hop. */
static inline void forward_expect(const struct forward *forward, const uint8_t *data, size_t len)
{
	static const uint8_t no_vnet[VNET_SIZE];
	static uint8_t got[VNET_SIZE + 65535], expected[65535];

	memcpy(expected, data, len);
	expected[data[0] >> 4 == 4 ? 8 : 7]--;
	if (data[0] >> 4 == 4)
		model_finish_ipv4(expected, len);
	assume(forward_await(forward, got, sizeof(got)) == VNET_SIZE + len,
		"a segment has the length that the model gives it");
	assume(memcmp(got, no_vnet, VNET_SIZE) == 0, "a segment is finished");
	assume(memcmp(got + VNET_SIZE, expected, len) == 0,
		"a segment is, byte by byte, what the model makes");
}

static inline void forward_expect_all(const struct forward *forward, const struct model_list *list)
{
	uint8_t bytes[2048];

	for (size_t i = 0; i < list->count; i++)
		forward_expect(forward, list->at[i].data, list->at[i].len);
	assume(forward_read(forward, bytes, sizeof(bytes)) == 0, "nothing else comes out");
}

static inline void forward_end(const struct forward *forward)
{
	close(forward->first);
	close(forward->second);
}

/* What the model makes of a packet. */
static inline void forward_model(struct model_list *list, const struct made *made)
{
	const char *wrong = model_segment(list, made->data, made->len, &made->vnet);

	assume(!wrong, wrong ? wrong : "");
}

#endif
