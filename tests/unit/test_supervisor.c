/* SPDX-License-Identifier: Apache-2.0 */
/* check: own-process */
#include "system/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

static char name[64];
static struct supervisor supervisor;
static struct problem problem;

/* What a supervisor has; the first byte of an abstract name is '@' in `name`. */
static int listen_at(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	return fd;
}

static void hears(int fd, const char *expected)
{
	char heard[128] = "";

	ck_assert_int_eq(recv(fd, heard, sizeof(heard) - 1, 0), (ssize_t)strlen(expected));
	ck_assert_str_eq(heard, expected);
}

START_TEST(none)
{
	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(supervisor_open(&supervisor, &problem), 0);
	ck_assert_int_eq(supervisor.fd, -1);
	ck_assert_int_eq(supervisor_notify(&supervisor, "READY=1"), 0);
	supervisor_close(&supervisor);
	setenv("NOTIFY_SOCKET", "", 1);
	ck_assert_int_eq(supervisor_open(&supervisor, &problem), 0);
	ck_assert_int_eq(supervisor.fd, -1);
	supervisor_close(&supervisor); /* twice is fine */
	supervisor_close(&supervisor);
}
END_TEST

START_TEST(told)
{
	for (int abstract = 0; abstract < 2; abstract++) {
		int fd;

		(void)snprintf(name, sizeof(name), "%s/tmp/culvert-test-supervisor-%d",
			abstract ? "@" : "", (int)getpid());
		fd = listen_at();
		setenv("NOTIFY_SOCKET", name, 1);
		ck_assert_msg(supervisor_open(&supervisor, &problem) == 0, "%s", problem.text);
		ck_assert_ptr_null(getenv("NOTIFY_SOCKET")); /* no child of ours has it */
		ck_assert_int_eq(supervisor_notify(&supervisor, "READY=1\nSTATUS=fine"), 0);
		hears(fd, "READY=1\nSTATUS=fine");
		close(fd);
		ck_assert_int_eq(supervisor_notify(&supervisor, "STOPPING=1"), -ECONNREFUSED);
		supervisor_close(&supervisor);
		if (!abstract)
			ck_assert_int_eq(unlink(name), 0);
	}
}
END_TEST

START_TEST(not_there)
{
	static const char *const names[] = { "relative", "/", "/nonexistent/notify", "vsock:2:1" };
	char long_name[200];

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[0] = '/';
	long_name[sizeof(long_name) - 1] = '\0';
	for (size_t i = 0; i <= ARRAY_SIZE(names); i++) {
		bool is_long = i == ARRAY_SIZE(names);

		setenv("NOTIFY_SOCKET", is_long ? long_name : names[i], 1);
		ck_assert_int_lt(supervisor_open(&supervisor, &problem), 0);
		ck_assert_int_eq(supervisor.fd, -1);
		ck_assert_ptr_nonnull(strstr(problem.text, "NOTIFY_SOCKET"));
		ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
		ck_assert_int_eq(supervisor_notify(&supervisor, "READY=1"), 0);
	}
}
END_TEST

/* ---- descriptors for the next run ---- */

/* Answers as systemd does: takes the descriptors, and lets go of the barrier's. */
static void *play(void *context)
{
	int fd = *(int *)context;

	for (int i = 0; i < 2; i++) {
		union {
			char bytes[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control;
		char lines[128] = "";
		struct iovec bytes = { lines, sizeof(lines) - 1 };
		struct msghdr message = { .msg_iov = &bytes,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes) };
		int got;

		ck_assert_int_gt(recvmsg(fd, &message, MSG_CMSG_CLOEXEC), 0);
		ck_assert_str_eq(
			lines, i == 0 ? "FDSTORE=1\nFDPOLL=0\nFDNAME=culvert" : "BARRIER=1");
		ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&message));
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
		close(got);
	}
	return NULL;
}

