/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a lane's connection, made of system/tls.h alone: it can say what no lane would,
 * and decide when to read. It takes frames apart and checks that messages come in order. AWAIT lets
 * it work; main thread.
 */
#ifndef CULVERT_TESTS_UNIT_LANE_RAW_H
#define CULVERT_TESTS_UNIT_LANE_RAW_H

#include "tests/unit/lane_fixture.h"

enum {
	RAW_OUTPUT_MAX = 1 << 20,
	RAW_PLAIN_MAX = 1 << 18,
};

struct raw {
	int fd; /* -1: closed */
	struct tls *tls;
	bool paused; /* does not read */
	bool established;
	bool goodbye_notified; /* the lane has sent close_notify */
	bool eof;              /* the lane has ended its direction */
	bool broken;           /* the connection or TLS has failed */
	uint32_t heard;        /* numbered messages, each as expected, in order */
	uint32_t goodbyes;
	uint32_t packets;        /* numbered ones from the lane, each as expected, in order */
	uint32_t next;           /* the number after the last of them */
	uint32_t packets_before; /* that came before the last message */
	bool losses;             /* packets may be missing */
	size_t packet_len;
	struct tls_output output;
	uint8_t output_bytes[RAW_OUTPUT_MAX];
	size_t plain_len;
	uint8_t plain[RAW_PLAIN_MAX];
};

/*
 * A lane of this role and its raw peer, which AWAIT then steps; secured where `secure`. Free with
 * raw_free().
 */
struct raw *raw_start(struct side *side, enum tls_role lane_role, int deadline_ms, bool secure);
void raw_free(struct raw *raw);

int raw_poll_fd(const struct raw *raw); /* -1: nothing to wait for */
void raw_step(struct raw *raw);

/* All of these queue; raw_step sends. */
void raw_write(struct raw *raw, const void *bytes, size_t len);
void raw_frame(struct raw *raw, uint8_t type, const void *payload, size_t len);
void raw_message(struct raw *raw, uint32_t number);
void raw_packet(struct raw *raw, const struct inner_packet *packet);
void raw_superpacket(struct raw *raw, const struct vnet *vnet, const struct inner_packet *packet);

/* Ciphertext or what is to pass for it, sent as it is. */
void raw_send_bytes(struct raw *raw, const void *bytes, size_t len);
void raw_close(struct raw *raw); /* at once, whatever waits */

#endif
