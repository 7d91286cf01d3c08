/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll watches the open file, not the descriptor: closing one copy while another is open leaves it
 * firing. So a watch is removed before its descriptor is closed (system/loop.h).
 */
#include "tests/assumptions/assume.h"

#include <sys/epoll.h>

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC), ends[2], copy;

	assume(epoll >= 0 && pipe(ends) == 0, "epoll and a pipe");
	copy = dup(ends[0]);
	assume(copy >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "it is watched");
	assume(write(ends[1], "x", 1) == 1, "there is something to read");
	close(ends[0]);
	assume(epoll_wait(epoll, &event, 1, 0) == 1, "the closed copy still fires");
	close(copy);
	assume(epoll_wait(epoll, &event, 1, 0) == 0, "only the last close ends that");
	return 0;
}
