/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * Finds out whether sent data arrives. TCP knows first: while traffic flows, a broken path shows as
 * unacknowledged data, long before the silence is long enough to mean a dead peer.
 */

void lane_path_limit(struct lane *lane, struct duration dead_after)
{
	int64_t ms = duration_ms(dead_after);
	unsigned limit = ms > INT32_MAX ? INT32_MAX : (unsigned)ms;

	/*
	 * MPTCP has no such option: it tries its other paths, and liveness ends the lane if all
	 * fail.
	 */
	lane->many_paths = setsockopt(lane->socket_watch.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit,
				   sizeof(limit)) < 0;
}

bool lane_path_look(struct lane *lane)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(lane->socket_watch.fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
		info.tcpi_unacked == 0)
		return false;
	/*
	 * The age is in milliseconds. A connection that was silent until now has an old
	 * acknowledgement but new data, so retransmissions count as well.
	 */
	if (lane->many_paths || info.tcpi_last_ack_recv < LANE_DOUBT_MS ||
		info.tcpi_retransmits == 0)
		return true;
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_DOUBT, 0);
	if (report) /* out of memory: the next look finds the same */
		lane_report_post(lane, report);
	return true;
}
