/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/program_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/executable.h"
#include "system/process.h"
#include "wire/request.h"

/*
 * The path comes from the kernel, not from argv[0], which the caller can choose freely. AT_EXECFN
 * is the path given to execve(2), and /proc/self/exe is the file's own path.
 */

void program_file_init(struct program_file *file)
{
	*file = (struct program_file){ .fd = -1, .before = -1 };
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void program_file_close(struct program_file *file)
{
	close_fd(&file->fd);
	close_fd(&file->before);
}

/* ---- the path ---- */

static bool begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

static bool leads_to(const char *path, const struct stat *self)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == self->st_dev && st.st_ino == self->st_ino;
}

/* Makes the path given to execve(2) absolute. Returns false when the path cannot be used later. */
static bool path_as_executed(const struct stat *self, char path[static PATH_MAX])
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel passes it in this form. */
	const char *name = (const char *)getauxval(AT_EXECFN);
	char here[PATH_MAX] = "";
	int n;

	if (!name || name[0] == '\0')
		return false;
	if (name[0] != '/' && !getcwd(here, sizeof(here)))
		return false;
	while (begins(name, "./"))
		name += 2;
	n = snprintf(path, PATH_MAX, "%s%s%s", here, name[0] != '/' ? "/" : "", name);
	/* The path of a descriptor (fexecve(3)) may name another file later. */
	return n > 0 && n < PATH_MAX && !begins(path, "/proc/") && !begins(path, "/dev/fd/") &&
		leads_to(path, self);
}

/*
 * Finds the file's own path. The kernel marks the path of a file that was removed or replaced; the
 * file that is there instead is the one to use later.
 */
static bool path_of_file(const struct stat *self, char path[static PATH_MAX])
{
	static const char mark[] = " (deleted)";
	const size_t mark_len = sizeof(mark) - 1;
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	size_t len;

	if (n <= 0 || path[0] != '/') /* "(unreachable)/…": of another root */
		return false;
	len = (size_t)n;
	path[len] = '\0';
	if (!leads_to(path, self) && len > mark_len && strcmp(&path[len - mark_len], mark) == 0)
		path[len - mark_len] = '\0';
	return true;
}

int program_file_open(struct program_file *file)
{
	struct stat self;
	int fd, r = process_open_self(&fd);

	if (r < 0)
		return r;
	if (fstat(fd, &self) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	file->fd = fd;
	if (!path_as_executed(&self, file->path) && !path_of_file(&self, file->path))
		file->path[0] = '\0';
	return 0;
}

/* ---- the file that is there now ---- */

enum { MARK_SIZE = 28, READ_SIZE = 65536 };

/*
 * A mark in every program of ours, so that its version can be read from the file without executing
 * it. A file has only this copy of the magic.
 */
static const struct version_mark {
	char magic[MARK_SIZE];
	uint32_t version;
} version_mark __attribute__((used)) = { "culvert REQUEST_VERSION is", REQUEST_VERSION };

/* Finds the mark in one piece of a file. Returns false when the piece has none. */
static bool find_mark(const uint8_t *bytes, size_t len, uint32_t *ret_version)
{
	const void *at = memmem(bytes, len, version_mark.magic, MARK_SIZE);
	struct version_mark found;
	struct reader reader;

	if (!at)
		return false;
	reader_init(&reader, at, len - (size_t)((const uint8_t *)at - bytes));
	if (reader_copy(&reader, &found, sizeof(found)) < 0)
		return false;
	*ret_version = found.version;
	return true;
}

/*
 * Reads the version of the messages between netd and engine that a program uses. Pieces overlap, so
 * that one of them has the whole mark. -ENODATA: the program has no mark; -ENOMEM; else the errors
 * of open(2) and read(2).
 */
static int read_version(int fd, uint32_t *ret_version)
{
	const size_t overlap = sizeof(struct version_mark) - 1;
	char path[32];
	uint8_t *bytes = malloc(READ_SIZE);
	int file, r = -ENODATA;
	ssize_t n;

	if (!bytes)
		return -ENOMEM;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0) {
		r = -errno;
		goto out;
	}
	for (off_t at = 0; (n = pread(file, bytes, READ_SIZE, at)) > 0; at += n - (off_t)overlap) {
		if (find_mark(bytes, (size_t)n, ret_version)) {
			r = 0;
			break;
		}
		if ((size_t)n <= overlap)
			break;
	}
	if (n < 0)
		r = -errno;
	close(file);
out:
	free(bytes);
	return r;
}

/* A program that has no mark or cannot be read is accepted here: its trial decides. */
static int judge_version(const char *path, int fd, struct problem *problem)
{
	uint32_t version = REQUEST_VERSION;

	if (read_version(fd, &version) < 0 || version == REQUEST_VERSION)
		return 0;
	problem_set(problem,
		"%s speaks version %" PRIu32 " between netd and engine, the running netd version "
		"%d: an engine alone cannot be replaced; restart the whole program instead: "
		"systemctl restart, or culvert down and up",
		path, version, REQUEST_VERSION);
	return -EPROTO;
}

int program_file_renew(struct program_file *file, struct problem *problem)
{
	int fd, r;

	if (program_file_on_trial(file)) {
		problem_set(problem, "a reexec is in progress already; try again in a moment");
		return -EBUSY;
	}
	if (file->path[0] == '\0') {
		problem_set(problem, "the path of this program is not known: restart it instead");
		return -ENOENT;
	}
	r = executable_open(file->path, "the engine holds the private key", &fd, problem);
	if (r < 0)
		return r;
	r = judge_version(file->path, fd, problem);
	if (r < 0) {
		close(fd);
		return r;
	}
	file->before = file->fd;
	file->fd = fd;
	return 0;
}

bool program_file_on_trial(const struct program_file *file)
{
	return file->before >= 0;
}

void program_file_prove(struct program_file *file)
{
	close_fd(&file->before);
}

void program_file_revert(struct program_file *file)
{
	if (!program_file_on_trial(file))
		return;
	close_fd(&file->fd);
	file->fd = file->before;
	file->before = -1;
}
