/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Measures round trips at a fixed interval, whether or not earlier ones were answered:
 *
 * 	probe ping ADDRESS INTERVAL_MS COUNT             ICMP echo: one flow throughout
 * 	probe connect ADDRESS PORT INTERVAL_MS COUNT     TCP connections: a new flow each; refused is an answer, too
 * 	probe first ADDRESS COMMAND [ARGUMENT...]        from starting the command to the first answered ICMP echo
 *
 * The first two print {"sent": N, "answered": N, "mean": MS, "min": MS, "p50": MS, "p99": MS, "max": MS};
 * without an answer within two seconds after the last probe, a probe counts as lost. `first` sends
 * every 2 ms, prints the milliseconds, and then waits for the command's end; it passes an ending
 * signal to the command. Needs CAP_NET_RAW for ICMP.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/error_text.h"

enum {
	COUNT_MAX = 65536, /* as many as ICMP's sequence numbers */
	OPEN_MAX = 1024,   /* connections without an answer yet */
	LAST_MS = 2000,
	FIRST_INTERVAL_MS = 2,
	FIRST_PATIENCE_S = 30,
	ECHO_DATA = 48, /* bytes after the ICMP header */
};

static struct mono sent_at[COUNT_MAX];
static double round_trip[COUNT_MAX]; /* ms; 0: not answered */

static int fail(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, error_text(errno));
	return 1;
}

static void answered(size_t number)
{
	double ms = duration_seconds(mono_since(mono_now(), sent_at[number])) * 1e3;

	if (round_trip[number] <= 0)
		round_trip[number] = ms > 0 ? ms : 1e-6;
}

/* ---- results ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int print_summary(size_t count)
{
	size_t n = 0;
	double sum = 0;

	for (size_t i = 0; i < count; i++) {
		if (round_trip[i] <= 0)
			continue;
		sum += round_trip[i];
		round_trip[n++] = round_trip[i];
	}
	printf("{\"sent\": %zu, \"answered\": %zu", count, n);
	if (n > 0) {
		qsort(round_trip, n, sizeof(round_trip[0]), by_value);
		printf(", \"mean\": %.4f, \"min\": %.4f, \"p50\": %.4f, \"p99\": %.4f, \"max\": %.4f",
			sum / (double)n, round_trip[0], round_trip[n / 2], round_trip[n * 99 / 100],
			round_trip[n - 1]);
	}
	puts("}");
	return n > 0 ? 0 : 1;
}

/* ---- ICMP echo ---- */

struct echo {
	struct icmphdr header;
	uint8_t data[ECHO_DATA];
};

static uint16_t echo_checksum(const struct echo *echo)
{
	uint16_t words[sizeof(*echo) / 2];
	uint32_t sum = 0;

	memcpy(words, echo, sizeof(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static int echo_socket(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
}

static uint16_t echo_id(void)
{
	return (uint16_t)getpid();
}

/* A failed probe gets no answer: the route may not exist yet. */
static void echo_send(int fd, const struct addr *to, size_t number)
{
	struct echo echo = { .header = { .type = ICMP_ECHO } };
	const struct endpoint endpoint = { .addr = *to };
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &address);

	echo.header.un.echo.id = htons(echo_id());
	echo.header.un.echo.sequence = htons((uint16_t)number);
	echo.header.checksum = echo_checksum(&echo);
	sent_at[number] = mono_now();
	if (sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&address, len) < 0)
		return;
}

/*
 * Receives all pending answers and returns how many are ours. A raw socket has the IP header, too.
 */
static size_t echo_receive(int fd, size_t count)
{
	uint8_t packet[2048];
	struct icmphdr header;
	size_t seen = 0;
	ssize_t n;

	while ((n = recv(fd, packet, sizeof(packet), 0)) > 0) {
		size_t skip = (size_t)(packet[0] & 0x0f) * 4;
		if ((size_t)n < skip + sizeof(header))
			continue;
		memcpy(&header, &packet[skip], sizeof(header));
		size_t number = ntohs(header.un.echo.sequence);
		if (header.type != ICMP_ECHOREPLY || ntohs(header.un.echo.id) != echo_id() ||
			number >= count)
			continue;
		answered(number);
		seen++;
	}
	return seen;
}

/* ---- a probe at each interval ---- */

static bool wait_readable(int fd, struct mono until)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct duration left = mono_since(until, mono_now());
	struct timespec timeout = { .tv_sec = left.ns / 1000000000,
		.tv_nsec = left.ns % 1000000000 };

	if (left.ns <= 0)
		return false;
	return ppoll(&poll_fd, 1, &timeout, NULL) > 0;
}

static int run_ping(const struct addr *to, int interval_ms, size_t count)
{
	int fd = echo_socket();
	struct mono due = mono_now();
	size_t seen = 0;

	if (fd < 0)
		return fail("raw socket");
	for (size_t i = 0; i < count; i++) {
		echo_send(fd, to, i);
		due = mono_add(due, DURATION_MS(interval_ms));
		while (wait_readable(fd, due))
			seen += echo_receive(fd, count);
	}
	due = mono_add(mono_now(), DURATION_MS(LAST_MS));
	while (seen < count && wait_readable(fd, due))
		seen += echo_receive(fd, count);
	close(fd);
	return print_summary(count);
}

