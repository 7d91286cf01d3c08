/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two or three paths of a connection, one of which falls silent: when that is found, and when a path that
 * looks silent is not. Then the kernel's own list of paths, of a connection in a namespace of the test's
 * own; without root or MPTCP that is left out.
 *
 * check: own-process
 */
#include "lane/silence.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

enum { MPTCP_PROTOCOL = 262, NONE = -1 };

static struct silence silence;
static struct tcp_paths_one paths[TCP_PATHS_MAX];
static size_t count;
static struct mono now;
static uint64_t taken;
/* What happens until the next look. */
static bool heard[TCP_PATHS_MAX], arrives[TCP_PATHS_MAX];
static bool stream_goes_on;

static void set_up(void)
{
	silence = (struct silence){ .count = 0 };
	now.ns = INT64_C(1000000000000);
	count = 2;
	taken = 0;
	for (size_t i = 0; i < TCP_PATHS_MAX; i++) {
		paths[i] = (struct tcp_paths_one){ .open = true, .rtt_us = 20000 };
		heard[i] = true;
		arrives[i] = false;
	}
	stream_goes_on = false;
}

static void tear_down(void)
{
}

static void pass_sample(void)
{
	now = mono_add(now, DURATION_MS(SILENCE_SAMPLE_MS));
	for (size_t i = 0; i < count; i++) {
		paths[i].heard_ms = heard[i] || arrives[i] ? 0
							   : paths[i].heard_ms + SILENCE_SAMPLE_MS;
		paths[i].arrived_ms = arrives[i] ? 0 : paths[i].arrived_ms + SILENCE_SAMPLE_MS;
		paths[i].received += arrives[i] ? 1000 : 0;
	}
	taken += stream_goes_on ? 1000 : 0;
}

/* The time until a silent path is found, and *ret_index; `ms` if none is. */
static int run(int ms, int *ret_index)
{
	size_t index;
	int passed = 0;

	*ret_index = NONE;
	while (passed < ms) {
		pass_sample();
		passed += SILENCE_SAMPLE_MS;
		if (!silence_find(&silence, now, paths, count, taken, &index))
			continue;
		*ret_index = (int)index;
		break;
	}
	return passed;
}

static void finds(int index, int least_ms, int most_ms)
{
	int found, ms = run(10000, &found);

	ck_assert_int_eq(found, index);
	ck_assert_int_ge(ms, least_ms);
	ck_assert_int_le(ms, most_ms);
}

static void finds_none(void)
{
	int found;

	(void)run(10000, &found);
	ck_assert_int_eq(found, NONE);
}

/* Data under way on both, as a sender that fills them has it. */
static void send_on_all(void)
{
	for (size_t i = 0; i < count; i++)
		paths[i].unacked = true;
	finds_none();
}

static void receive_on_all(void)
{
	stream_goes_on = true;
	for (size_t i = 0; i < count; i++)
		arrives[i] = true;
	finds_none();
}

START_TEST(a_path_that_answers_no_more)
{
	send_on_all();
	heard[0] = false;
	finds(0, 400, 450);
}
END_TEST

START_TEST(a_path_with_a_long_round_trip)
{
	send_on_all();
	paths[1].rtt_us = 200000;
	heard[1] = false;
	finds(1, 800, 850);
}
END_TEST

/* The other one runs empty, as the data of the silent one has to come first. */
START_TEST(the_other_path_runs_empty)
{
	int found;

	send_on_all();
	heard[0] = false;
	(void)run(200, &found);
	ck_assert_int_eq(found, NONE);
	paths[1].unacked = heard[1] = false;
	finds(0, 200, 250);
}
END_TEST

/* It is this host that was asleep, or the other one that is gone. */
START_TEST(all_paths_fall_silent)
{
	send_on_all();
	heard[0] = heard[1] = false;
	finds_none();
	/* The first that answers again does not condemn the other before that had its time. */
	heard[0] = true;
	finds(1, 0, 50);
}
END_TEST

START_TEST(a_path_without_data)
{
	paths[1].unacked = true;
	heard[0] = false;
	finds_none();
	/* Its silence counts from its first data on. */
	paths[0].unacked = true;
	finds(0, 400, 450);
}
END_TEST

START_TEST(a_path_that_is_not_open)
{
	send_on_all();
	paths[0].open = heard[0] = false;
	finds_none();
}
END_TEST

START_TEST(data_that_is_of_no_use)
{
	receive_on_all();
	arrives[1] = heard[1] = false;
	stream_goes_on = false;
	finds(1, 400, 450);
}
END_TEST

START_TEST(a_path_that_is_not_used_any_more)
{
	receive_on_all();
	arrives[1] = heard[1] = false;
	finds_none();
}
END_TEST

START_TEST(nothing_is_sent_any_more)
{
	receive_on_all();
	arrives[0] = arrives[1] = heard[0] = heard[1] = stream_goes_on = false;
	finds_none();
}
END_TEST

START_TEST(of_three_the_one_that_was_used)
{
	count = 3;
	stream_goes_on = true;
	arrives[1] = arrives[2] = true;
	finds_none();
	arrives[1] = heard[1] = stream_goes_on = false;
	finds(1, 400, 450);
}
END_TEST

