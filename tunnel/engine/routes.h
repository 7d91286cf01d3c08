/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ROUTES_H
#define CULVERT_ENGINE_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"
#include "base/rate.h"
#include "base/route_rule.h"
#include "config/settings.h"
#include "engine/damping.h"
#include "engine/netd_link.h"
#include "system/loop.h"
#include "wire/message.h"

/*
 * The routes of one session: the prefixes that the peer announces, which are judged here and
 * installed by netd, and the peer's answers to our own announcements. An announcement is idempotent
 * and outlives its connection. After a reconnect the peer repeats all of them; those not repeated
 * before end-of-routes are removed. Main thread only.
 *
 * Changes of the kernel's routes have a budget, and a prefix that comes and goes is damped
 * (engine/damping). What exceeds them waits in state ABSENT: only its goal changes meanwhile.
 */

enum route_state {
	ROUTE_ABSENT, /* accepted, but not in the kernel */
	ROUTE_ADDING, /* netd was asked to install it */
	ROUTE_INSTALLED,
	ROUTE_DELETING,
	ROUTE_REFUSED, /* `verdict` says why; kept for `status` */
};

struct route {
	struct prefix prefix;
	enum route_state state;
	enum route_verdict verdict;
	bool wanted; /* announced and not withdrawn */
	/* Installed, but another program removed it from the kernel, and netd cannot restore it. */
	bool missing;
	/* Refused: by netd, which may judge otherwise when the host's networks have changed. */
	bool by_netd;
	/* This end asks netd again: the same refusal is then neither logged nor sent. */
	bool asked_again;
	bool fresh; /* repeated since this connection began */
	struct damping damping;
	uint32_t new_index;                  /* for routes.c alone, while it moves items */
	char reason[REQUEST_REASON_MAX + 1]; /* refused: what prevents it, or "" */
};

/* True: installed and wanted, so packets take it unless it is missing. */
bool route_in_use(const struct route *route);

/* One of our announcements that the peer refuses. */
struct route_refusal {
	struct prefix prefix;
	uint8_t verdict; /* enum route_verdict, or a number of a newer peer */
};

struct routes;

enum {
	ROUTES_REFUSED_MAX = 64, /* refused prefixes that are kept for `status` */
	/* Routes added and deleted: this factor of max_routes at once, … */
	ROUTES_BUDGET_FACTOR = 2,
	ROUTES_PER_SECOND = 50, /* … and so many in the long run */
	/* Those that had to wait are added together, so that each does not cost a new filter. */
	ROUTES_BATCH_MS = 200,
	ROUTE_REASON_MAX = REQUEST_REASON_MAX + 96,
};

struct routes_events {
	/* The set of installed routes has changed, or netd has finished the last request. */
	void (*changed)(struct routes *routes);
	/* Sends this message to the peer. */
	void (*send)(struct routes *routes, const struct message *message);
	/*
	 * netd is about to be asked to add these prefixes, or the peer has repeated installed ones
	 * for the first time on this connection.
	 */
	void (*taken)(struct routes *routes, const struct prefix *prefixes, size_t count);
	/* For the log: one of the peer's prefixes was installed, removed or refused. */
	void (*note)(struct routes *routes, const struct route *route, const char *what);
};

struct routes {
	const struct routes_events *events;
	struct netd_link *netd;
	struct loop *loop;
	struct loop_timer later; /* until routes that wait may be added */
	struct rate budget;
	bool exhausted;           /* the budget, until `later` is over */
	struct damping_list past; /* of prefixes that are withdrawn */
	struct netd_call call;
	struct route_rule rule; /* borrowed arrays */
	uint32_t limit;
	uint32_t interface;  /* netd's number of it; 0: none, and nothing is installed */
	struct route *items; /* the oldest first */
	/* Positions in `items`, sorted by prefix_compare(); each prefix occurs once. */
	uint32_t *order;
	size_t count, capacity;
	struct route_refusal *refusals; /* sorted, without duplicates */
	size_t refusal_count, refusal_capacity;
	uint64_t over_limit; /* announcements refused because of the limit */
	/* The prefixes of the pending request; empty: there is none. */
	struct prefix_list asked;
	/* The session ends: the reply of the pending request does not matter. */
	bool clearing;
};

