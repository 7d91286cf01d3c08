/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No holder of the descriptor can change sealed memory: not root, and not by opening it again for
 * writing (system/ipc.c).
 */
#include "tests/assumptions/assume.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "system/ipc.h"

int main(void)
{
	char path[64], back[8] = "";
	int fd, again;

	assume(ipc_seal("assumption", "secret", 6, &fd) == 0, "a memfd can be sealed");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	if (again >= 0) {
		assume(write(again, "S", 1) < 0 && errno == EPERM, "writing is refused");
		assume(ftruncate(again, 0) < 0 && errno == EPERM, "cutting is refused");
		assume(ftruncate(again, 100) < 0 && errno == EPERM, "growing is refused");
		assume(fcntl(again, F_ADD_SEALS, F_SEAL_SEAL) < 0, "seals stay as they are");
		assume(mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED,
			"mapping it to write is refused");
	}
	assume(pread(fd, back, sizeof(back), 0) == 6 && memcmp(back, "secret", 6) == 0,
		"reading gives the bytes");
	return 0;
}
