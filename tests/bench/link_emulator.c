/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A network link as a program. It carries every Ethernet frame between two interfaces, with delay,
 * jitter, rate, a limited queue and loss, set for each direction. For kernels without netem.
 *
 * 	link_emulator [--rate 100mbit] [--delay 20ms] [--jitter 2ms] [--queue 250000] [--loss 1%] [--seed 1]
 * 	              [--forward KEY=VALUE,...] [--backward KEY=VALUE,...] [--settings FILE] [--grain 50us]
 * 	              [--realtime] IF-A IF-B
 *
 * link_emulator/schedule.h defines link, queue, loss and delay. A packet's length is that of its
 * Ethernet frame: header of 14 bytes and payload, without preamble, checksum and gap. A packet must
 * have its size on the wire: the hosts at both ends must turn off segmentation by the interface. A
 * superpacket of 64 KB would be lost or delayed as one packet, so it is refused and counted.
 * (ethtool -K IF tso off, tx-udp-segmentation off; link_between in tests/bench/link.sh does it.)
 * Checksum offload may stay on (link_emulator/port.h).
 *
 * Packets are never early. They are late by the machine's wake-up time and by the grain: while
 * packets flow, the emulator checks for them at that interval. `late_mean_us` and `late_max_us` say
 * how late they were.
 *
 * It prints `carrying A <-> B` when it carries packets, and a line of JSON for each direction on
 * SIGUSR1. On SIGHUP it takes other options of a link from the file --settings and prints
 * `changed`; packets in transit are not touched. SIGTERM or SIGINT ends it with the same lines and
 * status 0; packets in transit are then lost. Limits: VLAN tags are not carried; 131072 packets in
 * transit in a direction.
 */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/exit_code.h"
#include "link_emulator/direction.h"
#include "link_emulator/options.h"

/* With one seed both directions would lose the same numbers. */
#define SEED_OF_BACKWARD (UINT64_C(1) << 63)

static struct port ports[2] = { { .fd = -1 }, { .fd = -1 } };
static struct direction directions[2];
static const char *const names[2] = { "forward", "backward" };
static volatile sig_atomic_t ending, asked, changing;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		asked = 1;
	else if (number == SIGHUP)
		changing = 1;
	else
		ending = 1;
}

static void usage(FILE *out)
{
	fputs("usage: link_emulator [OPTION...] IF-A IF-B\n"
	      "carries frames between two interfaces; forward is from A to B\n"
	      "  --rate 100mbit       bit, kbit, mbit, gbit a second (default: no limit)\n"
	      "  --delay 20ms         one way (default: 0)\n"
	      "  --jitter 2ms         the delay varies by so much, up and down (default: 0)\n"
	      "  --queue 250000       bytes that may wait for the link (default: 1000000)\n"
	      "  --loss 1%            of the packets, each by itself (default: 0)\n"
	      "  --seed 1             the same seed loses the same packets (default: 1)\n"
	      "  --forward SPEC       for one direction; SPEC is rate=100mbit,delay=20ms\n"
	      "  --backward SPEC      and so on, any of the above\n"
	      "  --settings FILE      SIGHUP takes the options above from its first line\n"
	      "  --grain 50us         how late a packet may leave to save processor time\n"
	      "  --realtime           before all other processes of the machine (SCHED_FIFO)\n",
		out);
}

static void print_counters(void)
{
	for (size_t i = 0; i < 2; i++)
		direction_print(&directions[i], names[i]);
}

/* An unreadable file changes nothing, and is told. */
static void change(struct options *options)
{
	struct problem problem = { 0 };

	if (!options->settings || options_take_settings(options, &problem) < 0) {
		fprintf(stderr, "link_emulator: %s\n",
			options->settings ? problem.text : "there is no --settings to take");
		return;
	}
	schedule_change(&directions[0].schedule, &options->forward);
	schedule_change(&directions[1].schedule, &options->backward);
	puts("changed");
	fflush(stdout);
}

/* ---- the loop ---- */

/*
 * Blocks both signals. The loop unblocks them while it waits, so none comes between a check and a
 * wait.
 */
static void catch_signals(sigset_t *ret_while_waiting)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const int numbers[] = { SIGUSR1, SIGHUP, SIGTERM, SIGINT };
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		sigaction(numbers[i], &action, NULL);
		sigaddset(&blocked, numbers[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, ret_while_waiting);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigdelset(ret_while_waiting, numbers[i]);
}

