/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_DIALER_H
#define CULVERT_CLIENT_DIALER_H

#include "base/backoff.h"
#include "client/holds.h"
#include "client/kept_addresses.h"
#include "client/proxy_leg.h"
#include "client/resolver.h"
#include "config/settings.h"
#include "engine/netd_link.h"
#include "lane/lane.h"

/*
 * Gets the client its connections. A round tries the remotes in turn. The dialer resolves each name
 * again and tries all of its addresses, IPv6 and IPv4 in the resolver's order. With a proxy it
 * resolves the proxy's name and tries the proxy's addresses for each remote. When all have failed
 * it waits, with backoff, and starts another round; it never gives up.
 *
 * If a name does not resolve, the dialer tries the addresses that led to the server before
 * (client/kept_addresses). It skips only servers that asked it to wait, each for the time that it
 * asked for (client/holds). It hands a secured connection to the right server to the session. A
 * second dialer gets the session's further lanes, all from the endpoint of the first. Engine's main
 * thread.
 */

struct dialer;

struct dialer_events {
	/*
	 * Makes a lane over this connected socket, which the lane then owns. The deadline is for
	 * the welcome. Errors: those of lane_new().
	 */
	int (*lane)(struct dialer *dialer, int fd, struct mono deadline, struct lane_owner *owner,
		struct lane **ret_lane);
	/*
	 * True if a connection is still wanted; called before each attempt. If not, the dialer
	 * stays idle. NULL: always.
	 */
	bool (*wanted)(struct dialer *dialer);
	/*
	 * Called with a secured lane to the server that the profile names. `outer` is the remote
	 * end of the connection: the server, or the proxy if there is one. Returns 0 if it takes
	 * the lane. After a negative errno the dialer ends the lane and tries again.
	 */
	int (*connected)(struct dialer *dialer, struct lane *lane, const struct lane_peer *peer,
		const struct endpoint *outer);
	/* An attempt has failed; `text` names the remote and the cause. May be NULL. */
	void (*failed)(struct dialer *dialer, const char *text);
	/* The dialer was stopped and its last attempt has ended: dialer_is_idle() is true now. */
	void (*ended)(struct dialer *dialer);
};

enum dialer_state {
	DIALER_RESTING, /* idle: connected, or stopped */
	DIALER_WAITING, /* waits for the backoff */
	DIALER_RESOLVING,
	DIALER_SOCKET, /* netd makes the socket */
	DIALER_CONNECTING,
	DIALER_PROXYING, /* the proxy connects to the server */
	DIALER_SECURING, /* TLS, on the lane's worker */
	DIALER_STATE_COUNT
};

struct dialer {
	const struct dialer_events *events;
	struct loop *loop;               /* borrowed; NULL before dialer_init() */
	struct netd_link *netd;          /* borrowed; makes the sockets */
	const struct settings *settings; /* borrowed */
	enum dialer_state state;
	bool stopped;
	bool direct;           /* only to `outer`, without a resolver */
	struct endpoint known; /* the server's last endpoint; port 0: none yet */
	bool at_known;         /* tries `known` now, before the remotes */
	unsigned known_failed; /* failures in a row */
	size_t first;          /* index in settings->remotes of the round's first remote */
	size_t remote;         /* index in settings->remotes of the current remote */
	struct resolver resolver;
	struct endpoint endpoints[RESOLVER_ADDRESSES_MAX]; /* of the remote, to try */
	size_t endpoint_count;
	size_t address; /* index in endpoints of the current one */
	struct kept_addresses kept;
	struct endpoint outer;
	struct netd_call socket_call;
	int fd; /* the dialer's until a lane owns it; -1: none */
	struct loop_watch connect_watch;
	struct proxy_leg leg;
	struct loop_timer timer; /* of the wait, or of the connect */
	loop_timer_fn *due;      /* runs after the wait */
	struct lane *lane;
	struct lane_owner lane_owner;
	struct problem refusal; /* why the dialer ends the lane itself */
	struct mono deadline;   /* of the attempt: connect, proxy, TLS, hello, welcome */
	struct backoff backoff;
	struct holds holds; /* servers to skip */
	bool tried;         /* in this round the dialer tried a server that was not held */
};

/* The borrowed members must outlive the dialer. Negative errno if its parts cannot be made. */
int dialer_init(struct dialer *dialer, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct dialer_events *events);
void dialer_free(struct dialer *dialer);

/*
 * Each round begins with this endpoint from now on. It is for a client whose resolver is behind the
 * tunnel. Such a client cannot resolve names without a tunnel, and learns that only after a long
 * wait. So remotes that are names are skipped until the endpoint has failed a few times.
 */
void dialer_know(struct dialer *dialer, const struct endpoint *known);
/*
 * Keeps an endpoint by which an earlier engine reached one of the remotes. Nobody knows which, so
 * the dialer keeps it for every remote. The dialer keeps the endpoints that it reaches itself, too.
 * It tries a remote's kept endpoints if its name does not resolve, or not soon enough.
 */
void dialer_keep(struct dialer *dialer, const struct endpoint *endpoint);
/*
 * Holds the server at `outer`, reached through the current remote, which asked the client to wait.
 * The dialer tries other servers meanwhile. A `wait` of 0 changes nothing.
 */
void dialer_hold(struct dialer *dialer, const struct endpoint *outer, struct duration wait);
/*
 * Begins a round with the first remote after the backoff's next wait. `fresh` resets the backoff
 * and begins the round at once.
 */
void dialer_begin(struct dialer *dialer, bool fresh);
/*
 * Does the same with one endpoint, again and again until it is no longer wanted. `outer` is an
 * address of the remote with this index, or of the proxy to it. An attempt to that endpoint
 * continues; an attempt to another is abandoned where possible.
 */
void dialer_begin_at(
	struct dialer *dialer, size_t remote, const struct endpoint *outer, bool fresh);
/* Continues with the next address: the last connection did not become a session. */
void dialer_next(struct dialer *dialer);
/* The network has changed: a waiting dialer waits no longer, and a connecting one starts again. */
void dialer_hurry(struct dialer *dialer);
/* The same, and ends all holds: why servers asked to wait may be over. */
void dialer_hurry_anywhere(struct dialer *dialer);
void dialer_stop(struct dialer *dialer);          /* for good; ends the current attempt */
bool dialer_is_idle(const struct dialer *dialer); /* stopped, with no attempt left */
/* True: the dialer waits, and *ret_due is when its next attempt begins. */
bool dialer_is_waiting(const struct dialer *dialer, struct mono *ret_due);
const char *dialer_state_text(enum dialer_state state);

#endif
