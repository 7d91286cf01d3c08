/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_AIO_H
#define CULVERT_SYSTEM_AIO_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Many reads or writes of one descriptor with one system call, by the kernel's asynchronous I/O
 * (io_submit(2); not io_uring). For descriptors whose driver does the work inside that call, as TUN
 * and sockets do: nothing goes on when a function returns. Not for blocking descriptors. One
 * thread at a time.
 *
 * System calls: io_setup, io_submit, io_getevents, io_destroy.
 */

enum { AIO_MOST = 64 }; /* transfers with one system call */

struct aio;

struct aio_transfer {
	struct iovec *parts; /* borrowed during the call */
	size_t count;        /* of parts */
	ssize_t result;      /* bytes, or negative errno */
};

/*
 * -ENOSYS: the kernel has no asynchronous I/O; -EPERM: a filter of system calls forbids it;
 * -EAGAIN: the host's limit (fs.aio-max-nr) is reached; -ENOMEM. Free with aio_free().
 */
int aio_new(struct aio **ret_aio);
void aio_free(struct aio *aio); /* accepts NULL */

/*
 * Does what readv(2) or writev(2) would do for each of the `count` transfers in turn, AIO_MOST at
 * most, and sets their results. Each is tried, whatever became of the ones before: a read may
 * succeed behind one with -EAGAIN.
 */
void aio_read(struct aio *aio, int fd, struct aio_transfer *transfers, size_t count);
void aio_write(struct aio *aio, int fd, struct aio_transfer *transfers, size_t count);

#endif
