/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/adoption.h"

#include <string.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/session.h"

static void ask(struct adoption *adoption);

static void next_interface(struct adoption *adoption)
{
	adoption->index++;
	adoption->route_offset = 0;
	adoption->session = NULL;
	ask(adoption);
}

/* Takes an interface's first page: descriptors and addresses. False: no session was made of it. */
static bool take_interface(struct adoption *adoption, const struct request_reply *reply,
	const int *fds, size_t fd_count)
{
	int r = session_adopt(&adoption->engine->world, reply, fds, fd_count, &adoption->session);

	if (r == 0) {
		peers_add(&adoption->engine->peers, adoption->session);
		return true;
	}
	log_error(
		"%s: cannot adopt %s: %s", reply->adopted.peer.name, reply->ifname, error_text(r));
	netd_link_close_fds(fds, fd_count); /* netd has copies, so close() does not block */
	return false;
}

static void answered(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct adoption *adoption = container_of(call, struct adoption, call);

	if (reply->error != 0 || !reply->adopts) {
		log_error("netd did not hand over interface %u of the last engine: %s",
			adoption->index, reply->text);
		netd_link_close_fds(fds, fd_count);
		next_interface(adoption);
		return;
	}
	if (adoption->route_offset == 0 && !take_interface(adoption, reply, fds, fd_count)) {
		next_interface(adoption);
		return;
	}
	if (routes_adopt(&adoption->session->routes, reply->route, reply->route_count) < 0)
		log_error("%s: cannot adopt all of its routes: out of memory",
			adoption->session->name.name);
	adoption->route_offset += reply->route_count;
	if (reply->route_count > 0 && adoption->route_offset < reply->route_total) {
		ask(adoption);
		return;
	}
	log_notice("%s: adopted %s with %u routes", adoption->session->name.name, reply->ifname,
		adoption->route_offset);
	next_interface(adoption);
}

static void ask(struct adoption *adoption)
{
	struct request request = {
		.type = REQUEST_ADOPT,
		.adopt = { .index = adoption->index, .route_offset = adoption->route_offset },
	};

	if (adoption->index == adoption->count) {
		adoption->done(adoption->engine);
		return;
	}
	int r = netd_link_ask(adoption->engine->world.netd, &adoption->call, &request, answered);
	if (r < 0) {
		log_error("cannot adopt the remaining interfaces: %s", error_text(r));
		adoption->done(adoption->engine);
	}
}

void adoption_begin(struct adoption *adoption, struct engine *engine, uint32_t count,
	void (*done)(struct engine *engine))
{
	*adoption = (struct adoption){ .engine = engine, .count = count, .done = done };
	ask(adoption);
}
