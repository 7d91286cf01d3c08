/* SPDX-License-Identifier: Apache-2.0 */
#include "system/aio.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct aio {
	aio_context_t context;
	struct iocb blocks[AIO_MOST];
	struct iocb *pointers[AIO_MOST]; /* to the blocks, as the kernel takes them */
	struct io_event events[AIO_MOST];
};

/* A filter of system calls may allow some of the calls only. Tries them with nothing to do. */
static int try_calls(const struct aio *aio)
{
	if (syscall(SYS_io_submit, aio->context, 0L, NULL) < 0 ||
		syscall(SYS_io_getevents, aio->context, 0L, 0L, NULL, NULL) < 0)
		return -errno;
	return 0;
}

int aio_new(struct aio **ret_aio)
{
	struct aio *aio = calloc(1, sizeof(*aio));
	int r;

	if (!aio)
		return -ENOMEM;
	if (syscall(SYS_io_setup, AIO_MOST, &aio->context) < 0) {
		r = -errno;
		free(aio);
		return r;
	}
	r = try_calls(aio);
	if (r < 0) {
		aio_free(aio);
		return r;
	}
	for (size_t i = 0; i < AIO_MOST; i++) {
		aio->pointers[i] = &aio->blocks[i];
		aio->blocks[i].aio_data = i;
	}
	*ret_aio = aio;
	return 0;
}

void aio_free(struct aio *aio)
{
	if (!aio)
		return;
	(void)syscall(SYS_io_destroy, aio->context);
	free(aio);
}

/* Takes the results of the first `count` transfers, which are there already. */
static void collect(struct aio *aio, struct aio_transfer *transfers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		transfers[i].result = -EIO;
	for (size_t done = 0; done < count;) {
		long n = syscall(SYS_io_getevents, aio->context, (long)(count - done),
			(long)(count - done), aio->events, NULL);
		if (n < 0 && errno != EINTR)
			return;
		for (long i = 0; i < n; i++)
			transfers[aio->events[i].data].result = (ssize_t)aio->events[i].res;
		done += n > 0 ? (size_t)n : 0;
	}
}

/*
 * Returns the number of transfers done: fewer than `count` if the kernel is short of memory, and
 * none of a single one, which costs less without.
 */
static size_t submit(
	struct aio *aio, uint16_t opcode, int fd, struct aio_transfer *transfers, size_t count)
{
	if (count < 2)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct iocb *block = &aio->blocks[i];
		block->aio_fildes = (uint32_t)fd;
		block->aio_lio_opcode = opcode;
		block->aio_buf = (uintptr_t)transfers[i].parts;
		block->aio_nbytes = transfers[i].count;
	}
	long n = syscall(SYS_io_submit, aio->context, (long)count, aio->pointers);
	if (n <= 0)
		return 0;
	collect(aio, transfers, (size_t)n);
	return (size_t)n;
}

void aio_read(struct aio *aio, int fd, struct aio_transfer *transfers, size_t count)
{
	for (size_t i = submit(aio, IOCB_CMD_PREADV, fd, transfers, count); i < count; i++) {
		ssize_t n = readv(fd, transfers[i].parts, (int)transfers[i].count);
		transfers[i].result = n < 0 ? -errno : n;
	}
}

void aio_write(struct aio *aio, int fd, struct aio_transfer *transfers, size_t count)
{
	for (size_t i = submit(aio, IOCB_CMD_PWRITEV, fd, transfers, count); i < count; i++) {
		ssize_t n = writev(fd, transfers[i].parts, (int)transfers[i].count);
		transfers[i].result = n < 0 ? -errno : n;
	}
}
