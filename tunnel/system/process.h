/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_PROCESS_H
#define CULVERT_SYSTEM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/problem.h"

/*
 * Processes and privilege: a child that is this very program, under another user and without any
 * capability; and programs that a person has named, as who we are. From a single-threaded parent's main thread only.
 */

struct process_user {
	uid_t uid;
	gid_t gid;
};

/*
 * The user that a child without any privilege is to run as. -EPERM: it is root by any name, or in
 * root's group, and so no protection; -ENOENT: no such user; or what getpwnam_r(3) says. With words.
 */
int process_find_user(const char *name, struct process_user *ret_user, struct problem *problem);

/* True: the calling thread has the capability (CAP_NET_ADMIN, …) in effect. */
bool process_has_capability(int capability);

/*
 * What is permitted comes into effect: a program whose file has capabilities permitted only (setcap
 * cap_net_admin+p) begins without them. Negative errno of capset(2).
 */
int process_use_permitted(void);

/*
 * Gives up every other capability, for this process and whatever it starts: those not in the list
 * leave the permitted, effective and (with CAP_SETPCAP) bounding sets. One that we do not have is
 * not gained. Negative errno of capset(2).
 */
int process_keep_capabilities(const int *capabilities, size_t count);

/*
 * Descriptors 0, 1 and 2 are open afterwards (/dev/null), so that none of ours gets their numbers.
 */
int process_ensure_standard_fds(void);

/* The soft limit of open descriptors becomes the hard one; children inherit it. Best effort. */
void process_raise_fd_limit(void);
/* The soft limit now; UINT64_MAX: there is none, or it cannot be read. */
uint64_t process_fd_limit(void);

/*
 * This program's own file, as it is now: a package's upgrade does not change what a later spawn
 * runs. The caller closes it.
 */
int process_open_self(int *ret_fd);

struct process_plan {
	int program_fd;                  /* O_PATH suffices */
	char *const *argv;               /* NULL-terminated */
	int channel_fd;                  /* becomes the child's descriptor `channel_number` */
	int channel_number;              /* > 2 */
	int output_fd;                   /* becomes its stdout and stderr; -1: our stderr does */
	const struct process_user *user; /* NULL: the user stays */
};

struct process {
	pid_t pid;
	int fd; /* pidfd_open(2): readable when the process has ended. The owner closes it */
};

/*
 * Runs the program in a session of its own (a terminal's Ctrl-C does not reach it), stdin from
 * /dev/null, stdout and stderr as the plan says, no other descriptor but the channel, signals at their
 * defaults, no core dumps, no_new_privs, no capability in any set. Works when the child's user
 * cannot reach the program's path. Waits until the program has been started. Negative errno of the
 * step that failed, with words: -EPERM (switching user), -EACCES (the user may not execute the
 * program), …
 */
int process_spawn(
	const struct process_plan *plan, struct process *ret_process, struct problem *problem);

/*
 * Runs a program that a person has named, with the rights and limits that this process has: by its
 * path, so that a script finds itself; in a session and so a process group of its own, stdin from
 * /dev/null, stdout and stderr to our stderr, no other descriptor, "/" as its directory, signals at
 * their defaults, and the environment given, nothing else. Negative errno of posix_spawn(3).
 */
int process_run(
	const char *path, char *const *argv, char *const *environment, struct process *ret_process);

/* To its whole process group, as long as it has not been reaped. Best effort. */
void process_signal_group(const struct process *process, int signal);

/* -ESRCH: it is gone already; -EPERM: another user's, and this process lacks CAP_KILL. */
int process_signal(const struct process *process, int signal);

struct process_end {
	bool signalled;
	int value; /* exit status, or the signal */
};

/* Collects a process that has ended. -EAGAIN: it has not. The pidfd stays open. */
int process_reap(const struct process *process, struct process_end *ret_end);

/*
 * For the child, first thing in its main(): not dumpable, so that nobody of its user can look into
 * its memory (ptrace(2)), and named for `ps`, as a program that was started by descriptor has only
 * a number. Sanitized builds stay dumpable: LeakSanitizer traces its own process.
 */
void process_settle(const char *name);

#endif
