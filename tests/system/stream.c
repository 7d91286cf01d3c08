/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sends a pseudo-random stream over TCP and checks the one that comes back, both at the same time:
 *
 * 	stream listen ADDRESS PORT BYTES    waits for one connection
 * 	stream connect ADDRESS PORT BYTES
 *
 * Each direction has its own sequence, so that an echo cannot pass. It ends with 0 if exactly BYTES
 * arrived, all right, and the other end closed its direction. Otherwise a line on stderr says what
 * was wrong. One process sends, the other receives. There are no timeouts: the caller limits the
 * time.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/error_text.h"
#include "tests/system/connection.h"

enum {
	BLOCK_WORDS = 16384,
	BLOCK_BYTES = BLOCK_WORDS * 8,
};

#define SEED_OF_LISTENER UINT64_C(0x9e3779b97f4a7c15)
#define SEED_OF_CONNECTOR UINT64_C(0xd1b54a32d192ed03)

static uint64_t expected[BLOCK_WORDS], received[BLOCK_WORDS];

static int fail(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, error_text(errno));
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

static int send_all(int fd, uint64_t seed, uint64_t left)
{
	while (left > 0) {
		size_t len = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;

		fill(expected, &seed);
		for (size_t done = 0; done < len;) {
			ssize_t n = send(fd, (char *)expected + done, len - done, MSG_NOSIGNAL);
			if (n < 0)
				return fail("send");
			done += (size_t)n;
		}
		left -= len;
	}
	return shutdown(fd, SHUT_WR) < 0 ? fail("shutdown") : 0;
}

/* Reads `len` bytes, or fewer at the stream's end. Returns their number or -1. */
static ssize_t receive_block(int fd, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = recv(fd, (char *)received + done, len - done, 0);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int receive_all(int fd, uint64_t seed, uint64_t total)
{
	uint64_t at = 0;
	char extra;

	while (at < total) {
		size_t len = total - at < BLOCK_BYTES ? (size_t)(total - at) : BLOCK_BYTES;
		ssize_t n = receive_block(fd, len);

		if (n < 0)
			return fail("recv");
		fill(expected, &seed);
		if (memcmp(expected, received, (size_t)n) != 0) {
			fprintf(stderr, "stream: wrong bytes in the %zd from %llu on\n", n,
				(unsigned long long)at);
			return 1;
		}
		at += (uint64_t)n;
		if ((size_t)n < len) {
			fprintf(stderr, "stream: only %llu bytes came\n", (unsigned long long)at);
			return 1;
		}
	}
	ssize_t n = recv(fd, &extra, 1, 0);
	if (n < 0)
		return fail("recv of the end");
	if (n > 0)
		fprintf(stderr, "stream: more than %llu bytes came\n", (unsigned long long)total);
	return n > 0;
}

static int both_ways(int fd, bool listener, uint64_t total)
{
	uint64_t ours = listener ? SEED_OF_LISTENER : SEED_OF_CONNECTOR;
	uint64_t theirs = listener ? SEED_OF_CONNECTOR : SEED_OF_LISTENER;
	int status;
	pid_t sender = fork();

	if (sender < 0)
		return fail("fork");
	if (sender == 0)
		_exit(send_all(fd, ours, total));
	int r = receive_all(fd, theirs, total);
	if (waitpid(sender, &status, 0) < 0)
		return fail("waitpid");
	return r != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main(int argc, char **argv)
{
	struct endpoint endpoint;
	bool listener = argc == 5 && strcmp(argv[1], "listen") == 0;

	if (argc != 5 || (!listener && strcmp(argv[1], "connect") != 0) ||
		addr_parse(argv[2], &endpoint.addr) < 0) {
		fputs("usage: stream listen|connect ADDRESS PORT BYTES\n", stderr);
		return 2;
	}
	endpoint.port = (uint16_t)strtoul(argv[3], NULL, 10);
	int fd = connection_open(listener, &endpoint);
	if (fd < 0)
		return fail(argv[1]);
	return both_ways(fd, listener, strtoull(argv[4], NULL, 10));
}
