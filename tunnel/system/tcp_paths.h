/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TCP_PATHS_H
#define CULVERT_SYSTEM_TCP_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * What the kernel knows of each path of a Multipath TCP connection (MPTCP_TCPINFO in
 * <linux/mptcp.h>, since Linux 5.16). Any thread, without privileges.
 */

enum { TCP_PATHS_MAX = 8 }; /* that are listed; further ones are omitted */

struct tcp_paths_one {
	bool open;           /* the path is established */
	bool unacked;        /* sent data is not acknowledged yet */
	uint32_t heard_ms;   /* since the other end last acknowledged anything */
	uint32_t arrived_ms; /* since data last arrived */
	/* Smoothed, of what this end sent: the receiver's estimate may be seconds too long. */
	uint32_t rtt_us;
	uint32_t least_rtt_us; /* of the last minutes */
	uint64_t received;     /* bytes */
};

/* Negative errno of getsockopt: the connection is not of MPTCP, or the kernel is older. */
int tcp_paths_read(int fd, struct tcp_paths_one ret_paths[static TCP_PATHS_MAX], size_t *ret_count);

/* The address of this end of each path, in the same order. Negative errno of getsockopt. */
int tcp_paths_locals(int fd, struct addr ret_locals[static TCP_PATHS_MAX], size_t *ret_count);

/* ---- for the unit test ---- */

/*
 * Reads `count` items of struct tcp_info, each of `size` bytes: an older kernel's are shorter than the
 * header's. What an item does not have is zero.
 */
void tcp_paths_parse(const uint8_t *items, size_t size, size_t count,
	struct tcp_paths_one ret_paths[static TCP_PATHS_MAX]);

#endif
