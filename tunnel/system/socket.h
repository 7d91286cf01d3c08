/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SOCKET_H
#define CULVERT_SYSTEM_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"

/*
 * The sockets that need privilege or configuration to make: those that listen, those that go out,
 * and the command line's. netd's alone; what it made it hands to the engine. All are non-blocking
 * and CLOEXEC, and the caller closes them.
 */

struct socket_options {
	const char *congestion; /* TCP_CONGESTION; NULL or "": the kernel's default */
	uint32_t mark;          /* SO_MARK; 0: none. Needs CAP_NET_ADMIN */
	bool mptcp;             /* Multipath TCP where this kernel has it, else TCP */
	bool absent; /* socket_listen(): also on an address that no interface has yet (IP_FREEBIND) */
};

/*
 * A listening TCP socket with SO_REUSEADDR, IPV6_V6ONLY and TCP_NODELAY. Sockets accepted from it
 * inherit congestion control, TCP_NODELAY and mark (tests/assumptions/inherited_by_accept.c).
 * -EADDRINUSE, -EADDRNOTAVAIL (no interface has the address, or duplicate
 * detection of IPv6 has not ended, and `absent` is not set), -EACCES (port below
 * net.ipv4.ip_unprivileged_port_start without CAP_NET_BIND_SERVICE), -ENOENT (congestion control
 * unknown), -EPERM (mark or congestion control needs CAP_NET_ADMIN), -EAFNOSUPPORT (no IPv6 here),
 * or what socket(2) says. Every error has its words in `problem`.
 */
int socket_listen(const struct endpoint *endpoint, const struct socket_options *options,
	int *ret_fd, struct problem *problem);

/*
 * An unbound TCP socket of AF_INET or AF_INET6 with the same options, ready for connect(2). Errors
 * as above.
 */
int socket_outgoing(
	uint8_t family, const struct socket_options *options, int *ret_fd, struct problem *problem);

/* What became of the option: a socket of one of the above speaks Multipath TCP (RFC 8684). */
bool socket_is_mptcp(int fd);

/*
 * A listening unix stream socket of mode 0600. Parent directories are made (0755); a socket that
 * nobody listens on is replaced. -EADDRINUSE: a program answers on it; -ENOTSOCK: something else is
 * in its place; -ENAMETOOLONG: past what unix(7) takes (107 bytes). The caller unlinks the path at
 * its end.
 */
int socket_control(const char *path, int *ret_fd, struct problem *problem);

/*
 * Somebody takes TCP connections at an address of this very host, where connecting needs no waiting.
 */
bool socket_answers(const struct endpoint *endpoint);

#endif
