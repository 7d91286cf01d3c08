/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One TCP connection with data in one direction, for as long as a test needs. It measures the
 * longest interruption:
 *
 * 	flow listen|connect ADDRESS PORT send|receive|linger
 *
 * `send` sends a pseudo-random stream until SIGTERM. `linger` sends a little, then nothing until
 * SIGTERM, then a little more. Then the sender closes its direction and waits for the receiver's
 * count, which must equal its own. `receive` compares every byte and prints `at BYTES` now and then
 * while bytes arrive. At the end it prints `received BYTES longest-gap MS`: the longest time
 * between two arrivals. Each ends with 0 if all was right. There are no timeouts: the caller limits
 * the time.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/error_text.h"
#include "tests/system/connection.h"

enum {
	BLOCK_WORDS = 16384,
	BLOCK_BYTES = BLOCK_WORDS * 8,
	LINGER_BLOCKS = 8,
	TELL_MS = 100,
	LOOK_MS = 100, /* how often a waiting sender checks whether it should end */
};

#define SEED UINT64_C(0x9e3779b97f4a7c15)

static uint64_t expected[BLOCK_WORDS], received[BLOCK_WORDS];
static volatile sig_atomic_t ending;

static void on_signal(int number)
{
	(void)number;
	ending = 1;
}

static int fail(const char *what)
{
	fprintf(stderr, "flow: %s: %s\n", what, error_text(errno));
	return 1;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static void fill(uint64_t *block, uint64_t *state)
{
	for (size_t i = 0; i < BLOCK_WORDS; i++) {
		*state ^= *state >> 12;
		*state ^= *state << 25;
		*state ^= *state >> 27;
		block[i] = *state * UINT64_C(0x2545f4914f6cdd1d);
	}
}

/* ---- sending ---- */

/*
 * Sends one block, or part of it if the program is to end meanwhile. The socket's timeout makes it
 * check for that.
 */
static int send_block(int fd, bool whole, uint64_t *total)
{
	for (size_t done = 0; done < BLOCK_BYTES;) {
		ssize_t n = send(
			fd, (const char *)expected + done, BLOCK_BYTES - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail("send");
		if (n > 0) {
			done += (size_t)n;
			*total += (uint64_t)n;
		}
		if (ending && !whole)
			break;
	}
	return 0;
}

static int send_some(int fd, uint64_t *seed, uint64_t *total)
{
	for (int i = 0; i < LINGER_BLOCKS; i++) {
		fill(expected, seed);
		if (send_block(fd, true, total) != 0)
			return 1;
	}
	return 0;
}

static int send_bytes(int fd, bool linger, uint64_t *total)
{
	uint64_t seed = SEED;

	if (linger) {
		if (send_some(fd, &seed, total) != 0)
			return 1;
		while (!ending)
			poll(NULL, 0, LOOK_MS);
		return send_some(fd, &seed, total);
	}
	while (!ending) {
		fill(expected, &seed);
		if (send_block(fd, false, total) != 0)
			return 1;
	}
	return 0;
}

static int run_sender(int fd, bool linger)
{
	const struct timeval look = { .tv_usec = LOOK_MS * 1000 };
	uint64_t total = 0, counted = 0;
	ssize_t n;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &look, sizeof(look)) < 0)
		return fail("SO_SNDTIMEO");
	if (send_bytes(fd, linger, &total) != 0)
		return 1;
	if (shutdown(fd, SHUT_WR) < 0)
		return fail("shutdown");
	do {
		n = recv(fd, &counted, sizeof(counted), MSG_WAITALL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail("recv of the count");
	if (n != sizeof(counted) || counted != total) {
		fprintf(stderr, "flow: %llu bytes were sent and %llu arrived\n",
			(unsigned long long)total, (unsigned long long)counted);
		return 1;
	}
	return 0;
}

/* ---- receiving ---- */

struct arrivals {
	uint64_t total;
	struct mono last, told;
	struct duration longest;
};

static void note(struct arrivals *arrivals, size_t len)
{
	struct mono now = mono_now();
	struct duration gap = mono_since(now, arrivals->last);

	if (arrivals->total > 0 && gap.ns > arrivals->longest.ns)
		arrivals->longest = gap;
	arrivals->total += len;
	arrivals->last = now;
	if (duration_ms(mono_since(now, arrivals->told)) >= TELL_MS) {
		printf("at %llu\n", (unsigned long long)arrivals->total);
		arrivals->told = now;
	}
}

/* Fills a block; a shorter one means the stream's end. Returns its length or -1. */
static ssize_t receive_block(int fd, struct arrivals *arrivals)
{
	size_t done = 0;

	while (done < BLOCK_BYTES) {
		ssize_t n = recv(fd, (char *)received + done, BLOCK_BYTES - done, 0);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		note(arrivals, (size_t)n);
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int run_receiver(int fd)
{
	struct arrivals arrivals = { .total = 0 };
	uint64_t seed = SEED;
	ssize_t n;

	do {
		n = receive_block(fd, &arrivals);
		if (n < 0)
			return fail("recv");
		fill(expected, &seed);
		if (memcmp(expected, received, (size_t)n) != 0) {
			fprintf(stderr, "flow: wrong bytes before %llu\n",
				(unsigned long long)arrivals.total);
			return 1;
		}
	} while (n == BLOCK_BYTES);
	printf("received %llu longest-gap %lld\n", (unsigned long long)arrivals.total,
		(long long)duration_ms(arrivals.longest));
	if (send(fd, &arrivals.total, sizeof(arrivals.total), MSG_NOSIGNAL) < 0)
		return fail("send of the count");
	return 0;
}

int main(int argc, char **argv)
{
	const struct sigaction end = { .sa_handler = on_signal };
	struct endpoint endpoint;
	bool listener = argc == 5 && strcmp(argv[1], "listen") == 0;
	bool receiver = argc == 5 && strcmp(argv[4], "receive") == 0;
	bool linger = argc == 5 && strcmp(argv[4], "linger") == 0;

	if (argc != 5 || (!listener && strcmp(argv[1], "connect") != 0) ||
		(!receiver && !linger && strcmp(argv[4], "send") != 0) ||
		addr_parse(argv[2], &endpoint.addr) < 0) {
		fputs("usage: flow listen|connect ADDRESS PORT send|receive|linger\n", stderr);
		return 2;
	}
	endpoint.port = (uint16_t)strtoul(argv[3], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	int fd = connection_open(listener, &endpoint);
	if (fd < 0)
		return fail(argv[1]);
	if (receiver)
		return run_receiver(fd);
	if (sigaction(SIGTERM, &end, NULL) < 0)
		return fail("sigaction");
	return run_sender(fd, linger);
}
