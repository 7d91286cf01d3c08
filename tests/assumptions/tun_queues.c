/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A detached queue gets no packets and what waited in it is gone, but it is still written to and
 * takes offloads; the link keeps its carrier when all are detached. Detaching puts the last queue
 * into the gap, so that its number says nothing of a queue. All that without privilege, on
 * descriptors that somebody else has opened: the engine attaches and detaches what netd has made.
 */
#include "tests/assumptions/tun_packet.h"

#include <grp.h>
#include <poll.h>

#include "system/steering.h"

enum { A, B, C, QUEUES };

static int fds[QUEUES], socket_fd;

static void become_nobody(void)
{
	if (setgroups(0, NULL) < 0 ||
		setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0 ||
		setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0)
		skip("becoming an ordinary user");
}

static void set(int queue, bool attached)
{
	assume(tun_queue_attach(fds[queue], attached) == 0,
		attached ? "an ordinary user attaches a queue"
			 : "an ordinary user detaches a queue");
}

/* UDP without ports of interest; `flow` makes it another one. */
static int send_flow(uint8_t flow)
{
	const uint8_t packet[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 99, 0, 1, 10, 99,
		0, 2, 27, flow, 27, 88, 0, 8, 0, 0 };

	return tun_packet_send(socket_fd, packet, sizeof(packet), fds, QUEUES);
}

static void nothing_for_the_detached(void)
{
	char byte;

	for (uint8_t flow = 0; flow < 32; flow++)
		assume(send_flow(flow) != TUN_PACKET_NONE, "attached queues get every packet");
	set(A, false);
	set(A, false); /* once more is fine */
	set(C, false);
	for (uint8_t flow = 0; flow < 32; flow++)
		assume(send_flow(flow) == B, "the attached one gets what the detached got");
	set(B, false);
	for (uint8_t flow = 0; flow < 32; flow++)
		assume(send_flow(flow) == TUN_PACKET_NONE, "with all detached none gets any");
	assume(read(fds[A], &byte, 1) < 0 && errno == EAGAIN, "reading says EAGAIN");
}

static void what_waits_is_dropped(void)
{
	const uint8_t packet[20] = { 0x45, 0, 0, 20 };
	char byte;

	set(A, true);
	assume(send(socket_fd, packet, sizeof(packet), 0) == (ssize_t)sizeof(packet),
		"a packet is sent");
	set(A, false);
	assume(read(fds[A], &byte, 1) < 0 && errno == EAGAIN, "it is gone with detaching");
	set(A, true);
	assume(read(fds[A], &byte, 1) < 0 && errno == EAGAIN, "and does not come back");
	set(A, false);
}

/* What is written to the interface shows at a packet socket. */
static void still_written_to(void)
{
	const uint8_t packet[TUN_PACKET_VNET + 20] = { [TUN_PACKET_VNET] = 0x45,
		0,
		0,
		20,
		0,
		0,
		0,
		0,
		64,
		59,
		0,
		0,
		10,
		99,
		0,
		2,
		10,
		99,
		0,
		1 };
	uint8_t got[64];
	uint32_t offloads;

	assume(tun_set_offloads(fds[A], 0, &offloads) == 0 && offloads == 0,
		"a detached queue has its offloads switched off");
	assume(tun_set_offloads(fds[A], 1, &offloads) == 0 && offloads == 1,
		"a detached queue takes offloads");
	assume(write(fds[A], packet, sizeof(packet)) == (ssize_t)sizeof(packet),
		"a detached queue is written to");
	assume(poll(&(struct pollfd){ .fd = socket_fd, .events = POLLIN }, 1, 5000) == 1 &&
			recv(socket_fd, got, sizeof(got), 0) == 20 &&
			memcmp(got, packet + TUN_PACKET_VNET, 20) == 0,
		"what was written comes in");
}

/* A packet of no IP version always goes to the queue that is number 0 just now. */
static int first_queue(void)
{
	const uint8_t packet[4] = { 0 };

	return tun_packet_send(socket_fd, packet, sizeof(packet), fds, QUEUES);
}

static void detaching_renumbers(void)
{
	set(A, true);
	set(B, true);
	set(C, true);
	assume(first_queue() == A, "queues are numbered as they were attached");
	set(A, false);
	assume(first_queue() == C, "the last one takes the place of the detached");
	set(A, true);
	assume(first_queue() == C, "who comes back comes last");
}

int main(void)
{
	int program;

	own_namespace();
	socket_fd = tun_packet_socket(tun_packet_open(fds, QUEUES));
	errno = -steering_load(&program);
	if (errno == 0)
		assume(tun_set_steering(fds[A], program) == 0, "the TUN takes a program");
	else
		program = -1;
	become_nobody();
	nothing_for_the_detached();
	what_waits_is_dropped();
	still_written_to();
	if (program < 0)
		skip("the numbers of queues: loading a BPF program");
	detaching_renumbers();
	return 0;
}
