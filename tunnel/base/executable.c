/* SPDX-License-Identifier: Apache-2.0 */
#include "base/executable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error_text.h"

static int judge(
	const char *path, const char *stake, const struct stat *st, struct problem *problem)
{
	if (!S_ISREG(st->st_mode)) {
		problem_set(problem, "%s is not a file: install the program there", path);
		return -EACCES;
	}
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		problem_set(problem,
			"%s belongs to uid %u, which could put any program there, and %s; as root: chown root %s",
			path, st->st_uid, stake, path);
		return -EPERM;
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		problem_set(problem,
			"%s can be written by others than its owner, and %s; as root: "
			"chmod go-w %s",
			path, stake, path);
		return -EPERM;
	}
	if ((st->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) {
		problem_set(problem, "%s is not executable; as root: chmod 755 %s", path, path);
		return -EACCES;
	}
	return 0;
}

int executable_open(const char *path, const char *stake, int *ret_fd, struct problem *problem)
{
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);
	int r;

	if (fd < 0) {
		r = -errno;
		problem_set(problem, "cannot open %s: %s; install the program there", path,
			error_text(r));
		return r;
	}
	r = fstat(fd, &st) < 0 ? -errno : judge(path, stake, &st, problem);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
