/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MPTCP sockets take the options that outer connections are given, and so do those accepted from
 * them. A peer without MPTCP gets TCP. (Not tried, as nothing depends on it: Linux 6.18 also takes a
 * congestion control that does not exist, and connects with another.)
 */
#include "tests/assumptions/assume.h"

#include <netinet/tcp.h>

enum { PROTOCOL_MPTCP = 262, MARK = 77 };

static void set(int fd, int level, int option, int value, const char *what)
{
	assume(setsockopt(fd, level, option, &value, sizeof(value)) == 0, what);
}

static void has(int fd, int level, int option, int value, const char *what)
{
	socklen_t len = sizeof(value);
	int found = -1;

	assume(getsockopt(fd, level, option, &found, &len) == 0 && found == value, what);
}

static int open_stream(int family, int protocol)
{
	int fd = socket(family, SOCK_STREAM, protocol);

	if (fd < 0 && protocol == PROTOCOL_MPTCP)
		skip("no MPTCP socket");
	assume(fd >= 0, "a socket");
	return fd;
}

static int make_listener(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = open_stream(AF_INET, PROTOCOL_MPTCP);

	set(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
	set(fd, SOL_SOCKET, SO_MARK, MARK, "SO_MARK");
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	assume(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == 0, "TCP_CONGESTION");
	assume(bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, 2) == 0 &&
			getsockname(fd, (struct sockaddr *)address, &len) == 0,
		"an MPTCP socket listens");
	return fd;
}

static void try_connection(int listener, const struct sockaddr_in *address, int protocol)
{
	int client = open_stream(AF_INET, protocol), accepted;
	char name[16] = "";
	socklen_t len = sizeof(name);

	assume(connect(client, (const struct sockaddr *)address, sizeof(*address)) == 0, "connect");
	accepted = accept(listener, NULL, NULL);
	assume(accepted >= 0, "accept");
	has(accepted, SOL_SOCKET, SO_PROTOCOL, protocol, "the accepted socket is what came");
	has(accepted, IPPROTO_TCP, TCP_NODELAY, 1, "it has its listener's TCP_NODELAY");
	has(accepted, SOL_SOCKET, SO_MARK, MARK, "it has its listener's mark");
	assume(getsockopt(accepted, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0 &&
			strcmp(name, "reno") == 0,
		"it has its listener's congestion control");
	close(accepted);
	close(client);
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener, fd;

	own_namespace();
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = make_listener(&address);
	try_connection(listener, &address, PROTOCOL_MPTCP);
	try_connection(listener, &address, IPPROTO_TCP);

	fd = socket(AF_INET6, SOCK_STREAM, PROTOCOL_MPTCP);
	if (fd < 0)
		skip("no IPv6");
	set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
	return 0;
}
