/* SPDX-License-Identifier: Apache-2.0 */
#include "system/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error_text.h"

static const char variable[] = "NOTIFY_SOCKET", store_variable[] = "FDSTORE";

enum { FIRST_PASSED = 3, PASSED_MAX = 4096 }; /* descriptors that a supervisor passes on */

/* Makes the address of a path, or of "@NAME" in the abstract namespace. */
static int make_address(const char *name, struct sockaddr_un *out, socklen_t *ret_len)
{
	size_t len = strlen(name);

	if (len < 2 || (name[0] != '/' && name[0] != '@'))
		return -EINVAL;
	if (len >= sizeof(out->sun_path))
		return -ENAMETOOLONG;
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(out->sun_path, name, len);
	if (name[0] == '@')
		out->sun_path[0] = '\0';
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

static int connect_to(const struct sockaddr_un *address, socklen_t len, int *ret_fd)
{
	struct timeval patience = { .tv_sec = SUPERVISOR_PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
		connect(fd, (const struct sockaddr *)address, len) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int supervisor_open(struct supervisor *supervisor, struct problem *problem)
{
	const char *name = getenv(variable), *store = getenv(store_variable);
	struct sockaddr_un address;
	socklen_t len;
	int r;

	supervisor->fd = -1;
	supervisor->stores = store && strtoul(store, NULL, 10) > 0;
	(void)unsetenv(store_variable);
	if (!name || name[0] == '\0')
		return 0;
	r = make_address(name, &address, &len);
	if (r == 0)
		r = connect_to(&address, len, &supervisor->fd);
	if (r < 0)
		problem_set(problem, "cannot reach the supervisor at %s (%s): %s", name, variable,
			error_text(r));
	(void)unsetenv(variable);
	return r;
}

int supervisor_notify(const struct supervisor *supervisor, const char *lines)
{
	ssize_t n;

	if (supervisor->fd < 0)
		return 0;
	do
		n = send(supervisor->fd, lines, strlen(lines), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* ---- descriptors for the next run ---- */

/* Sends the lines with one descriptor. */
static int send_with(const struct supervisor *supervisor, const char *lines, int fd)
{
	struct iovec bytes = { .iov_base = (void *)(uintptr_t)lines, .iov_len = strlen(lines) };
	union {
		char bytes[CMSG_SPACE(sizeof(fd))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct msghdr message = { .msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	ssize_t n;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	do
		n = sendmsg(supervisor->fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/*
 * Waits until the supervisor has read all that was sent before: it closes the pipe's end that it
 * gets. A message of a process that has ended would be lost.
 */
static int wait_until_read(const struct supervisor *supervisor)
{
	struct pollfd end = { .events = POLLIN };
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = send_with(supervisor, "BARRIER=1", fds[1]);
	close(fds[1]);
	end.fd = fds[0];
	if (r == 0) {
		do
			r = poll(&end, 1, SUPERVISOR_PATIENCE_S * 1000);
		while (r < 0 && errno == EINTR);
		r = r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
	}
	close(fds[0]);
	return r;
}

int supervisor_keep(const struct supervisor *supervisor, const char *name, int fd)
{
	char lines[128];
	int r;

	if (supervisor->fd < 0 || !supervisor->stores)
		return -EOPNOTSUPP;
	/* FDPOLL=0: the supervisor must not take a socket whose other end is closed for a dead one. */
	(void)snprintf(lines, sizeof(lines), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	r = send_with(supervisor, lines, fd);
	return r < 0 ? r : wait_until_read(supervisor);
}

int supervisor_drop(const struct supervisor *supervisor, const char *name)
{
	char lines[128];

	if (supervisor->fd < 0 || !supervisor->stores)
		return 0;
	(void)snprintf(lines, sizeof(lines), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	return supervisor_notify(supervisor, lines);
}

/* Returns how many descriptors the supervisor has passed to this very process. */
static int count_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	long n;

	if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	n = strtol(count, NULL, 10);
	return n < 0 || n > PASSED_MAX ? 0 : (int)n;
}

/* Returns the position of a name in a list with colons between, or -1. */
static int position_of(const char *name, const char *list)
{
	size_t len = strlen(name);

	for (int at = 0; list; at++) {
		size_t here = strcspn(list, ":");

		if (here == len && memcmp(list, name, len) == 0)
			return at;
		list = list[here] == ':' ? &list[here + 1] : NULL;
	}
	return -1;
}

int supervisor_take(const char *name, int *ret_fd)
{
	int count = count_passed(), wanted = position_of(name, getenv("LISTEN_FDNAMES"));
	int found = -1;

	for (int i = 0; i < count; i++) {
		if (i != wanted)
			close(FIRST_PASSED + i);
		else if (fcntl(FIRST_PASSED + i, F_SETFD, FD_CLOEXEC) == 0)
			found = FIRST_PASSED + i;
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (found < 0)
		return -ENOENT;
	*ret_fd = found;
	return 0;
}

void supervisor_close(struct supervisor *supervisor)
{
	if (supervisor->fd >= 0)
		close(supervisor->fd);
	supervisor->fd = -1;
}
