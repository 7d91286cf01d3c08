/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command for which the kernel has no IPv6 sockets, as with ipv6.disable=1, for
 * tests/system/one_family.sh:
 *
 * 	without_ipv6 COMMAND...
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))

int main(int argc, char **argv)
{
	/* The low halves of the arguments: this is for little-endian machines. */
	struct sock_filter filter[] = {
		LOAD(nr),
		SKIP_UNLESS(SYS_socket, 3),
		LOAD(args[0]),
		SKIP_UNLESS(AF_INET6, 1),
		RETURN(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		RETURN(SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

	if (argc < 2) {
		(void)fprintf(stderr, "usage: without_ipv6 COMMAND...\n");
		return 2;
	}
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		(void)fprintf(stderr, "without_ipv6: %s\n", strerror(errno));
		return 1;
	}
	(void)execvp(argv[1], &argv[1]);
	(void)fprintf(stderr, "without_ipv6: %s: %s\n", argv[1], strerror(errno));
	return 1;
}