START_TEST(it_is_told_once_a_second_or_less)
{
	send_on_all();
	heard[0] = false;
	finds(0, 400, 450);
	finds(0, SILENCE_HOLD_MS, SILENCE_HOLD_MS + 500);
}
END_TEST

/* The engine had no processor: what came meanwhile is not read yet. */
START_TEST(this_end_was_silent)
{
	receive_on_all();
	arrives[1] = heard[1] = stream_goes_on = false;
	for (int i = 0; i < 100; i++) {
		paths[0].received += 1000;
		paths[1].arrived_ms += 200;
		now = mono_add(now, DURATION_MS(200));
		ck_assert(!silence_find(&silence, now, paths, count, taken, &(size_t){ 0 }));
	}
	finds(1, 400, 450);
}
END_TEST

START_TEST(another_path_comes)
{
	int found;

	send_on_all();
	heard[0] = false;
	(void)run(300, &found);
	count = 3;
	finds(0, 0, 450);
}
END_TEST

/* ---- the kernel's list ---- */

static int connect_over_lo(int protocol, int *ret_listener)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, protocol);

	if (fd < 0)
		return -1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*ret_listener = socket(AF_INET, SOCK_STREAM, protocol);
	ck_assert_int_eq(bind(*ret_listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(*ret_listener, 1), 0);
	ck_assert_int_eq(getsockname(*ret_listener, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, len), 0);
	return fd;
}

START_TEST(a_connection_of_tcp_has_no_list)
{
	int listener, fd = connect_over_lo(0, &listener);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_lt(tcp_paths_read(fd, paths, &count), 0);
	ck_assert_int_lt(tcp_paths_locals(fd, &(struct addr[TCP_PATHS_MAX]){ 0 }[0], &count), 0);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(the_kernel_lists_the_paths)
{
	static const char bytes[1000];
	const struct addr lo = addr_of("127.0.0.1"), other = addr_of("127.0.0.2");
	struct addr locals[TCP_PATHS_MAX];
	int listener, fd, accepted, r;

	if (unshare(CLONE_NEWNET) < 0 || access("/proc/sys/net/mptcp/enabled", F_OK) < 0 ||
		system("ip link set lo up && ip mptcp limits set subflows 2 && "
		       "ip mptcp endpoint add 127.0.0.2 subflow") != 0)
		return;
	fd = connect_over_lo(MPTCP_PROTOCOL, &listener);
	ck_assert_int_ge(fd, 0);
	accepted = accept(listener, NULL, NULL);
	r = tcp_paths_read(fd, paths, &count);
	if (r < 0) { /* before Linux 5.16 */
		ck_assert_int_eq(r, -EOPNOTSUPP);
		return;
	}
	for (int tries = 0; tries < 500 && (count < 2 || !paths[1].open); tries++) {
		ck_assert_int_eq(write(accepted, bytes, sizeof(bytes)), sizeof(bytes));
		usleep(10000);
		ck_assert_int_eq(tcp_paths_read(fd, paths, &count), 0);
	}
	ck_assert_uint_eq(count, 2);
	ck_assert(paths[0].open && paths[1].open && !paths[0].unacked);
	ck_assert_uint_ge(paths[0].received + paths[1].received, sizeof(bytes));
	ck_assert_uint_gt(paths[0].rtt_us, 0);
	ck_assert_int_eq(tcp_paths_locals(fd, locals, &count), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert(addr_equal(&locals[0], &lo) && addr_equal(&locals[1], &other));
	close(fd);
	close(accepted);
	close(listener);
}
END_TEST

/* The kernel places the items as far apart as its own are long, where the header's are longer. */
START_TEST(an_older_kernel_has_shorter_items)
{
	enum { SHORTER = sizeof(struct tcp_info) - 8, LONGEST = sizeof(struct tcp_info) };
	struct tcp_info info = { .tcpi_state = 1, .tcpi_rtt = 30000 };
	uint8_t items[2 * SHORTER + LONGEST] = { 0 };
	struct tcp_paths_one list[TCP_PATHS_MAX];

	memcpy(items, &info, SHORTER);
	info.tcpi_rtt = 50000;
	info.tcpi_bytes_received = 7;
	memcpy(&items[SHORTER], &info, SHORTER);
	tcp_paths_parse(items, SHORTER, 2, list);
	ck_assert(list[0].open && list[1].open);
	ck_assert_uint_eq(list[0].rtt_us, 30000);
	ck_assert_uint_eq(list[1].rtt_us, 50000);
	ck_assert_uint_eq(list[1].received, 7);
	/* What it does not have is zero. */
	tcp_paths_parse(items, offsetof(struct tcp_info, tcpi_bytes_received), 1, list);
	ck_assert_uint_eq(list[0].received, 0);
	ck_assert_uint_eq(list[0].rtt_us, 30000);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { a_path_that_answers_no_more, a_path_with_a_long_round_trip,
		the_other_path_runs_empty, all_paths_fall_silent, a_path_without_data,
		a_path_that_is_not_open, data_that_is_of_no_use, a_path_that_is_not_used_any_more,
		nothing_is_sent_any_more, of_three_the_one_that_was_used,
		it_is_told_once_a_second_or_less, this_end_was_silent, another_path_comes,
		a_connection_of_tcp_has_no_list, the_kernel_lists_the_paths,
		an_older_kernel_has_shorter_items };

	return unit_suite("silence", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("silence", suite());
}
