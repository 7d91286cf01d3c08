/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tcp_path.h"

#include <errno.h>
#include <linux/tcp.h> /* struct tcp_info as the kernel has it: the C library's ends earlier */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* <asm-generic/socket.h> of Linux 5.14 */
#endif

#define HAS(len, member) \
	((len) >= offsetof(struct tcp_info, member) + sizeof(((struct tcp_info *)NULL)->member))

int tcp_path_read(int fd, struct tcp_path *ret_path)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -errno;
	if (!HAS(len, tcpi_bytes_retrans))
		return -EPROTO;
	*ret_path = (struct tcp_path){
		.sent = info.tcpi_bytes_sent,
		.resent = info.tcpi_bytes_retrans,
		.acked = info.tcpi_bytes_acked + (uint64_t)info.tcpi_sacked * info.tcpi_snd_mss,
		.rate = info.tcpi_delivery_rate,
		.rtt_us = info.tcpi_rtt,
		.least_rtt_us = info.tcpi_min_rtt,
		.idle = info.tcpi_delivery_rate_app_limited,
		.slow_start_over = info.tcpi_snd_ssthresh < INT32_MAX, /* TCP_INFINITE_SSTHRESH */
	};
	return 0;
}

bool tcp_path_is_queued(const struct tcp_path *path)
{
	uint32_t share = path->least_rtt_us / TCP_PATH_QUEUE_SHARE;
	uint32_t allowed = share > TCP_PATH_QUEUE_US ? share : TCP_PATH_QUEUE_US;

	return path->rtt_us > path->least_rtt_us && path->rtt_us - path->least_rtt_us > allowed;
}

int tcp_path_control(int fd, char ret_name[TCP_PATH_NAME_MAX + 1])
{
	char name[TCP_PATH_NAME_MAX + 1] = "";
	socklen_t len = sizeof(name);

	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) < 0)
		return -errno;
	name[TCP_PATH_NAME_MAX] = '\0';
	memcpy(ret_name, name, sizeof(name));
	return 0;
}

int tcp_path_set_control(int fd, const char *name)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) < 0
		? -errno
		: 0;
}

/* There and back. */
static int through_bbr(int fd, const char *control)
{
	int r = tcp_path_set_control(fd, "bbr");

	return r < 0 ? r : tcp_path_set_control(fd, control);
}

int tcp_path_slow_start(int fd, const char *control)
{
	int trial = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (trial < 0)
		return -errno;
	r = through_bbr(trial, control);
	close(trial);
	return r < 0 ? r : through_bbr(fd, control);
}

int tcp_path_set_rate(int fd, uint64_t rate)
{
	uint64_t limit = rate > 0 ? rate : UINT64_MAX;

	return setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &limit, sizeof(limit)) < 0 ? -errno
											 : 0;
}

bool tcp_path_can_set_window(int fd)
{
	int lock;
	socklen_t len = sizeof(lock);

	return getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &lock, &len) == 0;
}

int tcp_path_set_window(int fd, uint64_t bytes)
{
	/*
	 * The kernel doubles it. Without a limit it is the most, until the kernel adapts it again.
	 */
	int half = bytes > 0 && bytes < INT32_MAX ? (int)(bytes / 2) : INT32_MAX / 2;
	int lock = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half)) < 0)
		return -errno;
	if (bytes == 0 && setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &lock, sizeof(lock)) < 0)
		return -errno;
	return 0;
}
