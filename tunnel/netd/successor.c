/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/successor.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error_text.h"
#include "system/ipc.h"

int successor_path(const struct settings *settings, char *out, size_t size)
{
	int n;

	if (settings->control_socket[0] == '\0')
		return -EINVAL;
	n = snprintf(out, size, "%s" SUCCESSOR_SUFFIX, settings->control_socket);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* The kernel names the process that has called listen(2) on the other end. */
static int check_who(int fd, pid_t pid, struct problem *problem)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return -errno;
	if (who.pid == pid && who.uid == geteuid())
		return 0;
	problem_set(
		problem, "process %d of user %u answers there", (int)who.pid, (unsigned)who.uid);
	return -EPERM;
}

static int connect_to(const struct settings *settings, int *ret_fd, struct problem *problem)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r = successor_path(settings, address.sun_path, sizeof(address.sun_path)), fd;

	if (r < 0) {
		problem_set(problem, "control_socket: %s", error_text(r));
		return r;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		problem_set(problem,
			"%s: %s; only a netd that runs as root and under no supervisor can be succeeded, by a configuration with the same control_socket",
			address.sun_path, error_text(r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* Waits until the other end has written or has ended. */
static int await(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int r;

	do
		r = poll(&ready, 1, SUCCESSOR_PATIENCE_S * 1000);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

static int take_answer(int fd, int *ret_parcel, struct problem *problem)
{
	char text[SUCCESSOR_TEXT_MAX + 1];
	size_t len = 0, count = 0;
	uint32_t given;
	int r = ipc_receive(fd, text, sizeof(text) - 1, &len, ret_parcel, 1, &count);

	if (r < 0)
		return r;
	memcpy(&given, text, sizeof(given));
	if (count == 1 && len == sizeof(given) && given == SUCCESSOR_GIVEN)
		return 0;
	if (count == 1)
		close(*ret_parcel);
	problem_escape(problem->text, sizeof(problem->text), text, len);
	return -ECANCELED;
}

int successor_ask(const struct settings *settings, pid_t pid, int *ret_socket, int *ret_parcel,
	struct problem *problem)
{
	const uint32_t asks = SUCCESSOR_ASKS;
	int fd = -1, r = connect_to(settings, &fd, problem);

	if (r < 0)
		return r;
	problem_set(problem, "%s", "");
	r = check_who(fd, pid, problem);
	if (r == 0)
		r = ipc_send(fd, &asks, sizeof(asks), NULL, 0);
	if (r == 0)
		r = await(fd);
	if (r == 0)
		r = take_answer(fd, ret_parcel, problem);
	if (r < 0) {
		if (problem->text[0] == '\0')
			problem_set(problem, "%s", error_text(r));
		close(fd);
		return r;
	}
	*ret_socket = fd;
	return 0;
}

void successor_took(int socket)
{
	const uint32_t took = SUCCESSOR_TOOK;

	/* A predecessor that has ended cannot read it, and need not. */
	(void)ipc_send(socket, &took, sizeof(took), NULL, 0);
}
