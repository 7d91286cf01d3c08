/* SPDX-License-Identifier: Apache-2.0 */
#include "system/path_watch.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* Names that appear, go and are exchanged. */
	NAME_EVENTS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR,
	/* What happens to a file, or to the files of a directory. */
	FILE_EVENTS = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF,
	LINKS_MAX = 40, /* as the kernel has it, path_resolution(7) */
};

int path_watch_open(struct path_watch *watch)
{
	watch->count = 0;
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return watch->fd < 0 ? -errno : 0;
}

void path_watch_close(struct path_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
	watch->count = 0;
}

/* ---- the way of a path ---- */

/* What is not there, or may not be looked into, is no fault: its directory is watched. */
static int add_spot(struct path_watch *watch, const char *path, const char *name, uint32_t events)
{
	struct path_watch_spot *spot;
	int wd = inotify_add_watch(watch->fd, path, events | IN_MASK_ADD);

	if (wd < 0)
		return errno == ENOSPC || errno == ENOMEM ? -errno : 0;
	for (size_t i = 0; i < watch->count; i++) {
		spot = &watch->spots[i];
		if (spot->wd == wd && strcmp(spot->name, name) == 0) {
			spot->fresh = true;
			return 0;
		}
	}
	if (watch->count == PATH_WATCH_SPOTS_MAX || strlen(name) >= sizeof(spot->name))
		return -ENOSPC;
	spot = &watch->spots[watch->count++];
	*spot = (struct path_watch_spot){ .wd = wd, .fresh = true };
	memcpy(spot->name, name, strlen(name) + 1);
	return 0;
}

struct walk {
	char at[PATH_MAX];   /* the directory that was reached; no link leads there any more */
	char rest[PATH_MAX]; /* what is left of the way */
	unsigned links;
};

/* Takes the next name off the rest; false: nothing is left. */
static bool next_name(struct walk *walk, char name[static NAME_MAX + 1])
{
	char *from = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(from, "/");

	if (len == 0 || len > NAME_MAX)
		return false;
	memcpy(name, from, len);
	name[len] = '\0';
	memmove(walk->rest, &from[len], strlen(&from[len]) + 1);
	return true;
}

/* Puts the target of a link before the rest of the way. False: it cannot be followed. */
static bool follow(struct walk *walk, const char *path)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0 || ++walk->links > LINKS_MAX)
		return false;
	target[len] = '\0';
	if (target[0] == '/')
		memcpy(walk->at, "/", sizeof("/"));
	memcpy(rest, walk->rest, sizeof(rest));
	return (size_t)snprintf(walk->rest, sizeof(walk->rest), "%s/%s", target, rest) <
		sizeof(walk->rest);
}

/* Where the way ends: at a file, or at a directory whose contents count. */
static int watch_end(struct path_watch *watch, const char *path, const struct stat *st)
{
	return add_spot(
		watch, path, "", S_ISDIR(st->st_mode) ? NAME_EVENTS | FILE_EVENTS : FILE_EVENTS);
}

static bool is_last(const struct walk *walk)
{
	return walk->rest[strspn(walk->rest, "/")] == '\0';
}

/* Watches one path. Errors: those of add_spot(). */
static int watch_way(struct path_watch *watch, const char *path)
{
	struct walk walk = { .at = "." };
	char name[NAME_MAX + 1], next[PATH_MAX];
	struct stat st;
	int r = 0;

	if (path[0] == '/')
		memcpy(walk.at, "/", sizeof("/"));
	if ((size_t)snprintf(walk.rest, sizeof(walk.rest), "%s", path) >= sizeof(walk.rest))
		return 0;
	while (r == 0 && next_name(&walk, name)) {
		r = add_spot(watch, walk.at, name, NAME_EVENTS);
		if (r < 0 ||
			(size_t)snprintf(next, sizeof(next), "%s/%s", walk.at, name) >=
				sizeof(next) ||
			lstat(next, &st) < 0)
			return r;
		if (S_ISLNK(st.st_mode)) {
			if (!follow(&walk, next))
				return 0;
		} else if (is_last(&walk)) {
			return watch_end(watch, next, &st);
		} else {
			memcpy(walk.at, next, sizeof(next));
		}
	}
	return r;
}

/* ---- all of them ---- */

static bool is_in_use(const struct path_watch *watch, int wd)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->spots[i].fresh && watch->spots[i].wd == wd)
			return true;
	}
	return false;
}

static void drop_stale(struct path_watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->count; i++) {
		/* The kernel has removed it already if what it watched is gone. */
		if (!watch->spots[i].fresh && !is_in_use(watch, watch->spots[i].wd))
			(void)inotify_rm_watch(watch->fd, watch->spots[i].wd);
	}
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->spots[i].fresh)
			watch->spots[kept++] = watch->spots[i];
	}
	watch->count = kept;
}

int path_watch_set(struct path_watch *watch, const char *const *paths, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < watch->count; i++)
		watch->spots[i].fresh = false;
	for (size_t i = 0; i < count; i++) {
		int one = watch_way(watch, paths[i]);

		r = r < 0 ? r : one;
	}
	drop_stale(watch);
	return r;
}

/* ---- what happens ---- */

static bool concerns(const struct path_watch *watch, const struct inotify_event *event)
{
	if ((event->mask & IN_Q_OVERFLOW) != 0)
		return true;
	for (size_t i = 0; i < watch->count; i++) {
		const struct path_watch_spot *spot = &watch->spots[i];

		if (event->wd == spot->wd &&
			(spot->name[0] == '\0' ||
				(event->len > 0 && strcmp(event->name, spot->name) == 0)))
			return true;
	}
	return false;
}

int path_watch_read(struct path_watch *watch, enum path_watch_event *ret_event)
{
	_Alignas(struct inotify_event) char bytes[4096];
	ssize_t len = read(watch->fd, bytes, sizeof(bytes));

	*ret_event = PATH_WATCH_NOTHING;
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const void *)&bytes[at];

		/* IN_IGNORED follows each watch that ends. */
		if ((event->mask & IN_IGNORED) == 0 && concerns(watch, event))
			*ret_event = (event->mask & IN_MODIFY) != 0 ? PATH_WATCH_WRITING
								    : PATH_WATCH_CHANGED;
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	return 0;
}
