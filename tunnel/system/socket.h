/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SOCKET_H
#define CULVERT_SYSTEM_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"

/*
 * The sockets that need privilege or configuration: listening, outgoing, and the control socket.
 * Only netd makes them, and it hands them to the engine. All are non-blocking and CLOEXEC, and the
 * caller closes them.
 */

struct socket_options {
	const char *congestion; /* TCP_CONGESTION; NULL or "": the kernel's default */
	uint32_t mark;          /* SO_MARK; 0: none. Needs CAP_NET_ADMIN */
	bool mptcp;             /* Multipath TCP if this kernel has it, else TCP */
	/* Socket_listen(): also listen on an address that no interface has yet (IP_FREEBIND). */
	bool absent;
};

/*
 * Makes a listening TCP socket with SO_REUSEADDR, IPV6_V6ONLY and TCP_NODELAY. Accepted sockets
 * inherit congestion control, TCP_NODELAY and mark (tests/assumptions/inherited_by_accept.c). On
 * failure *problem says why. -EADDRINUSE. -EADDRNOTAVAIL: without `absent`, no interface has the
 * address, or IPv6's duplicate detection still runs. -EACCES: a port below
 * net.ipv4.ip_unprivileged_port_start without CAP_NET_BIND_SERVICE. -ENOENT: unknown congestion
 * control. -EPERM: mark or congestion control needs CAP_NET_ADMIN. -EAFNOSUPPORT: no IPv6 here.
 * Else an error of socket(2).
 */
int socket_listen(const struct endpoint *endpoint, const struct socket_options *options,
	int *ret_fd, struct problem *problem);

/* Returns true if the socket listens now: an administrator can end it from outside (`ss -K`). */
bool socket_listens(int fd);
/*
 * Makes a socket listen again that was ended so; it has kept its address. Errors: those of
 * listen(2).
 */
int socket_listen_again(int fd);

/*
 * For a restart: judges a socket that another process has made, and gives it the options of now. The
 * caller keeps it in any case. -EADDRNOTAVAIL: it does not listen at this address; -EPROTOTYPE: TCP
 * instead of MPTCP, or the reverse; else the errors of setsockopt(2) and socket_listen().
 */
int socket_listen_take_over(
	int fd, const struct endpoint *endpoint, const struct socket_options *options);

/*
 * Makes an unbound TCP socket of AF_INET or AF_INET6 with the same options, ready for connect(2).
 * Errors: those of socket_listen().
 */
int socket_outgoing(
	uint8_t family, const struct socket_options *options, int *ret_fd, struct problem *problem);

/* True if a socket of one of the functions above uses Multipath TCP (RFC 8684). */
bool socket_is_mptcp(int fd);

/*
 * Makes a listening unix stream socket of mode 0600, with its parent directories (0755). Replaces a
 * socket that no program listens on. The caller unlinks the path at its end. -EADDRINUSE: a program
 * answers on it. -ENOTSOCK: the path is not a socket. -ENAMETOOLONG: more than unix(7) allows (107
 * bytes).
 */
int socket_control(const char *path, int *ret_fd, struct problem *problem);

/*
 * The same for a socket of socket_control() that another process has made: this process becomes its
 * maker. -EADDRNOTAVAIL: it has another path, whose file is removed; -ENOENT: its file is gone;
 * -EINVAL: it is no such socket.
 */
int socket_control_take_over(int fd, const char *path);

/*
 * True if a program accepts TCP connections at this address of this host, where connecting does not
 * wait.
 */
bool socket_answers(const struct endpoint *endpoint);

#endif
