/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ADOPTION_H
#define CULVERT_ENGINE_ADOPTION_H

#include <stdint.h>

#include "engine/netd_link.h"

/*
 * Adopts the interfaces of the engine before. netd has kept them, with their addresses, routes
 * and TUN descriptors; this module requests one after the other. Each becomes a session without a
 * connection: its peer takes it over, or a client dials for it. Until the last one is adopted the
 * engine is not ready, and it neither accepts nor dials. Main thread only.
 */

struct engine;
struct session;

struct adoption {
	struct engine *engine;
	struct netd_call call;
	uint32_t index, count; /* how many interfaces netd has, and which is next */
	uint32_t route_offset; /* of the next page of this interface's routes */
	struct session *session;
	void (*done)(struct engine *engine);
};

/*
 * Adopts `count` interfaces, then calls done(), perhaps before it returns. An interface that cannot
 * be adopted is logged and stays with netd.
 */
void adoption_begin(struct adoption *adoption, struct engine *engine, uint32_t count,
	void (*done)(struct engine *engine));

#endif
