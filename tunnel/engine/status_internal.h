/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_STATUS_INTERNAL_H
#define CULVERT_ENGINE_STATUS_INTERNAL_H

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "engine/status.h"

/*
 * The inside of status, for status*.c only. status.c collects the facts; status_text.c and
 * status_json.c render them.
 */

struct status_peer {
	const struct identity *name;
	const struct session *session; /* NULL: configured, without a session */
	/* Of a peer without a session; NULL: it was not here since this engine began. */
	const struct departure *departure;
	bool listed; /* it has an entry in the configuration */
};

/* Borrowed from the engine, for one rendering. */
struct status_view {
	const struct engine *engine;
	const struct status_request *request;
	struct mono now;
	/*
	 * Sessions sorted by name, then configured peers without a session in the order of the
	 * configuration; or those of the one peer that was asked for.
	 */
	struct status_peer *peers;
	size_t session_count, peer_count;
};

enum { STATUS_LABEL_WIDTH = 20 }; /* of a line "label: value" */

/*
 * False: the answer is larger than STATUS_SIZE_MAX, or the stream has failed. Called once a peer.
 */
bool status_has_room(FILE *out);

/* The names of all offloads, and of all features of the protocol, in the order of the bits. */
struct status_bit {
	uint32_t bit;
	const char *name;
};
extern const struct status_bit status_offloads[];
extern const size_t status_offload_count;
extern const struct status_bit status_features[];
extern const size_t status_feature_count;

/* Our features that a connected peer has not named; 0: none, or the terms are not known. */
uint32_t status_lacking(const struct session *session);

/*
 * The text of a route's state. "held, idle": packets do not arrive at the peer, so the route has
 * given way to others (netd/held_routes).
 */
const char *status_route_text(const struct session *session, const struct route *route);
/* How many of the session's routes are in that state. */
size_t status_count_held(const struct session *session);

/* How long ago the lane last got bytes from the peer. */
struct duration status_heard_ago(const struct lane *lane, struct mono now);

/*
 * The lane that represents the session: the one with the control role, else one that carries, or
 * NULL.
 */
const struct session_lane *status_main_lane(const struct session *session);
/* The round-trip times of that lane; NULL: none was measured. */
const struct liveness *status_rtt(const struct session *session);
const char *status_stage_text(enum session_lane_stage stage);

/* Why a session that is not up was last up no longer; also while its connection is still ending. */
const struct session_leave *status_lost(const struct session *session);

/* When an absent peer was here, in seconds since 1970 by this host's clock as it is now. */
int64_t status_seen_date(const struct status_view *view, const struct departure *departure);

/* The server's resolvers that this client has told its host to use; NULL: none. */
const struct nameservers *status_nameservers(const struct status_view *view);

/* "HTTP" or "SOCKS5" where outer connections go through a proxy; else "". */
const char *status_proxy_text(const struct status_view *view);

/*
 * Why the session left or lost its connection: the newest one, or without one the one before. NULL:
 * it is up, or it had none.
 */
const struct session_leave *status_left(const struct session *session);

/* status_failover.c: the keys "draining" and "remote", and their lines. */
struct json;
void status_json_failover(struct json *json, const struct status_view *view);
void status_text_failover(const struct status_view *view, FILE *out);

typedef void status_render_fn(const struct status_view *view, FILE *out);

status_render_fn status_text_overview, status_text_peers, status_text_routes, status_text_check;
status_render_fn status_json_overview, status_json_peers, status_json_routes;

#endif
