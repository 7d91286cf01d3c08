/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* valgrind keeps RLIMIT_NOFILE to itself, so that the kernel holds nothing to it. */
#include "system/ipc.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { ROOM = 8 };

static size_t open_count(void)
{
	size_t open_fds = 0;

	for (int fd = 0; fd < 256; fd++)
		open_fds += fcntl(fd, F_GETFD) >= 0;
	return open_fds;
}

/* The limit costs the descriptors, all of them, but neither the datagram nor the connection. */
START_TEST(without_free_descriptors_the_datagram_arrives_alone)
{
	int pair[2], given[ROOM], fds[ROOM];
	char buffer[64];
	size_t before, len, count;
	struct rlimit limit, low;

	ck_assert_int_eq(ipc_pair(pair), 0);
	before = open_count();
	for (int i = 0; i < ROOM; i++)
		given[i] = STDERR_FILENO;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	for (rlim_t room = 0; room < 3; room++) {
		low.rlim_cur = (rlim_t)fcntl(STDERR_FILENO, F_DUPFD, 0);
		close((int)low.rlim_cur);
		low.rlim_cur += room;
		ck_assert_int_eq(ipc_send(pair[0], "one", 3, given, ROOM), 0);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
		ck_assert_int_eq(
			ipc_receive(pair[1], buffer, sizeof(buffer), &len, fds, ROOM, &count), 0);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ck_assert_uint_eq(len, 3);
		ck_assert_uint_eq(count, 0);
		ck_assert_uint_eq(open_count(), before);
	}
	ck_assert_int_eq(ipc_send(pair[0], "two", 3, given, 1), 0);
	ck_assert_int_eq(ipc_receive(pair[1], buffer, sizeof(buffer), &len, fds, ROOM, &count), 0);
	ck_assert_uint_eq(count, 1);
	close(fds[0]);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ipc_limit");

	unit_add(s, "limit", without_free_descriptors_the_datagram_arrives_alone);
	return s;
}

int main(void)
{
	return unit_run("ipc_limit", suite());
}
