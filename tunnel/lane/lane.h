/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_LANE_H
#define CULVERT_LANE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/identity.h"
#include "base/peer_names.h"
#include "base/problem.h"
#include "lane/congestion.h"
#include "lane/counters.h"
#include "lane/filter.h"
#include "lane/worker.h"
#include "system/tls.h"

/*
 * A lane: one TLS-over-TCP connection and, once its session is up, one TUN queue. It lives on one
 * worker all its life. This header is the main thread's view: it gives orders, which the worker
 * carries out in that order, and the lane reports to its owner. Main thread only.
 *
 *   lane_new → secured() → control() both ways → lane_carry → … → lane_end → ended() → lane_release
 *
 * A lane that joins a session begins in two steps. With `hold` it takes packets from the peer;
 * after lane_carry_on() it sends packets as well. A lane may end, or report a fault, at any time
 * before lane_end(). After ended() it reports nothing more, and lane_release() frees it.
 */

struct lane;
struct lane_owner;

/* Why a lane ended. */
enum lane_end {
	LANE_END_ORDERED,   /* lane_end() was called, and everything was sent */
	LANE_END_HANDSHAKE, /* one end refused in the TLS handshake: the problem says why */
	/* The peer took too long over its handshake, hello or joined. */
	LANE_END_DEADLINE,
	LANE_END_CLOSED,   /* the peer closed the connection */
	LANE_END_BROKEN,   /* the connection or TLS failed: the problem says why */
	LANE_END_STUCK,    /* the peer does not read */
	LANE_END_TUN,      /* the interface is gone */
	LANE_END_INTERNAL, /* out of memory or descriptors */
};

/* The peer, as the handshake has shown it. */
struct lane_peer {
	/* By the handshake the plain name or ""; the owner replaces it by the entry's name. */
	struct identity identity;
	struct peer_names *names; /* all in the certificate */
	char cipher[40];
	char group[40];
	/* of the peer's certificate, seconds since the epoch */
	int64_t not_before, not_after;
	int64_t valid_until; /* not_after, or the earlier end of a CA above it */
};

/* The congestion control of a lane's connection. */
struct lane_congestion {
	char control[TCP_PATH_NAME_MAX + 1]; /* the kernel's name for it */
	enum congestion_reason reason;
	struct congestion_view view; /* what the path showed; zeros when the lane began */
};

/* The reports that a lane's owner gets, on the main thread. */
struct lane_owner {
	/*
	 * The handshake is done and verified. Whose certificate it is, the owner decides. The names
	 * are borrowed: it takes a reference to keep them.
	 */
	void (*secured)(struct lane_owner *owner, struct lane *lane, const struct lane_peer *peer);
	/* A control message arrived: this is its payload. */
	void (*control)(
		struct lane_owner *owner, struct lane *lane, const uint8_t *data, size_t len);
	/*
	 * The peer broke the protocol, and nothing more is read. The owner sends a goodbye with
	 * this code and text, and ends the lane.
	 */
	void (*fault)(struct lane_owner *owner, struct lane *lane, uint16_t goodbye_code,
		const char *text);
	/*
	 * Sent data has not been acknowledged for long: the path may be broken. Repeated while that
	 * lasts. May be NULL.
	 */
	void (*doubted)(struct lane_owner *owner, struct lane *lane);
	/*
	 * The lane begins to carry, or its congestion control has changed, or could not. May be
	 * NULL.
	 */
	void (*congestion)(struct lane_owner *owner, struct lane *lane,
		const struct lane_congestion *congestion);
	/*
	 * Of several paths (MPTCP) the one from the address `local` is silent, or not open any
	 * more. A client's lane only. Repeated while that lasts. May be NULL.
	 */
	void (*silent)(struct lane_owner *owner, struct lane *lane, const struct addr *local);
	/* The connection is closed, and the worker does not use the TUN queue any more. */
	void (*ended)(
		struct lane_owner *owner, struct lane *lane, enum lane_end end, const char *text);
};

