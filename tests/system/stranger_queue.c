/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of another local user, which tries to read a tunnel's packets:
 *
 * 	stranger_queue INTERFACE
 *
 * It tries to attach a queue to the interface as fast as it can, until SIGTERM, and keeps each
 * queue. It prints `attached` for each queue, and `read N` for each packet out of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { KEPT_MAX = 16, NOBODY = 65534 };

/*
 * Opens the device as root, so that its mode does not matter: on most hosts every user may open it.
 */
static int open_devices(int fds[static KEPT_MAX])
{
	for (int i = 0; i < KEPT_MAX; i++) {
		fds[i] = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fds[i] < 0)
			return -errno;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR |
			IFF_MULTI_QUEUE };
	int fds[KEPT_MAX], kept = 0;
	char packet[2048];

	if (argc != 2 || strlen(argv[1]) >= sizeof(request.ifr_name) || open_devices(fds) < 0 ||
		setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		setresuid(NOBODY, NOBODY, NOBODY) < 0) {
		perror("stranger_queue");
		return 2;
	}
	memcpy(request.ifr_name, argv[1], strlen(argv[1]));
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("trying");
	for (;;) {
		if (kept < KEPT_MAX && ioctl(fds[kept], TUNSETIFF, &request) == 0) {
			puts("attached");
			kept++;
		}
		for (int i = 0; i < kept; i++) {
			ssize_t n = read(fds[i], packet, sizeof(packet));

			if (n > 0)
				printf("read %zd\n", n);
		}
	}
}
