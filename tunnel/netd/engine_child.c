/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/engine_child.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "system/ipc.h"
#include "wire/request.h"

enum { GONE_WAIT_MS = 5000 }; /* how long a killed process may take to disappear */

void engine_child_init(struct engine_child *child)
{
	*child = (struct engine_child){ .process.fd = -1, .channel = -1 };
}

int engine_child_spawn(int program_fd, char *const *argv, const struct process_user *user,
	int output_fd, struct engine_child *ret_child, struct problem *problem)
{
	struct process_plan spawn = { .program_fd = program_fd,
		.argv = argv,
		.channel_number = REQUEST_FD,
		.output_fd = output_fd,
		.user = user };
	struct process process;
	int fds[2];
	int r = ipc_pair(fds);

	if (r < 0) {
		problem_set(problem, "cannot start the engine: %s", error_text(r));
		return r;
	}
	spawn.channel_fd = fds[1];
	r = process_spawn(&spawn, &process, problem);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	*ret_child = (struct engine_child){ .process = process, .channel = fds[0] };
	return 0;
}

void engine_child_end(struct engine_child *child)
{
	struct process_end end;

	if (child->channel >= 0)
		close(child->channel);
	if (child->process.fd >= 0) {
		(void)process_signal(&child->process, SIGKILL);
		(void)poll(&(struct pollfd){ .fd = child->process.fd, .events = POLLIN }, 1,
			GONE_WAIT_MS);
		(void)process_reap(&child->process, &end);
		close(child->process.fd);
	}
	engine_child_init(child);
}
