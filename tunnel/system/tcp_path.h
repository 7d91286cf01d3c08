/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TCP_PATH_H
#define CULVERT_SYSTEM_TCP_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the kernel knows of the path of a TCP connection, and how it sends there (tcp(7), TCP_INFO
 * in <linux/tcp.h>). Of an MPTCP connection it is the first path's. Any thread, without privileges.
 */

enum {
	TCP_PATH_NAME_MAX = 15, /* TCP_CA_NAME_MAX, without the NUL */
	/* A round trip of 1/8, and 2 ms, above the least shows a queue. */
	TCP_PATH_QUEUE_SHARE = 8,
	TCP_PATH_QUEUE_US = 2000,
};

struct tcp_path {
	uint64_t sent;   /* bytes sent since the connection began, those sent again included */
	uint64_t resent; /* bytes sent again */
	/*
	 * Bytes that arrived. Behind a gap segments are counted and not bytes, so it may fall a
	 * little.
	 */
	uint64_t acked;
	uint64_t rate; /* bytes a second that arrived, as last measured; 0: not yet */
	uint32_t rtt_us, least_rtt_us; /* smoothed; the least of the last minutes */
	bool idle;                     /* the sender had less to send than the path would take */
	bool slow_start_over;          /* the window grows by a segment a round trip, or by CUBIC */
};

/* Negative errno of getsockopt; -EPROTO: a kernel before 4.19, which counts no bytes. */
int tcp_path_read(int fd, struct tcp_path *ret_path);

/* True: packets wait in a queue on the path, by the round trip. */
bool tcp_path_is_queued(const struct tcp_path *path);

/* The name of the connection's congestion control. Negative errno of getsockopt. */
int tcp_path_control(int fd, char ret_name[TCP_PATH_NAME_MAX + 1]);
/*
 * Gives the connection another one, also in mid-connection. -ENOENT: the kernel has it not, or it
 * would have to load it for a process without CAP_NET_ADMIN; -EPERM: it is not in
 * tcp_allowed_congestion_control.
 */
int tcp_path_set_control(int fd, const char *name);

/*
 * Begins slow start again, with the window as it is, for a connection that has the congestion
 * control `control`, which is not BBR. It goes over to BBR for a moment, which makes the kernel
 * forget where slow start ended (bbr_init() in net/ipv4/tcp_bbr.c). Errors are those of
 * tcp_path_set_control() and socket(); if the way back is closed, nothing has changed. The kernel
 * paces the connection from then on.
 */
int tcp_path_slow_start(int fd, const char *control);

/* Limits its rate, in bytes a second; 0: no limit. Negative errno of setsockopt. */
int tcp_path_set_rate(int fd, uint64_t rate);

/*
 * True: the kernel can take a limit of tcp_path_set_window() away again (SO_BUF_LOCK, Linux 5.14).
 */
bool tcp_path_can_set_window(int fd);

/*
 * Limits the bytes that the connection has under way, those that are not sent yet included; 0: no
 * limit but the kernel's own. The kernel counts its own overhead for each segment as well, and
 * holds the limit within SOCK_MIN_SNDBUF (some 4,600) and twice net.core.wmem_max (socket(7),
 * SO_SNDBUF). It says "writable" when two thirds are used. Negative errno of setsockopt.
 */
int tcp_path_set_window(int fd, uint64_t bytes);

#endif
