/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command as if the kernel lacked sockets of one kind, or a congestion control:
 *
 * 	without ipv6 COMMAND...         as with ipv6.disable=1
 * 	without netfilter COMMAND...    no firewall tables
 * 	without bbr COMMAND...          no BBR
 * 	without cubic COMMAND...        CUBIC is not among those that all may choose
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))

/* Compare the low halves of the arguments: they are for little-endian machines. */
static struct sock_filter no_ipv6[] = {
	LOAD(nr),
	SKIP_UNLESS(SYS_socket, 3),
	LOAD(args[0]),
	SKIP_UNLESS(AF_INET6, 1),
	RETURN(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
	RETURN(SECCOMP_RET_ALLOW),
};

static struct sock_filter no_netfilter[] = {
	LOAD(nr),
	SKIP_UNLESS(SYS_socket, 5),
	LOAD(args[0]),
	SKIP_UNLESS(AF_NETLINK, 3),
	LOAD(args[2]),
	SKIP_UNLESS(NETLINK_NETFILTER, 1),
	RETURN(SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
	RETURN(SECCOMP_RET_ALLOW),
};

/* A filter cannot read names: it tells BBR and CUBIC apart by their length. */
#define NO_CONTROL(length, error)                                                              \
	{                                                                                      \
		LOAD(nr), SKIP_UNLESS(SYS_setsockopt, 7), LOAD(args[1]),                       \
			SKIP_UNLESS(IPPROTO_TCP, 5), LOAD(args[2]),                            \
			SKIP_UNLESS(TCP_CONGESTION, 3), LOAD(args[4]), SKIP_UNLESS(length, 1), \
			RETURN(SECCOMP_RET_ERRNO | (error)), RETURN(SECCOMP_RET_ALLOW),        \
	}

static struct sock_filter no_bbr[] = NO_CONTROL(3, ENOENT);
static struct sock_filter no_cubic[] = NO_CONTROL(5, EPERM);

static const struct {
	const char *name;
	struct sock_fprog program;
} kinds[] = {
	{ "ipv6", { .len = ARRAY_SIZE(no_ipv6), .filter = no_ipv6 } },
	{ "netfilter", { .len = ARRAY_SIZE(no_netfilter), .filter = no_netfilter } },
	{ "bbr", { .len = ARRAY_SIZE(no_bbr), .filter = no_bbr } },
	{ "cubic", { .len = ARRAY_SIZE(no_cubic), .filter = no_cubic } },
};

int main(int argc, char **argv)
{
	const struct sock_fprog *program = NULL;

	for (size_t i = 0; argc > 2 && i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(argv[1], kinds[i].name) == 0)
			program = &kinds[i].program;
	}
	if (!program) {
		(void)fprintf(stderr, "usage: without ipv6|netfilter|bbr|cubic COMMAND...\n");
		return 2;
	}
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) < 0) {
		(void)fprintf(stderr, "without: %s\n", strerror(errno));
		return 1;
	}
	(void)execvp(argv[2], &argv[2]);
	(void)fprintf(stderr, "without: %s: %s\n", argv[2], strerror(errno));
	return 1;
}
