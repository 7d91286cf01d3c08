/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without capabilities neither a mark nor a low port is to be had: why netd makes the sockets and
 * not the engine. What is set on a socket stays when it changes hands.
 */
#include "tests/assumptions/assume.h"

#include <grp.h>

int main(void)
{
	struct sockaddr_in low = { .sin_family = AF_INET, .sin_port = htons(443) };
	uint32_t mark = 77, kept = 0;
	socklen_t len = sizeof(kept);
	int marked, fresh;

	own_namespace();
	marked = socket(AF_INET, SOCK_STREAM, 0);
	assume(marked >= 0 && setsockopt(marked, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0,
		"root sets a mark");
	if (setgroups(0, NULL) < 0 ||
		setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0 ||
		setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) < 0)
		skip("becoming an ordinary user");
	fresh = socket(AF_INET, SOCK_STREAM, 0);
	assume(fresh >= 0 && setsockopt(fresh, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 &&
			errno == EPERM,
		"an ordinary user sets none");
	assume(bind(fresh, (const struct sockaddr *)&low, sizeof(low)) < 0 && errno == EACCES,
		"an ordinary user gets no port below 1024");
	assume(getsockopt(marked, SOL_SOCKET, SO_MARK, &kept, &len) == 0 && kept == mark,
		"the mark that root has set stays");
	return 0;
}
