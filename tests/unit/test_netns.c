/* SPDX-License-Identifier: Apache-2.0 */
/* Which namespace a word stands for, and a call in another one. That needs root, like the system tests. */
#include "system/netns.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/netlink.h"
#include "tests/unit/unit.h"

static struct problem problem;

static void refused(const char *where, int error, const char *text)
{
	int fd = -1;

	ck_assert_int_eq(netns_open(where, &fd, &problem), error);
	ck_assert_int_eq(fd, -1);
	ck_assert_str_eq(problem.text, text);
}

START_TEST(what_is_not_there_is_told_with_its_cure)
{
	refused("no-such-one", -ENOENT,
		"network namespace no-such-one does not exist (/run/netns/no-such-one); make it: ip netns "
		"add no-such-one");
	refused("pid:999999999", -ENOENT,
		"process 999999999, whose network namespace is to be used, does not exist");
	refused("/no/such/file", -ENOENT,
		"cannot open network namespace /no/such/file: No such file or directory");
}
END_TEST

START_TEST(what_is_something_else_is_refused)
{
	static const char cure[] = " is no network namespace; if `ip netns` made it, it has been "
				   "left over: ip netns del, then add it again";
	char text[PROBLEM_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "/dev/null%s", cure);
	refused("/dev/null", -EINVAL, text);
	(void)snprintf(text, sizeof(text), "/proc/self/ns/uts%s", cure);
	refused("/proc/self/ns/uts", -EINVAL, text);
	(void)snprintf(text, sizeof(text), "/%s", cure);
	refused("/", -EINVAL, text);
}
END_TEST

START_TEST(a_process_and_a_path_are_one_namespace)
{
	struct netns_id own, other;
	char where[32];
	int fd;

	ck_assert_int_eq(netns_own(&own), 0);
	ck_assert(own.inode != 0);
	(void)snprintf(where, sizeof(where), "pid:%d", (int)getpid());
	ck_assert_int_eq(netns_open(where, &fd, &problem), 0);
	ck_assert_int_eq(netns_identify(fd, &other), 0);
	ck_assert(netns_id_equal(&own, &other));
	close(fd);
}
END_TEST

struct look {
	struct netns_id netns;
	struct netlink *netlink;
};

static int look(void *context)
{
	struct look *into = context;
	int r = netns_own(&into->netns);

	return r < 0 ? r : netlink_open(&into->netlink, &problem);
}

/* The descriptor of a new namespace that nothing else holds. */
static int new_netns(void)
{
	int fds[2], fd;
	char byte = 0, path[64];
	pid_t child;

	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		byte = unshare(CLONE_NEWNET) == 0 ? 1 : 0;
		(void)!write(fds[1], &byte, 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 1);
	(void)snprintf(path, sizeof(path), "pid:%d", (int)child);
	ck_assert_int_eq(netns_open(path, &fd, &problem), 0);
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	close(fds[0]);
	close(fds[1]);
	return fd;
}

/* A process of that user, in a network namespace that it has made. */
static pid_t process_of(uid_t uid)
{
	int fds[2];
	char byte = 0;
	pid_t child;

	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		byte = setuid(uid) == 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 1 : 0;
		(void)!write(fds[1], &byte, 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	close(fds[1]);
	if (byte == 1)
		return child;
	kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return 0;
}

/* The number of a process can become that of another user's. */
START_TEST(a_process_of_another_user_is_refused)
{
	static const struct {
		uid_t uid;
		int error;
	} rows[] = { { 0, 0 }, { 12345, -EPERM } };
	static const char *const forms[] = { "pid:%d", "/proc/%d/ns/net" };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		pid_t child = process_of(rows[i / 2].uid);
		char where[64];
		int fd = -1;

		if (child == 0)
			continue; /* this host has no user namespaces for that user */
		/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
		(void)snprintf(where, sizeof(where), forms[i % 2], (int)child);
		ck_assert_int_eq(netns_open(where, &fd, &problem), rows[i / 2].error);
		ck_assert_int_eq(fd >= 0, rows[i / 2].error == 0);
		if (fd >= 0)
			close(fd);
		else
			ck_assert_msg(strstr(problem.text, "uid 12345"), "%s", problem.text);
		kill(child, SIGKILL);
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
	}
}
END_TEST

START_TEST(a_call_is_made_over_there)
{
	struct netns_id before, there, after;
	struct look into = { .netlink = NULL };
	uint32_t index = 0;
	int fd = new_netns();

	ck_assert_int_eq(netns_own(&before), 0);
	ck_assert_int_eq(netns_identify(fd, &there), 0);
	ck_assert_int_eq(netns_call(fd, look, &into, &problem), 0);
	ck_assert(netns_id_equal(&into.netns, &there));
	ck_assert_int_eq(netns_own(&after), 0);
	ck_assert(netns_id_equal(&before, &after));
	ck_assert(!netns_id_equal(&before, &there));
	/* The socket stays there: an empty namespace has its loopback alone. */
	ck_assert_int_eq(netlink_link_index(into.netlink, "lo", &index), 0);
	ck_assert_uint_eq(index, 1);
	ck_assert_int_eq(netlink_link_index(into.netlink, "eth0", &index), -ENODEV);
	netlink_close(into.netlink);
	close(fd);
}
END_TEST

START_TEST(a_call_that_cannot_be_made_is_told)
{
	struct look into = { .netlink = NULL };

	ck_assert_int_eq(netns_call(STDIN_FILENO, look, &into, &problem), -EINVAL);
	ck_assert_str_eq(problem.text, "cannot enter the network namespace: Invalid argument");
	ck_assert_ptr_null(into.netlink);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { what_is_not_there_is_told_with_its_cure,
		what_is_something_else_is_refused, a_process_and_a_path_are_one_namespace,
		a_process_of_another_user_is_refused, a_call_is_made_over_there,
		a_call_that_cannot_be_made_is_told };

	return unit_run("netns", unit_suite("netns", NULL, NULL, tests, ARRAY_SIZE(tests)));
}
