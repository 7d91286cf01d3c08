/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_PROBE_SOCKET_H
#define CULVERT_NETD_PROBE_SOCKET_H

#include "base/addr.h"
#include "base/problem.h"
#include "netd/interfaces.h"

/*
 * The sockets of probed announcements. netd makes them, since it alone knows the routes and may
 * judge them, and the engine waits for the answer and reads it: netd reads nothing that comes from
 * the network.
 *
 * A probe is to show that the network behind this end is alive. Where two gateways have the same
 * network, a probe that went into the tunnel would be answered through the other one. So netd looks
 * up the route first, refuses one that leads into a tunnel, and binds the socket to the link that
 * it found: later changes of routes cannot lead it elsewhere, and only an answer from there counts.
 * An engine has no capability, so it cannot bind the socket again. It carries no mark: it goes the
 * way of the tunnel's own packets to that network, and like these it passes no kill switch. netd's
 * only thread.
 */

/*
 * Makes a non-blocking socket and begins to connect it. TCP: connect(2) is under way or has
 * succeeded. Port 0: a socket for ICMP echo (icmp(7)), with which only the engine speaks.
 *
 * -ENOMEM, -EMFILE, -ENFILE, -ENOBUFS   this host is short of something
 * another negative errno                the target cannot be reached now
 *
 * On failure *problem says why.
 */
int probe_socket_open(const struct interfaces *interfaces, const struct endpoint *target,
	int *ret_fd, struct problem *problem);

#endif
