/* SPDX-License-Identifier: Apache-2.0 */
#include "system/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/file.h"

/* The mount point of a new file system until its part is moved elsewhere. */
#define TRANSIT_MOUNT "/tmp"

static int mount_empty(const char *directory)
{
	return mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0 ? -errno
											: 0;
}

int mounts_hide(const char *directory, struct problem *problem)
{
	int r = mount_empty(directory);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		problem_set(problem, "cannot hide %s: %s", directory, error_text(r));
	return r;
}

void mounts_sys_net(void)
{
	static const char *const parts[] = { "/class/net", "/devices/virtual/net" };
	char from[64], to[64];

	if (mount("sysfs", TRANSIT_MOUNT, "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		    NULL) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		(void)snprintf(from, sizeof(from), TRANSIT_MOUNT "%s", parts[i]);
		(void)snprintf(to, sizeof(to), "/sys%s", parts[i]);
		(void)mount(from, to, NULL, MS_BIND, NULL);
	}
	(void)umount2(TRANSIT_MOUNT, MNT_DETACH);
}

static int write_new(const char *path, const void *data, size_t len, int *ret_fd)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write_all(fd, data, len);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (r == 0)
		*ret_fd = fd;
	else
		close(fd);
	return r;
}

int mounts_make_file(const char *path, struct problem *problem)
{
	int fd = -1, r = write_new(path, "", 0, &fd);

	if (r == 0)
		close(fd);
	else
		problem_set(problem, "cannot make %s: %s", path, error_text(r));
	return r;
}

/*
 * Makes the file on a new file system, moves it over `fd`, and unmounts the remainder. `fd` is the
 * file to replace, opened before anything hides it.
 */
static int put_over(int fd, const void *data, size_t len, int *ret_fd)
{
	static const char file[] = TRANSIT_MOUNT "/culvert-run";
	char target[64];
	int new_fd = -1, r = mount_empty(TRANSIT_MOUNT);

	if (r < 0)
		return r;
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	r = write_new(file, data, len, &new_fd);
	if (r == 0 && mount(file, target, NULL, MS_BIND, NULL) < 0)
		r = -errno;
	if (umount2(TRANSIT_MOUNT, MNT_DETACH) < 0 && r == 0)
		r = -errno;
	if (r == 0)
		*ret_fd = new_fd;
	else if (new_fd >= 0)
		close(new_fd);
	return r;
}

int mounts_replace(
	const char *path, const void *data, size_t len, int *ret_fd, struct problem *problem)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	int r = fd < 0 ? -errno : put_over(fd, data, len, ret_fd);

	if (fd >= 0)
		close(fd);
	if (r < 0)
		problem_set(problem, "cannot put another %s in its place: %s", path, error_text(r));
	return r;
}
