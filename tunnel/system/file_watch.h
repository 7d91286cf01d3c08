/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_FILE_WATCH_H
#define CULVERT_SYSTEM_FILE_WATCH_H

#include <stdbool.h>

/*
 * Watches one file by inotify(7), whether a program replaces it, which its directory reports, or
 * writes it in place, which the file itself reports; a file that is mounted by itself has no other
 * report. Says that something happened, not what: the owner compares. One owner, one thread.
 */

struct file_watch {
	int fd;              /* -1: not open */
	int file, directory; /* watches; -1: none */
	const char *path;    /* borrowed */
};

/*
 * Begins; the path is absolute and borrowed. -EMFILE, -ENOSPC: a limit of inotify is reached
 * (fs.inotify.max_user_instances, max_user_watches). -EINVAL: the path is not absolute, or has no
 * directory but the root. Else the errors of inotify_add_watch(2).
 */
int file_watch_open(struct file_watch *watch, const char *path);
void file_watch_close(struct file_watch *watch); /* also for one that is not open */

/*
 * Reads what has happened. *ret_changed: the file may be another or have another text. Lost events
 * count as a change. Negative errno: no more events will come.
 */
int file_watch_read(struct file_watch *watch, bool *ret_changed);

#endif
