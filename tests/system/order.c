/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Checks the order of packets in many UDP flows. Two of these programs send to each other all the
 * time:
 *
 * 	order ADDRESS PORT PEER PEER-PORT FLOWS
 *
 * A port with a + after it (40000+) is that of the first flow; each further flow has the next port.
 * First both ends knock until each flow is heard. Then they print `running` and send numbered
 * packets, in small bursts of all flows, until SIGTERM. Packets that arrive within a second after
 * that still count. On stdout:
 *
 * 	reordering at=MS flow=N number=N behind=N    each packet with a lower number than an earlier one
 * 	start=MS                                     the clock's time in ms, as are the others
 * 	sent=N received=N lost=N reordered=N duplicates=N
 * 	silence=MS                                   the longest without a packet in a started flow
 *
 * Lost packets are those missing below the highest number of each flow. It ends with 0 if every
 * flow was heard.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/error_text.h"

enum {
	FLOWS_MAX = 64,
	NUMBERS_MAX = 1 << 22, /* of one flow: hours */
	PAYLOAD = 200,
	KNOCK = UINT16_MAX,
	TICK_MS = 5,
	BURST = 2, /* packets of each flow in a tick */
	LAST_MS = 1000,
	SOCKET_BUFFER = 4 << 20,
};

struct datagram {
	uint32_t number;
	uint16_t flow; /* or KNOCK */
	uint8_t padding[PAYLOAD - 6];
};

struct flow {
	uint32_t next;    /* number to send */
	uint32_t highest; /* number received + 1; 0: none */
	uint8_t seen[NUMBERS_MAX / 8];
	struct mono last; /* of the last packet */
	bool heard;
};

static struct flow flows[FLOWS_MAX];
static struct pollfd sockets[FLOWS_MAX];
static unsigned flow_count, heard_count;
static uint64_t sent, received, reordered, duplicates;
static int64_t longest_ms;
static struct mono start;
static int64_t start_ms; /* the same time by the clock */
static volatile sig_atomic_t stopping;

static void on_term(int number)
{
	(void)number;
	stopping = 1;
}

static int fail(const char *what)
{
	fprintf(stderr, "order: %s: %s\n", what, error_text(errno));
	return 1;
}

/* ---- sockets ---- */

/* A port with a + has the flow's number added. */
static uint16_t port_of(const char *text, unsigned flow)
{
	char *rest;
	unsigned long port = strtoul(text, &rest, 10);

	return (uint16_t)(*rest == '+' ? port + flow : port);
}

static int open_flow(char **words, unsigned flow)
{
	const int on = 1, size = SOCKET_BUFFER;
	struct endpoint ours = { .port = port_of(words[1], flow) };
	struct endpoint theirs = { .port = port_of(words[3], flow) };
	struct sockaddr_storage address;

	errno = EINVAL;
	if (addr_parse(words[0], &ours.addr) < 0 || addr_parse(words[2], &theirs.addr) < 0)
		return -1;
	int fd = socket(ours.addr.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	sockets[flow] = (struct pollfd){ .fd = fd, .events = POLLIN };
	socklen_t len = endpoint_to_sockaddr(&ours, &address);
	/* Flows may share a port if the other end's ports differ. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
		bind(fd, (struct sockaddr *)&address, len) < 0)
		return -1;
	len = endpoint_to_sockaddr(&theirs, &address);
	return connect(fd, (struct sockaddr *)&address, len);
}

/* ---- what arrives ---- */

static int64_t clock_ms(struct mono now)
{
	return start_ms + duration_ms(mono_since(now, start));
}

static void take_number(unsigned index, uint32_t number, struct mono now)
{
	struct flow *flow = &flows[index];
	uint8_t bit = (uint8_t)(1u << (number % 8));

	if (number >= NUMBERS_MAX)
		return;
	if (flow->seen[number / 8] & bit) {
		duplicates++;
		return;
	}
	flow->seen[number / 8] |= bit;
	received++;
	if (number < flow->highest) {
		reordered++;
		printf("reordering at=%lld flow=%u number=%u behind=%u\n", (long long)clock_ms(now),
			index, number, flow->highest - 1);
	} else {
		flow->highest = number + 1;
	}
}

static void take(unsigned index, const struct datagram *datagram)
{
	struct flow *flow = &flows[index];
	struct mono now = mono_now();

	heard_count += !flow->heard;
	flow->heard = true;
	if (datagram->flow == KNOCK)
		return;
	int64_t silence = flow->highest > 0 ? duration_ms(mono_since(now, flow->last)) : 0;
	if (silence > longest_ms)
		longest_ms = silence;
	flow->last = now;
	if (datagram->flow != index)
		printf("packet of flow %u in flow %u\n", datagram->flow, index);
	take_number(index, datagram->number, now);
}

static void receive_until(struct mono due)
{
	struct datagram datagram;
	int64_t left;

	while ((left = duration_ms(mono_since(due, mono_now()))) > 0) {
		if (poll(sockets, flow_count, (int)left) <= 0)
			continue; /* interrupted by a signal, or timed out */
		for (unsigned i = 0; i < flow_count; i++) {
			/* An ICMP refusal, from before the other end existed, is read, too. */
			while (sockets[i].revents &&
				recv(sockets[i].fd, &datagram, sizeof(datagram), 0) ==
					(ssize_t)sizeof(datagram))
				take(i, &datagram);
		}
	}
}

/* ---- what is sent ---- */

static void knock(void)
{
	const struct datagram datagram = { .flow = KNOCK };

	for (unsigned i = 0; i < flow_count; i++)
		(void)send(sockets[i].fd, &datagram, sizeof(datagram), 0);
}

static void send_burst(void)
{
	for (unsigned i = 0; i < BURST * flow_count; i++) {
		unsigned index = i % flow_count;
		const struct datagram datagram = {
			.number = flows[index].next,
			.flow = (uint16_t)index,
		};
		if (send(sockets[index].fd, &datagram, sizeof(datagram), 0) < 0)
			continue;
		flows[index].next++;
		sent++;
	}
}

/* ---- the program ---- */

static void run(void)
{
	while (heard_count < flow_count && !stopping) {
		knock();
		receive_until(mono_add(mono_now(), DURATION_MS(TICK_MS * 4)));
	}
	/* The other end may still wait for our last flows. */
	knock();
	printf("running\n");
	for (struct mono due = mono_now(); !stopping;) {
		send_burst();
		due = mono_add(due, DURATION_MS(TICK_MS));
		if (mono_before(due, mono_now()))
			due = mono_now();
		receive_until(due);
	}
	receive_until(mono_add(mono_now(), DURATION_MS(LAST_MS)));
}

static void print_summary(void)
{
	uint64_t expected = 0;

	for (unsigned i = 0; i < flow_count; i++)
		expected += flows[i].highest;
	printf("start=%lld\n", (long long)start_ms);
	printf("sent=%llu received=%llu lost=%llu reordered=%llu duplicates=%llu\n",
		(unsigned long long)sent, (unsigned long long)received,
		(unsigned long long)(expected - received), (unsigned long long)reordered,
		(unsigned long long)duplicates);
	printf("silence=%lld\n", (long long)longest_ms);
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term };
	struct timespec now;

	flow_count = argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	if (flow_count == 0 || flow_count > FLOWS_MAX) {
		fputs("usage: order ADDRESS PORT[+] PEER PEER-PORT[+] FLOWS\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; i < flow_count; i++)
		if (open_flow(argv + 1, i) < 0)
			return fail("socket");
	sigaction(SIGTERM, &term, NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	start = mono_now();
	start_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	run();
	print_summary();
	return heard_count < flow_count;
}
