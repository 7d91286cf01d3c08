/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tcp_paths.h"

#include <errno.h>
#include <linux/tcp.h> /* struct tcp_info as the kernel has it: the C library's ends earlier */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* As in <linux/mptcp.h>, whose older versions lack it. */
enum { SOL_OF_MPTCP = 284, OF_TCPINFO = 2, OF_SUBFLOW_ADDRS = 3 };

struct subflow_data {
	uint32_t size_subflow_data; /* of this struct */
	uint32_t num_subflows;      /* the kernel sets it */
	uint32_t size_kernel;       /* the kernel sets it */
	uint32_t size_user;         /* of one item that follows; the kernel lowers it to its own */
} __attribute__((aligned(8)));

struct subflow_addrs {
	struct sockaddr_storage local, remote;
};

void tcp_paths_parse(const uint8_t *items, size_t size, size_t count,
	struct tcp_paths_one ret_paths[static TCP_PATHS_MAX])
{
	for (size_t i = 0; i < count; i++) {
		struct tcp_info info = { 0 };

		memcpy(&info, &items[i * size], size < sizeof(info) ? size : sizeof(info));
		ret_paths[i] = (struct tcp_paths_one){
			.open = info.tcpi_state == 1, /* TCP_ESTABLISHED */
			.unacked = info.tcpi_unacked > 0,
			.heard_ms = info.tcpi_last_ack_recv,
			.arrived_ms = info.tcpi_last_data_recv,
			.rtt_us = info.tcpi_rtt,
			.least_rtt_us = info.tcpi_min_rtt,
			.received = info.tcpi_bytes_received,
		};
	}
}

int tcp_paths_read(int fd, struct tcp_paths_one ret_paths[static TCP_PATHS_MAX], size_t *ret_count)
{
	struct {
		struct subflow_data head;
		uint8_t infos[TCP_PATHS_MAX * sizeof(struct tcp_info)];
	} data = { .head = { .size_subflow_data = sizeof(data.head),
			   .size_user = sizeof(struct tcp_info) } };
	socklen_t len = sizeof(data);

	if (getsockopt(fd, SOL_OF_MPTCP, OF_TCPINFO, &data, &len) < 0)
		return -errno;
	if (data.head.size_user > sizeof(struct tcp_info))
		return -EPROTO;
	*ret_count = data.head.num_subflows < TCP_PATHS_MAX ? data.head.num_subflows
							    : TCP_PATHS_MAX;
	tcp_paths_parse(data.infos, data.head.size_user, *ret_count, ret_paths);
	return 0;
}

int tcp_paths_locals(int fd, struct addr ret_locals[static TCP_PATHS_MAX], size_t *ret_count)
{
	struct {
		struct subflow_data head;
		struct subflow_addrs addrs[TCP_PATHS_MAX];
	} data = { .head = { .size_subflow_data = sizeof(data.head),
			   .size_user = sizeof(data.addrs[0]) } };
	socklen_t len = sizeof(data);

	if (getsockopt(fd, SOL_OF_MPTCP, OF_SUBFLOW_ADDRS, &data, &len) < 0)
		return -errno;
	*ret_count = data.head.num_subflows < TCP_PATHS_MAX ? data.head.num_subflows
							    : TCP_PATHS_MAX;
	for (size_t i = 0; i < *ret_count; i++) {
		struct endpoint endpoint = { .port = 0 };

		(void)endpoint_from_sockaddr((const struct sockaddr *)&data.addrs[i].local,
			sizeof(data.addrs[i].local), &endpoint); /* else AF_UNSPEC */
		ret_locals[i] = endpoint.addr;
	}
	return 0;
}
