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
 * How the client gets its connection: the remotes in turn, each name resolved anew, each of its
 * addresses tried, IPv6 and IPv4 as the resolver orders them. Where there is a proxy, it is the
 * proxy's name that is resolved, and the proxy's addresses that are tried, for each remote. When all
 * have failed it waits, with backoff, and begins again; it never gives up by itself. Where a name does not
 * resolve, those of its addresses are tried that have led to the server before (client/kept_addresses). A server that asks
 * to be left alone is passed over for that time (client/holds), and no other is. A secured connection
 * to the right server is handed to the session. A second dialer brings the session's further lanes, all to the endpoint
 * that the first has found. Engine's main thread.
 */

struct dialer;

struct dialer_events {
	/*
	 * A lane over this connected socket, which becomes the lane's; the deadline is that of the
	 * welcome. Errors: lane_new().
	 */
	int (*lane)(struct dialer *dialer, int fd, struct mono deadline, struct lane_owner *owner,
		struct lane **ret_lane);
	/*
	 * Whether what it dials for is still wanted; asked before each attempt. When not, it rests.
	 * NULL: always.
	 */
	bool (*wanted)(struct dialer *dialer);
	/*
	 * A secured lane whose other end is the server that the profile names. 0: it is the
	 * callee's now; negative errno: the dialer ends it and tries again. `outer` is the other
	 * end of the connection: the server or, where there is one, the proxy.
	 */
	int (*connected)(struct dialer *dialer, struct lane *lane, const struct lane_peer *peer,
		const struct endpoint *outer);
	/* An attempt has failed; `text` names the remote and the cause. NULL: nobody asks. */
	void (*failed)(struct dialer *dialer, const char *text);
	/* It was stopped, and what was on its way has ended: dialer_quiet() is true now. */
	void (*ended)(struct dialer *dialer);
};

enum dialer_state {
	DIALER_RESTING, /* connected, or stopped */
	DIALER_WAITING, /* for the backoff */
	DIALER_RESOLVING,
	DIALER_SOCKET, /* netd makes the socket */
	DIALER_CONNECTING,
	DIALER_PROXYING, /* the proxy connects on */
	DIALER_SECURING, /* TLS, on the lane's worker */
	DIALER_STATE_COUNT
};

struct dialer {
	const struct dialer_events *events;
	struct loop *loop;               /* lent; NULL before dialer_init() */
	struct netd_link *netd;          /* lent; it makes the sockets */
	const struct settings *settings; /* lent */
	enum dialer_state state;
	bool stopped;
	bool direct;           /* to `outer` alone, nothing to resolve */
	struct endpoint known; /* where the server was reached last; port 0: nowhere yet */
	bool at_known;         /* its turn, before the remotes' */
	unsigned known_failed; /* times in a row */
	size_t first;          /* of settings->remotes: where a round begins */
	size_t remote;         /* of settings->remotes, in turn */
	struct resolver resolver;
	struct endpoint endpoints[RESOLVER_ADDRESSES_MAX]; /* of the remote, to be tried */
	size_t endpoint_count;
	size_t address; /* of endpoints, in turn */
	struct kept_addresses kept;
	struct endpoint outer;
	struct netd_call socket_call;
	int fd; /* until a lane owns it; -1 */
	struct loop_watch connect_watch;
	struct proxy_leg leg;
	struct loop_timer timer; /* of the wait, or of the connect */
	loop_timer_fn *due;      /* what the wait is for */
	struct lane *lane;
	struct lane_owner lane_owner;
	struct problem refusal; /* why we end the lane ourselves */
	struct mono deadline;   /* of the attempt: connect, proxy, TLS, hello, welcome */
	struct backoff backoff;
	struct holds holds; /* servers that are passed over */
	bool tried;         /* in this round: a server was called that may be called again */
};

/* The borrowed members outlive the dialer. Negative errno when its parts cannot be made. */
int dialer_init(struct dialer *dialer, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct dialer_events *events);
void dialer_free(struct dialer *dialer);

/*
 * From now on each round begins with this endpoint. For a client whose names are resolved behind the
 * tunnel: without one it cannot look up where the server is, and learns that only after a long wait. So
 * remotes that are names are left out until the endpoint has failed a few times.
 */
void dialer_know(struct dialer *dialer, const struct endpoint *known);
/*
 * An earlier engine has reached one of the remotes here: it is kept for each of them, as are the endpoints
 * that this dialer reaches itself. A remote's kept endpoints are tried when its name does not resolve, or
 * not soon enough.
 */
void dialer_keep(struct dialer *dialer, const struct endpoint *endpoint);
/*
 * The server that was reached at `outer`, through the dialer's present remote, asks not to be called
 * for `wait`. Other servers are called meanwhile. A `wait` of 0 changes nothing.
 */
void dialer_hold(struct dialer *dialer, const struct endpoint *outer, struct duration wait);
/*
 * Begins a round with the first remote, after the backoff's next wait. `fresh` resets the backoff
 * first, and then the round begins at once.
 */
void dialer_begin(struct dialer *dialer, bool fresh);
/*
 * The same to one endpoint, again and again until it is not wanted any more; it is an address of the
 * remote of this index, or of the proxy to it. An attempt that is under way to it goes on; one to
 * another endpoint is given up where it can be.
 */
void dialer_begin_at(
	struct dialer *dialer, size_t remote, const struct endpoint *outer, bool fresh);
/* The connection that was handed over did not become a session: goes on with the next address. */
void dialer_next(struct dialer *dialer);
/* The network has changed: who waits does not wait any longer, and who connects begins anew. */
void dialer_hurry(struct dialer *dialer);
void dialer_stop(struct dialer *dialer);        /* for good; what is on its way is ended */
bool dialer_quiet(const struct dialer *dialer); /* stopped and nothing is on its way */
const char *dialer_state_text(enum dialer_state state);

#endif
