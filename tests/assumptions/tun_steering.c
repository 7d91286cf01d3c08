/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel takes the steering program (system/steering.c) and spreads packets by it: both
 * directions of a flow go to one queue, many flows to all, fragments together, and what is odd goes
 * somewhere.
 */
#include "tests/assumptions/tun_packet.h"

#include "system/steering.h"

enum {
	QUEUES = 4,
	FLOWS = 256,
	PACKETS_MAX = 128,
	FAIR_LEAST = FLOWS / QUEUES / 2,
	MORE_FRAGMENTS = 0x20,
	IPV6_FRAGMENT = 44,
	ESP = 50,
};

static int fds[QUEUES], socket_fd;

struct flow {
	uint8_t protocol, here, there; /* the last byte of the addresses */
	uint16_t port_here, port_there;
};

static int send_packet(const uint8_t *packet, size_t len)
{
	int queue = tun_packet_send(socket_fd, packet, len, fds, QUEUES);

	assume(queue != TUN_PACKET_NONE, "every packet goes to a queue");
	return queue;
}

static void put_ports(uint8_t *at, const struct flow *flow)
{
	at[0] = (uint8_t)(flow->port_here >> 8);
	at[1] = (uint8_t)flow->port_here;
	at[2] = (uint8_t)(flow->port_there >> 8);
	at[3] = (uint8_t)flow->port_there;
}

/* `options`: words of four bytes behind the header; `fragment`: its seventh byte. */
static int send4(const struct flow *flow, uint8_t options, uint8_t fragment)
{
	uint8_t packet[PACKETS_MAX] = { 0 };
	size_t header = 20u + 4u * options;

	packet[0] = (uint8_t)(0x45 + options);
	packet[6] = fragment;
	packet[9] = flow->protocol;
	memcpy(packet + 12, (const uint8_t[]){ 10, 1, 0, flow->here }, 4);
	memcpy(packet + 16, (const uint8_t[]){ 10, 2, 0, flow->there }, 4);
	if (flow->here > flow->there) { /* the networks change sides as well */
		packet[13] = 2;
		packet[17] = 1;
	}
	memset(packet + 20, 1, header - 20);
	put_ports(packet + header, flow);
	return send_packet(packet, header + 20);
}

static int send6(const struct flow *flow)
{
	uint8_t packet[PACKETS_MAX] = { 0x60 };

	packet[6] = flow->protocol;
	packet[8] = packet[24] = 0xfd;
	packet[23] = flow->here;
	packet[39] = flow->there;
	put_ports(packet + 40, flow);
	return send_packet(packet, 60);
}

static struct flow reversed(const struct flow *flow)
{
	return (struct flow){ flow->protocol, flow->there, flow->here, flow->port_there,
		flow->port_here };
}

static void both_directions_together(uint8_t protocol)
{
	for (unsigned i = 0; i < FLOWS / 4; i++) {
		struct flow flow = { protocol, 7, 77, (uint16_t)(40000 + i), 443 };
		struct flow back = reversed(&flow);
		int queue = send4(&flow, 0, 0);

		assume(send4(&back, 0, 0) == queue, "IPv4: both directions go to one queue");
		assume(send4(&flow, 0, 0x40) == queue, "that it may not be fragmented is nothing");
		assume(send4(&flow, 10, 0) == queue, "options change nothing");
		assume(send6(&back) == send6(&flow), "IPv6: both directions go to one queue");
	}
}

static void assume_fair(const unsigned counts[static QUEUES], const char *what)
{
	for (int i = 0; i < QUEUES; i++)
		assume(counts[i] >= FAIR_LEAST, what);
}

static void many_are_spread(uint8_t protocol)
{
	unsigned four[QUEUES] = { 0 }, six[QUEUES] = { 0 }, hosts[QUEUES] = { 0 };

	for (unsigned i = 0; i < FLOWS; i++) {
		struct flow flow = { protocol, 7, 77, (uint16_t)(40000 + i), 443 };
		struct flow host = { ESP, 0, (uint8_t)i, 0, 0 };

		four[send4(&flow, 0, 0)]++;
		six[send6(&flow)]++;
		hosts[send6(&host)]++;
	}
	assume_fair(four, "IPv4: many flows are spread");
	assume_fair(six, "IPv6: many flows are spread");
	assume_fair(hosts, "many hosts are spread");
}

/* What looks like ports is not looked at. */
static void addresses_only(void)
{
	struct flow tcp = { IPPROTO_TCP, 7, 77, 1, 2 }, esp = { ESP, 7, 77, 1, 2 };
	struct flow fragment6 = { IPV6_FRAGMENT, 7, 77, 1, 2 };
	int queue4 = send4(&esp, 0, 0), queue6 = send6(&fragment6);

	for (unsigned i = 0; i < FLOWS / 4; i++) {
		tcp.port_here = esp.port_here = fragment6.port_here = (uint16_t)(257 * i);
		assume(send4(&esp, 0, 0) == queue4, "another protocol goes by its addresses");
		assume(send4(&tcp, 0, MORE_FRAGMENTS) == queue4,
			"a first fragment goes by its addresses");
		assume(send4(&tcp, 0, 0x01) == queue4, "a later fragment goes by its addresses");
		assume(send6(&fragment6) == queue6, "IPv6: a fragment goes by its addresses");
	}
}

static void odd_ones_go_somewhere(void)
{
	uint8_t packet[PACKETS_MAX] = { 0 };

	for (unsigned first = 0; first < 256; first++) {
		packet[0] = (uint8_t)first;
		packet[6] = packet[9] = IPPROTO_TCP;
		for (size_t len = 1; len <= 44; len += first >> 4 == 4 || first >> 4 == 6 ? 1 : 43)
			(void)send_packet(packet, len);
	}
}

int main(void)
{
	int program;

	own_namespace();
	errno = -steering_load(&program);
	if (errno != 0)
		skip("loading a BPF program");
	socket_fd = tun_packet_socket(tun_packet_open(fds, QUEUES));
	assume(tun_set_steering(fds[0], program) == 0, "the TUN takes the program");
	close(program);
	both_directions_together(IPPROTO_TCP);
	both_directions_together(IPPROTO_UDP);
	both_directions_together(IPPROTO_SCTP);
	many_are_spread(IPPROTO_TCP);
	many_are_spread(IPPROTO_UDP);
	addresses_only();
	odd_ones_go_somewhere();
	return 0;
}
