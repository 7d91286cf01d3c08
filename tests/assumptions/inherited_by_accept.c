/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted sockets have their listener's congestion control, TCP_NODELAY and mark, so that setting
 * them once, by netd, is enough (system/socket.c).
 */
#include "tests/assumptions/assume.h"

#include <netinet/tcp.h>

static int make_listener(const char *congestion, struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, mark = 77;

	assume(fd >= 0 && bind(fd, (const struct sockaddr *)address, len) == 0 &&
			listen(fd, 1) == 0 &&
			getsockname(fd, (struct sockaddr *)address, &len) == 0,
		"a socket listens");
	assume(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
		       (socklen_t)strlen(congestion)) == 0,
		"congestion control is set");
	assume(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0, "TCP_NODELAY");
	assume(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0, "SO_MARK");
	return fd;
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char before[16] = "", name[16] = "";
	socklen_t len = sizeof(before);
	int listener, client, accepted, value = 0;
	const char *other;

	own_namespace();
	client = socket(AF_INET, SOCK_STREAM, 0);
	assume(getsockopt(client, IPPROTO_TCP, TCP_CONGESTION, before, &len) == 0, "the default");
	/* reno is in every kernel; any other will do when it is the default. */
	other = strcmp(before, "reno") == 0 ? "cubic" : "reno";
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = make_listener(other, &address);
	assume(connect(client, (const struct sockaddr *)&address, sizeof(address)) == 0, "connect");
	accepted = accept(listener, NULL, NULL);
	assume(accepted >= 0, "accept");
	len = sizeof(name);
	assume(getsockopt(accepted, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0 &&
			strcmp(name, other) == 0,
		"an accepted socket has its listener's congestion control");
	len = sizeof(value);
	assume(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &value, &len) == 0 && value == 1,
		"an accepted socket has its listener's TCP_NODELAY");
	assume(getsockopt(accepted, SOL_SOCKET, SO_MARK, &value, &len) == 0 && value == 77,
		"an accepted socket has its listener's mark");
	return 0;
}
