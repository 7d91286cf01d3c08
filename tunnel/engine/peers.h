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
#include "lane/reach.h"
#include "system/loop.h"
#include "wire/message.h"
#include "wire/request.h"

/*
 * Everything that concerns more than one session: the registry of sessions, what this end announces
 * to all peers, what each peer is told of the others, and between which peers packets may pass. It is
 * lent the loop and the settings; sessions are registered in it and never belong to it. Main thread.
 *
 * A peer that lists another one in `reach` is told its addresses and routes, as long as packets
 * arrive there. Packets pass between the two whichever lists the other, since each flow has two
 * directions.
 */

struct session;

TAILQ_HEAD(session_list, session);

struct peers {
	struct loop *loop;
	const struct settings *settings; /* NULL before peers_configure() */
	struct session_list sessions;    /* in the order in which they came */
	unsigned session_count;
	struct announced announced;
	bool has_reach; /* some peer reaches another one */
	/*
	 * Addresses that a wide prefix does not cover: a server's peers, a client's bypass. NULL: none of
	 * them lies in what is announced.
	 */
	struct reach_bar *barred;
	struct loop_timer spread; /* runs while a change waits to be passed on */
};

/* No session yet. The loop outlives it. */
void peers_init(struct peers *peers, struct loop *loop);
/* Announces what the settings say, which are lent until peers_free(). Once. -ENOMEM. */
int peers_configure(struct peers *peers, const struct settings *settings);
/* All sessions must be gone, or never be used again. */
void peers_free(struct peers *peers);

/* Registers a session until peers_remove(). No other one has its identity. */
void peers_add(struct peers *peers, struct session *session);
void peers_remove(struct peers *peers, struct session *session);
/* The session of that identity, in whatever state, or NULL: there is never more than one. */
struct session *peers_find(const struct peers *peers, const struct identity *name);

/*
 * Announces to, or withdraws from, all peers from now on (`culvert routes add|del`). Errors:
 * announced_add(), announced_withdraw().
 */
int peers_announce(
	struct peers *peers, const struct prefix *prefixes, size_t count, struct problem *problem);
int peers_withdraw(
	struct peers *peers, const struct prefix *prefixes, size_t count, struct problem *problem);
/* netd has sent a page of the set that it tracks: peers hear of it once the set is whole. */
void peers_tracked(struct peers *peers, const struct request_tracked *page);

/* True: the first one's peer is told the addresses and routes of the other's. */
bool peers_is_told_of(const struct session *session, const struct session *other);
/* True: packets may pass between the peers of these two. */
bool peers_may_pass(const struct session *session, const struct session *other);
/*
 * What the peer of this session is told, sorted. -ENOMEM; the caller frees the list either way.
 */
int peers_gather_offer(
	const struct peers *peers, const struct session *session, struct prefix_list *list);
/*
 * The sources, other than the tunnel's own addresses, of packets that may go to the peer of this
 * session: sorted. -ENOMEM; the caller frees the list either way.
 */
int peers_gather_sources(
	const struct peers *peers, const struct session *session, struct prefix_list *list);

/*
 * Addresses, routes or the carrier of this session have changed, or it is about to go: the peers that
 * reach its peer hear of it a moment later, once for many changes. All peers do where addresses are
 * barred.
 */
void peers_spread(struct peers *peers, const struct session *changed);

/*
 * Another session, `except`, is offered these prefixes by its peer. The routes of each session in the
 * same network namespace that has no connection and any of these prefixes give way at once.
 */
void peers_yield_routes(
	struct peers *peers, const struct session *except, const struct message_prefixes *prefixes);

/* This host's network has changed: every connection has to show that it still works. */
void peers_network_changed(struct peers *peers);
/* netd says what the kernel lacks of the interface of a session: a page. */
void peers_lack(struct peers *peers, const struct request_lack *page);
/* Every session says goodbye with this code and text, and ends for good. */
void peers_leave(struct peers *peers, uint16_t goodbye_code, const char *text);

#endif
