/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ADOPTION_H
#define CULVERT_ENGINE_ADOPTION_H

#include <stdint.h>

#include "engine/netd_link.h"

/*
 * A new engine takes over what the one before it left: netd has kept interfaces, addresses, routes
 * and TUN descriptors, and this asks for them one after the other. Each becomes a session without a
 * connection, for its peer to take over (or, on a client, to dial again). Until all are there the
 * engine is not ready, accepts nobody and dials nobody. Main thread.
 */

struct engine;
struct session;

struct adoption {
	struct engine *engine;
	struct netd_call call;
	uint32_t index, count; /* of interfaces */
	uint32_t route_offset; /* of the present one's routes */
	struct session *session;
	void (*done)(struct engine *engine);
};

/*
 * Adopts `count` interfaces, then calls done(), perhaps at once. What cannot be adopted is logged
 * and left to netd.
 */
void adoption_begin(struct adoption *adoption, struct engine *engine, uint32_t count,
	void (*done)(struct engine *engine));

#endif
