/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the one TCP connection of the programs that send something through a tunnel. */
#ifndef CULVERT_TESTS_SYSTEM_CONNECTION_H
#define CULVERT_TESTS_SYSTEM_CONNECTION_H

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

/*
 * Accepts the first connection at the endpoint, or connects to it. -1: errno says why; the caller
 * then ends.
 */
static inline int connection_open(bool listener, const struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	const int on = 1;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (!listener)
		return connect(fd, (struct sockaddr *)&address, len) < 0 ? -1 : fd;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 1) < 0)
		return -1;
	return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
}

#endif
