/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TUN interface lives as long as any process holds its descriptor, and goes with the last: after
 * kill -9 of netd and engine nothing stays.
 */
#include "tests/assumptions/assume.h"

#include <signal.h>
#include <sys/wait.h>

#include "system/tun.h"

int main(void)
{
	char name[IFNAMSIZ];
	pid_t child;
	int fd;

	own_namespace();
	if (tun_open("cv%d", false, &fd, name) < 0)
		skip("opening a TUN");
	child = fork();
	if (child == 0) {
		for (;;)
			pause();
	}
	assume(child > 0, "fork");
	close(fd);
	assume(if_nametoindex(name) != 0, "it stays while another process holds a copy");
	kill(child, SIGKILL);
	assume(waitpid(child, NULL, 0) == child, "the child is reaped");
	/* Where the release is put off, it is a matter of milliseconds. */
	for (int i = 0; i < 500 && if_nametoindex(name) != 0; i++)
		usleep(10000);
	assume(if_nametoindex(name) == 0, "it goes with the last copy, also after SIGKILL");
	return 0;
}
