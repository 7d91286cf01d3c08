/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ROUTES_H
#define CULVERT_ENGINE_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"
#include "base/route_rule.h"
#include "config/settings.h"
#include "engine/netd_link.h"
#include "wire/message.h"

/*
 * The routes of one session: what the peer has announced to us (judged, then installed by netd),
 * and what became of our own announcements at the peer. Announcements are idempotent and outlive a
 * connection: after a reconnect the peer repeats all of them, and what it did not repeat until
 * end-of-routes is removed. Main thread.
 */

enum route_state {
	ROUTE_ABSENT, /* accepted, not in the kernel */
	ROUTE_ADDING, /* netd was asked */
	ROUTE_INSTALLED,
	ROUTE_DELETING,
	ROUTE_REFUSED, /* `verdict` says why; kept for status */
};

struct route {
	struct prefix prefix;
	enum route_state state;
	enum route_verdict verdict;
	bool wanted; /* announced and not withdrawn */
	bool missing; /* installed, but another program took it from the kernel, and netd cannot put it back */
	bool fresh;                        /* repeated since the last connection began */
	uint32_t place;                    /* routes.c's, while it moves items */
	char words[REQUEST_WORDS_MAX + 1]; /* refused: what stands in its way, or "" */
};

/* Installed, and the peer means packets to take it; they do unless it is missing. */
bool route_in_use(const struct route *route);

struct route_refusal { /* one of our announcements that the peer does not take */
	struct prefix prefix;
	uint8_t verdict; /* enum route_verdict, or a number of a newer peer */
};

struct routes;

enum {
	ROUTES_REFUSED_MAX = 64, /* refused prefixes that are kept for status */
	ROUTE_REASON_MAX = REQUEST_WORDS_MAX + 96,
};

struct routes_events {
	/* The set of installed routes has changed. */
	void (*changed)(struct routes *routes);
	/* Send this message to the peer. */
	void (*send)(struct routes *routes, const struct message *message);
	/*
	 * One of the peer's prefixes was accepted and installed, removed, or refused: for the log.
	 */
	void (*note)(struct routes *routes, const struct route *route, const char *what);
};

struct routes {
	const struct routes_events *events;
	struct netd_link *netd;
	struct netd_call call;
	struct route_rule rule; /* borrowed arrays */
	uint32_t limit;
	uint32_t interface;  /* netd's number; 0: none yet, nothing is installed */
	struct route *items; /* the oldest first */
	uint32_t *order;     /* places in `items`, by prefix_compare(); each prefix is there once */
	size_t count, capacity;
	struct route_refusal *refusals; /* sorted, each prefix once */
	size_t refusal_count, refusal_capacity;
	uint64_t over_limit;      /* announcements refused because of the limit */
	struct prefix_list asked; /* what stands in the pending request; empty: there is none */
	bool clearing; /* the session is going: the reply of the pending request does not matter */
};

void routes_init(struct routes *routes, const struct routes_events *events, struct netd_link *netd,
	uint32_t limit);
void routes_free(struct routes *routes);

/*
 * The interface is there (netd's number) or gone (0: all routes are gone with it). Installs what waits.
 */
void routes_set_interface(struct routes *routes, uint32_t interface);
/*
 * netd has these in the kernel from the engine before; the peer confirms them by repeating them.
 * -ENOMEM.
 */
int routes_adopt(struct routes *routes, const struct prefix *prefixes, size_t count);
/* A connection has begun: what the peer does not repeat goes at end-of-routes. */
void routes_begin(struct routes *routes);

/*
 * From the peer. `local`, sorted, are our own announcements, which it may not take from us. A prefix
 * costs two binary searches, however many the peer has announced; a message one pass over its routes.
 */
void routes_announced(struct routes *routes, const struct message_prefixes *prefixes,
	const struct prefix_list *local);
void routes_withdrawn(struct routes *routes, const struct message_prefixes *prefixes);
void routes_end(struct routes *routes);
/*
 * `told`, sorted, is what the peer was told. A refusal of anything else is ignored, so no peer makes us
 * keep more refusals than we have announcements, and each costs two binary searches.
 */
void routes_refused(struct routes *routes, const struct message_prefixes *prefixes,
	const struct prefix_list *told);

/* netd cannot put these installed routes back; `first`: nor any other. Empty: all are in the kernel. */
void routes_missing(struct routes *routes, const struct prefix *prefixes, size_t count, bool first);

size_t routes_count_missing(const struct routes *routes);

/* What the peer has announced so far is installed or refused: netd has nothing left to do. */
bool routes_settled(const struct routes *routes);

/* To the peer: announcements (or withdrawals) in as many messages as it takes. */
void routes_send(
	struct routes *routes, enum message_type type, const struct prefix *prefixes, size_t count);

/* True: one of them is in use. */
bool routes_has_any(const struct routes *routes, const struct message_prefixes *prefixes);

/* We have withdrawn it: what the peer said of it does not matter any more. */
void routes_forget_refusal(struct routes *routes, const struct prefix *prefix);
/* Why the peer refused ours, or ROUTE_ACCEPTED. */
uint8_t routes_refusal(const struct routes *routes, const struct prefix *prefix);
const char *route_state_text(enum route_state state);
/* The same of one route: "missing" where it is installed and missing. */
const char *route_text(const struct route *route);
/* Why it is refused, with what stands in its way. Returns `out`. */
const char *route_reason(const struct route *route, char out[static ROUTE_REASON_MAX]);

#endif
