/* SPDX-License-Identifier: Apache-2.0 */
#include "system/socket.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error_text.h"

#ifndef IPPROTO_MPTCP /* glibc before 2.32 */
#define IPPROTO_MPTCP 262
#endif

enum {
	BACKLOG_TCP = 1024, /* connections that queue while an engine restarts */
	BACKLOG_CONTROL = 16,
};

static int set_number(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_congestion(int fd, const char *name, struct problem *problem)
{
	int error;

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0)
		return 0;
	error = errno;
	if (error == ENOENT)
		problem_set(problem,
			"this kernel does not know congestion control '%s'; choose one of those in "
			"`sysctl net.ipv4.tcp_available_congestion_control`, or load its module",
			name);
	else
		problem_set(problem,
			"cannot set congestion control '%s': %s; it needs CAP_NET_ADMIN or has to be "
			"in net.ipv4.tcp_allowed_congestion_control",
			name, error_text(error));
	return -error;
}

static int set_options(int fd, const struct socket_options *options, struct problem *problem)
{
	int r = set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);

	if (r < 0) {
		problem_set(problem, "cannot set TCP_NODELAY: %s", error_text(r));
		return r;
	}
	if (options->congestion && options->congestion[0] != '\0') {
		r = set_congestion(fd, options->congestion, problem);
		if (r < 0)
			return r;
	}
	if (options->mark != 0 &&
		setsockopt(fd, SOL_SOCKET, SO_MARK, &options->mark, sizeof(options->mark)) < 0) {
		r = -errno;
		problem_set(problem, "cannot set mark %u on a socket: %s; it needs CAP_NET_ADMIN",
			options->mark, error_text(r));
		return r;
	}
	return 0;
}

static int open_stream(uint8_t family, int protocol, const struct socket_options *options,
	int *ret_fd, struct problem *problem)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int r;

	if (fd < 0) {
		r = -errno;
		problem_set(problem, "cannot make an %s socket: %s",
			family == AF_INET6 ? "IPv6" : "IPv4", error_text(r));
		return r;
	}
	r = set_options(fd, options, problem);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/*
 * Opens the TCP socket first, even for MPTCP. It checks the options, since an MPTCP socket accepts
 * any congestion control, even a nonexistent one. It also remains the result if this kernel has no
 * MPTCP (EPROTONOSUPPORT, before 5.6 EINVAL), has it turned off (ENOPROTOOPT), or does not support
 * an option there (EOPNOTSUPP).
 */
static int open_tcp(
	uint8_t family, const struct socket_options *options, int *ret_fd, struct problem *problem)
{
	struct problem ignored;
	int fd = -1, multipath = -1;
	int r = open_stream(family, IPPROTO_TCP, options, &fd, problem);

	if (r < 0)
		return r;
	if (options->mptcp &&
		open_stream(family, IPPROTO_MPTCP, options, &multipath, &ignored) == 0) {
		close(fd);
		fd = multipath;
	}
	*ret_fd = fd;
	return 0;
}

bool socket_is_mptcp(int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
		protocol == IPPROTO_MPTCP;
}

int socket_outgoing(
	uint8_t family, const struct socket_options *options, int *ret_fd, struct problem *problem)
{
	return open_tcp(family, options, ret_fd, problem);
}

