/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"

/*
 * Looks at the path of the lane's connection while the lane is in use, and sets the connection by
 * what the path shows: the congestion control (lane/congestion.h), a limit of the rate or of what
 * is under way (lane/pacing.h), and how long a burst may wait in the queue. All that is only for
 * `congestion = "auto"`, but that bursts may also wait where BBR is configured.
 *
 * An engine without privileges may do so: BBR is open to all once netd has made the kernel load it.
 * The way back may be closed, as CUBIC is not always in tcp_allowed_congestion_control; then the
 * lane keeps BBR.
 */

static const char bbr[] = "bbr";

static bool has_more_to_send(const struct lane *lane, const struct tcp_path *path)
{
	return lane_packets_wait(lane) || !path->idle;
}

static void report(struct lane *lane, enum congestion_reason reason, const char *control,
	const struct congestion_view *view)
{
	struct lane_report *report = lane_report_new(lane, LANE_REPORT_CONGESTION, 0);
	if (!report) /* out of memory: a person misses a line, the connection goes on */
		return;
	report->congestion.reason = reason;
	report->congestion.view = *view;
	snprintf(report->congestion.control, sizeof(report->congestion.control), "%s", control);
	lane_report_post(lane, report);
}

static void change(struct lane *lane, enum congestion_control control, struct mono now,
	const struct congestion_view *view)
{
	const char *name = control == CONGESTION_BBR ? bbr : lane->kernel_control;
	int r = tcp_path_set_control(lane->socket_watch.fd, name);

	if (r == 0) {
		congestion_changed(&lane->congestion, control, now);
		report(lane, control == CONGESTION_BBR ? CONGESTION_LOSS : CONGESTION_CLEAN, name,
			view);
		return;
	}
	/* It will be the same the next time. */
	lane->chooses_congestion = false;
	report(lane, control == CONGESTION_BBR ? CONGESTION_ABSENT : CONGESTION_KEPT,
		control == CONGESTION_BBR ? lane->kernel_control : bbr, view);
}

static void choose(struct lane *lane, const struct tcp_path *path, struct mono now)
{
	struct congestion_view view;
	enum congestion_control wanted = congestion_judge(
		&lane->congestion, now, path, has_more_to_send(lane, path), &view);

	if (wanted != lane->congestion.control)
		change(lane, wanted, now, &view);
	if (congestion_begins_again(&lane->congestion, now, path, lane_packets_wait(lane)))
		(void)tcp_path_slow_start(lane->socket_watch.fd,
			lane->kernel_control); /* else the window grows slowly */
}

static bool has_bbr(const struct lane *lane)
{
	return lane->congestion.control == CONGESTION_BBR ||
		strncmp(lane->kernel_control, bbr, strlen(bbr)) == 0;
}

/*
 * A connection that runs empty for a moment has no measure of its path for the next round trip. BBR
 * keeps its last one then, and if a loss has made the first new one small, forgets what the path
 * takes.
 */
static void look_ahead(struct lane *lane, const struct tcp_path *path, bool lossy)
{
	uint32_t share = path->least_rtt_us / LANE_AHEAD_SHARE;
	uint32_t us = share < LANE_AHEAD_US ? share : LANE_AHEAD_US;

	if (lane->pacing.holding.window > 0)
		us = LANE_AHEAD_HELD_US;
	else if (!lossy || !has_bbr(lane) || us < OUTFLOW_AHEAD_US)
		us = OUTFLOW_AHEAD_US;
	outflow_look_ahead(&lane->outflow, us);
}

/* Losses are those of a full queue while one stands there for a while; BBR makes queues itself. */
static void note_losses(struct lane *lane, const struct tcp_path *path, struct mono now)
{
	if (!tcp_path_is_queued(path))
		lane->queued = 0;
	else if (has_more_to_send(lane, path))
		lane->queued++;
	if (lane->queued >= PACING_QUEUED_LEAST)
		lane->unexplained = false;
	else if (path->resent != lane->resent)
		lane->unexplained = true;
	if (path->resent != lane->resent && (has_bbr(lane) || !tcp_path_is_queued(path)))
		lane->lossy_until = mono_add(now, DURATION_MS(LANE_LOSSY_MS));
	lane->resent = path->resent;
}

