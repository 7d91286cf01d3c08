/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error_text.h"

static const char pid_prefix[] = "pid:";

static bool is_pid(const char *where)
{
	return strncmp(where, pid_prefix, sizeof(pid_prefix) - 1) == 0;
}

bool netns_is_process(const char *where)
{
	return is_pid(where) || strncmp(where, "/proc/", 6) == 0;
}

/* -ENAMETOOLONG. */
static int make_path(const char *where, char path[static PATH_MAX])
{
	int len;

	if (is_pid(where))
		len = snprintf(path, PATH_MAX, "/proc/%s/ns/net", &where[sizeof(pid_prefix) - 1]);
	else
		len = snprintf(
			path, PATH_MAX, "%s%s", where[0] == '/' ? "" : NETNS_RUN_DIR "/", where);
	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void explain(const char *where, const char *path, int error, struct problem *problem)
{
	if (error == -ENOENT && is_pid(where))
		problem_set(problem,
			"process %s, whose network namespace is to be used, does not exist",
			&where[sizeof(pid_prefix) - 1]);
	else if (error == -ENOENT && where[0] != '/')
		problem_set(problem,
			"network namespace %s does not exist (%s); make it: ip netns add %s", where,
			path, where);
	else if (error == -EINVAL)
		problem_set(problem,
			"%s is no network namespace; if `ip netns` made it, it has been left over: ip "
			"netns del, then add it again",
			path);
	else
		problem_set(problem, "cannot open network namespace %s: %s%s", path,
			error_text(error),
			error == -EACCES ? "; another user's process needs CAP_SYS_PTRACE" : "");
}

/* Opens the path if it is a network namespace. */
static int open_path(const char *path, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return -EINVAL;
	}
	*ret_fd = fd;
	return 0;
}

/*
 * Finds the user that owns the user namespace of a network namespace. *ret_uid is 0 for our own, and
 * for one above it, which the kernel does not show.
 */
static int find_owner(int fd, uid_t *ret_uid)
{
	int user = ioctl(fd, NS_GET_USERNS), r = 0;
	struct stat theirs = { 0 }, own = { 0 };
	bool is_own;

	*ret_uid = 0;
	if (user < 0)
		return errno == EPERM ? 0 : -errno;
	if (fstat(user, &theirs) < 0 || stat("/proc/thread-self/ns/user", &own) < 0)
		r = -errno;
	is_own = r == 0 && theirs.st_ino == own.st_ino && theirs.st_dev == own.st_dev;
	if (r == 0 && !is_own && ioctl(user, NS_GET_OWNER_UID, ret_uid) < 0)
		r = -errno;
	close(user);
	return r;
}

/*
 * The number of a process is given again after its end. Any user can make processes until one gets
 * it, with a network namespace of its own, and would get the tunnel.
 */
static int check_owner(const char *where, int fd, struct problem *problem)
{
	uid_t owner;
	int r = find_owner(fd, &owner);

	if (r == 0 && owner != 0 && owner != geteuid()) {
		problem_set(problem,
			"the network namespace of %s belongs to uid %u, perhaps because the process has ended and another user's got its number; use a name (ip netns attach NAME PID)",
			where, (unsigned)owner);
		return -EPERM;
	}
	if (r < 0)
		problem_set(problem, "network namespace %s: cannot examine it: %s", where,
			error_text(r));
	return r;
}

int netns_open(const char *where, int *ret_fd, struct problem *problem)
{
	char path[PATH_MAX];
	int r = make_path(where, path), fd = -1;

	if (r < 0) {
		problem_set(problem, "the path of network namespace %s is too long", where);
		return r;
	}
	r = open_path(path, &fd);
	if (r < 0) {
		explain(where, path, r, problem);
		return r;
	}
	if (netns_is_process(where))
		r = check_owner(where, fd, problem);
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

int netns_identify(int fd, struct netns_id *ret_id)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_id = (struct netns_id){ .device = st.st_dev, .inode = st.st_ino };
	return 0;
}

int netns_own(struct netns_id *ret_id)
{
	int fd = -1, r = open_path("/proc/thread-self/ns/net", &fd);

	if (r < 0)
		return r;
	r = netns_identify(fd, ret_id);
	close(fd);
	return r;
}

struct errand {
	int fd;
	int (*call)(void *context);
	void *context;
	bool entered;
	int result;
};

static void *run(void *argument)
{
	struct errand *errand = argument;

	errand->entered = setns(errand->fd, CLONE_NEWNET) == 0;
	errand->result = errand->entered ? errand->call(errand->context) : -errno;
	return NULL;
}

int netns_call(int fd, int (*call)(void *context), void *context, struct problem *problem)
{
	struct errand errand = { .fd = fd, .call = call, .context = context };
	pthread_t thread;
	int r = -pthread_create(&thread, NULL, run, &errand);

	if (r == 0) {
		(void)pthread_join(thread, NULL);
		r = errand.result;
	}
	if (r < 0 && !errand.entered)
		problem_set(problem, "cannot enter the network namespace: %s%s", error_text(r),
			r == -EPERM ? "; it needs CAP_SYS_ADMIN" : "");
	return r;
}
