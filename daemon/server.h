/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_SERVER_H
#define CULVERT_DAEMON_SERVER_H

#include <sys/queue.h>

#include "base/rate.h"
#include "config/settings.h"
#include "daemon/admission.h"
#include "daemon/drain.h"
#include "daemon/issuing.h"
#include "daemon/networks.h"
#include "daemon/offer.h"
#include "daemon/trim.h"
#include "engine/engine.h"

/*
 * The server's role of the engine. Listeners accept connections, the doorstep waits for a
 * ClientHello, admission judges them, and an offer turns a hello into a session. Main thread only.
 */

struct server;

struct listener {
	struct server *server;
	struct loop_watch watch; /* fd -1: not in the loop yet */
	int fd;
};

struct visitor; /* a connection without a complete ClientHello */
TAILQ_HEAD(visitor_list, visitor);

struct server {
	struct engine engine;
	struct listener listeners[SETTINGS_LISTEN_MAX];
	size_t listener_count;
	struct loop_timer accept_again; /* runs after descriptors ran out */
	struct visitor_list visitors;   /* the oldest first */
	unsigned visitor_count;
	struct networks visitor_networks;
	struct admission admission;
	struct offer offer;
	struct trim trim;
	struct drain drain;
	struct issuing issuing;
	struct rate refusals_logged;
	uint64_t refusals_held_back; /* since the last log line */
};

extern const struct engine_role server_role;

/*
 * refusal_log.c: logs a refused connection. A stranger can cause many: after a burst they are only
 * counted, and the next line has the count. `name` may be empty.
 */
void refusal_log(
	struct server *server, const struct endpoint *outer, const char *name, const char *cause);

/* listener.c */
void listener_add(struct server *server, int fd);
/* Starts all listeners that do not run. Negative errno of epoll_ctl(2); on failure *problem says why. */
int listener_start(struct server *server, struct problem *problem);
void listener_stop(struct server *server); /* stops and closes all */
/* Stops and closes those whose address the settings no longer have. Connections stay. */
void listener_follow(struct server *server);

/*
 * doorstep.c: takes an accepted socket, which goes on to admission once its ClientHello is
 * complete. There are max_handshakes slots. When they are full, the oldest connection of the
 * fullest network (IPv4 /32; IPv6 /48, in it /56, in it /64) gives way. So silent connections shut
 * out no other network.
 */
void doorstep_take(struct server *server, int fd, const struct endpoint *outer);
void doorstep_stop(struct server *server); /* closes all */

#endif
