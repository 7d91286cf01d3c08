/* SPDX-License-Identifier: Apache-2.0 */
#include "system/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Opens a key's file. Returns the descriptor or a negative errno. */
static int open_key(const char *root, const char *key, int flags)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s", root, key);
	int fd;

	if (len < 0 || (size_t)len >= sizeof(path) || strlen(key) >= SYSCTL_KEY_MAX ||
		strstr(key, ".."))
		return -EINVAL;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysctl_read(const char *root, const char *key, int *ret_value)
{
	char text[32], *end;
	int fd = open_key(root, key, O_RDONLY);
	ssize_t len;
	long value;

	if (fd < 0)
		return fd;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 0)
		return -EIO;
	text[len] = '\0';
	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || (*end != '\n' && *end != '\0') || errno != 0 || value < INT_MIN ||
		value > INT_MAX)
		return -EINVAL;
	*ret_value = (int)value;
	return 0;
}

int sysctl_write(const char *root, const char *key, int value)
{
	char text[32];
	int fd = open_key(root, key, O_WRONLY | O_TRUNC);
	int len = snprintf(text, sizeof(text), "%d\n", value);
	int r = 0;

	if (fd < 0)
		return fd;
	/* One write: procfs takes each write as a whole value. */
	if (write(fd, text, (size_t)len) != len)
		r = errno != 0 ? -errno : -EIO;
	close(fd);
	return r;
}
