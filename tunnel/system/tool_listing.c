/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tool_listing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/tool_internal.h"

/* Reads everything until the other end closes, and adds a NUL. */
static int read_all(int fd, struct mono deadline, char **ret_text)
{
	size_t capacity = 65536, len = 0;
	char *text = malloc(capacity);
	int r = text ? 0 : -ENOMEM;

	while (r == 0) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		int64_t left = duration_ms(mono_since(deadline, mono_now()));
		ssize_t n;

		if (left <= 0 || poll(&pollfd, 1, (int)left) == 0) {
			r = -ETIMEDOUT;
			break;
		}
		n = read(fd, &text[len], capacity - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		len += (size_t)n;
		if (len == capacity - 1 && capacity >= TOOL_LISTING_MAX)
			r = -EFBIG;
		if (r == 0 && len == capacity - 1) {
			char *larger = realloc(text, 2 * capacity);

			r = larger ? 0 : -ENOMEM;
			text = larger ? larger : text;
			capacity = larger ? 2 * capacity : capacity;
		}
	}
	if (r < 0) {
		free(text);
		return r;
	}
	text[len] = '\0';
	*ret_text = text;
	return 0;
}

/* Starts the program with its stdout in *ret_out. Returns its pid or a negative errno. */
static pid_t start(const char *const *argv, int *ret_out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[2] = { -1, -1 };
	pid_t pid = null < 0 || pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;

	if (pid == 0)
		pid = tool_start(argv, null, fds[1], null);
	if (null >= 0)
		close(null);
	if (fds[1] >= 0)
		close(fds[1]);
	if (pid > 0)
		*ret_out = fds[0];
	else if (fds[0] >= 0)
		close(fds[0]);
	return pid;
}

int tool_listing(const char *const *argv, struct duration limit, char **ret_text)
{
	struct mono deadline = mono_add(mono_now(), limit);
	char *text = NULL;
	int out = -1, status = 0, wait, r;
	pid_t pid = start(argv, &out);

	if (pid < 0)
		return pid;
	r = read_all(out, deadline, &text);
	close(out);
	/* A program that printed everything is about to end; on failure we do not wait for it. */
	if (r < 0)
		(void)kill(pid, SIGKILL);
	wait = tool_wait(pid, deadline, &status);
	if (r == 0)
		r = wait;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		r = -EPROTO;
	if (r < 0)
		free(text);
	else
		*ret_text = text;
	return r;
}
