/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_SERVER_H
#define CULVERT_DAEMON_SERVER_H

#include <sys/queue.h>

#include "base/rate.h"
#include "config/settings.h"
#include "daemon/admission.h"
#include "daemon/networks.h"
#include "daemon/offer.h"
#include "engine/engine.h"

/*
 * The server's side of the engine: listeners take connections, admission (daemon/admission) judges
 * them, an offer (daemon/offer) turns a hello into a session. Everything on the engine's main thread.
 */

struct server;

struct listener {
	struct server *server;
	struct loop_watch watch; /* fd -1: not taken into the loop yet */
	int fd;
};

struct visitor; /* a connection without a whole ClientHello */
TAILQ_HEAD(visitor_list, visitor);

struct server {
	struct engine engine;
	struct listener listeners[SETTINGS_LISTEN_MAX];
	size_t listener_count;
	struct loop_timer accept_again; /* after running out of descriptors */
	struct visitor_list visitors;   /* oldest first */
	unsigned visitor_count;
	struct networks visitor_networks;
	struct admission admission;
	struct offer offer;
	struct rate refusals_logged;
	uint64_t refusals_held_back; /* since the last that was logged */
};

extern const struct engine_role server_role;

/*
 * refusal_log.c: the log line of a connection that is turned away. A stranger can bring many: past a
 * burst they are only counted, and the next line says how many. `name` may be empty.
 */
void refusal_log(
	struct server *server, const struct endpoint *outer, const char *name, const char *cause);

/* listener.c */
void listener_add(struct server *server, int fd);
int listener_start(struct server *server,
	struct problem *problem);          /* all of them; negative errno of epoll_ctl */
void listener_stop(struct server *server); /* all of them; also closes */

/*
 * doorstep.c: takes the accepted socket. It goes on to admission when a whole ClientHello is there.
 * There are max_handshakes places; when they are full, the oldest connection of the fullest network
 * (IPv4 /32; IPv6 /48, in it /56, in it /64) gives way. So silence shuts nobody else out.
 */
void doorstep_take(struct server *server, int fd, const struct endpoint *outer);
void doorstep_stop(struct server *server); /* closes all */

#endif
