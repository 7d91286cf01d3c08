/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   kill_at N COMMAND...
 *
 * Runs the command and kills it, with all processes that it has started, before its Nth system call
 * that changes a file or a directory. N = 0 never kills. Prints the number of such calls on
 * descriptor 3, if that is open.
 *
 * Status: that of the command; 137 if it was killed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLED = 137, FAILED = 125 };

static bool is_device(pid_t pid, uint64_t address)
{
	static const char dev[] = "/dev/";
	char text[sizeof(dev) - 1];
	struct iovec here = { .iov_base = text, .iov_len = sizeof(text) };
	struct iovec there = { .iov_base = (void *)(uintptr_t)address, .iov_len = sizeof(text) };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)sizeof(text) &&
		memcmp(text, dev, sizeof(text)) == 0;
}

static bool is_regular(pid_t pid, uint64_t fd)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, (int)fd);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool opens_to_write(uint64_t flags)
{
	return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0;
}

/* Returns true if the call can change a file or a directory. */
static bool changes(pid_t pid, const struct __ptrace_syscall_info *call)
{
	switch (call->entry.nr) {
	case SYS_openat:
		return opens_to_write(call->entry.args[2]) && !is_device(pid, call->entry.args[1]);
	case SYS_write:
		return is_regular(pid, call->entry.args[0]);
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_unlinkat:
	case SYS_mkdirat:
	case SYS_linkat:
	case SYS_ftruncate:
#ifdef SYS_open
	case SYS_rename:
	case SYS_unlink:
	case SYS_mkdir:
	case SYS_rmdir:
	case SYS_link:
#endif
		return true;
#ifdef SYS_open
	case SYS_open:
		return opens_to_write(call->entry.args[1]) && !is_device(pid, call->entry.args[0]);
#endif
	default:
		return false;
	}
}

static pid_t start(char *const argv[])
{
	const unsigned long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD |
		PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		close(3);
		(void)setpgid(0, 0);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 && raise(SIGSTOP) == 0)
			execvp(argv[0], argv);
		_exit(FAILED);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
		ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) < 0 ||
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
		return -1;
	return pid;
}

/* Returns the signal that the stopped process has to get; 0: none. *calls counts changes. */
static int handle_stop(pid_t pid, int status, long *calls)
{
	struct __ptrace_syscall_info call;
	int signal = WSTOPSIG(status);

	if (signal == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(call), &call) > 0 &&
			call.op == PTRACE_SYSCALL_INFO_ENTRY && changes(pid, &call))
			++*calls;
		return 0;
	}
	/* Events, and the first stop of a new process. */
	return signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

/* Ends all processes of the group, and waits for them: what they have locked is free then. */
static int kill_all(pid_t group)
{
	int status;

	(void)kill(-group, SIGKILL);
	while (waitpid(-1, &status, __WALL) > 0)
		;
	return KILLED;
}

int main(int argc, char **argv)
{
	long last = argc > 2 ? strtol(argv[1], NULL, 10) : 0, calls = 0;
	pid_t first = argc > 2 ? start(&argv[2]) : -1, pid;
	int status, result = FAILED;

	while (first > 0 && (pid = waitpid(-1, &status, __WALL)) > 0) {
		int signal;

		if (!WIFSTOPPED(status)) {
			if (pid == first)
				result = WIFEXITED(status) ? WEXITSTATUS(status)
							   : 128 + WTERMSIG(status);
			continue;
		}
		signal = handle_stop(pid, status, &calls);
		if (last > 0 && calls == last)
			return kill_all(first);
		(void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)signal);
	}
	(void)dprintf(3, "%ld\n", calls);
	return result;
}