/*
 * How long a burst may be. A lane without BBR carries a few percent of what it will carry with it.
 * A usual burst would look like a standing queue there, and the inner flow would lose packets. A
 * lane is held up by losses, or gives way to others, only for a while.
 */
static struct duration burst_of(const struct lane *lane, const struct tcp_path *path, bool held_up)
{
	bool undecided = lane->unexplained && lane->chooses_congestion && !has_bbr(lane);
	unsigned trips = undecided ? LANE_UNDECIDED_TRIPS : held_up ? 1 : 0;
	uint64_t us = (uint64_t)path->least_rtt_us * trips;

	if (us > LANE_BURST_US)
		us = LANE_BURST_US;
	return (struct duration){ (int64_t)us * 1000 };
}

static void allow_bursts(struct lane *lane, const struct tcp_path *path, struct mono now)
{
	bool lossy;

	note_losses(lane, path, now);
	lossy = mono_before(now, lane->lossy_until);
	look_ahead(lane, path, lossy);
	lane->burst = burst_of(lane, path, lossy || pacing_gives_way(&lane->pacing, now));
	if (lane->queue)
		flow_queue_allow(lane->queue, lane->burst);
}

static enum pacing_load load_of(struct lane *lane)
{
	uint64_t sent = counter_read(&lane->counters.sent_bytes);
	uint64_t received = counter_read(&lane->counters.received_bytes);
	/* The acknowledgements of a transfer the other way wait in that one's queue. */
	bool bulk = sent - lane->sent > LANE_BULK_SHARE * (received - lane->received);

	lane->sent = sent;
	lane->received = received;
	if (lane_packets_wait(lane))
		return PACING_LIMITED;
	return bulk ? PACING_BULK : PACING_SOME;
}

static void pace(struct lane *lane, const struct tcp_path *path, struct mono now)
{
	enum pacing_load load = load_of(lane);
	uint64_t rate = lane->pacing.rate, window = lane->pacing.holding.window;

	/*
	 * A path that loses packets without a queue has none to be kept short. Of several paths
	 * (MPTCP) the kernel shows one, and a limit would hold for each.
	 */
	if (mono_before(now, lane->lossy_until) || lane->many_paths)
		pacing_begin_again(&lane->pacing);
	else
		pacing_judge(&lane->pacing, now, path, load);
	counter_set(&lane->counters.limit_rate, lane->pacing.rate);
	counter_set(&lane->counters.limit_window, lane->pacing.holding.window);
	/* Where the kernel refuses, the path has the queue. */
	if (lane->pacing.rate != rate)
		(void)tcp_path_set_rate(lane->socket_watch.fd, lane->pacing.rate);
	if (lane->pacing.holding.window != window)
		(void)tcp_path_set_window(lane->socket_watch.fd, lane->pacing.holding.window);
}

void lane_congestion_look(struct lane *lane)
{
	struct mono now = mono_now();
	struct tcp_path path;

	if (tcp_path_read(lane->socket_watch.fd, &path) < 0)
		return; /* it is about to end */
	if (lane->chooses_congestion)
		choose(lane, &path, now);
	allow_bursts(lane, &path, now);
	if (lane->looks_at_path)
		pace(lane, &path, now);
}

static void look_again(struct loop_timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, path);

	lane_congestion_look(lane);
	lane_congestion_watch(lane);
}

void lane_congestion_watch(struct lane *lane)
{
	if ((lane->looks_at_path || has_bbr(lane)) && lane->state == LANE_CARRYING && lane->busy &&
		!lane->path.running)
		loop_timer_start(lane->worker->loop, &lane->path,
			mono_add(mono_now(), DURATION_MS(PACING_SAMPLE_MS)), look_again);
}

void lane_congestion_begin(struct lane *lane, bool choose)
{
	const struct congestion_view none = { 0 };

	congestion_init(&lane->congestion);
	pacing_init(&lane->pacing, tcp_path_can_set_window(lane->socket_watch.fd));
	if (tcp_path_control(lane->socket_watch.fd, lane->kernel_control) < 0)
		return;
	/* A kernel with BBR as its default, in any version, has nothing to gain. */
	lane->looks_at_path = choose;
	lane->chooses_congestion = choose && !has_bbr(lane);
	report(lane, CONGESTION_BEGAN, lane->kernel_control, &none);
}