/*
 * Makes a lane over a connected socket, which the lane then owns. `deadline` limits everything
 * until lane_carry() or lane_admit(). *ret_lane is the handle for orders. -ENOMEM: the caller keeps
 * the socket.
 */
int lane_new(struct worker *worker, struct tls_context *tls, enum tls_role role, int socket_fd,
	struct mono deadline, struct lane_owner *owner, struct lane **ret_lane);

/* Ends the deadline: the peer has sent its hello or welcome. Idempotent. */
void lane_admit(struct lane *lane);

/* From now on another owner gets the reports. */
void lane_set_owner(struct lane *lane, struct lane_owner *owner);

/*
 * Passes a control message that the previous owner has kept to the present owner. The owner's
 * control() has run when this returns.
 */
void lane_hear(struct lane *lane, const uint8_t *data, size_t len);

/* Sends a control message; its payload is copied. -ENOMEM, -EMSGSIZE. */
int lane_send_control(struct lane *lane, const void *payload, size_t len);

/*
 * How the lane carries packets. The session keeps the TUN descriptor, and keeps it open until
 * ended().
 */
struct lane_carry {
	int tun_fd;
	uint32_t offloads_read;   /* work that the kernel leaves undone in packets to the peer */
	uint32_t offloads_send;   /* offloads that the peer accepts from us */
	uint32_t offloads_accept; /* offloads that we accept from the peer */
	bool gro;                 /* gather the peer's TCP segments on their way to TUN */
	struct filter *filter;    /* the lane takes a reference */
	/* Packets in the queue are of an earlier connection: they are dropped and counted. */
	bool discard;
	/*
	 * After this time without acknowledgement the kernel closes the connection; 0: its own
	 * limit.
	 */
	struct duration dead_after;
	/* Chooses the congestion control by what the path shows, else keeps what it has. */
	bool choose_congestion;
	/* Sends nothing before lane_carry_on(), and keeps the deadline. */
	bool hold;
};
/* Begins to carry packets, and ends the deadline unless `hold` is set. -ENOMEM. */
int lane_carry(struct lane *lane, const struct lane_carry *carry);
/* Begins to send after `hold`, and ends the deadline. -ENOMEM. */
int lane_carry_on(struct lane *lane);
/* Gives the lane a new snapshot; it takes a reference. -ENOMEM. */
int lane_set_filter(struct lane *lane, struct filter *filter);

/*
 * Ends the lane: it stops reading, sends what waits and close_notify, and closes, LANE_FLUSH_MS
 * later at the latest. Idempotent.
 */
void lane_end(struct lane *lane);
/* Closes at once with a reset: nothing that waits is sent. Allowed after lane_end(). Idempotent. */
void lane_cut(struct lane *lane);
/* Frees a lane after ended(); the handle is invalid then. Accepts NULL. */
void lane_release(struct lane *lane);

/* This end's address of its connection; AF_UNSPEC: unknown. */
struct addr lane_local(const struct lane *lane);
/* lane_peer.valid_until of its peer; 0: not secured yet. */
int64_t lane_valid_until(const struct lane *lane);
/* Gives the certificates of its peer to the caller, once; NULL: not secured yet, or given away. */
struct tls_peer_chain *lane_take_chain(struct lane *lane);
unsigned lane_worker(const struct lane *lane); /* the number of its worker */
const struct lane_counters *lane_counters(const struct lane *lane);
/* A destination to which the peer may not send, noted for a person: lane/counters.h. */
struct stray *lane_stray(struct lane *lane);
struct mono lane_heard(const struct lane *lane); /* when bytes last came from the peer */
const char *lane_end_text(enum lane_end end);

/* For the main thread's mailbox: passes a report to the lane's owner, and frees it. */
void lane_deliver_report(struct mail *mail);
/* For the worker's mailbox: carries out an order, and frees it. */
void lane_deliver_order(struct worker *worker, struct mail *mail);

#endif
