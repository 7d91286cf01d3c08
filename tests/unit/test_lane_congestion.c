/* SPDX-License-Identifier: Apache-2.0 */
/* A lane applies the choice of lane/congestion to its connection and reports it. The kernel's part is played here. */
#include <errno.h>
#include <string.h>

#include "lane/lane_internal.h"

#include "unit.h"

enum { SOCKET = 77, MTU = 1448 };

/* ---- the kernel ---- */

static struct tcp_path path;
static char control[TCP_PATH_NAME_MAX + 1];
static int set_result, read_result;
static unsigned sets, reads, slow_starts;
static uint64_t paced, passes, window;

int tcp_path_read(int fd, struct tcp_path *ret_path)
{
	ck_assert_int_eq(fd, SOCKET);
	reads++;
	*ret_path = path;
	return read_result;
}

int tcp_path_control(int fd, char ret_name[TCP_PATH_NAME_MAX + 1])
{
	ck_assert_int_eq(fd, SOCKET);
	memcpy(ret_name, control, sizeof(control));
	return 0;
}

int tcp_path_set_control(int fd, const char *name)
{
	ck_assert_int_eq(fd, SOCKET);
	sets++;
	if (set_result == 0)
		unit_text(control, name);
	return set_result;
}

int tcp_path_slow_start(int fd, const char *name)
{
	ck_assert_int_eq(fd, SOCKET);
	ck_assert_str_eq(name, control);
	slow_starts++;
	return set_result;
}

int tcp_path_set_rate(int fd, uint64_t rate)
{
	ck_assert_int_eq(fd, SOCKET);
	paced = rate;
	return 0;
}

bool tcp_path_can_set_window(int fd)
{
	ck_assert_int_eq(fd, SOCKET);
	return true;
}

int tcp_path_set_window(int fd, uint64_t bytes)
{
	ck_assert_int_eq(fd, SOCKET);
	window = bytes;
	return 0;
}

bool tcp_path_is_queued(const struct tcp_path *of)
{
	return of->rtt_us > of->least_rtt_us;
}

/* ---- the lane and its owner ---- */

static struct loop *loop;
static struct mailbox reports;
static struct worker worker;
static struct lane lane;
static struct lane_congestion heard;
static unsigned reported;

static void on_congestion(
	struct lane_owner *of_lane, struct lane *of, const struct lane_congestion *now)
{
	(void)of_lane;
	ck_assert_ptr_eq(of, &lane);
	heard = *now;
	reported++;
}

static struct lane_owner owner = { .congestion = on_congestion };

static void deliver(struct mailbox *of, struct mail *mail)
{
	lane_deliver_report(mail);
	loop_stop(of->loop);
}

static void setup(void)
{
	unit_text(control, "cubic");
	set_result = read_result = 0;
	sets = reads = slow_starts = reported = 0;
	paced = window = 0;
	passes = 50 * MTU;
	path = (struct tcp_path){ .rtt_us = 40000, .least_rtt_us = 40000, .rate = 275000 };
	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(mailbox_open(&reports, loop, deliver), 0);
	worker = (struct worker){ .loop = loop, .reports = &reports };
	lane = (struct lane){ .worker = &worker,
		.owner = &owner,
		.socket_watch.fd = SOCKET,
		.state = LANE_CARRYING };
}

static void teardown(void)
{
	loop_timer_stop(loop, &lane.path);
	mailbox_close(&reports);
	loop_free(loop);
}

/* Waits until the owner has heard so many reports in all. */
static void await(unsigned count)
{
	while (reported < count)
		ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_eq(reported, count);
}

static void begin(bool choose)
{
	lane_congestion_begin(&lane, choose);
	await(1);
	ck_assert_int_eq(heard.reason, CONGESTION_BEGAN);
	ck_assert_str_eq(heard.control, control);
	ck_assert_str_eq(congestion_reason_text(heard.reason), "");
}

