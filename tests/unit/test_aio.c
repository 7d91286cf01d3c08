/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/*
 * Many reads and writes with one system call, on a pair of sockets that keep messages apart. valgrind
 * reports the address that the kernel has to refuse, and makes calls that the filters forbid.
 */
#include "system/aio.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static struct aio *aio;
static int fds[2];

static void set_up(void)
{
	int size = 1 << 20;

	ck_assert_int_eq(aio_new(&aio), 0);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

static void tear_down(void)
{
	close(fds[0]);
	close(fds[1]);
	aio_free(aio);
}

/* The message of that number: it names itself, and has a length of its own. */
static size_t make_message(size_t number, uint8_t message[AIO_MOST])
{
	memset(message, (int)number, AIO_MOST);
	return 1 + number;
}

static void send_message(size_t number)
{
	uint8_t message[AIO_MOST];
	size_t len = make_message(number, message);

	ck_assert_int_eq(write(fds[0], message, len), (ssize_t)len);
}

static void expect_message(size_t number)
{
	uint8_t message[AIO_MOST], got[AIO_MOST + 1];
	size_t len = make_message(number, message);

	ck_assert_int_eq(read(fds[1], got, sizeof(got)), (ssize_t)len);
	ck_assert_mem_eq(got, message, len);
}

/* `waiting` messages wait, `count` are read. */
static void read_some(size_t waiting, size_t count)
{
	static uint8_t memory[AIO_MOST][2][AIO_MOST];
	struct iovec parts[AIO_MOST][2];
	struct aio_transfer transfers[AIO_MOST];
	uint8_t message[AIO_MOST];

	for (size_t i = 0; i < waiting; i++)
		send_message(i);
	for (size_t i = 0; i < count;
		i++) { /* the first byte to one part, the others to the other */
		parts[i][0] = (struct iovec){ .iov_base = memory[i][0], .iov_len = 1 };
		parts[i][1] = (struct iovec){ .iov_base = memory[i][1], .iov_len = AIO_MOST };
		transfers[i] = (struct aio_transfer){ .parts = parts[i], .count = 2 };
	}
	aio_read(aio, fds[1], transfers, count);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(transfers[i].result, i < waiting ? (ssize_t)i + 1 : -EAGAIN);
		if (i >= waiting)
			continue;
		make_message(i, message);
		ck_assert_mem_eq(memory[i][0], message, 1);
		ck_assert_mem_eq(memory[i][1], message, i);
	}
}

START_TEST(reads_in_order)
{
	read_some(5, 8);
	read_some(AIO_MOST, AIO_MOST);
	read_some(0, AIO_MOST);
	read_some(1, 1);
	read_some(0, 1);
	for (int i = 0; i < 10; i++) /* nothing is used up */
		read_some(AIO_MOST, AIO_MOST);
}
END_TEST

START_TEST(writes_in_order)
{
	static uint8_t memory[AIO_MOST][AIO_MOST];
	struct iovec parts[AIO_MOST][2];
	struct aio_transfer transfers[AIO_MOST];

	for (size_t count = 1; count <= AIO_MOST; count *= 2) {
		for (size_t i = 0; i < count; i++) {
			size_t len = make_message(i, memory[i]);
			parts[i][0] = (struct iovec){ .iov_base = memory[i], .iov_len = 1 };
			parts[i][1] = (struct iovec){ .iov_base = &memory[i][1],
				.iov_len = len - 1 };
			transfers[i] = (struct aio_transfer){ .parts = parts[i], .count = 2 };
		}
		aio_write(aio, fds[0], transfers, count);
		for (size_t i = 0; i < count; i++) {
			ck_assert_int_eq(transfers[i].result, (ssize_t)i + 1);
			expect_message(i);
		}
	}
}
END_TEST

/* One that the descriptor refuses, or the kernel at once: those behind it are tried all the same. */
static void one_is_refused(struct iovec bad, ssize_t result)
{
	uint8_t memory[AIO_MOST];
	struct iovec parts[3] = { { .iov_base = memory }, bad, { .iov_base = memory } };
	struct aio_transfer transfers[3];

	parts[0].iov_len = parts[2].iov_len = make_message(3, memory);
	for (size_t i = 0; i < 3; i++)
		transfers[i] = (struct aio_transfer){ .parts = &parts[i], .count = 1 };
	aio_write(aio, fds[0], transfers, 3);
	ck_assert_int_eq(transfers[0].result, 4);
	ck_assert_int_eq(transfers[1].result, result);
	ck_assert_int_eq(transfers[2].result, 4);
	expect_message(3);
	expect_message(3);
}

START_TEST(a_refused_one_stops_no_other)
{
	static uint8_t long_message[8 << 20];
	uint8_t byte;

	one_is_refused((struct iovec){ .iov_base = long_message, .iov_len = sizeof(long_message) },
		-EMSGSIZE);
	one_is_refused((struct iovec){ .iov_base = (void *)8, .iov_len = 4 }, -EFAULT);
	one_is_refused((struct iovec){ .iov_base = long_message, .iov_len = SIZE_MAX }, -EINVAL);
	ck_assert_int_eq(read(fds[1], &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(descriptor_that_cannot)
{
	uint8_t byte = 0;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct aio_transfer transfers[2] = { { .parts = &part, .count = 1 },
		{ .parts = &part, .count = 1 } };
	int pipes[2];

	ck_assert_int_eq(pipe(pipes), 0);
	aio_read(aio, pipes[1], transfers, 2);
	ck_assert_int_eq(transfers[0].result, -EBADF);
	ck_assert_int_eq(transfers[1].result, -EBADF);
	close(pipes[0]);
	close(pipes[1]);
	aio_write(aio, pipes[1], transfers, 2);
	ck_assert_int_eq(transfers[1].result, -EBADF);
}
END_TEST

/* ---- a filter of system calls ---- */

/* Refuses one system call from now on. */
static void refuse(long number, int error)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(rules), .filter = rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(1);
}

static void expect_refusal(long number, int error)
{
	struct aio *refused = NULL;
	int status;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		refuse(number, error);
		_exit(aio_new(&refused) == -error && !refused ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

START_TEST(filters_are_found_at_once)
{
	expect_refusal(SYS_io_setup, EPERM);
	expect_refusal(SYS_io_setup, ENOSYS);
	expect_refusal(SYS_io_submit, EPERM);
	expect_refusal(SYS_io_getevents, EPERM);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { reads_in_order, writes_in_order,
		a_refused_one_stops_no_other, descriptor_that_cannot, filters_are_found_at_once };

	return unit_suite("aio", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("aio", suite());
}
