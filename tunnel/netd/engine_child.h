/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_CHILD_H
#define CULVERT_NETD_ENGINE_CHILD_H

#include "base/problem.h"
#include "system/process.h"

/*
 * An engine's process and its channel before the first message: the engine waits for CONFIGURE,
 * with no time limit. netd's only thread.
 */

struct engine_child {
	struct process process; /* fd -1: none */
	int channel;            /* netd's end of the socketpair */
};

void engine_child_init(struct engine_child *child);

/*
 * Executes the file, with the engine's end of the channel as descriptor REQUEST_FD and `output_fd`
 * as in process_plan. Errors: those of process_spawn(). On failure *problem says why, and
 * *ret_child is untouched.
 */
int engine_child_spawn(int program_fd, char *const *argv, const struct process_user *user,
	int output_fd, struct engine_child *ret_child, struct problem *problem);

/*
 * Kills the process, waits for its end and closes the descriptors. Does nothing when there is none.
 */
void engine_child_end(struct engine_child *child);

#endif
