/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_FILE_H
#define CULVERT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"

/*
 * Reads and writes whole files: configuration, certificates, keys, the lease file. The calls block,
 * so never use them on a packet's path. Any thread.
 */

enum { FILE_SIZE_MAX = 4 << 20 }; /* bytes; Culvert reads no larger file whole */

enum file_privacy {
	FILE_PUBLIC,
	FILE_PRIVATE, /* refused unless file_check_private() accepts it */
};

/*
 * Reads a whole regular file and adds a NUL past its end, which *ret_len does not count. The caller
 * frees *ret_data. On failure *problem says why. -ENOENT, -EACCES, -EISDIR (a directory, or not a
 * regular file), -EFBIG (past FILE_SIZE_MAX), -EPERM (FILE_PRIVATE: *problem names the chmod or
 * chown to run), -EIO, -ENOMEM, or another error of open(2).
 */
int file_read(const char *path, enum file_privacy privacy, char **ret_data, size_t *ret_len,
	struct problem *problem);

/*
 * Reads the same from an open descriptor, from the file's beginning. Leaves the descriptor open and
 * its offset unchanged.
 */
int file_read_fd(int fd, char **ret_data, size_t *ret_len);

/*
 * Checks that the file may hold a secret, such as a private key. Group and others must have no
 * right to it, and its owner must be root or the running user. For a user other than root, root's
 * file may be readable by its group. On failure *problem says why. -EPERM: *problem names the chmod
 * or chown to run. Else an error of stat(2).
 */
int file_check_private(const char *path, struct problem *problem);

/*
 * Writes all bytes, with as many calls of write(2) as it takes. Negative errno: some bytes may be
 * written.
 */
int file_write_all(int fd, const void *data, size_t len);

/*
 * Replaces the file `name` in the open directory: temporary file, fsync, rename, fsync of the
 * directory. A reader sees the old or the new content, never a mixture. A crash leaves at most
 * "name.tmp", which the next call replaces. The file's mode is 0600. -EINVAL: `name` is empty or
 * has a slash. -ENAMETOOLONG, or an error of the system calls.
 */
int file_replace_at(int dir_fd, const char *name, const void *data, size_t len);

/*
 * Does the same if the directory has no file of that name yet. -EEXIST: it has one, which stays
 * unchanged.
 */
int file_create_at(int dir_fd, const char *name, const void *data, size_t len);

#endif
