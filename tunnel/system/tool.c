/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/file.h"
#include "system/tool_internal.h"

int tool_find(const char *name, char out[static TOOL_PATH_MAX])
{
	static const char *const directories[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
		"/usr/bin", "/sbin", "/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		int len = snprintf(out, TOOL_PATH_MAX, "%s/%s", directories[i], name);

		if (len > 0 && len < TOOL_PATH_MAX && access(out, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* Makes a file of the input, at its beginning. Returns a negative errno on failure. */
static int input_fd(const void *input, size_t len)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write_all(fd, input, len);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static bool takes_place(int fd, int standard)
{
	return fd == standard || dup2(fd, standard) >= 0;
}

/* Runs in the child between fork and exec: only system calls. */
_Noreturn static void become(const char *const *argv, int in, int out, int err)
{
	static const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL
	};
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGXFSZ, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid(); /* a terminal's Ctrl-C must not reach it */
	if (takes_place(in, STDIN_FILENO) && takes_place(out, STDOUT_FILENO) &&
		takes_place(err, STDERR_FILENO) &&
		close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		/* The cast is safe, whatever the prototype says: execve(3p), rationale. */
		execve(argv[0], (char *const *)argv, (char *const *)environment);
	_exit(TOOL_EXIT_NO_EXEC);
}

pid_t tool_start(const char *const *argv, int in, int out, int err)
{
	pid_t pid = fork();

	if (pid == 0)
		become(argv, in, out, err);
	return pid < 0 ? -errno : pid;
}

int tool_wait(pid_t pid, struct mono deadline, int *ret_status)
{
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int r = ended.fd < 0 ? -errno : 0, n;

	do {
		int64_t left = duration_ms(mono_since(deadline, mono_now()));

		n = r == 0 ? poll(&ended, 1, left > 0 ? (int)left : 0) : 0;
	} while (n < 0 && errno == EINTR);
	if (r == 0 && n <= 0)
		r = -ETIMEDOUT;
	if (r < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	if (ended.fd >= 0)
		close(ended.fd);
	return r;
}

static int judge(const char *program, int r, int status, struct problem *problem)
{
	if (r == -ETIMEDOUT)
		problem_set(problem, "%s did not end in time and was killed", program);
	else if (r < 0)
		problem_set(problem, "cannot wait for %s: %s", program, error_text(r));
	else if (WIFSIGNALED(status))
		problem_set(problem, "%s ended by signal %d", program, WTERMSIG(status));
	else if (WEXITSTATUS(status) == TOOL_EXIT_NO_EXEC)
		problem_set(problem, "%s cannot be executed", program);
	else if (WEXITSTATUS(status) != 0)
		problem_set(problem, "%s ended with status %d; its output is above", program,
			WEXITSTATUS(status));
	if (r < 0)
		return r;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}

int tool_run(const char *const *argv, const void *input, size_t input_len, struct duration limit,
	struct problem *problem)
{
	int fd = input_fd(input, input_len);
	int status = 0, r;
	pid_t pid;

	if (fd < 0) {
		problem_set(problem, "cannot run %s: %s", argv[0], error_text(fd));
		return fd;
	}
	pid = tool_start(argv, fd, STDOUT_FILENO, STDERR_FILENO);
	close(fd);
	if (pid < 0) {
		problem_set(problem, "cannot run %s: %s", argv[0], error_text(pid));
		return pid;
	}
	r = tool_wait(pid, mono_add(mono_now(), limit), &status);
	return judge(argv[0], r, status, problem);
}
