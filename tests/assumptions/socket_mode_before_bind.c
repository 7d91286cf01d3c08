/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mode that a unix socket has before bind(2) is that of its file, so that the control socket is
 * never wider than 0600, not even for a moment (system/socket.c).
 */
#include "tests/assumptions/assume.h"

#include <sys/stat.h>
#include <sys/un.h>

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char directory[] = "/tmp/culvert-mode-XXXXXX";
	struct stat st = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), r;

	if (fd < 0 || !mkdtemp(directory))
		skip("a directory in /tmp");
	(void)umask(0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	r = fchmod(fd, 0600);
	if (r == 0)
		r = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	if (r == 0)
		r = stat(address.sun_path, &st);
	unlink(address.sun_path);
	rmdir(directory);
	assume(r == 0 && (st.st_mode & 07777) == 0600, "fchmod(2) before bind(2) decides");
	return 0;
}