/* As many looks as a window has, and the one that begins it. */
static void look(unsigned lost)
{
	for (int i = 0; i <= CONGESTION_WINDOW; i++) {
		path.sent += passes;
		path.acked += passes;
		path.resent += i % 2 == 0 ? lost * MTU : 0;
		lane_congestion_look(&lane);
	}
}

/* As if this much time had passed since the last change. */
static void pass(int seconds)
{
	lane.congestion.changed.ns -= DURATION_S(seconds).ns;
	lane.congestion.clean_since.ns -= DURATION_S(seconds).ns;
}

/* A lane with BBR on a path that is clean and fast now. */
static void begin_and_return(void)
{
	begin(true);
	look(1);
	await(2);
	ck_assert_str_eq(control, "bbr");
	passes = CONGESTION_FAST / 10;
	look(0);
	pass(CONGESTION_CLEAN_S);
	look(0);
}

START_TEST(a_lossy_path_gets_bbr)
{
	begin(true);
	look(1);
	await(2);
	ck_assert_str_eq(control, "bbr");
	ck_assert_str_eq(heard.control, "bbr");
	ck_assert_int_eq(heard.reason, CONGESTION_LOSS);
	ck_assert_uint_gt(heard.view.loss_ppm, 0);
	look(1);
	ck_assert_uint_eq(sets, 1);
}
END_TEST

START_TEST(a_fast_path_gets_the_kernels_back)
{
	begin_and_return();
	await(3);
	ck_assert_str_eq(control, "cubic");
	ck_assert_str_eq(heard.control, "cubic");
	ck_assert_int_eq(heard.reason, CONGESTION_CLEAN);
	ck_assert_uint_eq(sets, 2);
}
END_TEST

static void look_with_backlog(bool waits)
{
	lane.output.len = waits ? 1 : 0;
	lane_congestion_look(&lane);
	lane.output.len = 0;
}

/* As the acknowledgements of a transfer the other way would end it. */
START_TEST(slow_start_begins_again_with_a_transfer)
{
	begin(true);
	path.slow_start_over = true;
	look_with_backlog(false);
	ck_assert_uint_eq(slow_starts, 0);
	look_with_backlog(true);
	ck_assert_uint_eq(slow_starts, 1);
	ck_assert_uint_eq(sets, 0);
	look_with_backlog(true);
	ck_assert_uint_eq(slow_starts, 1);
}
END_TEST

START_TEST(a_configured_control_keeps_its_slow_start)
{
	begin(false);
	path.slow_start_over = true;
	look_with_backlog(false);
	look_with_backlog(true);
	ck_assert_uint_eq(slow_starts, 0);
}
END_TEST

START_TEST(a_kernel_that_refuses_the_way_back)
{
	begin(true);
	look(1);
	await(2);
	set_result = -EPERM;
	passes = CONGESTION_FAST / 10;
	look(0);
	pass(CONGESTION_CLEAN_S);
	look(0);
	await(3);
	ck_assert_str_eq(heard.control, "bbr");
	ck_assert_int_eq(heard.reason, CONGESTION_KEPT);
	ck_assert_ptr_nonnull(
		strstr(congestion_reason_text(heard.reason), "tcp_allowed_congestion_control"));
	look(0);
	ck_assert_uint_eq(sets, 2); /* it does not ask again */
}
END_TEST

START_TEST(a_kernel_without_bbr)
{
	begin(true);
	set_result = -ENOENT;
	look(1);
	await(2);
	ck_assert_str_eq(heard.control, "cubic");
	ck_assert_int_eq(heard.reason, CONGESTION_ABSENT);
	ck_assert_ptr_nonnull(strstr(congestion_reason_text(heard.reason), "modprobe tcp_bbr"));
	look(1);
	ck_assert_uint_eq(sets, 1);
}
END_TEST

START_TEST(what_is_configured_stays)
{
	begin(false);
	look(1);
	ck_assert_uint_eq(sets, 0);
}
END_TEST

