/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program can be executed by a descriptor (O_PATH) although its user cannot reach its path. With
 * an empty bounding set it has no capability afterwards, also for root (system/process.c).
 */
#include "tests/assumptions/assume.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "system/process.h"

/* Below a directory that nobody else may enter, with mode 0755 itself. */
static int open_unreachable(char directory[static 32], char path[static 48])
{
	char self[1 << 12];
	FILE *from = fopen("/proc/self/exe", "re"), *to;
	size_t n;

	(void)snprintf(directory, 32, "/tmp/culvert-exec-XXXXXX");
	if (!from || !mkdtemp(directory))
		skip("a directory of mode 0700");
	(void)snprintf(path, 48, "%s/program", directory);
	to = fopen(path, "we");
	assume(to != NULL, "a copy can be made");
	while ((n = fread(self, 1, sizeof(self), from)) > 0)
		assume(fwrite(self, 1, n, to) == n, "a copy can be written");
	assume(fclose(to) == 0 && chmod(path, 0755) == 0, "it is executable");
	(void)fclose(from);
	return open(path, O_PATH | O_CLOEXEC);
}

int main(int argc, char **argv)
{
	char *child_argv[] = { argv[0], "--child", NULL };
	struct process_user nobody = { UNPRIVILEGED_ID, UNPRIVILEGED_ID };
	struct process_plan plan = {
		.argv = child_argv, .channel_number = 3, .output_fd = -1, .user = &nobody
	};
	char directory[32], path[48];
	struct process child;
	struct problem problem;
	siginfo_t end = { .si_pid = 0 };
	int r;

	if (argc > 1) /* the child */
		return getuid() == UNPRIVILEGED_ID && !process_has_capability(CAP_NET_ADMIN) ? 0
											     : 1;
	if (geteuid() != 0) {
		errno = EPERM;
		skip("not root");
	}
	plan.program_fd = open_unreachable(directory, path);
	plan.channel_fd = STDERR_FILENO;
	r = process_spawn(&plan, &child, &problem);
	if (r < 0)
		printf("%s\n", problem.text);
	unlink(path);
	rmdir(directory);
	assume(r == 0, "the program starts although its path is out of reach");
	assume(waitid(P_PIDFD, (id_t)child.fd, &end, WEXITED) == 0 && end.si_code == CLD_EXITED &&
			end.si_status == 0,
		"it is an ordinary user without capabilities");
	return 0;
}
