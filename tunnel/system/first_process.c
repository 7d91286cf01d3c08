/* SPDX-License-Identifier: Apache-2.0 */
#include "system/first_process.h"

#include <errno.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

bool first_process_is(void)
{
	return getpid() == 1;
}

/* Reaps all that have ended. True: `child` was among them. */
static bool reap(pid_t child, int *ret_status)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != child)
			continue;
		ended = true;
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return ended;
}

/* The child gets a terminal's signals from the kernel, so only those of kill(2) are passed on. */
static void wait_for(pid_t child, const sigset_t *signals, int *ret_status)
{
	siginfo_t info;

	while (!reap(child, ret_status)) {
		int number = sigwaitinfo(signals, &info);

		if (number > 0 && number != SIGCHLD && info.si_code <= 0)
			(void)kill(child, number);
	}
}

int first_process_split(int *ret_status)
{
	sigset_t all, before;
	pid_t child;

	/* Before the fork, so that no signal is lost. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (child < 0) {
		int r = -errno;

		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		return r;
	}
	if (child == 0) {
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		return 0;
	}
	wait_for(child, &all, ret_status);
	return 1;
}
