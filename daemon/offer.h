/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_OFFER_H
#define CULVERT_DAEMON_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/identity.h"
#include "base/problem.h"
#include "config/settings.h"
#include "engine/session.h"
#include "system/loop.h"
#include "wire/message.h"

/*
 * What a hello is answered with: addresses from the pool, and the smaller of what both ends want.
 * Leases are kept in the state directory; new ones are written a moment later, so that many peers that
 * come at once cost one write. Main thread.
 */

struct pool;

struct offer {
	struct loop *loop;               /* lent */
	const struct settings *settings; /* lent */
	const struct identity *name;     /* of this end; lent */
	int state_dir_fd;                /* lent; -1: leases are not kept */
	bool stopped;
	struct pool *pool; /* NULL: there was no offer_init() */
	struct loop_timer save;
};

/*
 * The pool and its leases from the state directory; the caller has filled in the borrowed members. -ENOMEM. A broken
 * lease file is only logged.
 */
int offer_init(struct offer *offer, struct problem *problem);
/* No more hellos come: saves, and from now on only offer_free() saves again. */
void offer_stop(struct offer *offer);
/* Saves as well. Fine without offer_init(). */
void offer_free(struct offer *offer);

/*
 * What the server answers to this hello of a peer; `peer` is its entry, or NULL. The addresses are the
 * peer's until offer_return(). -EADDRNOTAVAIL: there are no addresses; -ENOMEM, negative errno of
 * getrandom(2). Then *ret_code and the problem say what to tell the client.
 */
int offer_make(struct offer *offer, const struct identity *name, const struct settings_peer *peer,
	const struct message_hello *hello, struct session_terms *ret_terms,
	struct message_welcome *ret_welcome, uint16_t *ret_code, struct problem *problem);
/*
 * An adopted session keeps the addresses that its interface has; AF_UNSPEC: none of that family.
 * Negative errno of pool_claim(): they are not its own any more, and the session must end.
 */
int offer_keep(struct offer *offer, const struct identity *name, const struct addr *addr4,
	const struct addr *addr6, struct problem *problem);
/* The session is over: its addresses are free for others when nothing else is left. */
void offer_return(struct offer *offer, const struct identity *name);

#endif
