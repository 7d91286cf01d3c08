/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_LANE_H
#define CULVERT_LANE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/identity.h"
#include "base/problem.h"
#include "lane/counters.h"
#include "lane/reach.h"
#include "lane/worker.h"
#include "system/tls.h"

/*
 * A lane: one TLS-over-TCP connection and, once its session is up, one TUN queue. It lives on one
 * worker for its whole life. This header is how the main thread deals with lanes: it gives orders,
 * and the lane reports back to its owner. Every function here is for the main thread.
 *
 *   lane_new → secured() → control() both ways → lane_carry → … → lane_end → ended() → lane_release
 *
 * A lane that joins a session begins to carry in two steps: held, it takes packets from the peer;
 * after lane_carry_on() it sends as well.
 *
 * It may end, or report a fault, at any time before lane_end.
 *
 * Orders are done in the order given. After ended() nothing more is reported; lane_release() then
 * gives the lane back.
 */

struct lane;
struct lane_owner;

/* Why a lane ended. */
enum lane_end {
	LANE_END_ORDERED,   /* lane_end() was called and everything was sent */
	LANE_END_HANDSHAKE, /* TLS refused, at either end: the problem says why */
	LANE_END_DEADLINE,  /* the peer took too long over its handshake, hello or joined */
	LANE_END_CLOSED,    /* the peer closed the connection */
	LANE_END_BROKEN,    /* the connection or its TLS failed: the problem says why */
	LANE_END_STUCK,     /* the peer does not read */
	LANE_END_TUN,       /* the interface is gone */
	LANE_END_INTERNAL,  /* out of memory or descriptors */
};

struct lane_peer {                /* what the handshake has shown */
	struct identity identity; /* empty when it is not acceptable */
	char cipher[40];
	char group[40];
	int64_t not_after;   /* of the peer's certificate, seconds since the epoch */
	int64_t valid_until; /* not_after, or that of a CA above it where this is sooner */
};

/* What the owner hears, on the main thread. */
struct lane_owner {
	/* The handshake is done and verified. `refusal`: why the identity is not acceptable, or "". */
	void (*secured)(struct lane_owner *owner, struct lane *lane, const struct lane_peer *peer,
		const char *refusal);
	/* A control message arrived: its payload. */
	void (*control)(
		struct lane_owner *owner, struct lane *lane, const uint8_t *data, size_t len);
	/*
	 * The peer broke the protocol: nothing more is read. The owner says goodbye with this code
	 * and text, and ends the lane.
	 */
	void (*fault)(struct lane_owner *owner, struct lane *lane, uint16_t goodbye_code,
		const char *text);
	/*
	 * What was sent has not been acknowledged for long: the path may be gone. Said again when it
	 * goes on. May be NULL.
	 */
	void (*doubted)(struct lane_owner *owner, struct lane *lane);
	/* The connection is closed and the TUN queue is not touched any more. */
	void (*ended)(
		struct lane_owner *owner, struct lane *lane, enum lane_end end, const char *text);
};

/*
 * A lane over a connected socket, which it then owns. `deadline` bounds everything until
 * lane_carry() or lane_admit(). *ret_lane is a handle to give orders with. -ENOMEM: the socket
 * stays the caller's.
 */
int lane_new(struct worker *worker, struct tls_context *tls, enum tls_role role, int socket_fd,
	struct mono deadline, struct lane_owner *owner, struct lane **ret_lane);

/* The peer has done its part, hello or welcome: the deadline ends. Idempotent. */
void lane_admit(struct lane *lane);

/* From now on somebody else hears the reports. */
void lane_set_owner(struct lane *lane, struct lane_owner *owner);

/* A control message that an owner before has kept: the owner of now hears it, before it returns. */
void lane_hear(struct lane *lane, const uint8_t *data, size_t len);

/* Sends a control message (its payload, copied). -ENOMEM, -EMSGSIZE. */
int lane_send_control(struct lane *lane, const void *payload, size_t len);

/*
 * Begins to carry packets; ends the deadline. The TUN descriptor stays the session's and must stay
 * open until ended().
 */
struct lane_carry {
	int tun_fd;
	uint32_t offloads_read;   /* what our interface leaves to do in packets to the peer */
	uint32_t offloads_send;   /* what the peer accepts of ours */
	uint32_t offloads_accept; /* what we accept of the peer */
	bool gro;                 /* gather the peer's TCP segments on their way to TUN */
	struct reach *reach;      /* a reference is taken */
	bool discard; /* what waits in the queue is of an earlier connection: drop and count it */
	struct duration
		dead_after; /* unacknowledged for so long, the kernel gives it up; 0: its own */
	bool hold;          /* sends nothing before lane_carry_on(), and the deadline goes on */
};
int lane_carry(struct lane *lane, const struct lane_carry *carry); /* -ENOMEM */
int lane_carry_on(struct lane *lane);                              /* -ENOMEM */
/* A new snapshot; a reference is taken. -ENOMEM. */
int lane_set_reach(struct lane *lane, struct reach *reach);

/*
 * Stops reading, sends what waits, close_notify, closes; after LANE_FLUSH_MS at the latest.
 * Idempotent.
 */
void lane_end(struct lane *lane);
/* Closes at once, with a reset: what waits is not sent. Also after lane_end(). Idempotent. */
void lane_cut(struct lane *lane);
/* Only after ended(); the handle is gone then. NULL is fine. */
void lane_release(struct lane *lane);

struct addr lane_local(
	const struct lane *lane); /* this end of its connection; AF_UNSPEC: unknown */
/* valid_until of its peer; 0: not secured yet. */
int64_t lane_valid_until(const struct lane *lane);
unsigned lane_worker(const struct lane *lane); /* the number of its worker */
const struct lane_counters *lane_counters(const struct lane *lane);
struct stray *lane_stray(struct lane *lane);
struct mono lane_heard(const struct lane *lane); /* when bytes last came from the peer */
const char *lane_end_text(enum lane_end end);

/* For the main thread's mailbox: hands one report to the lane's owner and frees it. */
void lane_deliver_report(struct mail *mail);
/* For the worker's mailbox: does one order and frees it. */
void lane_deliver_order(struct worker *worker, struct mail *mail);

#endif
