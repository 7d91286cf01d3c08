/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_IPC_H
#define CULVERT_SYSTEM_IPC_H

#include <stddef.h>

/*
 * Datagrams with descriptors over a SOCK_SEQPACKET socketpair (unix(7), SCM_RIGHTS). Calls do not
 * block. One owner an end.
 */

int ipc_pair(int ret_fds[2]); /* both CLOEXEC and non-blocking; -EMFILE … */

/*
 * Sends one datagram. The caller keeps its descriptors. -EAGAIN: the other end does not read.
 * -EPIPE: the other end is closed.
 */
int ipc_send(int fd, const void *data, size_t len, const int *fds, size_t fd_count);

/*
 * Receives one datagram: *ret_len bytes in `buffer` and *ret_fd_count descriptors in `ret_fds`,
 * which has room for fd_max. The descriptors are CLOEXEC, and the caller closes them. -EAGAIN: no
 * datagram. -EPIPE: the other end is closed. -EMSGSIZE: the datagram or its descriptors did not
 * fit, and all received descriptors were closed.
 *
 * A process at its limit of descriptors (RLIMIT_NOFILE) gets the datagram without them:
 * *ret_fd_count is 0, and those that did arrive were closed. A caller that needs them must fail
 * that one request only.
 */
int ipc_receive(int fd, void *buffer, size_t capacity, size_t *ret_len, int *ret_fds, size_t fd_max,
	size_t *ret_fd_count);

/*
 * Makes a sealed memfd (F_SEAL_WRITE|GROW|SHRINK|SEAL) with a copy of the data. `name` is for /proc
 * only. The caller closes *ret_fd.
 */
int ipc_seal(const char *name, const void *data, size_t len, int *ret_fd);

#endif
