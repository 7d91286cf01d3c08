/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of kernel facts share. Each is one small program in a network namespace of its
 * own, so that nothing on the host is touched: exit status 0, the fact holds; 77, it cannot be
 * tried here; anything else, this kernel differs, and the text says how.
 */
#ifndef CULVERT_TESTS_ASSUMPTIONS_ASSUME_H
#define CULVERT_TESTS_ASSUMPTIONS_ASSUME_H

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error_text.h"

enum { SKIPPED = 77, UNPRIVILEGED_ID = 65534 };

static inline _Noreturn void skip(const char *what)
{
	printf("skipped: %s: %s\n", what, error_text(errno));
	exit(SKIPPED);
}

static inline void assume(bool holds, const char *what)
{
	if (holds)
		return;
	printf("does not hold: %s (errno: %s)\n", what, error_text(errno));
	exit(EXIT_FAILURE);
}

/* A fresh network namespace with its loopback up. */
static inline void own_namespace(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		skip("unshare(CLONE_NEWNET)");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		skip("bringing up the loopback");
	close(fd);
}

#endif
