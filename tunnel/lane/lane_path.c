/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/container.h"

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

/*
 * True: what is under way has been unacknowledged for LANE_DOUBT_MS. The kernel tells only when the
 * last acknowledgement came. A connection that was silent until now has an old one but new data.
 * The kernel's doubled timeout says how long it has sent that again: at least the sum of the
 * timeouts that have passed.
 */
static bool is_in_doubt(const struct tcp_info *info)
{
	unsigned shift = info->tcpi_backoff < 31 ? info->tcpi_backoff : 31;
	uint32_t passed = info->tcpi_rto - (info->tcpi_rto >> shift);

	return info->tcpi_last_ack_recv >= LANE_DOUBT_MS && info->tcpi_retransmits > 0 &&
		passed >= LANE_DOUBT_SURE_MS * 1000;
}

unsigned lane_path_look(struct lane *lane)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(lane->socket_watch.fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
		info.tcpi_unacked == 0)
		return 0;
	if (lane->many_paths)
		return LANE_IDLE_MS;
	if (info.tcpi_last_ack_recv + LANE_DOUBT_LOOK_MS < LANE_DOUBT_MS)
		return LANE_DOUBT_MS - info.tcpi_last_ack_recv;
	if (!is_in_doubt(&info))
		return LANE_DOUBT_LOOK_MS;
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_DOUBT, 0);
	if (report) /* out of memory: the next look finds the same */
		lane_report_post(lane, report);
	return LANE_IDLE_MS;
}

static bool is_open_from(const struct tcp_paths_one *paths, const struct addr *locals, size_t count,
	const struct addr *local, size_t except)
{
	for (size_t i = 0; i < count; i++) {
		if (i != except && paths[i].open && addr_equal(&locals[i], local))
			return true;
	}
	return false;
}

static void report_silent(struct lane *lane, const struct addr *local)
{
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_SILENT, 0);

	if (!report) /* out of memory: the kernel finds it later */
		return;
	report->silent = *local;
	lane_report_post(lane, report);
}

void lane_path_know(struct lane *lane, const struct addr *local)
{
	for (size_t i = 0; i < lane->known_count; i++) {
		if (addr_equal(&lane->known[i], local))
			return;
	}
	if (!addr_is_set(local))
		return;
	/* An uplink may get new addresses without end. The oldest gives way; if it is open, the next look knows it again. */
	if (lane->known_count == TCP_PATHS_MAX) {
		lane->known_count--;
		memmove(&lane->known[0], &lane->known[1],
			lane->known_count * sizeof(lane->known[0]));
	}
	lane->known[lane->known_count++] = *local;
}

/*
 * A path that is gone is asked for until it is back. The kernel tries for two minutes to open one
 * that was silent, less and less often, and gives up some at once.
 */
static void look_for_lost(struct lane *lane, const struct tcp_paths_one *paths,
	const struct addr *locals, size_t count, struct mono now)
{
	for (size_t i = 0; i < count; i++) {
		if (paths[i].open)
			lane_path_know(lane, &locals[i]);
	}
	for (size_t i = 0; i < lane->known_count; i++) {
		if (!is_open_from(paths, locals, count, &lane->known[i], count))
			report_silent(lane, &lane->known[i]);
	}
	lane->lost_next = mono_add(now, DURATION_MS(LANE_LOST_MS));
}

/* All bytes that the other end has not acknowledged, those that no path has sent yet included. */
static int bytes_under_way(const struct lane *lane)
{
	int bytes = 0;

	return ioctl(lane->socket_watch.fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

bool lane_path_is_full(const struct lane *lane)
{
	return lane->window.limit > 0 && (uint64_t)bytes_under_way(lane) >= lane->window.limit;
}

static void note_window(
	struct lane *lane, const struct tcp_paths_one *paths, size_t count, struct mono now)
{
	uint64_t sent = counter_read(&lane->counters.sent_bytes);
	uint64_t under_way = (uint64_t)bytes_under_way(lane);
	uint32_t longest = 0, open = 0;

	for (size_t i = 0; i < count; i++) {
		open += paths[i].open;
		if (paths[i].open && paths[i].least_rtt_us > longest)
			longest = paths[i].least_rtt_us;
	}
	path_window_note(&lane->window, now, sent > under_way ? sent - under_way : 0,
		lane_packets_wait(lane), longest);
	if (open < 2) /* the kernel keeps one path's queue short */
		lane->window.limit = 0;
}

/* Returns the time to the next look. */
static struct duration look_at_paths(struct lane *lane)
{
	uint64_t received = counter_read(&lane->counters.received_bytes);
	struct mono now = mono_now();
	struct tcp_paths_one paths[TCP_PATHS_MAX];
	struct addr locals[TCP_PATHS_MAX];
	size_t count = 0, local_count = 0, silent;
	bool found, due;

	lane->one_path = tcp_paths_read(lane->socket_watch.fd, paths, &count) < 0;
	if (lane->one_path) {
		lane->window
			.limit = 0; /* MPTCP may have gone over to TCP: nobody adapts it any more */
		return DURATION_MS(0);
	}
	note_window(lane, paths, count, now);
	/* netd makes a client's endpoints again, as a server's are those of all its clients. */
	found = lane->role == TLS_CLIENT &&
		silence_find(&lane->silence, now, paths, count, received, &silent);
	due = lane->role == TLS_CLIENT && !mono_before(now, lane->lost_next);
	if ((found || due) && tcp_paths_locals(lane->socket_watch.fd, locals, &local_count) == 0 &&
		local_count == count) {
		/* Making the endpoint again closes all paths from its address. */
		if (found && addr_is_set(&locals[silent]) &&
			!is_open_from(paths, locals, count, &locals[silent], silent))
			report_silent(lane, &locals[silent]);
		else if (due)
			look_for_lost(lane, paths, locals, count, now);
	}
	return count < 2 ? DURATION_MS(SILENCE_ALONE_MS) : DURATION_MS(SILENCE_SAMPLE_MS);
}

static void look_again(struct loop_timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, paths);
	struct duration pause = look_at_paths(lane);

	if (lane->busy && !lane->one_path)
		loop_timer_start(
			lane->worker->loop, timer, mono_add(mono_now(), pause), look_again);
}

void lane_path_watch(struct lane *lane)
{
	if (lane->one_path || lane->state != LANE_CARRYING || !lane->busy || lane->paths.running)
		return;
	lane->silence = (struct silence){ .count = 0 };
	loop_timer_start(lane->worker->loop, &lane->paths,
		mono_add(mono_now(), DURATION_MS(SILENCE_SAMPLE_MS)), look_again);
}
