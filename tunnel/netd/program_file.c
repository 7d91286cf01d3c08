/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/program_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/executable.h"
#include "system/process.h"

/*
 * The path comes from the kernel, not from argv[0], which is whatever the caller said: AT_EXECFN is
 * what execve(2) was given, and /proc/self/exe the file's own path.
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

/* The path given to execve(2), made absolute. False: it says nothing for later. */
static bool path_as_executed(const struct stat *self, char path[static PATH_MAX])
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): so the kernel hands it over. */
	const char *name = (const char *)getauxval(AT_EXECFN);
	char here[PATH_MAX] = "";
	int n;

	if (name == NULL || name[0] == '\0')
		return false;
	if (name[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return false;
	while (begins(name, "./"))
		name += 2;
	n = snprintf(path, PATH_MAX, "%s%s%s", here, name[0] != '/' ? "/" : "", name);
	/* A descriptor's path (fexecve(3)) means another file later on. */
	return n > 0 && n < PATH_MAX && !begins(path, "/proc/") && !begins(path, "/dev/fd/") &&
		leads_to(path, self);
}

/*
 * The file's own path. The kernel marks one that was removed or replaced already; what is there
 * instead is then what we want later.
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

/* ---- what lies there now ---- */

int program_file_renew(struct program_file *file, struct problem *problem)
{
	int fd, r;

	if (program_file_on_trial(file)) {
		problem_set(problem, "an exchange is going on already; ask again in a moment");
		return -EBUSY;
	}
	if (file->path[0] == '\0') {
		problem_set(problem,
			"the path that this program was started by is not known: restart it instead");
		return -ENOENT;
	}
	r = executable_open(file->path, "the engine holds the private key", &fd, problem);
	if (r < 0)
		return r;
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
