/* SPDX-License-Identifier: Apache-2.0 */
#include "system/spare.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

bool spare_has(int fd)
{
	struct rlimit limit;
	rlim_t spare = SPARE_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return false;
	if (spare > limit.rlim_cur / 4)
		spare = limit.rlim_cur / 4;
	return (rlim_t)fd >= limit.rlim_cur - spare;
}

int spare_leave(int fd)
{
	int other = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (other < 0)
		return fd;
	if (other > fd) {
		close(other);
		return fd;
	}
	close(fd);
	return other;
}
