/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_IPC_H
#define CULVERT_SYSTEM_IPC_H

#include <stddef.h>

/*
 * Datagrams with descriptors over a SOCK_SEQPACKET socketpair (unix(7), SCM_RIGHTS). Non-blocking.
 * One owner an end.
 */

int ipc_pair(int ret_fds[2]); /* both CLOEXEC and non-blocking; -EMFILE … */

/*
 * Sends one datagram; the descriptors stay the caller's. -EAGAIN: the other end does not read;
 * -EPIPE: it is gone.
 */
int ipc_send(int fd, const void *data, size_t len, const int *fds, size_t fd_count);

/*
 * Receives one datagram. *ret_len bytes in buffer, *ret_fd_count descriptors (CLOEXEC, now the
 * caller's) in fds, of which there is room for fd_max. -EAGAIN: nothing there; -EPIPE: the other
 * end is gone; -EMSGSIZE: the datagram or its descriptors did not fit, all received descriptors
 * were closed.
 *
 * Where the process may have no more descriptors (RLIMIT_NOFILE), the datagram arrives with none of
 * its own: *ret_fd_count is 0, and those that did arrive were closed. A caller that needs them must
 * fail what it asked for, and nothing else.
 */
int ipc_receive(int fd, void *buffer, size_t capacity, size_t *ret_len, int *ret_fds, size_t fd_max,
	size_t *ret_fd_count);

/*
 * A sealed memfd (F_SEAL_WRITE|GROW|SHRINK|SEAL) holding a copy; `name` is for /proc only. The
 * caller closes it.
 */
int ipc_seal(const char *name, const void *data, size_t len, int *ret_fd);

#endif
