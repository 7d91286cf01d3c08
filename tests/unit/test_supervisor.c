/* SPDX-License-Identifier: Apache-2.0 */
#include "system/supervisor.h"

#include <errno.h>
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

static Suite *suite(void)
{
	Suite *s = suite_create("supervisor");

	unit_add(s, "none", none);
	unit_add(s, "told", told);
	unit_add(s, "not_there", not_there);
	return s;
}

int main(void)
{
	return unit_run("supervisor", suite());
}
