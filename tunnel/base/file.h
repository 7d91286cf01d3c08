/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_FILE_H
#define CULVERT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"

/*
 * Whole files in memory: configuration, certificates, keys, the lease file. Blocking, any thread;
 * never on a packet's path.
 */

enum { FILE_SIZE_MAX = 4 << 20 }; /* bytes; nothing that Culvert reads whole is larger */

enum file_privacy {
	FILE_PUBLIC,
	FILE_PRIVATE, /* refused unless file_check_private() lets it pass */
};

/*
 * Reads a regular file whole, a NUL added past its end (not counted). The caller frees *ret_data.
 * Errors are said in `problem`: -ENOENT, -EACCES, -EISDIR (a directory, or not a regular file),
 * -EFBIG (past FILE_SIZE_MAX), -EPERM (FILE_PRIVATE: names the chmod or chown that mends it), -EIO,
 * -ENOMEM, or what open(2) says else.
 */
int file_read(const char *path, enum file_privacy privacy, char **ret_data, size_t *ret_len,
	struct problem *problem);

/* The same from an open descriptor, from its beginning; the descriptor and its offset stay. */
int file_read_fd(int fd, char **ret_data, size_t *ret_len);

/*
 * May the file hold a secret, such as a private key? Group and others must have no right to it, and it must belong to
 * root or to the running user; a user who is not root may have one of root's that its group can
 * read. -EPERM: `problem` names the chmod or chown that mends it; else what stat(2) says, in words
 * as well.
 */
int file_check_private(const char *path, struct problem *problem);

/* Writes everything, however often write(2) takes a part. Negative errno: some may be written. */
int file_write_all(int fd, const void *data, size_t len);

/*
 * Replaces `name` in the open directory by `data`: temporary file, fsync, rename, fsync of the
 * directory. A reader sees the old or the new content, never a mixture; a crash leaves at most
 * "name.tmp", which the next call replaces. The file's mode is 0600. -EINVAL: `name` is empty or
 * has a slash; -ENAMETOOLONG; else what the system calls say.
 */
int file_replace_at(int dir_fd, const char *name, const void *data, size_t len);

/* The same where there must be no such file yet. -EEXIST: there is one, and it stays. */
int file_create_at(int dir_fd, const char *name, const void *data, size_t len);

#endif