void routes_init(struct routes *routes, const struct routes_events *events, struct loop *loop,
	struct netd_link *netd, uint32_t limit);
/* Frees the routes and refusals, and leaves none. */
void routes_free(struct routes *routes);

/*
 * The interface exists (netd's number of it): installs the routes that wait. 0: it is gone, and all
 * routes with it.
 */
void routes_set_interface(struct routes *routes, uint32_t interface);
/*
 * Takes routes that netd has kept in the kernel for the engine before. The peer confirms them by
 * repeating them. -ENOMEM.
 */
int routes_adopt(struct routes *routes, const struct prefix *prefixes, size_t count);
/* A connection has begun. Prefixes that the peer does not repeat are removed at end-of-routes. */
void routes_begin(struct routes *routes);

/*
 * The peer's announce, withdraw and end-of-routes. `local`, sorted, has our own announcements,
 * whose prefixes the peer may not take. A prefix costs two binary searches, however many the peer
 * has announced; a message costs one pass over its routes.
 */
void routes_announced(struct routes *routes, const struct message_prefixes *prefixes,
	const struct prefix_list *local);
void routes_withdrawn(struct routes *routes, const struct message_prefixes *prefixes);
void routes_end(struct routes *routes);
/*
 * The peer refuses prefixes. `sent`, sorted, has the prefixes that it was sent; a refusal of any
 * other is ignored. So a peer cannot make us keep more refusals than announcements. Each costs two
 * binary searches.
 */
void routes_refused(struct routes *routes, const struct message_prefixes *prefixes,
	const struct prefix_list *sent);

/*
 * The most instructions that routes_announced(), routes_withdrawn() and routes_refused() take for a
 * message, with as many routes as max_routes can allow. tests/system/input_cost.sh counts them.
 */
enum {
	ROUTES_COST_MAX = 200000,
	ROUTES_BYTE_COST_MAX = 650, /* for each byte of the message */
};

/*
 * netd cannot restore these installed routes. `first`: no others are missing. Empty: none is
 * missing.
 */
void routes_missing(struct routes *routes, const struct prefix *prefixes, size_t count, bool first);

/* netd has judged an installed route again, and removes it. */
void routes_judged(struct routes *routes, const struct request_judged *judged);
/*
 * Asks netd again for the routes that it refused, because the host's networks have changed. A
 * refusal for the same reason is neither logged nor sent to the peer again.
 */
void routes_ask_again(struct routes *routes);

/*
 * The rule and the limit have changed: refused routes that may be accepted now are asked for again.
 * netd judges installed ones, and routes_judged() hears of it. Of the prefixes beyond
 * ROUTES_REFUSED_MAX that the peer was refused, nothing is known before it announces them again.
 */
void routes_settings_changed(struct routes *routes, uint32_t limit);

size_t routes_count_missing(const struct routes *routes);

/* True: all that the peer has announced is installed or refused, and netd has no request left. */
bool routes_complete(const struct routes *routes);

/* Sends announcements or withdrawals to the peer, in as many messages as needed. */
void routes_send(
	struct routes *routes, enum message_type type, const struct prefix *prefixes, size_t count);

/* True: one of these prefixes is in use. */
bool routes_has_any(const struct routes *routes, const struct prefix *prefixes, size_t count);

/* This end has withdrawn the prefix: forgets the peer's refusal of it. */
void routes_forget_refusal(struct routes *routes, const struct prefix *prefix);
/* Returns why the peer refused our prefix, or ROUTE_ACCEPTED. */
uint8_t routes_refusal(const struct routes *routes, const struct prefix *prefix);
const char *route_state_text(enum route_state state);
/* Returns the text of its state; "missing" if it is installed and missing. */
const char *route_text(const struct route *route);
/* Writes why it is refused and what prevents it. Returns `out`. */
const char *route_reason(const struct route *route, char out[static ROUTE_REASON_MAX]);

#endif