struct attempts {
	struct pollfd polls[OPEN_MAX];
	size_t numbers[OPEN_MAX];
	size_t open;
};

static struct attempts attempts;

static void attempt_end(size_t index)
{
	close(attempts.polls[index].fd);
	attempts.open--;
	attempts.polls[index] = attempts.polls[attempts.open];
	attempts.numbers[index] = attempts.numbers[attempts.open];
}

static void attempt_begin(const struct endpoint *to, size_t number)
{
	const struct linger reset = { .l_onoff = 1 };
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(to, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	sent_at[number] = mono_now();
	if (fd < 0)
		return;
	if (attempts.open == OPEN_MAX)
		attempt_end(0);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	attempts.polls[attempts.open] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	attempts.numbers[attempts.open++] = number;
	if (connect(fd, (struct sockaddr *)&address, len) < 0 && errno != EINPROGRESS)
		attempt_end(attempts.open - 1);
}

/* Waits for answers until `until`; with `all`, only as long as an attempt is open. */
static void attempts_wait(struct mono until, bool all)
{
	while (!all || attempts.open > 0) {
		struct duration left = mono_since(until, mono_now());
		struct timespec timeout = { .tv_sec = left.ns / 1000000000,
			.tv_nsec = left.ns % 1000000000 };
		if (left.ns <= 0 || ppoll(attempts.polls, attempts.open, &timeout, NULL) < 0)
			return;
		for (size_t i = attempts.open; i-- > 0;) {
			if (attempts.polls[i].revents == 0)
				continue;
			answered(attempts.numbers[i]);
			attempt_end(i);
		}
	}
}

static int run_connect(const struct endpoint *to, int interval_ms, size_t count)
{
	struct mono due = mono_now();

	for (size_t i = 0; i < count; i++) {
		attempt_begin(to, i);
		due = mono_add(due, DURATION_MS(interval_ms));
		attempts_wait(due, false);
	}
	attempts_wait(mono_add(mono_now(), DURATION_MS(LAST_MS)), true);
	return print_summary(count);
}

/* ---- the first answer ---- */

static volatile sig_atomic_t command_pid;

static void pass_on(int number)
{
	if (command_pid > 0)
		kill(command_pid, number);
}

static pid_t start_command(char **command)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	execvp(command[0], command);
	fail(command[0]);
	_exit(127);
}

static bool first_answer(int fd, const struct addr *to, struct mono start)
{
	struct mono due = start;
	size_t number = 0;

	while (duration_seconds(mono_since(mono_now(), start)) < FIRST_PATIENCE_S) {
		echo_send(fd, to, number++);
		due = mono_add(due, DURATION_MS(FIRST_INTERVAL_MS));
		while (wait_readable(fd, due)) {
			if (echo_receive(fd, COUNT_MAX) > 0)
				return true;
		}
	}
	return false;
}

static int run_first(const struct addr *to, char **command)
{
	const struct sigaction action = { .sa_handler = pass_on };
	int fd = echo_socket(), status = 0;
	struct mono start = mono_now();

	if (fd < 0)
		return fail("raw socket");
	if (sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0)
		return fail("sigaction");
	command_pid = start_command(command);
	if (command_pid < 0)
		return fail("fork");
	if (first_answer(fd, to, start))
		printf("%.3f\n", duration_seconds(mono_since(mono_now(), start)) * 1e3);
	else
		puts("no answer");
	fflush(stdout);
	close(fd);
	while (waitpid(command_pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
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
	fputs("usage: probe ping ADDRESS INTERVAL_MS COUNT\n"
	      "       probe connect ADDRESS PORT INTERVAL_MS COUNT\n"
	      "       probe first ADDRESS COMMAND [ARGUMENT...]\n",
		stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct endpoint to = { .port = 0 };
	long port, interval, count;

	if (argc < 4 || addr_parse(argv[2], &to.addr) < 0)
		return usage();
	prctl(PR_SET_TIMERSLACK, 1);
	if (strcmp(argv[1], "first") == 0)
		return to.addr.family == AF_INET ? run_first(&to.addr, argv + 3) : usage();
	if (strcmp(argv[1], "ping") == 0 && argc == 5 && to.addr.family == AF_INET &&
		number_in(argv[3], 1, 60000, &interval) && number_in(argv[4], 1, COUNT_MAX, &count))
		return run_ping(&to.addr, (int)interval, (size_t)count);
	if (strcmp(argv[1], "connect") == 0 && argc == 6 && number_in(argv[3], 1, 65535, &port) &&
		number_in(argv[4], 1, 60000, &interval) &&
		number_in(argv[5], 1, COUNT_MAX, &count)) {
		to.port = (uint16_t)port;
		return run_connect(&to, (int)interval, (size_t)count);
	}
	return usage();
}
