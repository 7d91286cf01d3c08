/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Finds how many UDP packets a second get through with little loss:
 *
 * 	udp_rate serve ADDRESS PORT                              counts packets, for one client after another
 * 	udp_rate search ADDRESS PORT BYTES TRIAL_MS STEPS [FROM]  the highest rate with under 0.5 % loss
 * 	udp_rate flood ADDRESS PORT BYTES RATE SECONDS           that many packets a second, for that long
 *
 * BYTES is UDP payload. The sender follows a schedule: it wakes up every 100 us or more, and sends
 * the due packets with sendmmsg. Packets that are late (the socket blocks, the machine is busy) by
 * more than a few milliseconds are never sent. A trial that sent under 95 % of the rate has failed.
 * A TCP connection to the same port begins and ends a trial and brings the receiver's count.
 * Packets have the trial's number and their own, and each counts once. The search doubles the rate
 * until it fails twice, then halves the gap, STEPS times. `search` prints {"rate": N, "loss":
 * FRACTION}, `flood` {"sent": N, "received": N}.
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/error_text.h"

enum {
	BATCH = 64,
	BYTES_MIN = 12,
	BYTES_MAX = 9000,
	BUFFER_BYTES = 8 << 20,
	NUMBERS_MAX = 1 << 24, /* packets in a trial */
	WAKE_NS = 100000,
	LATE_NS = 10000000, /* packets later than this are given up */
	QUIET_MS = 100,     /* after this silence no packet is expected */
	QUIET_MAX_MS = 1000,
	RATE_MAX = 4000000,
};

#define LOSS_MAX 0.005
#define SENT_MIN 0.95

/*
 * A message on the control connection, in both directions. Both ends are on one machine, so host
 * order suffices.
 */
struct control {
	uint32_t what; /* BEGIN, END; the answer to END has the count */
	uint32_t trial;
	uint64_t count;
};

enum { BEGIN = 1, END = 2 };

/* The first bytes of each packet. */
struct mark {
	uint32_t trial;
	uint32_t number;
};

static uint8_t packets[BATCH][BYTES_MAX];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];
static uint8_t seen[NUMBERS_MAX / 8];

static int fail(const char *what)
{
	fprintf(stderr, "udp_rate: %s: %s\n", what, error_text(errno));
	return -1;
}

static void batch_init(size_t bytes)
{
	for (size_t i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ .iov_base = packets[i], .iov_len = bytes };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
}

static int open_socket(int type, const struct endpoint *endpoint, bool listener)
{
	const int on = 1, size = BUFFER_BYTES;
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	int fd = socket(address.ss_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail("socket");
	if (type == SOCK_STREAM) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	} else {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	}
	if (!listener && connect(fd, (struct sockaddr *)&address, len) < 0)
		goto failed;
	if (listener && bind(fd, (struct sockaddr *)&address, len) < 0)
		goto failed;
	if (listener && type == SOCK_STREAM && listen(fd, 1) < 0)
		goto failed;
	return fd;
failed:
	fail(listener ? "bind" : "connect");
	close(fd);
	return -1;
}

/* ---- receiving ---- */

struct counter {
	uint32_t trial;
	uint64_t count;
};

static void count_packet(struct counter *counter, const uint8_t *packet, size_t len)
{
	struct mark mark;

	if (len < sizeof(mark))
		return;
	memcpy(&mark, packet, sizeof(mark));
	if (mark.trial != counter->trial || mark.number >= NUMBERS_MAX)
		return;
	uint8_t bit = (uint8_t)(1U << (mark.number % 8));
	if ((seen[mark.number / 8] & bit) != 0)
		return;
	seen[mark.number / 8] |= bit;
	counter->count++;
}

/* Receives all pending packets. True: there were some. */
static bool take_packets(int fd, struct counter *counter)
{
	bool any = false;
	int n;

	while ((n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL)) > 0) {
		any = true;
		for (int i = 0; i < n; i++)
			count_packet(counter, packets[i], messages[i].msg_len);
	}
	return any;
}

/* The sender has ended; receives its packets in transit. */
static void take_last(int fd, struct counter *counter)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct mono until = mono_add(mono_now(), DURATION_MS(QUIET_MAX_MS));

	while (mono_before(mono_now(), until) && poll(&poll_fd, 1, QUIET_MS) > 0)
		take_packets(fd, counter);
}

