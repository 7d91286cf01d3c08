/* SPDX-License-Identifier: Apache-2.0 */
#include "system/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NO_EXEC = 127 };

static int find(const char *name, char path[static PATH_MAX])
{
	static const char *const directories[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin",
		"/usr/local/sbin", "/usr/local/bin" };

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		int len = snprintf(path, PATH_MAX, "%s/%s", directories[i], name);

		if (len > 0 && len < PATH_MAX && access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* In the child, between fork and exec: system calls alone. */
_Noreturn static void become(const char *path, char *const *argv, int out)
{
	char language[] = "LANG=C";
	char *const environment[] = { language, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0 &&
		dup2(out, STDOUT_FILENO) >= 0)
		execve(path, argv, environment);
	_exit(EXIT_NO_EXEC);
}

/* Everything until the other end closes, with a NUL after it. */
static int read_all(int fd, struct mono deadline, char **ret_text)
{
	size_t capacity = 65536, len = 0;
	char *text = malloc(capacity);
	int r = text != NULL ? 0 : -ENOMEM;

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
		if (len == capacity - 1 && capacity >= LISTING_SIZE_MAX)
			r = -EFBIG;
		if (r == 0 && len == capacity - 1) {
			char *larger = realloc(text, 2 * capacity);

			r = larger != NULL ? 0 : -ENOMEM;
			text = larger != NULL ? larger : text;
			capacity = larger != NULL ? 2 * capacity : capacity;
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

int listing_read(char *const *argv, struct duration limit, char **ret_text)
{
	struct mono deadline = mono_add(mono_now(), limit);
	char path[PATH_MAX], *text = NULL;
	int fds[2], status = 0, r = find(argv[0], path);
	pid_t pid;

	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		become(path, argv, fds[1]);
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r == 0)
		r = read_all(fds[0], deadline, &text);
	close(fds[0]);
	if (pid < 0)
		return r;
	/* Who printed everything is about to end; who did not is not waited for. */
	if (r < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		free(text);
		r = -EPROTO;
	}
	if (r == 0)
		*ret_text = text;
	return r;
}
