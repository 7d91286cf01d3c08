/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_PUPPET_PEER_H
#define CULVERT_TESTS_SYSTEM_PUPPET_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "system/tls.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/vnet.h"

/*
 * The puppet's connection: TCP, TLS, frames and messages, all blocking, and the waits of its
 * script. It prints refusals and events as lines on stdout. Functions return 0, or -1 after such a
 * line.
 */

enum {
	PEER_PATIENCE_S = 10,
	PEER_INCOMING_MAX = 256 << 10,
};

struct peer {
	int fd;
	struct tls *tls;
	struct tls_output output;
	uint8_t output_bytes[TLS_OUTPUT_HANDSHAKE + FRAME_MAX];
	uint8_t received[64 << 10];
	uint8_t plain[PEER_INCOMING_MAX]; /* decrypted, not processed yet */
	size_t plain_len;
	bool closed;
	bool vnet_set; /* `vnet` goes with the next packet */
	struct vnet vnet;
	uint64_t pings;         /* number of the last ping sent */
	struct message message; /* the last message received */
};

/* Prints why something cannot be done; always returns -1. */
int peer_fail(const char *what, const char *why);

/*
 * Connects, or accepts one connection, and does the handshake. `paths` are those of certificate,
 * key and CA.
 */
int peer_open(struct peer *peer, bool listener, const char *where, char *const paths[3]);
void peer_close(struct peer *peer);

/* A closed connection is no failure here: the next wait reports it. */
int peer_write(struct peer *peer, const void *data, size_t len); /* inside TLS */
int peer_write_frame(struct peer *peer, enum frame_type type, const void *payload, size_t len);
int peer_write_message(struct peer *peer, const struct message *message);

/*
 * Waits for a message of that name, for "packet" or for "close", and prints it unless `quiet`.
 * Answers pings meanwhile. An unexpected goodbye or end of the connection is printed and fails.
 */
int peer_await(struct peer *peer, const char *what, struct duration patience, bool quiet);

#endif
