/* SPDX-License-Identifier: Apache-2.0 */
#include "system/supervisor.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error_text.h"

static const char variable[] = "NOTIFY_SOCKET";

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
	const char *name = getenv(variable);
	struct sockaddr_un address;
	socklen_t len;
	int r;

	supervisor->fd = -1;
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

void supervisor_close(struct supervisor *supervisor)
{
	if (supervisor->fd >= 0)
		close(supervisor->fd);
	supervisor->fd = -1;
}
