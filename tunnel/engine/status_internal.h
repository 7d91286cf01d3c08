/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_STATUS_INTERNAL_H
#define CULVERT_ENGINE_STATUS_INTERNAL_H

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "engine/status.h"

/*
 * The inside of status, shared by status*.c only: status.c collects what there is to tell,
 * status_text.c and status_json.c tell it.
 */

struct status_peer {
	const struct identity *name;
	const struct session *session; /* NULL: listed and not connected */
	bool listed;                   /* has an entry in the configuration */
};

struct status_view { /* borrows from the engine: for one rendering only */
	const struct engine *engine;
	struct mono now;
	struct status_peer
		*peers; /* sessions by name, then the listed without one as they are listed */
	size_t session_count, peer_count;
};

/* False: the answer has grown past STATUS_SIZE_MAX, or the stream has failed. Asked once a peer. */
bool status_has_room(FILE *out);

/* For each offload, and each feature of the protocol, its name, in the order of the bits. */
struct status_bit {
	uint32_t bit;
	const char *name;
};
extern const struct status_bit status_offloads[];
extern const size_t status_offload_count;
extern const struct status_bit status_features[];
extern const size_t status_feature_count;

/* Our features that a connected peer has not named; 0: none, or there are no terms yet. */
uint32_t status_lacking(const struct session *session);

/* How long ago the lane heard the peer. */
struct duration status_heard_ago(const struct lane *lane, struct mono now);

/* The lane that speaks for the session: with the control role, or else one that carries, or NULL. */
const struct session_lane *status_main_lane(const struct session *session);
/* Its round-trip times, or NULL: none are known. */
const struct liveness *status_rtt(const struct session *session);
const char *status_stage_text(enum session_lane_stage stage);

/* "HTTP" or "SOCKS5" where outer connections go through a proxy; else "". */
const char *status_proxy_text(const struct status_view *view);

/*
 * Why the session has left, or lost, its connection: the newest one, or while there is none the one before. NULL: it is up, or
 * there was none.
 */
const struct session_leave *status_left(const struct session *session);

typedef void status_render_fn(const struct status_view *view, FILE *out);

status_render_fn status_text_overview, status_text_peers, status_text_routes;
status_render_fn status_json_overview, status_json_peers, status_json_routes;

#endif
