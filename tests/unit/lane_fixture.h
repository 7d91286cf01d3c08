/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of lanes share: two real workers, lanes over socket pairs, and an owner that
 * writes down what it hears. A pair of sequenced-packet sockets stands for a TUN queue: one read or
 * write is one packet behind its offload header, as the kernel has it.
 *
 * Everything here belongs to the main thread. Nothing sleeps: AWAIT delivers reports and lets raw
 * peers (lane_raw.h) work until its condition holds.
 */
#ifndef CULVERT_TESTS_UNIT_LANE_FIXTURE_H
#define CULVERT_TESTS_UNIT_LANE_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lane/lane.h"
#include "tests/unit/inner_packet.h"
#include "tests/unit/tls_ends.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/vnet.h"

enum {
	LANES_WORKERS = 2,
	LANES_WAIT_S = 60,     /* longest that AWAIT waits; a sanitizer on a busy machine is slow */
	LANES_LONG_MS = 60000, /* a deadline that no test lives to see */
};

extern struct lanes {
	struct loop *loop;
	struct mailbox reports;
	struct worker *workers[LANES_WORKERS];
	struct raw *raw; /* stepped by AWAIT; NULL: none */
} lanes;

void lanes_set_up(void); /* with pki_set_up() */
void lanes_tear_down(void);
/* Adds tests that run between the two. */
void lanes_add(Suite *suite, const char *name, const TTest *const *tests, size_t count);

/* One round: waits a moment for reports or bytes, and deals with them. */
void lanes_step(struct mono limit, const char *condition);

#define AWAIT(condition)                                                                  \
	do {                                                                              \
		struct mono await_limit = mono_add(mono_now(), DURATION_S(LANES_WAIT_S)); \
		while (!(condition))                                                      \
			lanes_step(await_limit, #condition);                              \
	} while (0)

/* Returns when the worker has done all orders that were given before. */
void lanes_run(unsigned worker);

/* A socket pair that does not block. */
void lanes_connect(int type, int fds[2]);

/* ---- messages and packets that can be told from each other ---- */

/* Message number `number`; returns its length. They have all lengths up to the longest. */
size_t lanes_message(uint32_t number, uint8_t out[FRAME_CONTROL_MAX]);
/* The message that every owner here sends before it ends a lane; it is none of the above. */
#define LANES_GOODBYE "goodbye"

/*
 * An IP packet of `len` bytes (20 or 40 to 65,535) between the two sides' networks, from the client
 * or from the server. Each number has other contents.
 */
void lanes_packet(
	struct inner_packet *packet, bool from_client, int family, size_t len, uint32_t number);
void lanes_set_addresses(struct inner_packet *packet, const char *from, const char *to);
extern const struct vnet lanes_bare; /* the offload header that asks for nothing */

/* ---- one side ---- */

struct side { /* a lane and what its owner heard */
	struct lane_owner owner;
	struct lane *lane; /* NULL: released */
	unsigned worker;
	enum tls_role role;
	bool secured, faulted, ended;
	struct lane_peer peer;
	uint32_t heard; /* numbered messages, each as expected, in order */
	uint32_t goodbyes;
	uint16_t fault_code;
	char fault_text[PROBLEM_TEXT_MAX];
	enum lane_end end;
	char end_text[PROBLEM_TEXT_MAX];
	int queue; /* the fake TUN queue that the lane has; -1: none */
	int host;  /* its other end, where the kernel would be */
};

/* A lane over `fd`, which it then owns. `side` must stay where it is. */
void side_start(struct side *side, unsigned worker, enum tls_role role, int fd, int deadline_ms);
/* Both ends of a connection, on different workers, and secured. */
void sides_start(struct side *client, struct side *server);
/* Sends message number `number`. */
void side_send(struct side *side, uint32_t number);
/* The snapshot that lets the two sides' networks talk, seen from this side. */
struct filter *side_filter(enum tls_role role);
/* Makes the fake TUN, which packets can wait in before the lane carries. */
void side_make_tun(struct side *side);
/* Carries with these offloads, the same both ways; makes the TUN where there is none. */
void side_carry(struct side *side, uint32_t offloads);
/* Carries with these terms; the TUN and the snapshot are filled in. */
void side_carry_as(struct side *side, const struct lane_carry *terms);
void side_end_with_goodbye(struct side *side);
/* Ends the lane unless it has ended, waits for that, and gives everything back. */
void side_finish(struct side *side);
void sides_finish(struct side *client, struct side *server);
/* Both ends of a lane that carries. */
void sides_carry(struct side *client, struct side *server, uint32_t offloads);

uint64_t side_drops(const struct side *side, enum drop_reason reason);
/* No packet was dropped for any reason but this. */
void side_assert_drops(const struct side *side, enum drop_reason reason, uint64_t count);

/* The kernel puts a packet into the side's TUN. */
void host_send(struct side *side, const struct vnet *vnet, const struct inner_packet *packet);
/* Exactly this is the next that comes out of the side's TUN. */
void host_expect(struct side *side, const struct vnet *vnet, const struct inner_packet *packet);

#endif
