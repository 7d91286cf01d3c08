/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_PROCESS_H
#define CULVERT_SYSTEM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/problem.h"

/*
 * Processes and privilege. It starts a child that is this same program, under another user and
 * without any capability. It also runs programs that a person configured, with this process's
 * rights. Main thread of a single-threaded process only.
 */

struct process_user {
	uid_t uid;
	gid_t gid;
};

/*
 * Finds the user for a child without privilege. On failure *problem says why. -EPERM: the user is
 * root by any name or in root's group, and so no protection. -ENOENT: no such user. Else an error
 * of getpwnam_r(3).
 */
int process_find_user(const char *name, struct process_user *ret_user, struct problem *problem);

/* True if the calling thread has the capability (CAP_NET_ADMIN, …) in effect. */
bool process_has_capability(int capability);

/*
 * Makes the permitted capabilities effective. A program whose file has only permitted ones (setcap
 * cap_net_admin+p) starts without them. Negative errno of capset(2).
 */
int process_use_permitted(void);

/*
 * Drops every capability outside the list, for this process and its children: from the permitted,
 * effective and (with CAP_SETPCAP) bounding sets. It gains none. Negative errno of capset(2).
 */
int process_keep_capabilities(const int *capabilities, size_t count);

/*
 * Opens /dev/null on each of descriptors 0, 1 and 2 that is closed, so that no other file gets
 * their numbers.
 */
int process_ensure_standard_fds(void);

/* Raises the soft limit of open descriptors to the hard one; children inherit it. Best effort. */
void process_raise_fd_limit(void);
/* The soft limit of open descriptors; UINT64_MAX: no limit, or unreadable. */
uint64_t process_fd_limit(void);

/*
 * Opens this program's own file as it is now, so that a package's upgrade does not change what a
 * later spawn runs. The caller closes *ret_fd.
 */
int process_open_self(int *ret_fd);

struct process_plan {
	int program_fd;                  /* O_PATH suffices */
	char *const *argv;               /* NULL-terminated */
	int channel_fd;                  /* becomes the child's descriptor `channel_number` */
	int channel_number;              /* > 2 */
	int output_fd;                   /* becomes its stdout and stderr; -1: our stderr does */
	const struct process_user *user; /* NULL: the same user */
};

struct process {
	pid_t pid;
	int fd; /* pidfd_open(2): readable when the process has ended; the owner closes it */
};

/*
 * Runs the program in a session of its own, so that a terminal's Ctrl-C does not reach it. It gets
 * stdin from /dev/null, stdout and stderr as planned, no other descriptor but the channel, default
 * signals, no core dumps, no_new_privs and no capability. Works even if the child's user cannot
 * reach the program's path. Waits until the program has started. Returns the negative errno of the
 * step that failed, and *problem says why: -EPERM (switching user), -EACCES (the user may not
 * execute the program), …
 */
int process_spawn(
	const struct process_plan *plan, struct process *ret_process, struct problem *problem);

/*
 * Runs a program that a person configured, with this process's rights and limits. It runs by its
 * path, so that a script can find itself, in a session and process group of its own. It gets stdin
 * from /dev/null, stdout and stderr to our stderr, no other descriptor, the directory "/", default
 * signals and only the given environment. Negative errno of posix_spawn(3).
 */
int process_run(
	const char *path, char *const *argv, char *const *environment, struct process *ret_process);

/* Signals the process group until the process is reaped. Best effort. */
void process_signal_group(const struct process *process, int signal);

/* -ESRCH: the process has ended. -EPERM: another user's, and this process lacks CAP_KILL. */
int process_signal(const struct process *process, int signal);

struct process_end {
	bool signalled;
	int value; /* exit status, or the signal */
};

/* Reaps a process that has ended. The pidfd stays open. -EAGAIN: it still runs. */
int process_reap(const struct process *process, struct process_end *ret_end);

/*
 * The child calls this first in main(). It makes the process not dumpable, so that no other process
 * of its user can read its memory (ptrace(2)). It also sets the name for `ps`, since a program
 * started by descriptor has only a number. Sanitized builds stay dumpable: LeakSanitizer traces its
 * own process.
 */
void process_harden(const char *name);

#endif