static int bind_and_listen(int fd, const struct endpoint *endpoint, bool absent)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	int r = set_number(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (r == 0 && endpoint->addr.family == AF_INET6)
		r = set_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (r == 0 && absent)
		r = endpoint->addr.family == AF_INET6
			? set_number(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
			: set_number(fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (r < 0)
		return r;
	if (bind(fd, (const struct sockaddr *)&address, len) < 0 || listen(fd, BACKLOG_TCP) < 0)
		return -errno;
	return 0;
}

static const char *listen_cure(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "; another program listens there, `ss -ltnp` shows which";
	case EADDRNOTAVAIL:
		return "; no interface of this host has that address";
	case EACCES:
		return "; a port this low needs root or CAP_NET_BIND_SERVICE";
	default:
		return "";
	}
}

int socket_listen(const struct endpoint *endpoint, const struct socket_options *options,
	int *ret_fd, struct problem *problem)
{
	char text[ENDPOINT_TEXT_MAX];
	int fd = -1;
	int r = open_tcp(endpoint->addr.family, options, &fd, problem);

	if (r < 0) {
		problem_prepend(problem, "cannot listen on %s", endpoint_format(endpoint, text));
		return r;
	}
	r = bind_and_listen(fd, endpoint, options->absent);
	if (r < 0) {
		problem_set(problem, "cannot listen on %s: %s%s", endpoint_format(endpoint, text),
			error_text(r), listen_cure(-r));
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

bool socket_listens(int fd)
{
	int listens = 0;
	socklen_t len = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0;
}

int socket_listen_again(int fd)
{
	static const struct sockaddr none = { .sa_family = AF_UNSPEC };

	/* The socket was shut down, and new connections would be, too: this takes that back. */
	if (connect(fd, &none, sizeof(none)) < 0 && errno != EOPNOTSUPP)
		return -errno;
	return listen(fd, BACKLOG_TCP) < 0 ? -errno : 0;
}

static int number_of(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -errno : value;
}

/* True if it is a TCP socket that listens at this address. */
static bool listens_at(int fd, const struct endpoint *endpoint)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(address);
	struct endpoint here;

	return number_of(fd, SO_TYPE) == SOCK_STREAM && socket_listens(fd) &&
		getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
		endpoint_from_sockaddr((const struct sockaddr *)&address, len, &here) == 0 &&
		addr_equal(&here.addr, &endpoint->addr) && here.port == endpoint->port;
}

/* Gives a listener the options of another socket, which was made with those of now. */
static int copy_options(int fd, int from)
{
	char congestion[16] = "";
	socklen_t len = sizeof(congestion);
	int mark = number_of(from, SO_MARK);

	if (number_of(fd, SO_PROTOCOL) != number_of(from, SO_PROTOCOL))
		return -EPROTOTYPE;
	if (getsockopt(from, IPPROTO_TCP, TCP_CONGESTION, congestion, &len) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
			(socklen_t)strnlen(congestion, sizeof(congestion))) < 0)
		return -errno;
	if (number_of(fd, SO_MARK) == mark)
		return 0;
	return set_number(fd, SOL_SOCKET, SO_MARK, mark);
}

int socket_listen_take_over(
	int fd, const struct endpoint *endpoint, const struct socket_options *options)
{
	struct problem ignored;
	int like, r;

	if (!listens_at(fd, endpoint))
		return -EADDRNOTAVAIL;
	r = open_tcp(endpoint->addr.family, options, &like, &ignored);
	if (r < 0)
		return r;
	r = copy_options(fd, like);
	close(like);
	return r;
}

/* Makes the directories before the last slash, like mkdir -p. */
static int make_parents(const char *path, struct problem *problem)
{
	char part[PATH_MAX];

	for (size_t i = 1; i < sizeof(part) && path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST) {
			int r = -errno;

			problem_set(problem, "cannot make directory %s: %s", part, error_text(r));
			return r;
		}
	}
	return 0;
}

/* Removes an old socket at the address. */
static int remove_stale(const struct sockaddr_un *address, struct problem *problem)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, r;

	if (lstat(path, &st) < 0) {
		r = errno == ENOENT ? 0 : -errno;
		if (r < 0)
			problem_set(problem, "cannot look at %s: %s", path, error_text(r));
		return r;
	}
	if (!S_ISSOCK(st.st_mode)) {
		problem_set(problem,
			"%s exists and is not a socket; remove it, or choose another control_socket",
			path);
		return -ENOTSOCK;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		r = -errno;
		problem_set(problem, "cannot make a unix socket: %s", error_text(r));
		return r;
	}
	/* EAGAIN: a program listens, and its backlog is full. */
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN
		? -EADDRINUSE
		: 0;
	close(fd);
	if (r < 0) {
		problem_set(problem,
			"already running: a program answers on %s; stop it, or give this one "
			"another name",
			path);
		return r;
	}
	r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (r < 0)
		problem_set(problem, "cannot remove the stale socket %s: %s", path, error_text(r));
	return r;
}

static int bind_control(const struct sockaddr_un *address, int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	/* An unbound socket passes its mode to its file, so the file never has a wider mode. */
	if (fchmod(fd, 0600) < 0 ||
		bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	if (listen(fd, BACKLOG_CONTROL) < 0) {
		r = -errno;
		unlink(address->sun_path);
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int socket_control(const char *path, int *ret_fd, struct problem *problem)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (strlen(path) >= sizeof(address.sun_path)) {
		problem_set(problem, "the control socket's path %s is longer than %zu bytes", path,
			sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path));
	r = make_parents(path, problem);
	if (r < 0)
		return r;
	r = remove_stale(&address, problem);
	if (r < 0)
		return r;
	r = bind_control(&address, ret_fd);
	if (r < 0)
		problem_set(problem, "cannot make the control socket %s: %s", path, error_text(r));
	return r;
}

int socket_control_take_over(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof(address);
	struct stat st;

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
		address.sun_family != AF_UNIX || address.sun_path[0] != '/' || !socket_listens(fd))
		return -EINVAL;
	address.sun_path[sizeof(address.sun_path) - 1] = '\0';
	if (strcmp(address.sun_path, path) != 0) {
		/* The name has changed: the old file leads nowhere from now on. */
		if (lstat(address.sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
			(void)unlink(address.sun_path);
		return -EADDRNOTAVAIL;
	}
	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return -ENOENT;
	/* A client sees from now on that this process made the socket (SO_PEERCRED). */
	return listen(fd, BACKLOG_CONTROL) < 0 ? -errno : 0;
}

bool socket_answers(const struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	int fd = socket(endpoint->addr.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)&address, len) == 0;

	if (fd >= 0)
		close(fd);
	return answers;
}
