/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_PEERS_H
#define CULVERT_ENGINE_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/identity.h"
#include "base/prefix_list.h"
#include "base/problem.h"
#include "config/settings.h"
#include "engine/announced.h"
#include "lane/filter.h"
#include "system/loop.h"
#include "system/tls.h"
#include "wire/message.h"
#include "wire/request.h"

/*
 * Everything that concerns several sessions: their registry, the prefixes that this end announces,
 * the prefixes each peer learns of the others, and which peers may exchange packets. It borrows the
 * loop, the settings and the registered sessions. Main thread only.
 *
 * A peer that lists another peer in `reach` learns that peer's addresses and routes, while packets
 * arrive there. Packets pass between the two whichever lists the other, since each flow has two
 * directions.
 */

struct session;

TAILQ_HEAD(session_list, session);

struct peers {
	struct loop *loop;
	const struct settings *settings; /* NULL before peers_configure() */
	struct session_list sessions;    /* in order of arrival */
	unsigned session_count;
	struct announced announced;
	bool has_reach; /* some peer of the configuration has `reach` */
	/*
	 * Addresses that a wide prefix does not cover: at a server its peers, at a client its
	 * bypass. NULL: none of them lies in an announced prefix.
	 */
	struct filter_exclusions *exclusions;
	bool exclusions_stale; /* they lack the last change: peers_exclusions() makes them again */
	struct tls_context *judge; /* by which peers are judged: peers_certificates; counted */
	bool suspects_first;       /* only sessions that are suspect are judged now */
	struct loop_timer judging; /* runs while sessions wait to be judged */
	struct loop_timer spread;  /* runs while a change waits to be passed on */
	struct mono next_spread;   /* none begins before, since the last one took long */
};

/* Begins without sessions. Borrowed: the loop, until peers_free(). */
void peers_init(struct peers *peers, struct loop *loop);
/*
 * Announces the prefixes of the settings. Called once. Borrowed: the settings, until peers_free().
 * -ENOMEM.
 */
int peers_configure(struct peers *peers, const struct settings *settings);
/*
 * The settings have changed and `before` has the former ones. Peers without an entry leave with
 * GOODBYE_REMOVED; the others go on, learn of changed announcements, and have their refused routes
 * asked for again. Takes time in proportion to the sessions.
 */
void peers_follow(struct peers *peers, const struct settings *before);
/* No session may be used after this. */
void peers_free(struct peers *peers);

/* Registers a session until peers_remove(). No other session may have its identity. */
void peers_add(struct peers *peers, struct session *session);
void peers_remove(struct peers *peers, struct session *session);
/* The session of that identity in any state, or NULL. There is never more than one. */
struct session *peers_find(const struct peers *peers, const struct identity *name);

/*
 * Announces prefixes to all peers, or withdraws them, from now on (`culvert routes add|del`).
 * Errors: those of announced_add(), announced_withdraw(). On failure *problem says why.
 */
int peers_announce(
	struct peers *peers, const struct prefix *prefixes, size_t count, struct problem *problem);
int peers_withdraw(
	struct peers *peers, const struct prefix *prefixes, size_t count, struct problem *problem);
/*
 * Takes the prefixes that are not announced now, sorted, and with them the list's memory: all peers
 * learn of it.
 */
void peers_withhold(struct peers *peers, struct prefix_list *withheld);
/*
 * Takes a page of the prefixes that netd tracks. Once the set is complete, all peers learn of it.
 */
void peers_tracked(struct peers *peers, const struct request_tracked *page);

/* True: the peer of `session` learns the addresses and routes of the other's peer. */
bool peers_hears_of(const struct session *session, const struct session *other);
/* True: packets may pass between the peers of these two sessions. */
bool peers_may_pass(const struct session *session, const struct session *other);
/*
 * Gathers the prefixes to announce to the peer of this session, sorted. -ENOMEM; the caller frees
 * the list also on failure.
 */
int peers_gather_offer(
	const struct peers *peers, const struct session *session, struct prefix_list *list);
/*
 * Gathers the sources of packets that may go to the peer of this session, sorted. The tunnel's own
 * addresses are not among them. -ENOMEM; the caller frees the list also on failure.
 */
int peers_gather_sources(
	const struct peers *peers, const struct session *session, struct prefix_list *list);
/*
 * Reads which addresses a wide prefix does not cover; NULL: none. Borrowed until the next change,
 * and the caller takes a reference. -ENOMEM: a change is not in them, and no filter may use the old
 * ones. The next call tries again.
 */
int peers_exclusions(struct peers *peers, struct filter_exclusions **ret_exclusions);

/*
 * Addresses, routes or carrier of this session have changed, or it is about to end. A moment later,
 * once for many changes, the peers that exchange packets with its peer learn of it. Where addresses
 * are excluded, all peers do.
 */
void peers_spread(struct peers *peers, const struct session *changed);

/*
 * The peer of `except` is about to get routes to these prefixes. A session that has no connection,
 * has any of them in use, and is in the same network namespace gives way: netd holds its routes at
 * once.
 */
void peers_yield_routes(struct peers *peers, const struct session *except,
	const struct prefix *prefixes, size_t count);

/* This host's network has changed: each connection has to prove that it still works. */
void peers_network_changed(struct peers *peers);
/* Takes a page of what the kernel lacks of a session's interface. */
void peers_lack(struct peers *peers, const struct request_lack *page);
/* netd removes an installed route. */
void peers_judged(struct peers *peers, const struct request_judged *judged);
/* Asks netd again for the routes that it refused on account of this host's networks. */
void peers_places_changed(struct peers *peers);
/* Every session sends a goodbye with this code and text, and ends for good. */
void peers_leave(struct peers *peers, uint16_t goodbye_code, const char *text);

#endif
