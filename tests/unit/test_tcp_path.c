/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel forgets where slow start ended, and limits what is under way: on a connection over the loopback of a network
 * namespace of the test's own.
 * That needs root, ip(8) and nft(8): without root it is left out.
 *
 * check: own-process
 */
#include "system/tcp_path.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

static int sender = -1, receiver = -1;

static void connect_ends(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	sender = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(tcp_path_set_control(sender, "cubic"), 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(connect(sender, (struct sockaddr *)&address, len), 0);
	receiver = accept(listener, NULL, NULL);
	ck_assert_int_ge(receiver, 0);
	close(listener);
}

static void setup(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return;
	ck_assert_int_eq(system("ip link set lo up mtu 1500"), 0);
	connect_ends();
}

static void teardown(void)
{
	close(sender);
	close(receiver);
}

/* Sends so much, and reads it at the other end. */
static void pass(size_t bytes)
{
	static char data[16384];

	for (size_t sent = 0, got = 0; got < bytes;) {
		ssize_t n = sent < bytes ? send(sender, data, sizeof(data), MSG_DONTWAIT) : 0;

		sent += n > 0 ? (size_t)n : 0;
		n = recv(receiver, data, sizeof(data), sent < bytes ? MSG_DONTWAIT : 0);
		got += n > 0 ? (size_t)n : 0;
	}
}

static bool is_over(void)
{
	struct tcp_path path;

	ck_assert_int_eq(tcp_path_read(sender, &path), 0);
	return path.slow_start_over;
}

static bool has_control(const char *name)
{
	char control[TCP_PATH_NAME_MAX + 1];

	ck_assert_int_eq(tcp_path_control(sender, control), 0);
	return strcmp(control, name) == 0;
}

START_TEST(slow_start_begins_again)
{
	if (sender < 0)
		return;
	ck_assert(!is_over());
	ck_assert_int_eq(
		system("nft 'table inet t { chain c { type filter hook input priority 0; "
		       "tcp flags & (syn | fin) == 0 meta length > 1000 numgen inc mod 10 == 9 drop; }; }'"),
		0);
	pass(4 << 20);
	ck_assert(is_over()); /* a loss ends it */
	ck_assert_int_eq(system("nft delete table inet t"), 0);
	pass(1 << 20);
	if (tcp_path_slow_start(sender, "cubic") == -ENOENT)
		return; /* a kernel without BBR */
	ck_assert(has_control("cubic"));
	ck_assert(!is_over());
	pass(1 << 20);
}
END_TEST

START_TEST(a_control_that_does_not_exist_changes_nothing)
{
	if (sender < 0)
		return;
	ck_assert_int_lt(tcp_path_slow_start(sender, "nonsense"), 0);
	ck_assert(has_control("cubic"));
}
END_TEST

/* How many bytes the connection takes while nobody reads them at the other end. */
static size_t taken(size_t most)
{
	static char data[1 << 10];
	size_t sent = 0;

	while (sent < most) {
		ssize_t n = send(sender, data, sizeof(data), MSG_DONTWAIT);

		if (n < 0)
			break;
		sent += (size_t)n;
	}
	return sent;
}

static void read_all(size_t bytes)
{
	static char data[1 << 16];

	for (size_t got = 0; got < bytes;) {
		ssize_t n = recv(receiver, data, sizeof(data), 0);

		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
}

/* What the receiver holds has arrived: with a small window of the receiver, the rest is under way. */
START_TEST(what_is_under_way_is_limited_and_free_again)
{
	enum { WINDOW = 64 << 10, MORE = 1 << 20 };
	int small = 4 << 10;
	size_t limited, free_again;

	if (sender < 0 || !tcp_path_can_set_window(sender))
		return;
	ck_assert_int_eq(setsockopt(receiver, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	ck_assert_int_eq(tcp_path_set_window(sender, WINDOW), 0);
	limited = taken(MORE);
	ck_assert_uint_ge(limited, WINDOW / 4);
	ck_assert_uint_le(limited, 2 * WINDOW); /* the receiver has some of it */
	ck_assert_int_eq(tcp_path_set_window(sender, 0), 0);
	free_again = taken(MORE);
	ck_assert_uint_gt(limited + free_again, 3 * WINDOW);
	read_all(limited + free_again);
	pass(MORE);
}
END_TEST

START_TEST(a_window_of_no_socket_is_an_error)
{
	ck_assert(!tcp_path_can_set_window(-1));
	ck_assert_int_eq(tcp_path_set_window(-1, 1 << 16), -EBADF);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { what_is_under_way_is_limited_and_free_again,
		a_window_of_no_socket_is_an_error, slow_start_begins_again,
		a_control_that_does_not_exist_changes_nothing };

	return unit_suite("tcp_path", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("tcp_path", suite());
}