START_TEST(a_kernel_with_bbr_as_its_default)
{
	unit_text(control, "bbr3");
	begin(true);
	look(1);
	ck_assert_uint_eq(sets, 0);
}
END_TEST

/* An idle lane costs no wake-ups. */
START_TEST(only_a_busy_lane_is_looked_at)
{
	begin(true);
	lane_congestion_watch(&lane);
	ck_assert(!lane.path.running);
	lane.busy = true;
	lane_congestion_watch(&lane);
	ck_assert(lane.path.running);
	path.sent = path.resent = 0;
	lane_congestion_watch(&lane); /* once is enough */
	ck_assert(lane.path.running);
}
END_TEST

static void stop_after_two(struct loop_timer *timer)
{
	if (reads >= 2)
		loop_stop(loop);
	else
		loop_timer_start(
			loop, timer, mono_add(mono_now(), DURATION_MS(10)), stop_after_two);
}

START_TEST(the_timer_looks_until_the_lane_is_idle)
{
	struct loop_timer timer = { 0 };

	begin(true);
	lane.busy = true;
	lane_congestion_watch(&lane);
	stop_after_two(&timer);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert(lane.path.running);
	lane.busy = false;
	reads = 1;
	loop_timer_start(loop, &timer, mono_now(), stop_after_two);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert(!lane.path.running);
}
END_TEST

/* The path sends what it is given: losses hold nothing up. */
START_TEST(a_lane_that_waits_for_nothing_is_not_limited)
{
	begin(true);
	path.idle = true;
	look(1);
	look(1);
	ck_assert_uint_eq(sets, 0);
}
END_TEST

START_TEST(what_waits_in_the_lane_counts_as_limited)
{
	begin(true);
	path.idle = true;
	lane.output.len = 1; /* more than output_sent */
	look(1);
	await(2);
	ck_assert_uint_eq(sets, 1);
}
END_TEST

static bool bursts_may_wait(void)
{
	return lane.burst.ns > 0;
}

static void look_at_a_loss(void)
{
	path.resent += MTU;
	lane_congestion_look(&lane);
}

/* Before it is known what the losses are: an inner flow that loses a packet now pays for seconds. */
START_TEST(bursts_may_wait_from_the_first_loss_on)
{
	begin(true);
	lane_congestion_look(&lane);
	ck_assert(!bursts_may_wait());
	ck_assert(!lane.unexplained);
	look_at_a_loss();
	ck_assert(bursts_may_wait());
	ck_assert(lane.unexplained);
}
END_TEST

START_TEST(bursts_may_wait_while_the_lane_gives_way)
{
	begin(true);
	lane_congestion_look(&lane);
	ck_assert(!bursts_may_wait());
	lane.pacing.leave_until = mono_add(mono_now(), DURATION_S(60));
	lane_congestion_look(&lane);
	ck_assert(bursts_may_wait());
	lane.pacing.leave_until = mono_now();
	lane_congestion_look(&lane);
	ck_assert(!bursts_may_wait());
}
END_TEST

/* The smoothed round trip is too long for a while after a rest, too. */
START_TEST(a_short_queue_does_not_shorten_that)
{
	begin(true);
	path.rtt_us++;
	for (int i = 1; i < PACING_QUEUED_LEAST; i++)
		look_at_a_loss();
	ck_assert(lane.unexplained);
	path.rtt_us--;
	lane_congestion_look(&lane);
	ck_assert(lane.unexplained);
}
END_TEST

START_TEST(losses_of_a_standing_queue_allow_no_bursts)
{
	begin(true);
	path.rtt_us++;
	for (int i = 0; i < PACING_QUEUED_LEAST; i++)
		look_at_a_loss();
	ck_assert(!lane.unexplained);
	look_at_a_loss();
	ck_assert(!lane.unexplained);
	path.idle = true; /* what waits there is not this lane's */
	path.rtt_us--;
	lane_congestion_look(&lane);
	path.rtt_us++;
	for (int i = 0; i < PACING_QUEUED_LEAST; i++)
		look_at_a_loss();
	ck_assert(lane.unexplained);
}
END_TEST

