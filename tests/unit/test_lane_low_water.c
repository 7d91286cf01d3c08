/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It filters system calls. */
/*
 * When is a connection to get more? Asked of one whose peer does not read, and that has more unsent than
 * a slow one should: where the kernel says "writable" by the same limit, and where it takes no limit.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lane/lane_internal.h"
#include "lane/worker.h"
#include "unit.h"

static struct lane lane;
static int listener, peer;

/* Connected by TCP, full. */
static void set_up(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	static const char bytes[65536];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, len), 0);
	peer = accept(listener, NULL, NULL);
	ck_assert_int_ge(peer, 0);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	lane = (struct lane){ .socket_watch = { .fd = fd } };
	outflow_init(&lane.outflow);
}

static void tear_down(void)
{
	close(lane.socket_watch.fd);
	close(peer);
	close(listener);
}

/* TCP_NOTSENT_LOWAT is no option of a connection any more, as of an MPTCP one of an older kernel. */
static void forbid_low_water(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_NOTSENT_LOWAT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static bool has_room(size_t ahead)
{
	lane.outflow.ahead = ahead;
	lane_queue_watch(&lane, false);
	return lane_queue_has_room(&lane);
}

START_TEST(a_slow_connection_gets_little)
{
	ck_assert(has_room(OUTFLOW_AHEAD_MOST));
	ck_assert(!has_room(OUTFLOW_AHEAD_LEAST));
}
END_TEST

/* Else we would be told without end that it is writable. */
START_TEST(without_a_limit_of_the_kernels_we_have_none)
{
	forbid_low_water();
	ck_assert(has_room(OUTFLOW_AHEAD_MOST));
	ck_assert(has_room(OUTFLOW_AHEAD_LEAST));
}
END_TEST

/* Of several paths: what is not acknowledged counts, and then a timer tells when there is room. */
START_TEST(paths_that_are_full)
{
	struct worker worker = { .queue_count = 0 };
	int under_way = 0;

	ck_assert_int_eq(loop_new(&worker.loop), 0);
	lane.worker = &worker;
	ck_assert_int_eq(ioctl(lane.socket_watch.fd, SIOCOUTQ, &under_way), 0);
	ck_assert_int_gt(under_way, 0);
	lane.window.limit = (uint64_t)under_way + 1;
	ck_assert(has_room(OUTFLOW_AHEAD_MOST));
	ck_assert(!lane.held.running);
	lane.window.limit = (uint64_t)under_way;
	ck_assert(!has_room(OUTFLOW_AHEAD_MOST));
	ck_assert(lane.held.running);
	lane.window.limit = 0;
	ck_assert(!has_room(OUTFLOW_AHEAD_MOST));
	loop_timer_stop(worker.loop, &lane.held);
	ck_assert(has_room(OUTFLOW_AHEAD_MOST));
	loop_free(worker.loop);
}
END_TEST

static void end_loop(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(lane.worker->loop);
}

/* MPTCP goes over to TCP when the way spoils it; the kernel has no list of paths then. */
START_TEST(paths_that_are_no_more)
{
	struct worker worker = { .queue_count = 0 };
	struct loop_timer ending = { .running = false };

	ck_assert_int_eq(loop_new(&worker.loop), 0);
	lane.worker = &worker;
	lane.state = LANE_CARRYING;
	lane.busy = true;
	lane.window.limit = 1;
	lane_path_watch(&lane);
	ck_assert(lane.paths.running);
	loop_timer_start(worker.loop, &ending,
		mono_add(mono_now(), DURATION_MS(4 * SILENCE_SAMPLE_MS)), end_loop);
	ck_assert_int_eq(loop_run(worker.loop), 0);
	ck_assert(!lane.paths.running);
	ck_assert(lane.one_path);
	ck_assert_uint_eq(lane.window.limit, 0);
	loop_free(worker.loop);
}
END_TEST

/* As of an uplink that gets another address every day. */
START_TEST(paths_from_many_addresses)
{
	struct addr local = { .family = AF_INET, .bytes = { 192, 0, 2, 0 } };

	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < TCP_PATHS_MAX + 2; i++) {
			local.bytes[3] = (uint8_t)i;
			lane_path_know(&lane, &local);
			lane_path_know(&lane, &local);
			ck_assert(addr_equal(&lane.known[lane.known_count - 1], &local));
		}
		ck_assert_uint_eq(lane.known_count, TCP_PATHS_MAX);
	}
	ck_assert_uint_eq(lane.known[0].bytes[3], 2);
	lane_path_know(&lane, &(struct addr){ .family = AF_UNSPEC });
	ck_assert(addr_equal(&lane.known[TCP_PATHS_MAX - 1], &local));
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { a_slow_connection_gets_little,
		without_a_limit_of_the_kernels_we_have_none, paths_that_are_full,
		paths_that_are_no_more, paths_from_many_addresses };

	return unit_suite("lane_low_water", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("lane_low_water", suite());
}