/* The time until the next packet is due. False: none is in transit. */
static bool time_left(struct duration *ret_left)
{
	struct mono due, now = mono_now();
	bool any = false;

	for (size_t i = 0; i < 2; i++) {
		if (!direction_next(&directions[i], &due))
			continue;
		struct duration left = mono_since(due, now);
		if (!any || left.ns < ret_left->ns)
			*ret_left = left;
		any = true;
	}
	return any;
}

/* `blind`: the wait ignores new packets, for which the caller checks afterwards. */
static void wait_for(struct duration length, bool forever, bool blind, const sigset_t *signals)
{
	struct pollfd fds[2] = {
		{ .fd = ports[0].fd, .events = POLLIN },
		{ .fd = ports[1].fd, .events = POLLIN },
	};
	int64_t ns = length.ns > 0 ? length.ns : 0;
	struct timespec timeout = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	ppoll(fds, blind ? 0 : 2, forever ? NULL : &timeout, signals);
}

/*
 * Serves both directions once. Gives the number of packets that moved, and whether more may wait.
 */
static int turn(bool *ret_more, size_t *ret_moved, struct problem *problem)
{
	*ret_more = false;
	*ret_moved = 0;
	for (size_t i = 0; i < 2; i++) {
		int n = direction_receive(&directions[i]);

		if (n == -ENETDOWN && port_check(directions[i].from, problem) == 0)
			n = 0;
		if (n < 0 && problem->text[0] == '\0')
			problem_set(problem, "%s: %s", directions[i].from->name, error_text(n));
		if (n < 0)
			return n;
		*ret_more |= n == DIRECTION_BATCH;
		*ret_moved += (size_t)n;
	}
	for (size_t i = 0; i < 2; i++)
		*ret_moved += direction_send(&directions[i]);
	return 0;
}

static int run(struct options *options, const sigset_t *signals, struct problem *problem)
{
	struct duration grain = options->grain;

	while (!ending) {
		struct duration left = { .ns = 0 };
		bool more;
		size_t moved;
		int r = turn(&more, &moved, problem);

		if (r < 0)
			return r;
		if (more)
			wait_for(left, false, true, signals);
		else if (moved > 0 && grain.ns > 0)
			wait_for(grain, false, true, signals);
		else if (time_left(&left))
			wait_for(left, false, false, signals);
		else
			wait_for(left, true, false, signals);
		if (asked) {
			asked = 0;
			print_counters();
		}
		if (changing) {
			changing = 0;
			change(options);
		}
	}
	return 0;
}

/* ---- the program ---- */

static int set_up(struct options *options, struct problem *problem)
{
	const struct sched_param priority = { .sched_priority = 1 };
	int r = 0;

	options->backward.seed ^= SEED_OF_BACKWARD;
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = port_open(&ports[i], options->interface[i], problem);
	if (r < 0)
		return r;
	if (direction_init(&directions[0], &ports[0], &ports[1], &options->forward) < 0 ||
		direction_init(&directions[1], &ports[1], &ports[0], &options->backward) < 0) {
		problem_set(problem, "there is not enough memory");
		return -ENOMEM;
	}
	if (options->realtime && sched_setscheduler(0, SCHED_FIFO, &priority) < 0) {
		problem_set(problem, "--realtime: %s; do without, and see late_max_us",
			error_text(errno));
		return -errno;
	}
	/* By default timers are 50 us late on purpose. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	return 0;
}

int main(int argc, char **argv)
{
	struct problem problem = { 0 };
	struct options options;
	sigset_t signals;

	if (options_parse(&options, argc, argv, &problem) < 0) {
		fprintf(stderr, "link_emulator: %s\n", problem.text);
		return EXIT_CODE_USAGE;
	}
	if (options.help) {
		usage(stdout);
		return EXIT_CODE_OK;
	}
	catch_signals(&signals);
	int r = set_up(&options, &problem);
	if (r == 0) {
		printf("carrying %s <-> %s\n", ports[0].name, ports[1].name);
		fflush(stdout);
		r = run(&options, &signals, &problem);
		print_counters();
	}
	if (r < 0)
		fprintf(stderr, "link_emulator: %s\n", problem.text);
	for (size_t i = 0; i < 2; i++) {
		direction_release(&directions[i]);
		port_close(&ports[i]);
	}
	if (r == -EPERM)
		return EXIT_CODE_PERMISSION;
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}
