/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_PATH_WATCH_H
#define CULVERT_SYSTEM_PATH_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Watches what several paths lead to, by inotify(7): each file, each name on the way to it, and
 * each symbolic link on the way with its target's way. So it reports a file that is replaced by a
 * rename, and one that is written in place. It reports a directory that is exchanged, and a link
 * that is turned to another directory, as Kubernetes does with the files of a secret. Where a path
 * leads to a directory, everything in it counts. Says that something happened, not what: the owner
 * compares.
 *
 * A change that this kernel does not see, as that of another host on a network file system, is not
 * reported. One owner, one thread.
 */

enum { PATH_WATCH_SPOTS_MAX = 96 };

struct path_watch_spot {
	int wd;
	bool fresh; /* found by the walk that is going on */
	/* In this directory only the name counts; "": everything that is reported for `wd`. */
	char name[NAME_MAX + 1];
};

struct path_watch {
	int fd; /* -1: not open */
	size_t count;
	struct path_watch_spot spots[PATH_WATCH_SPOTS_MAX];
};

enum path_watch_event {
	PATH_WATCH_NOTHING,
	PATH_WATCH_CHANGED,
	PATH_WATCH_WRITING, /* and a file is open for writing: more will come */
};

/* -EMFILE, -ENFILE: no inotify object can be had (fs.inotify.max_user_instances); -ENOMEM. */
int path_watch_open(struct path_watch *watch);
void path_watch_close(struct path_watch *watch); /* also for one that is not open */

/*
 * Watches these paths and no others. Call it again after a change: the way may lead elsewhere. What
 * does not exist is watched as far as the way does. -ENOSPC: a limit is reached
 * (fs.inotify.max_user_watches, or PATH_WATCH_SPOTS_MAX), and some changes are not reported;
 * -ENOMEM.
 */
int path_watch_set(struct path_watch *watch, const char *const *paths, size_t count);

/* Reads what has happened. Negative errno: no more events will come. */
int path_watch_read(struct path_watch *watch, enum path_watch_event *ret_event);

#endif
