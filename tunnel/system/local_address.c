/* SPDX-License-Identifier: Apache-2.0 */
#include "system/local_address.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Binding to an address that this host lacks fails with EADDRNOTAVAIL, ip(7). Nothing is sent. */
bool local_address_is_here(const struct addr *addr)
{
	struct endpoint endpoint = { .addr = *addr };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &sa);
	int fd = socket(addr->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool gone;

	if (fd < 0)
		return true;
	gone = bind(fd, (struct sockaddr *)&sa, len) < 0 && errno == EADDRNOTAVAIL;
	close(fd);
	return !gone;
}
