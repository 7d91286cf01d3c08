/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/engine_output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"

enum { LAST_READS_MAX = 64 }; /* reads at the end, in case a process goes on writing */

void engine_output_init(struct engine_output *output)
{
	*output = (struct engine_output){ .reader = -1, .writer = -1, .watch.fd = -1 };
}

static void line_ends(struct engine_output *output)
{
	log_relay(output->line, output->len);
	output->len = 0;
}

/* A line that is too long is written as several. */
static void take(struct engine_output *output, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n')
			output->line[output->len++] = bytes[i];
		if (bytes[i] == '\n' || output->len == sizeof(output->line))
			line_ends(output);
	}
}

/* Reads once, so that a flood does not delay signals. Returns false when the pipe is empty now. */
static bool read_on(struct engine_output *output)
{
	char bytes[4096];
	ssize_t n = read(output->reader, bytes, sizeof(bytes));

	if (n <= 0)
		return false;
	take(output, bytes, (size_t)n);
	return true;
}

static void output_ready(struct loop_watch *watch, uint32_t events)
{
	(void)events;
	(void)read_on(container_of(watch, struct engine_output, watch));
}

int engine_output_open(struct engine_output *output, struct loop *loop, struct problem *problem)
{
	int fds[2];
	int r;

	if (isatty(STDERR_FILENO) == 0)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		r = -errno;
		goto fail;
	}
	/* Only the reader: the flags of the other end belong to the engine. */
	r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0)
		r = loop_watch_add(loop, &output->watch, fds[0], EPOLLIN, output_ready);
	if (r < 0)
		goto fail_close;
	output->loop = loop;
	output->reader = fds[0];
	output->writer = fds[1];
	return 0;

fail_close:
	close(fds[0]);
	close(fds[1]);
fail:
	problem_set(problem, "cannot make a pipe for the engine's messages: %s", error_text(r));
	return r;
}

void engine_output_close(struct engine_output *output)
{
	if (output->reader < 0)
		return;
	for (int i = 0; i < LAST_READS_MAX && read_on(output); i++)
		;
	if (output->len > 0)
		line_ends(output);
	loop_watch_remove(output->loop, &output->watch);
	close(output->reader);
	close(output->writer);
	engine_output_init(output);
}