START_TEST(keeps)
{
	int fd, flags;
	pthread_t thread;

	(void)snprintf(name, sizeof(name), "@/tmp/culvert-test-supervisor-%d", (int)getpid());
	fd = listen_at();
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("FDSTORE", "1", 1);
	ck_assert_int_eq(supervisor_open(&supervisor, &problem), 0);
	ck_assert(supervisor.stores);
	ck_assert_ptr_null(getenv("FDSTORE"));
	flags = fcntl(fd, F_GETFL);
	ck_assert_int_eq(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, play, &fd), 0);
	ck_assert_int_eq(supervisor_keep(&supervisor, "culvert", fd), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, flags), 0);
	ck_assert_int_eq(supervisor_drop(&supervisor, "culvert"), 0);
	hears(fd, "FDSTOREREMOVE=1\nFDNAME=culvert");
	/* One that does not read does not confirm. */
	ck_assert_int_eq(supervisor_keep(&supervisor, "culvert", fd), -ETIMEDOUT);
	supervisor_close(&supervisor);
	close(fd);
}
END_TEST

START_TEST(keeps_nothing)
{
	static const char *const values[] = { NULL, "0", "" };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		int fd;

		(void)snprintf(
			name, sizeof(name), "@/tmp/culvert-test-supervisor-%d", (int)getpid());
		fd = listen_at();
		setenv("NOTIFY_SOCKET", name, 1);
		unsetenv("FDSTORE");
		if (values[i])
			setenv("FDSTORE", values[i], 1);
		ck_assert_int_eq(supervisor_open(&supervisor, &problem), 0);
		ck_assert_int_eq(supervisor_keep(&supervisor, "culvert", fd), -EOPNOTSUPP);
		supervisor_close(&supervisor);
		close(fd);
	}
}
END_TEST

/* Descriptors 3 to 5 as a supervisor passes them on: these three ends of pipes. */
static void pass(const char *names, int pid)
{
	char text[16];

	for (int i = 0; i < 3; i++) {
		int fds[2];

		ck_assert_int_eq(pipe(fds), 0);
		ck_assert_int_eq(dup2(fds[0], 10 + i), 10 + i);
		close(fds[0]);
		close(fds[1]);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(dup2(10 + i, 3 + i), 3 + i);
		close(10 + i);
	}
	(void)snprintf(text, sizeof(text), "%d", pid);
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", "3", 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

START_TEST(takes)
{
	int fd;

	pass("stored:culvert:culverts", (int)getpid());
	ck_assert_int_eq(supervisor_take("culvert", &fd), 0);
	ck_assert_int_eq(fd, 4);
	ck_assert_int_ne(fcntl(4, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(fcntl(3, F_GETFD), -1); /* no others stay open */
	ck_assert_int_eq(fcntl(5, F_GETFD), -1);
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_int_eq(supervisor_take("culvert", &fd), -ENOENT); /* once */
}
END_TEST

START_TEST(takes_nothing)
{
	int fd;

	pass("culvert:a:b", (int)getpid() + 1); /* for another process */
	ck_assert_int_eq(supervisor_take("culvert", &fd), -ENOENT);
	ck_assert_int_ge(fcntl(3, F_GETFD), 0);
	pass("a:b:culver", (int)getpid());
	ck_assert_int_eq(supervisor_take("culvert", &fd), -ENOENT);
	pass("a:b", (int)getpid());
	setenv("LISTEN_FDS", "-3", 1);
	ck_assert_int_eq(supervisor_take("culvert", &fd), -ENOENT);
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("supervisor");

	unit_add(s, "none", none);
	unit_add(s, "told", told);
	unit_add(s, "not_there", not_there);
	unit_add(s, "keeps", keeps);
	unit_add(s, "keeps nothing", keeps_nothing);
	unit_add(s, "takes", takes);
	unit_add(s, "takes nothing", takes_nothing);
	return s;
}

int main(void)
{
	return unit_run("supervisor", suite());
}