/* BBR makes queues itself. */
START_TEST(with_bbr_a_queue_says_nothing)
{
	begin(true);
	lane_congestion_look(&lane);
	ck_assert_uint_eq(lane.outflow.ahead_us, OUTFLOW_AHEAD_US);
	look(1);
	await(2);
	ck_assert_uint_eq(lane.outflow.ahead_us, path.least_rtt_us / LANE_AHEAD_SHARE);
	path.rtt_us++;
	for (int i = 0; i < 2 * PACING_QUEUED_LEAST; i++)
		look_at_a_loss();
	ck_assert(bursts_may_wait());
}
END_TEST

/* Looks at a path with a queue, by so many bytes to the peer and from it. */
static void look_at_a_queue(uint64_t sent, uint64_t received)
{
	path.rtt_us = path.least_rtt_us + 20000;
	for (int i = 0; i < 2 * PACING_QUEUED_LEAST; i++) {
		path.acked += sent;
		counter_add(&lane.counters.sent_bytes, sent);
		counter_add(&lane.counters.received_bytes, received);
		lane.pacing.sampled.ns -= DURATION_MS(PACING_SAMPLE_MS).ns;
		lane_congestion_look(&lane);
	}
}

START_TEST(bulk_data_that_waits_on_the_path_is_limited)
{
	begin(true);
	look_at_a_queue(125000, 2500);
	ck_assert_uint_gt(paced, 0);
	ck_assert_uint_eq(counter_read(&lane.counters.limit_rate), paced);
}
END_TEST

/* On a short path what is under way is limited, less is encrypted ahead, and both end together. */
START_TEST(a_short_path_is_held)
{
	begin(true);
	path.least_rtt_us = HOLDING_SHORT_US - 1;
	look_at_a_queue(125000, 2500);
	ck_assert_uint_eq(paced, 0);
	ck_assert_uint_gt(window, 0);
	ck_assert_uint_eq(window, lane.pacing.holding.window);
	ck_assert_uint_eq(counter_read(&lane.counters.limit_window), window);
	ck_assert_uint_eq(lane.outflow.ahead_us, LANE_AHEAD_HELD_US);
	lane.pacing.sampled.ns -= DURATION_MS(PACING_GAP_MS).ns;
	look(2);
	ck_assert_uint_eq(window, 0);
	ck_assert_uint_eq(lane.outflow.ahead_us, OUTFLOW_AHEAD_US);
}
END_TEST

/* They wait behind the transfer that they acknowledge. */
START_TEST(acknowledgements_are_not_limited)
{
	begin(true);
	look_at_a_queue(125000, 5000000);
	ck_assert_uint_eq(paced, 0);
}
END_TEST

START_TEST(a_connection_that_fails_is_left_alone)
{
	begin(true);
	read_result = -ENOTCONN;
	look(1);
	ck_assert_uint_eq(sets, 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { a_lossy_path_gets_bbr,
		slow_start_begins_again_with_a_transfer, a_configured_control_keeps_its_slow_start,
		a_fast_path_gets_the_kernels_back, a_kernel_that_refuses_the_way_back,
		a_kernel_without_bbr, what_is_configured_stays, a_kernel_with_bbr_as_its_default,
		only_a_busy_lane_is_looked_at, the_timer_looks_until_the_lane_is_idle,
		a_lane_that_waits_for_nothing_is_not_limited,
		what_waits_in_the_lane_counts_as_limited, bursts_may_wait_from_the_first_loss_on,
		bursts_may_wait_while_the_lane_gives_way, a_short_queue_does_not_shorten_that,
		losses_of_a_standing_queue_allow_no_bursts, with_bbr_a_queue_says_nothing,
		bulk_data_that_waits_on_the_path_is_limited, a_short_path_is_held,
		acknowledgements_are_not_limited, a_connection_that_fails_is_left_alone };

	return unit_suite("lane_congestion", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("lane_congestion", suite());
}
