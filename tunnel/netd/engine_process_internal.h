/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_PROCESS_INTERNAL_H
#define CULVERT_NETD_ENGINE_PROCESS_INTERNAL_H

#include "netd/engine_process.h"

/*
 * The inside of an engine's life, shared by engine_process.c, which has all of it but the exchange,
 * and engine_exchange.c alone.
 */

void engine_process_set_state(
	struct engine_process *engine, enum engine_state state, const char *why);
void engine_process_set_deadline(
	struct engine_process *engine, struct duration wait, loop_timer_fn *expired);

/* The child becomes the engine and gets its CONFIGURE. A failure, with words, ends it. */
int engine_process_attend(
	struct engine_process *engine, const struct engine_child *child, struct problem *problem);

/* Starts an engine now; when that fails, later. */
void engine_process_begin_again(struct engine_process *engine);

/* The old engine has gone: its successor, which waits, takes its place. */
void engine_exchange_succeed(struct engine_process *engine);

/* The new program is no good, which says nothing about the one before: that is started again. */
void engine_exchange_fall_back(struct engine_process *engine);

#endif
