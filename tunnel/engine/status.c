/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/status_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/offload.h"
#include "wire/feature.h"

const struct status_bit status_offloads[] = {
	{ OFFLOAD_CSUM, "csum" },
	{ OFFLOAD_TSO4, "tso4" },
	{ OFFLOAD_TSO6, "tso6" },
	{ OFFLOAD_ECN, "ecn" },
	{ OFFLOAD_USO, "uso" },
};
const size_t status_offload_count = ARRAY_SIZE(status_offloads);

const struct status_bit status_features[] = {
	{ FEATURE_GOODBYE_CLASS, "goodbye class" },
	{ FEATURE_RENEWAL, "renewal" },
	{ FEATURE_PUSH, "push" },
};
const size_t status_feature_count = ARRAY_SIZE(status_features);

uint32_t status_lacking(const struct session *session)
{
	if (session->state != SESSION_OPENING && session->state != SESSION_UP)
		return 0;
	return FEATURES_OURS & ~session->terms.features;
}

bool status_has_room(FILE *out)
{
	off_t size = ftello(out);

	/* A stream without a position (a terminal, in a test) has no limit. */
	return !ferror(out) && size <= STATUS_SIZE_MAX;
}

static bool is_held(const struct session *session, const struct route *route)
{
	return route->state == ROUTE_INSTALLED && !route->missing &&
		!session_interface_carries(&session->interface);
}

const char *status_route_text(const struct session *session, const struct route *route)
{
	return is_held(session, route) ? "held, idle" : route_text(route);
}

size_t status_count_held(const struct session *session)
{
	size_t count = 0;

	for (size_t i = 0; i < session->routes.count; i++)
		count += is_held(session, &session->routes.items[i]);
	return count;
}

struct duration status_heard_ago(const struct lane *lane, struct mono now)
{
	struct duration ago = mono_since(now, lane_heard(lane));

	/* The worker may have received data since `now` was read. */
	return ago.ns < 0 ? DURATION_S(0) : ago;
}

const struct session_leave *status_lost(const struct session *session)
{
	return session->carried ? &session->leave : &session->lost;
}

int64_t status_seen_date(const struct status_view *view, const struct departure *departure)
{
	struct timespec now;

	/* Cannot fail for this clock. */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec -
		       mono_since(view->now, departure->seen).ns) /
		1000000000;
}

const struct session_lane *status_main_lane(const struct session *session)
{
	return session->control ? session->control : session_lane_carrying(session);
}

const struct liveness *status_rtt(const struct session *session)
{
	const struct session_lane *sl = status_main_lane(session);

	return sl && sl->liveness.measured ? &sl->liveness : NULL;
}

const struct nameservers *status_nameservers(const struct status_view *view)
{
	const struct settings *settings = view->engine->settings;
	const struct session *session;

	if (settings->role != SETTINGS_CLIENT || !settings->use_dns ||
		settings_is_elsewhere(settings))
		return NULL;
	for (size_t i = 0; i < view->session_count; i++) {
		session = view->peers[i].session;
		if (session->nameservers && session->nameservers->server_count > 0 &&
			session_interface_is_there(&session->interface))
			return session->nameservers;
	}
	return NULL;
}

const char *status_proxy_text(const struct status_view *view)
{
	const struct proxy *proxy = &view->engine->settings->proxy;

	return proxy->kind != PROXY_NONE ? proxy_kind_text(proxy->kind) : "";
}

const char *status_stage_text(enum session_lane_stage stage)
{
	switch (stage) {
	case SESSION_LANE_OPENING:
		return "opening";
	case SESSION_LANE_JOINING:
		return "joining";
	case SESSION_LANE_CARRYING:
		return "carrying";
	case SESSION_LANE_LEAVING:
		return "leaving";
	}
	return "unknown";
}

static bool has_reason(const struct session_leave *leave)
{
	return leave->code != 0 || leave->text[0] != '\0';
}

const struct session_leave *status_left(const struct session *session)
{
	if (has_reason(&session->leave))
		return &session->leave;
	return session->state != SESSION_UP && has_reason(&session->last_leave)
		? &session->last_leave
		: NULL;
}

static int compare_names(const void *a, const void *b)
{
	const struct status_peer *left = a, *right = b;

	return strcmp(left->name->name, right->name->name);
}

/*
 * Sorts the sessions by name, so that configured peers without a session are found by binary
 * search.
 */
static int collect(struct status_view *view)
{
	const struct engine *engine = view->engine;
	const struct settings *settings = engine->settings;
	const struct session *session;

	view->peers = calloc(
		engine->peers.session_count + settings->peer_count + 1, sizeof(*view->peers));
	if (!view->peers)
		return -ENOMEM;
	TAILQ_FOREACH(session, &engine->peers.sessions, link) {
		if (view->session_count == engine->peers.session_count)
			break;
		view->peers[view->session_count++] = (struct status_peer){
			.name = &session->name,
			.session = session,
			.listed = session->peer != NULL,
		};
	}
	qsort(view->peers, view->session_count, sizeof(*view->peers), compare_names);
	view->peer_count = view->session_count;
	for (size_t i = 0; i < settings->peer_count; i++) {
		struct status_peer peer = { .name = &settings->peers[i].name, .listed = true };

		peer.departure = departures_find(
			&engine->departures, settings, &settings->peers[i]);
		if (!bsearch(&peer, view->peers, view->session_count, sizeof(peer), compare_names))
			view->peers[view->peer_count++] = peer;
	}
	return 0;
}

/* Leaves only the peer that was asked for. */
static int select_peer(struct status_view *view)
{
	const char *name = view->request->peer;
	size_t count = 0, sessions = 0;

	for (size_t i = 0; name && i < view->peer_count; i++) {
		if (strcmp(view->peers[i].name->name, name) != 0)
			continue;
		sessions += view->peers[i].session != NULL;
		view->peers[count++] = view->peers[i];
	}
	if (name) {
		view->peer_count = count;
		view->session_count = sessions;
	}
	return name && count == 0 ? -ENOENT : 0;
}

int status_render(const struct engine *engine, const struct status_request *request, FILE *out)
{
	static status_render_fn *const renderers[STATUS_KIND_COUNT][2] = {
		[STATUS_OVERVIEW] = { status_text_overview, status_json_overview },
		[STATUS_PEERS] = { status_text_peers, status_json_peers },
		[STATUS_ROUTES] = { status_text_routes, status_json_routes },
		[STATUS_CHECK] = { status_text_check, status_text_check },
	};
	struct status_view view = { .engine = engine, .request = request, .now = mono_now() };
	int r = collect(&view);

	if (r == 0)
		r = select_peer(&view);
	if (r == 0)
		renderers[request->kind][request->json](&view, out);
	free(view.peers);
	if (r < 0)
		return r;
	if (fflush(out) != 0 || ferror(out))
		return -EIO;
	return status_has_room(out) ? 0 : -EFBIG;
}
