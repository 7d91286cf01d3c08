/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_ATTEMPT_H
#define CULVERT_CLIENT_ATTEMPT_H

#include "base/addr.h"
#include "base/clock.h"
#include "base/problem.h"
#include "client/proxy_leg.h"
#include "config/settings.h"
#include "engine/netd_link.h"
#include "lane/lane.h"
#include "system/loop.h"

/*
 * One attempt to get a secured lane to one endpoint: socket (from netd) → connect → proxy, if any →
 * TLS → the server that the profile names. It knows nothing of other attempts: client/dialer runs
 * several side by side, and client/preferred runs one as a probe. It sends no hello, so a server
 * has no session of an attempt that does not win. Engine's main thread.
 */

struct attempt;

struct attempt_events {
	/* Makes a lane over the connected socket, which the lane then owns. */
	int (*lane)(struct attempt *attempt, int fd, struct mono deadline, struct lane_owner *owner,
		struct lane **ret_lane);
	/*
	 * TLS is done and the server is the right one. The owner may take the lane now or later
	 * (attempt_take()), or abandon the attempt.
	 */
	void (*secured)(struct attempt *attempt);
	/* It has ended by itself: `cause` says why. attempt_is_free() is true again. */
	void (*failed)(struct attempt *attempt, const char *cause);
	/* An abandoned attempt has ended. attempt_is_free() is true again. */
	void (*gone)(struct attempt *attempt);
};

enum attempt_state {
	ATTEMPT_FREE,
	ATTEMPT_SOCKET, /* netd makes the socket */
	ATTEMPT_CONNECTING,
	ATTEMPT_PROXYING, /* the proxy connects to the server */
	ATTEMPT_SECURING, /* TLS, on the lane's worker */
	ATTEMPT_SECURED,  /* waits for its owner's decision */
	ATTEMPT_ENDING,   /* the end of its lane is ordered */
};

struct attempt {
	const struct attempt_events *events;
	struct loop *loop;               /* borrowed */
	struct netd_link *netd;          /* borrowed */
	const struct settings *settings; /* borrowed */
	enum attempt_state state;
	bool abandoned;
	size_t remote;         /* index in settings->remotes */
	struct endpoint outer; /* where it connects: the remote, or the proxy */
	bool known;            /* for the owner: dialer_know() named the endpoint */
	struct mono since;     /* when it began */
	struct netd_call socket_call;
	int fd; /* the attempt's until a lane owns it; -1: none */
	struct loop_watch connect_watch;
	struct proxy_leg leg;
	struct loop_timer timer; /* of the connect */
	struct lane *lane;
	struct lane_owner lane_owner;
	struct lane_peer peer;   /* valid in SECURED */
	struct mono deadline;    /* connect, proxy, TLS, hello, welcome */
	struct problem refusal;  /* why the attempt ends its lane */
	uint32_t retry_after_ms; /* of a goodbye that came in SECURED */
};

void attempt_init(struct attempt *attempt, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct attempt_events *events);
/* Closes what it has, without any event; not allowed while it has a lane. */
void attempt_free(struct attempt *attempt);
/* Begins. The attempt must be free. Its events come later, never before this returns. */
void attempt_begin(struct attempt *attempt, size_t remote, const struct endpoint *outer);
/* Gives the secured lane away: the attempt is free again. */
struct lane *attempt_take(struct attempt *attempt);
/* Takes back what attempt_take() gave, at once. */
void attempt_return(struct attempt *attempt, struct lane *lane);
/* Ends a secured attempt for a reason of the owner; failed() reports it. */
void attempt_refuse(struct attempt *attempt, const char *cause);
/*
 * Ends it without a report of failure. Where the server has seen a whole handshake it gets a
 * goodbye with `text`. Calls gone() at once, or later if a lane or netd has to answer first. Does
 * nothing when it is free.
 */
void attempt_abandon(struct attempt *attempt, const char *text);
bool attempt_is_free(const struct attempt *attempt);
/* True: it may still lead to a connection. */
bool attempt_is_flying(const struct attempt *attempt);

#endif
