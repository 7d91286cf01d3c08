/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error_text.h"

/*
 * Reads up to `capacity` bytes from the file's beginning. Returns their number or a negative errno.
 */
static ssize_t read_from_start(int fd, char *data, size_t capacity)
{
	size_t len = 0;

	while (len < capacity) {
		ssize_t n = pread(fd, data + len, capacity - len, (off_t)len);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int file_read_fd(int fd, char **ret_data, size_t *ret_len)
{
	struct stat st;
	size_t capacity;
	ssize_t len;
	char *data;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	if (st.st_size > FILE_SIZE_MAX)
		return -EFBIG;
	/*
	 * One byte more than the size shows a file that grows during the read. Files of /proc and
	 * /sys report a size of 0 or 4096, which need not be true.
	 */
	capacity = (size_t)(st.st_size < 4096 ? 4096 : st.st_size) + 1;
	data = malloc(capacity + 1);
	if (!data)
		return -ENOMEM;
	len = read_from_start(fd, data, capacity);
	if (len < 0 || (size_t)len == capacity) {
		free(data);
		return len < 0 ? (int)len : -EIO;
	}
	data[len] = '\0';
	*ret_data = data;
	*ret_len = (size_t)len;
	return 0;
}

/*
 * Root without CAP_DAC_OVERRIDE, as netd is, has no more rights to a file than its owner and mode
 * give.
 */
static void explain_denied(struct problem *problem, const char *path)
{
	const char *why = error_text(-EACCES);
	struct stat st;

	if (geteuid() != 0)
		problem_set(problem,
			"cannot read %s: %s; run it as root (sudo), or as the user that owns the file",
			path, why);
	else if (stat(path, &st) < 0)
		problem_set(problem,
			"cannot read %s: %s; a directory above it is another user's and closed to root: chown root it, or chmod o+x it",
			path, why);
	else if (st.st_uid != 0)
		problem_set(problem,
			"cannot read %s: %s; it belongs to another user (uid %u); run: chown root %s",
			path, why, (unsigned)st.st_uid, path);
	else
		problem_set(problem, "cannot read %s: %s; its mode is %04o; run: chmod u+r %s",
			path, why, (unsigned)(st.st_mode & 07777), path);
}

static void explain(struct problem *problem, const char *path, int error)
{
	if (error == -EISDIR)
		problem_set(problem, "%s is not a regular file", path);
	else if (error == -EFBIG)
		problem_set(problem, "%s is larger than %d bytes", path, FILE_SIZE_MAX);
	else if (error == -ENOENT && path[0] != '/')
		problem_set(problem,
			"cannot read %s: %s in the directory that this was started in; write the path from / on",
			path, error_text(error));
	else if (error == -EACCES)
		explain_denied(problem, path);
	else
		problem_set(problem, "cannot read %s: %s", path, error_text(error));
}

/*
 * The rights of group and others. For a user other than root, root's file may be readable by its
 * group: that is how secrets are mounted into containers.
 */
static mode_t rights_of_others(const struct stat *st)
{
	mode_t rights = st->st_mode & (S_IRWXG | S_IRWXO);

	if (st->st_uid == 0 && geteuid() != 0)
		rights &= ~(mode_t)S_IRGRP;
	return rights;
}

/* Checks the open file, or the file at the path if fd is -1. */
static int check_private(int fd, const char *path, struct problem *problem)
{
	struct stat st;
	int r;

	if ((fd >= 0 ? fstat(fd, &st) : stat(path, &st)) < 0) {
		r = -errno;
		explain(problem, path, r);
		return r;
	}
	if (rights_of_others(&st) != 0) {
		problem_set(problem,
			"%s is open to others than its owner (mode %04o); run: chmod 600 %s", path,
			(unsigned)(st.st_mode & 07777), path);
		return -EPERM;
	}
	/* A file's owner may change its content and its mode. */
	if (st.st_uid == 0 || st.st_uid == geteuid())
		return 0;
	problem_set(problem,
		"%s holds a secret but belongs to another user (uid %u); run: chown root %s", path,
		(unsigned)st.st_uid, path);
	return -EPERM;
}

int file_check_private(const char *path, struct problem *problem)
{
	return check_private(-1, path, problem);
}

int file_read(const char *path, enum file_privacy privacy, char **ret_data, size_t *ret_len,
	struct problem *problem)
{
	/* O_NONBLOCK: opening a FIFO must not block before the check refuses it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0) {
		r = -errno;
		explain(problem, path, r);
		return r;
	}
	r = privacy == FILE_PRIVATE ? check_private(fd, path, problem) : 0;
	if (r == 0) {
		r = file_read_fd(fd, ret_data, ret_len);
		if (r < 0)
			explain(problem, path, r);
	}
	close(fd);
	return r;
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *bytes = data;
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Makes the file `name` with the data; when it returns 0 the data is on disk. */
static int write_new(int dir_fd, const char *name, const void *data, size_t len)
{
	int fd, r;

	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, data, len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	/* Network file systems report a failed write here. */
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* A rename would replace an existing file; a hard link cannot. */
static int link_as_new(int dir_fd, const char *temporary, const char *name)
{
	if (linkat(dir_fd, temporary, dir_fd, name, 0) < 0)
		return -errno;
	return unlinkat(dir_fd, temporary, 0) < 0 ? -errno : 0;
}

static int rename_over(int dir_fd, const char *temporary, const char *name)
{
	return renameat(dir_fd, temporary, dir_fd, name) < 0 ? -errno : 0;
}

static int write_at(int dir_fd, const char *name, const void *data, size_t len,
	int (*publish)(int dir_fd, const char *temporary, const char *name))
{
	char temporary[NAME_MAX + 1];
	int r;

	if (name[0] == '\0' || strchr(name, '/'))
		return -EINVAL;
	r = snprintf(temporary, sizeof(temporary), "%s.tmp", name);
	if (r < 0 || (size_t)r >= sizeof(temporary))
		return -ENAMETOOLONG;
	r = write_new(dir_fd, temporary, data, len);
	if (r < 0)
		goto remove;
	r = publish(dir_fd, temporary, name);
	if (r < 0)
		goto remove;
	return fsync(dir_fd) < 0 ? -errno : 0;

remove:
	(void)unlinkat(dir_fd, temporary, 0);
	return r;
}

int file_replace_at(int dir_fd, const char *name, const void *data, size_t len)
{
	return write_at(dir_fd, name, data, len, rename_over);
}

int file_create_at(int dir_fd, const char *name, const void *data, size_t len)
{
	return write_at(dir_fd, name, data, len, link_as_new);
}
