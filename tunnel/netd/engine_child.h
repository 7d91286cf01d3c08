/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_CHILD_H
#define CULVERT_NETD_ENGINE_CHILD_H

#include "base/problem.h"
#include "system/process.h"

/*
 * An engine's process with its channel, before anybody has spoken to it: it waits for CONFIGURE for
 * as long as it takes. netd's only thread.
 */

struct engine_child {
	struct process process; /* fd -1: none */
	int channel;            /* netd's end of the socketpair */
};

void engine_child_init(struct engine_child *child);

/*
 * Executes the file with the channel as descriptor REQUEST_FD, and `output_fd` as process_plan has it.
 * What process_spawn() returns, with its words; *ret_child is untouched then.
 */
int engine_child_spawn(int program_fd, char *const *argv, const struct process_user *user,
	int output_fd, struct engine_child *ret_child, struct problem *problem);

/* Kills it, waits for its end and closes what belongs to it. Fine when there is none. */
void engine_child_end(struct engine_child *child);

#endif
