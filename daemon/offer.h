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
 * Answers a hello: addresses from the pool, and of each limit (MTU, lanes) the smaller of both
 * ends'. It keeps leases in the state directory. New leases are written a moment later, so that
 * many peers at once cost one write. Main thread only.
 */

struct pool;

struct offer {
	struct loop *loop;               /* borrowed */
	const struct settings *settings; /* borrowed */
	const struct identity *name;     /* of this end; borrowed */
	int state_dir_fd;                /* borrowed; -1: leases are not kept */
	bool stopped;
	struct pool *pool; /* NULL: before offer_init() */
	struct loop_timer save;
};

/*
 * Makes the pool, and loads its leases from the state directory. The caller has set the borrowed
 * members. A bad lease file is only logged. -ENOMEM; on failure *problem says why.
 */
int offer_init(struct offer *offer, struct problem *problem);
/*
 * The settings have changed: makes the pool again, with the leases that still fit. The caller then
 * keeps the addresses of each session by offer_keep(). -ENOMEM: the pool of before stays, and
 * *problem says why.
 */
int offer_follow(struct offer *offer, struct problem *problem);
/* No more hellos come: saves the leases. After that only offer_free() saves them. */
void offer_stop(struct offer *offer);
/* Saves the leases and frees the pool. Does nothing before offer_init(). */
void offer_free(struct offer *offer);

/*
 * Makes the server's answer to a peer's hello; `peer` is its entry, or NULL. The peer has the
 * addresses until offer_return(). On failure *ret_code and *problem are for its goodbye.
 * -EADDRNOTAVAIL: no address is free; -ENOMEM, negative errno of getrandom(2).
 */
int offer_make(struct offer *offer, const struct identity *name, const struct settings_peer *peer,
	const struct message_hello *hello, struct session_terms *ret_terms,
	struct message_welcome *ret_welcome, uint16_t *ret_code, struct problem *problem);
/*
 * Keeps the addresses of an adopted session's interface; AF_UNSPEC: none of that family. On failure
 * the addresses are not the peer's any more, and the session must end. Errors: those of
 * pool_claim().
 */
int offer_keep(struct offer *offer, const struct identity *name, const struct addr *addr4,
	const struct addr *addr6, struct problem *problem);
/* The session has ended: its addresses may go to others once no other address is free. */
void offer_return(struct offer *offer, const struct identity *name);

#endif
