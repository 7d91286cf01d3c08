/* SPDX-License-Identifier: Apache-2.0 */
#include "system/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { ROOM = 8 };

static int pair[2];
static char buffer[64];
static size_t len, count;
static int fds[ROOM];

static void set_up(void)
{
	ck_assert_int_eq(ipc_pair(pair), 0);
	len = count = 99;
}

static void tear_down(void)
{
	close(pair[0]);
	close(pair[1]);
}

static int receive(size_t capacity, size_t fd_max)
{
	return ipc_receive(pair[1], buffer, capacity, &len, fds, fd_max, &count);
}

static size_t open_count(void)
{
	size_t open_fds = 0;

	for (int fd = 0; fd < 256; fd++)
		open_fds += fcntl(fd, F_GETFD) >= 0;
	return open_fds;
}

static bool same_file(int a, int b)
{
	struct stat st_a, st_b;

	ck_assert_int_eq(fstat(a, &st_a), 0);
	ck_assert_int_eq(fstat(b, &st_b), 0);
	return st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

START_TEST(both_ends_close_on_exec_and_do_not_block)
{
	for (int i = 0; i < 2; i++) {
		ck_assert_int_ne(fcntl(pair[i], F_GETFD) & FD_CLOEXEC, 0);
		ck_assert_int_ne(fcntl(pair[i], F_GETFL) & O_NONBLOCK, 0);
	}
}
END_TEST

START_TEST(datagrams_keep_their_boundaries)
{
	ck_assert_int_eq(ipc_send(pair[0], "one", 3, NULL, 0), 0);
	ck_assert_int_eq(ipc_send(pair[0], "three", 5, NULL, 0), 0);
	ck_assert_int_eq(receive(sizeof(buffer), 0), 0);
	ck_assert_uint_eq(len, 3);
	ck_assert_uint_eq(count, 0);
	ck_assert_mem_eq(buffer, "one", 3);
	ck_assert_int_eq(receive(sizeof(buffer), 0), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_mem_eq(buffer, "three", 5);
	ck_assert_int_eq(receive(sizeof(buffer), 0), -EAGAIN);
}
END_TEST

START_TEST(a_datagram_may_fill_the_buffer)
{
	ck_assert_int_eq(ipc_send(pair[0], "12345", 5, NULL, 0), 0);
	ck_assert_int_eq(receive(5, 0), 0);
	ck_assert_uint_eq(len, 5);
}
END_TEST

START_TEST(descriptors_arrive_in_order_and_stay_the_senders)
{
	int given[3];

	for (int i = 0; i < 3; i++) {
		given[i] = memfd_create("test", 0);
		ck_assert_int_ge(given[i], 0);
	}
	ck_assert_int_eq(ipc_send(pair[0], "x", 1, given, 3), 0);
	ck_assert_int_eq(receive(sizeof(buffer), ROOM), 0);
	ck_assert_uint_eq(count, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_ne(fds[i], given[i]);
		ck_assert(same_file(fds[i], given[i]));
		ck_assert_int_ne(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, 0);
		close(fds[i]);
		close(given[i]);
	}
}
END_TEST

START_TEST(too_long_a_datagram_is_refused_and_its_descriptors_closed)
{
	int given[1] = { STDERR_FILENO };
	size_t before = open_count();

	ck_assert_int_eq(ipc_send(pair[0], "123456", 6, given, 1), 0);
	ck_assert_int_eq(receive(5, ROOM), -EMSGSIZE);
	ck_assert_uint_eq(len, 99);
	ck_assert_uint_eq(count, 99);
	ck_assert_uint_eq(open_count(), before);
	/* It is gone: the next one comes through. */
	ck_assert_int_eq(ipc_send(pair[0], "1", 1, NULL, 0), 0);
	ck_assert_int_eq(receive(5, ROOM), 0);
}
END_TEST

/* Also with room for one less, where the kernel's alignment would let one more in. */
START_TEST(too_many_descriptors_are_refused_and_closed)
{
	int given[ROOM];
	size_t before = open_count();

	for (int i = 0; i < ROOM; i++)
		given[i] = STDERR_FILENO;
	for (size_t room = 0; room < ROOM; room++) {
		ck_assert_int_eq(ipc_send(pair[0], "x", 1, given, ROOM), 0);
		ck_assert_int_eq(receive(sizeof(buffer), room), -EMSGSIZE);
		ck_assert_int_eq(ipc_send(pair[0], "x", 1, given, room + 1), 0);
		ck_assert_int_eq(receive(sizeof(buffer), room), -EMSGSIZE);
		ck_assert_uint_eq(open_count(), before);
	}
}
END_TEST

START_TEST(more_descriptors_than_one_message_takes_are_refused)
{
	int given[65];
	size_t n;

	for (size_t i = 0; i < 65; i++)
		given[i] = STDERR_FILENO;
	ck_assert_int_eq(ipc_send(pair[0], "x", 1, given, 65), -EINVAL);
	ck_assert_int_eq(ipc_receive(pair[1], buffer, 1, &len, given, 65, &n), -EINVAL);
}
END_TEST

START_TEST(an_empty_datagram_cannot_be_sent)
{
	ck_assert_int_eq(ipc_send(pair[0], "", 0, NULL, 0), -EINVAL);
}
END_TEST

START_TEST(the_other_end_has_gone)
{
	int far = pair[0];

	pair[0] = -1;
	close(far);
	ck_assert_int_eq(receive(sizeof(buffer), 0), -EPIPE);
	ck_assert_int_eq(receive(sizeof(buffer), ROOM), -EPIPE);
	ck_assert_int_eq(ipc_send(pair[1], "x", 1, NULL, 0), -EPIPE);
}
END_TEST

/* It left something of ours unread, which the kernel tells before what it had sent itself. */
START_TEST(last_words_arrive_before_the_end)
{
	int far = pair[0];

	pair[0] = -1;
	ck_assert_int_eq(ipc_send(pair[1], "unread", 6, NULL, 0), 0);
	ck_assert_int_eq(ipc_send(far, "last", 4, NULL, 0), 0);
	close(far);
	ck_assert_int_eq(receive(sizeof(buffer), 0), 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_int_eq(receive(sizeof(buffer), 0), -EPIPE);
}
END_TEST

START_TEST(one_that_does_not_read_is_noticed)
{
	int r, sent = 0;

	while ((r = ipc_send(pair[0], buffer, sizeof(buffer), NULL, 0)) == 0)
		sent++;
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_int_gt(sent, 1);
	for (int i = 0; i < sent; i++)
		ck_assert_int_eq(receive(sizeof(buffer), 0), 0);
	ck_assert_int_eq(receive(sizeof(buffer), 0), -EAGAIN);
}
END_TEST

START_TEST(a_sealed_copy_is_the_very_bytes)
{
	char back[16] = "";
	int fd;

	ck_assert_int_eq(ipc_seal("test", "secret", 6, &fd), 0);
	ck_assert_int_eq(pread(fd, back, sizeof(back), 0), 6);
	ck_assert_mem_eq(back, "secret", 6);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
}
END_TEST

START_TEST(a_sealed_copy_cannot_be_changed)
{
	int fd;

	ck_assert_int_eq(ipc_seal("test", "secret", 6, &fd), 0);
	ck_assert_int_eq(pwrite(fd, "S", 1, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 7), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	ck_assert_ptr_eq(mmap(NULL, 6, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	close(fd);
}
END_TEST

START_TEST(an_empty_copy_can_be_sealed)
{
	char byte;
	int fd;

	ck_assert_int_eq(ipc_seal("test", "", 0, &fd), 0);
	ck_assert_int_eq(pread(fd, &byte, 1, 0), 0);
	close(fd);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const with_pair[] = { both_ends_close_on_exec_and_do_not_block,
		datagrams_keep_their_boundaries, a_datagram_may_fill_the_buffer,
		descriptors_arrive_in_order_and_stay_the_senders,
		too_long_a_datagram_is_refused_and_its_descriptors_closed,
		too_many_descriptors_are_refused_and_closed,
		more_descriptors_than_one_message_takes_are_refused,
		an_empty_datagram_cannot_be_sent, the_other_end_has_gone,
		last_words_arrive_before_the_end, one_that_does_not_read_is_noticed };
	Suite *s = suite_create("ipc");

	unit_add_case(s, "pair", set_up, tear_down, with_pair, ARRAY_SIZE(with_pair));
	unit_add(s, "sealed bytes", a_sealed_copy_is_the_very_bytes);
	unit_add(s, "sealed against change", a_sealed_copy_cannot_be_changed);
	unit_add(s, "sealed empty", an_empty_copy_can_be_sealed);
	return s;
}

int main(void)
{
	return unit_run("ipc", suite());
}
