/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/engine_output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"

enum { LAST_WORDS_MAX = 64 }; /* reads at the end, should somebody go on writing */

void engine_words_init(struct engine_words *words)
{
	*words = (struct engine_words){ .reader = -1, .writer = -1, .watch.fd = -1 };
}

static void line_ends(struct engine_words *words)
{
	log_relay(words->line, words->len);
	words->len = 0;
}

/* A line that is too long comes out as several. */
static void take(struct engine_words *words, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n')
			words->line[words->len++] = bytes[i];
		if (bytes[i] == '\n' || words->len == sizeof(words->line))
			line_ends(words);
	}
}

/* One read, so that a flood does not keep signals waiting. False: there is nothing just now. */
static bool read_on(struct engine_words *words)
{
	char bytes[4096];
	ssize_t n = read(words->reader, bytes, sizeof(bytes));

	if (n <= 0)
		return false;
	take(words, bytes, (size_t)n);
	return true;
}

static void words_ready(struct loop_watch *watch, uint32_t events)
{
	(void)events;
	(void)read_on(container_of(watch, struct engine_words, watch));
}

int engine_output_open(struct engine_words *words, struct loop *loop, struct problem *problem)
{
	int fds[2];
	int r;

	if (isatty(STDERR_FILENO) == 0)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		r = -errno;
		goto fail;
	}
	/* Only here: the engine's own end is its to set. */
	r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0)
		r = loop_watch_add(loop, &words->watch, fds[0], EPOLLIN, words_ready);
	if (r < 0)
		goto fail_close;
	words->loop = loop;
	words->reader = fds[0];
	words->writer = fds[1];
	return 0;

fail_close:
	close(fds[0]);
	close(fds[1]);
fail:
	problem_set(
		problem, "cannot make a pipe for the engine's messages: %s", strerrordesc_np(-r));
	return r;
}

void engine_output_close(struct engine_words *words)
{
	if (words->reader < 0)
		return;
	for (int i = 0; i < LAST_WORDS_MAX && read_on(words); i++)
		;
	if (words->len > 0)
		line_ends(words);
	loop_watch_remove(words->loop, &words->watch);
	close(words->reader);
	close(words->writer);
	engine_words_init(words);
}
