/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_DIALER_H
#define CULVERT_CLIENT_DIALER_H

#include "base/backoff.h"
#include "client/attempt.h"
#include "client/holds.h"
#include "client/kept_addresses.h"
#include "client/race.h"
#include "client/resolver.h"
#include "config/settings.h"
#include "engine/netd_link.h"
#include "lane/lane.h"

/*
 * Gets the client its connections. A round tries all addresses of all remotes, the best priority
 * first; client/race says in which order and when, and up to DIALER_ATTEMPTS_MAX attempts
 * (client/attempt) are under way at a time. With a proxy the dialer resolves the proxy's name and
 * tries the proxy's addresses for each remote.
 *
 * The first secured connection to the right server is handed to the session, and no attempt begins
 * from then on. Those under way go on, but say no hello: if the first leads to no session, the next
 * secured one is handed over at once. When the session is up, they are abandoned. When all have
 * failed, the dialer waits, with backoff, and begins another round; it never gives up.
 *
 * If a name does not resolve, the dialer tries the addresses that led to the server before
 * (client/kept_addresses). It skips only servers that asked it to wait, each for the time that it
 * asked for (client/holds). A second dialer gets the session's further lanes, all from the endpoint
 * of the first. Engine's main thread.
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
	 * the lane. -ECANCELED: no connection is needed any more. -EAGAIN: not yet, so the dialer
	 * keeps it until dialer_resume(). After another negative errno the
	 * dialer ends the lane and tries again.
	 */
	int (*connected)(struct dialer *dialer, struct lane *lane, const struct lane_peer *peer,
		const struct endpoint *outer);
	/*
	 * The lane that was handed over has led to no session within RACE_PRIORITY_MS, and there is
	 * something else to try. May be NULL.
	 */
	void (*slow)(struct dialer *dialer);
	/* An attempt has failed; `text` names the remote and the cause. May be NULL. */
	void (*failed)(struct dialer *dialer, const char *text);
	/* The dialer was stopped and its last attempt has ended: dialer_is_idle() is true now. */
	void (*ended)(struct dialer *dialer);
};

enum { DIALER_ATTEMPTS_MAX = 8 }; /* under way at a time */

enum dialer_state {
	DIALER_RESTING, /* connected, not wanted, or stopped */
	DIALER_WAITING, /* waits for the backoff */
	DIALER_DIALLING,
	DIALER_STATE_COUNT
};

struct dialer_attempt {
	struct dialer *dialer;
	struct attempt attempt;
};

/* The look-up of a remote's name, or of the proxy's. */
struct dialer_lookup {
	struct dialer *dialer;
	struct resolver resolver;
	bool made;         /* the resolver is */
	bool asking;       /* the round waits for the answer */
	struct mono since; /* when the round began to wait */
};

struct dialer {
	const struct dialer_events *events;
	struct loop *loop;               /* borrowed; NULL before dialer_init() */
	struct netd_link *netd;          /* borrowed; makes the sockets */
	const struct settings *settings; /* borrowed */
	enum dialer_state state;
	bool stopped;
	bool direct; /* only to `direct_to`, without a resolver */
	struct endpoint direct_to;
	struct endpoint known; /* the server's last endpoint; port 0: none yet */
	size_t known_remote;
	unsigned known_failed;      /* failures in a row */
	struct race race;           /* of this round */
	struct duration head_start; /* of the next round's first priority */
	struct dialer_attempt attempts[DIALER_ATTEMPTS_MAX];
	struct dialer_lookup lookups[SETTINGS_REMOTES_MAX]; /* by remote */
	struct kept_addresses kept;
	/* Of the connection that was handed over last: */
	size_t remote; /* index in settings->remotes; with `direct` of all connections */
	struct endpoint outer;
	bool at_known; /* it was `known` */
	bool removed;  /* `remote` was taken from the configuration */
	struct loop_timer timer;
	struct backoff backoff;
	struct holds holds; /* servers to skip */
	bool tried;         /* in this round the dialer tried a server that was not held */
};

/* The borrowed members must outlive the dialer. Negative errno if its parts cannot be made. */
int dialer_init(struct dialer *dialer, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct dialer_events *events);
void dialer_free(struct dialer *dialer);

/*
 * Each round begins with this endpoint of the remote from now on. It is for a client whose resolver is behind the
 * tunnel. Such a client cannot resolve names without a tunnel, and learns that only after a long
 * wait. So remotes that are names are skipped until the endpoint has failed a few times.
 */
void dialer_know(struct dialer *dialer, size_t remote, const struct endpoint *known);
/*
 * Keeps an endpoint by which an earlier engine reached one of the remotes. Nobody knows which, so
 * the dialer keeps it for every remote. The dialer keeps the endpoints that it reaches itself, too.
 * It tries a remote's kept endpoints if its name does not resolve, or not soon enough.
 */
void dialer_keep(struct dialer *dialer, const struct endpoint *endpoint);
/*
 * Holds the server at `outer`, reached through the remote, which asked the client to wait.
 * The dialer tries other servers meanwhile. A `wait` of 0 changes nothing.
 */
void dialer_hold(
	struct dialer *dialer, size_t remote, const struct endpoint *outer, struct duration wait);
/*
 * Begins a round after the backoff's next wait, in place of one that is under way. `fresh` resets
 * the backoff and begins the round at once.
 */
void dialer_begin(struct dialer *dialer, bool fresh);
/*
 * Begins a round at once, beside a connection on which nothing was heard for `silence`. That time
 * counts as time in which the first priority has not answered.
 */
void dialer_begin_beside(struct dialer *dialer, struct duration silence);
/*
 * Does the same with one endpoint, again and again until it is no longer wanted. `outer` is an
 * address of the remote with this index, or of the proxy to it. An attempt to that endpoint
 * continues; an attempt to another is abandoned.
 */
void dialer_begin_at(
	struct dialer *dialer, size_t remote, const struct endpoint *outer, bool fresh);
/* Goes on with the round: the connection that was handed over did not become a session. */
void dialer_next(struct dialer *dialer);
/* Goes on with a round that rests because `connected` has returned -EAGAIN. */
void dialer_resume(struct dialer *dialer);
/* The session has a connection that the dialer did not make. */
void dialer_took(struct dialer *dialer, size_t remote, const struct endpoint *outer);
bool dialer_is_held(struct dialer *dialer, size_t remote, const struct endpoint *outer);
/* The session is up: abandons what is left of the round. */
void dialer_settle(struct dialer *dialer);
/*
 * A reload has changed the settings. Where `remotes` or the proxy have changed, a round that is
 * under way begins again, and the addresses of before are forgotten.
 */
void dialer_follow(struct dialer *dialer, const struct settings *before);
/* The priority of the connection's remote; one worse than any where it is no remote any more. */
unsigned dialer_priority(const struct dialer *dialer);
/* The network has changed: a waiting dialer waits no longer, and a connecting one starts again. */
void dialer_hurry(struct dialer *dialer);
/* The same, and ends all holds: why servers asked to wait may be over. */
void dialer_hurry_anywhere(struct dialer *dialer);
void dialer_stop(struct dialer *dialer);          /* for good; ends the current attempts */
bool dialer_is_idle(const struct dialer *dialer); /* stopped, with no attempt left */
/* True: the dialer waits, and *ret_due is when its next attempt begins. */
bool dialer_is_waiting(const struct dialer *dialer, struct mono *ret_due);
const char *dialer_state_text(enum dialer_state state);

#endif