static int obey(int control_fd, int fd, struct counter *counter)
{
	struct control control;
	ssize_t n = recv(control_fd, &control, sizeof(control), MSG_WAITALL);

	if (n != sizeof(control))
		return n == 0 ? 0 : fail("recv of control");
	if (control.what == BEGIN) {
		memset(seen, 0, sizeof(seen));
		*counter = (struct counter){ .trial = control.trial };
	} else {
		take_last(fd, counter);
		control.count = counter->count;
	}
	if (send(control_fd, &control, sizeof(control), MSG_NOSIGNAL) < 0)
		return fail("send of control");
	return 1;
}

/* Serves the client until it closes its connection. */
static void serve_client(int control_fd, int fd)
{
	struct pollfd polls[] = { { .fd = fd, .events = POLLIN },
		{ .fd = control_fd, .events = POLLIN } };
	struct counter counter = { .trial = 0 };

	while (poll(polls, 2, -1) > 0) {
		if (polls[0].revents != 0)
			take_packets(fd, &counter);
		if (polls[1].revents != 0 && obey(control_fd, fd, &counter) <= 0)
			return;
	}
}

/* Packets that come late, after their sender has gone, are nobody's. */
static int await_client(int listener, int fd)
{
	struct pollfd polls[] = { { .fd = fd, .events = POLLIN },
		{ .fd = listener, .events = POLLIN } };
	struct counter nobody = { .trial = 0 };

	while (poll(polls, 2, -1) > 0) {
		if (polls[0].revents != 0)
			take_packets(fd, &nobody);
		if (polls[1].revents != 0)
			break;
	}
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int run_server(const struct endpoint *endpoint)
{
	int fd = open_socket(SOCK_DGRAM, endpoint, true);
	int listener = open_socket(SOCK_STREAM, endpoint, true);

	if (fd < 0 || listener < 0)
		return 1;
	batch_init(BYTES_MAX);
	for (;;) {
		int control_fd = await_client(listener, fd);
		if (control_fd < 0)
			return fail("accept") < 0;
		serve_client(control_fd, fd);
		close(control_fd);
	}
}

/* ---- sending ---- */

struct sender {
	int fd, control_fd;
	uint32_t trial;
	size_t bytes;
};

static int send_control(struct sender *sender, uint32_t what, uint64_t *ret_count)
{
	struct control control = { .what = what, .trial = sender->trial };

	if (send(sender->control_fd, &control, sizeof(control), MSG_NOSIGNAL) < 0 ||
		recv(sender->control_fd, &control, sizeof(control), MSG_WAITALL) != sizeof(control))
		return fail("control connection");
	if (ret_count)
		*ret_count = control.count;
	return 0;
}

static void sleep_until(struct mono point)
{
	struct timespec at = { .tv_sec = point.ns / 1000000000, .tv_nsec = point.ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		continue;
}

/* Sends `count` packets, numbered from `number`. Returns how many the kernel accepted. */
static uint64_t send_packets(struct sender *sender, uint64_t number, uint64_t count)
{
	uint64_t done = 0;

	while (done < count) {
		unsigned batch = count - done < BATCH ? (unsigned)(count - done) : BATCH;
		for (unsigned i = 0; i < batch; i++) {
			struct mark mark = { .trial = sender->trial,
				.number = (uint32_t)(number + done + i) };
			memcpy(packets[i], &mark, sizeof(mark));
		}
		int n = sendmmsg(sender->fd, messages, batch, 0);
		if (n <= 0)
			break; /* full or refused: these packets are late, then lost */
		done += (uint64_t)n;
	}
	return done;
}

/* Follows the schedule for `length`. Returns the number of packets sent. */
static uint64_t send_paced(struct sender *sender, uint64_t rate, struct duration length)
{
	struct mono start = mono_now(), end = mono_add(start, length);
	struct duration gap = { .ns = 1000000000 / (int64_t)rate };
	struct duration step = { .ns = gap.ns > WAKE_NS ? gap.ns : WAKE_NS };
	uint64_t late = rate * LATE_NS / 1000000000 + 1;
	uint64_t given_up = 0, sent = 0;

	for (struct mono now = start; mono_before(now, end); now = mono_now()) {
		double elapsed = duration_seconds(mono_since(now, start));
		uint64_t due = (uint64_t)(elapsed * (double)rate) - given_up;
		if (due > sent + late) {
			given_up += due - sent - late;
			due = sent + late;
		}
		if (due > sent && sent < NUMBERS_MAX)
			sent += send_packets(sender, sent, due - sent);
		sleep_until(mono_add(now, step));
	}
	return sent;
}

/* *ret_good: the rate got through. *ret_loss: the lost share, if it was sent at all. */
static int try_rate(struct sender *sender, uint64_t rate, int ms, bool *ret_good, double *ret_loss)
{
	uint64_t received = 0;

	sender->trial++;
	if (send_control(sender, BEGIN, NULL) < 0)
		return -1;
	uint64_t sent = send_paced(sender, rate, DURATION_MS(ms));
	if (send_control(sender, END, &received) < 0)
		return -1;
	double wanted = (double)rate * ms / 1e3;
	double loss = sent > 0 ? 1 - (double)received / (double)sent : 1;
	bool good = (double)sent >= wanted * SENT_MIN && loss < LOSS_MAX;
	fprintf(stderr, "udp_rate: %llu/s: sent %.1f %%, lost %.2f %%%s\n",
		(unsigned long long)rate, 100 * (double)sent / wanted, 100 * loss,
		good ? "" : ": failed");
	*ret_good = good;
	*ret_loss = loss;
	return 0;
}

/* Tries twice, since one hiccup of the machine is no result. */
static int try_twice(struct sender *sender, uint64_t rate, int ms, bool *ret_good, double *ret_loss)
{
	int r = try_rate(sender, rate, ms, ret_good, ret_loss);

	if (r < 0 || *ret_good)
		return r;
	return try_rate(sender, rate, ms, ret_good, ret_loss);
}

static int run_search(struct sender *sender, int ms, int steps, uint64_t from)
{
	uint64_t low = 0, high = 0, rate = from;
	double loss = 0, loss_low = 0;
	bool good;

	while (steps > 0 && rate > 0) {
		if (try_twice(sender, rate, ms, &good, &loss) < 0)
			return 1;
		if (good) {
			low = rate;
			loss_low = loss;
		} else {
			high = rate;
		}
		if (high == 0 && low * 2 > RATE_MAX)
			break;
		if (low > 0 && high > 0)
			steps--;
		rate = high == 0 ? low * 2 : low == 0 ? high / 2 : (low + high) / 2;
	}
	printf("{\"rate\": %llu, \"loss\": %.5f}\n", (unsigned long long)low, loss_low);
	return 0;
}

static int run_flood(struct sender *sender, uint64_t rate, int seconds)
{
	uint64_t received = 0;

	sender->trial++;
	if (send_control(sender, BEGIN, NULL) < 0)
		return 1;
	uint64_t sent = send_paced(sender, rate, DURATION_S(seconds));
	if (send_control(sender, END, &received) < 0)
		return 1;
	printf("{\"sent\": %llu, \"received\": %llu}\n", (unsigned long long)sent,
		(unsigned long long)received);
	return 0;
}

/* ---- arguments ---- */

static bool number_in(const char *text, long from, long to, long *ret_number)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < from || number > to)
		return false;
	*ret_number = number;
	return true;
}

