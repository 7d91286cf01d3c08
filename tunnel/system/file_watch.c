/* SPDX-License-Identifier: Apache-2.0 */
#include "system/file_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
	FILE_EVENTS = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF,
	DIRECTORY_EVENTS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR,
};

/* The file may not exist, and is then watched when its directory reports it. */
static void watch_file(struct file_watch *watch)
{
	int now = inotify_add_watch(watch->fd, watch->path, FILE_EVENTS);

	if (watch->file >= 0 && watch->file != now)
		(void)inotify_rm_watch(watch->fd, watch->file);
	watch->file = now;
}

int file_watch_open(struct file_watch *watch, const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int r;

	*watch = (struct file_watch){ .fd = -1, .file = -1, .directory = -1, .path = path };
	if (!slash || slash == path || (size_t)(slash - path) >= sizeof(directory))
		return -EINVAL;
	(void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->fd < 0)
		return -errno;
	watch->directory = inotify_add_watch(watch->fd, directory, DIRECTORY_EVENTS);
	if (watch->directory < 0) {
		r = -errno;
		file_watch_close(watch);
		return r;
	}
	watch_file(watch);
	return 0;
}

void file_watch_close(struct file_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}

static bool concerns(const struct file_watch *watch, const struct inotify_event *event)
{
	if ((event->mask & IN_Q_OVERFLOW) != 0 || event->wd == watch->file)
		return true;
	return event->wd == watch->directory && event->len > 0 &&
		strcmp(event->name, strrchr(watch->path, '/') + 1) == 0;
}

int file_watch_read(struct file_watch *watch, bool *ret_changed)
{
	_Alignas(struct inotify_event) char bytes[4096];
	ssize_t len = read(watch->fd, bytes, sizeof(bytes));
	bool changed = false;

	if (len < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const void *)&bytes[at];

		changed |= concerns(watch, event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (changed)
		watch_file(watch); /* it may be another one */
	*ret_changed = changed;
	return 0;
}
