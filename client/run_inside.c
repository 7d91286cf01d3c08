/* SPDX-License-Identifier: Apache-2.0 */
#include "client/run_inside.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/log.h"
#include "netd/guest.h"
#include "system/ipc.h"
#include "system/mounts.h"
#include "system/userns.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLVED_DIR "/run/systemd/resolve"

/*
 * Sockets of the host's name services; a question to them would leave the namespace. When they are
 * hidden, nss-resolve and nss-mdns fail, and nsswitch.conf continues with "dns".
 */
static const char *const hidden[] = { RESOLVED_DIR, "/run/nscd", "/run/avahi-daemon" };

struct resolv {
	bool exists;         /* the host has a resolv.conf */
	char path[PATH_MAX]; /* after all symbolic links */
	char *kept;          /* its text if it is about to be hidden, else NULL */
	size_t kept_len;
};

/*
 * Reads the host's file before anything is hidden. systemd-resolved's stub is a loopback address,
 * on which nothing listens here; the file beside it has its upstream resolvers.
 */
static void resolv_look(struct resolv *resolv)
{
	static const char dir[] = RESOLVED_DIR "/";

	*resolv = (struct resolv){ .kept = NULL };
	resolv->exists = realpath(RESOLV_CONF, resolv->path) != NULL;
	if (resolv->exists && strncmp(resolv->path, dir, sizeof(dir) - 1) == 0)
		(void)file_read(RESOLVED_DIR "/resolv.conf", FILE_PUBLIC, &resolv->kept,
			&resolv->kept_len, NULL);
}

/*
 * If the tunnel has its own resolvers, or the host's file is hidden, puts another file in place,
 * which the parent may write to.
 */
static void resolv_set(const struct resolv *resolv, const char *pushed, int channel)
{
	const char *text = pushed[0] ? pushed : resolv->kept;
	struct problem problem;
	int fd = -1, r;

	if (!text)
		return;
	if (!resolv->exists) {
		log_warning("this host has no " RESOLV_CONF
			    ", so the command cannot use the tunnel's resolvers");
		return;
	}
	r = mounts_replace(resolv->path, text, strlen(text), &fd, &problem);
	if (r < 0) {
		log_warning("%s: the command resolves names as this host does", problem.text);
		return;
	}
	(void)ipc_send(channel, "", 1, &fd, 1); /* if the parent has ended, so do we */
	close(fd);
}

static int make(struct resolv *resolv, struct problem *problem)
{
	int r = userns_unshare(problem);

	resolv_look(resolv);
	for (size_t i = 0; i < ARRAY_SIZE(hidden) && r == 0; i++)
		r = mounts_hide(hidden[i], problem);
	if (r == 0 && resolv->kept)
		r = mounts_make_file(resolv->path, problem);
	if (r == 0)
		mounts_sys_net();
	return r;
}

static bool send_text(int channel, const char *text)
{
	return ipc_send(channel, text, strlen(text) + 1, NULL, 0) == 0;
}

/* Receives the parent's text. False: the parent has ended. */
static bool receive_text(int channel, char text[static GUEST_RESOLV_MAX + 1])
{
	struct pollfd wait = { .fd = channel, .events = POLLIN };
	size_t len = 0, fd_count;
	int r;

	do {
		(void)poll(&wait, 1, -1);
		r = ipc_receive(channel, text, GUEST_RESOLV_MAX, &len, NULL, 0, &fd_count);
	} while (r == -EAGAIN || r == -EINTR);
	text[len] = '\0';
	return r == 0;
}

_Noreturn static void become(char **command)
{
	int error;

	(void)execvp(command[0], command);
	error = errno;
	log_error("cannot run %s: %s", command[0], error_text(error));
	_exit(error == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE);
}

_Noreturn void run_inside(int channel, char **command)
{
	char pushed[GUEST_RESOLV_MAX + 1];
	struct problem problem = { 0 };
	struct resolv resolv;

	log_init("run", LOG_LEVEL_WARNING);
	/* If Culvert is killed, nothing of it remains. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (make(&resolv, &problem) < 0) {
		(void)send_text(channel, problem.text);
		_exit(GUEST_FAILED);
	}
	if (!send_text(channel, "") || !receive_text(channel, pushed))
		_exit(GUEST_FAILED);
	resolv_set(&resolv, pushed, channel);
	become(command);
}
