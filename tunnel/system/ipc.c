/* SPDX-License-Identifier: Apache-2.0 */
#include "system/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

enum { IPC_FDS_MAX = 64 }; /* beside one datagram; far below the kernel's SCM_MAX_FD of 253 */

/* Linux 6.3. An older kernel returns EINVAL; then we try without it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Aligned as the kernel requires. */
union control {
	char bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
	struct cmsghdr align;
};

int ipc_pair(int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

static void attach_fds(
	struct msghdr *message, union control *control, const int *fds, size_t fd_count)
{
	struct cmsghdr *header;

	memset(control, 0, sizeof(*control));
	message->msg_control = control->bytes;
	message->msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
	header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
}

int ipc_send(int fd, const void *data, size_t len, const int *fds, size_t fd_count)
{
	struct iovec bytes = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
	union control control;
	ssize_t n;

	/* A datagram without bytes would look like the end of the connection. */
	if (len == 0 || fd_count > IPC_FDS_MAX)
		return -EINVAL;
	if (fds && fd_count > 0)
		attach_fds(&message, &control, fds, fd_count);
	do {
		n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

/* Collects the received descriptors. Closes those without room, but counts them, too. */
static size_t collect_fds(struct msghdr *message, int *fds, size_t fd_max)
{
	size_t count = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
		header = CMSG_NXTHDR(message, header)) {
		size_t here;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++, count++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (count < fd_max)
				fds[count] = fd;
			else
				close(fd);
		}
	}
	return count;
}

/*
 * Calls recvmsg(2). If the other end closed with datagrams of ours unread, the kernel reports
 * ECONNRESET once, before that end's last datagrams. So we try again.
 */
static ssize_t receive_once(int fd, struct msghdr *message)
{
	ssize_t n;

	do {
		n = recvmsg(fd, message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n;
}

int ipc_receive(int fd, void *buffer, size_t capacity, size_t *ret_len, int *ret_fds, size_t fd_max,
	size_t *ret_fd_count)
{
	struct iovec bytes = { .iov_base = buffer, .iov_len = capacity };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
	union control control;
	int fds[IPC_FDS_MAX];
	size_t count, kept;
	bool dropped, lost;
	ssize_t n;

	if (fd_max > IPC_FDS_MAX)
		return -EINVAL;
	/* Without any room the kernel itself drops the descriptors and reports MSG_CTRUNC. */
	if (fd_max > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_max);
	}
	n = receive_once(fd, &message);
	if (n < 0)
		return -errno;
	count = fd_max > 0 ? collect_fds(&message, fds, fd_max) : 0;
	kept = count < fd_max ? count : fd_max;
	/* Truncated in spite of room: this process is at its limit of descriptors. */
	lost = (message.msg_flags & MSG_CTRUNC) != 0 && count < fd_max;
	dropped = (message.msg_flags & MSG_TRUNC) != 0 || count > fd_max ||
		((message.msg_flags & MSG_CTRUNC) != 0 && !lost);
	if (dropped || lost || n == 0) {
		for (size_t i = 0; i < kept; i++)
			close(fds[i]);
		kept = 0;
	}
	if (dropped || n == 0)
		return dropped ? -EMSGSIZE : -EPIPE;
	if (kept > 0)
		memcpy(ret_fds, fds, sizeof(int) * kept);
	*ret_len = (size_t)n;
	*ret_fd_count = kept;
	return 0;
}

int ipc_seal(const char *name, const void *data, size_t len, int *ret_fd)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	int r;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, data, len);
	if (r == 0 &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
			0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