static int usage(void)
{
	fputs("usage: udp_rate serve ADDRESS PORT\n"
	      "       udp_rate search ADDRESS PORT BYTES TRIAL_MS STEPS [FROM]\n"
	      "       udp_rate flood ADDRESS PORT BYTES RATE SECONDS\n",
		stderr);
	return 2;
}

static int run_client(const struct endpoint *to, int argc, char **argv)
{
	struct sender sender = { .trial = (uint32_t)getpid() << 8 };
	bool flood = strcmp(argv[1], "flood") == 0;
	long bytes, first, second, from = 10000;

	if ((!flood && strcmp(argv[1], "search") != 0) || argc < 7 ||
		!number_in(argv[4], BYTES_MIN, BYTES_MAX, &bytes) ||
		!number_in(argv[5], 1, RATE_MAX, &first) || !number_in(argv[6], 1, 3600, &second) ||
		(argc == 8 && !number_in(argv[7], 1, RATE_MAX, &from)) || argc > 8)
		return usage();
	sender.fd = open_socket(SOCK_DGRAM, to, false);
	sender.control_fd = open_socket(SOCK_STREAM, to, false);
	if (sender.fd < 0 || sender.control_fd < 0)
		return 1;
	prctl(PR_SET_TIMERSLACK, 1);
	batch_init((size_t)bytes);
	return flood ? run_flood(&sender, (uint64_t)first, (int)second)
		     : run_search(&sender, (int)first, (int)second, (uint64_t)from);
}

int main(int argc, char **argv)
{
	struct endpoint endpoint;
	long port;

	if (argc < 4 || addr_parse(argv[2], &endpoint.addr) < 0 ||
		!number_in(argv[3], 1, 65535, &port))
		return usage();
	endpoint.port = (uint16_t)port;
	if (strcmp(argv[1], "serve") == 0 && argc == 4)
		return run_server(&endpoint);
	return run_client(&endpoint, argc, argv);
}
