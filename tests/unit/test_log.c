/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
/*
 * stderr is a temporary file while a test runs, so what the logger wrote can be read back. Each
 * test has a process of its own (libcheck's fork mode), hence a fresh logger. Under valgrind they share
 * one, and none depends on what the logger did before.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/log_quota.h"
#include "unit.h"

static char output[1 << 20];
static int captured = -1, real_stderr = -1;

static void set_up(void)
{
	captured = memfd_create("stderr", MFD_CLOEXEC);
	ck_assert_int_ge(captured, 0);
	real_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(captured, STDERR_FILENO), 0);
	unsetenv("JOURNAL_STREAM");
	log_init("engine", LOG_LEVEL_INFO);
}

static void tear_down(void)
{
	(void)dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(captured);
}

static const char *written(void)
{
	ssize_t len = pread(captured, output, sizeof(output) - 1, 0);

	ck_assert_int_ge(len, 0);
	output[len] = '\0';
	return output;
}

static size_t count_lines(void)
{
	size_t count = 0;

	for (const char *c = written(); *c != '\0'; c++)
		count += *c == '\n';
	return count;
}

static size_t count_of(const char *text)
{
	size_t count = 0;

	for (const char *at = written(); (at = strstr(at, text)); at++)
		count++;
	return count;
}

START_TEST(a_line_has_time_level_part_and_text)
{
	int year, month, day, hour, minute, second, milli, end = 0;

	log_warning("peer %s: %d", "branch-a", 7);
	(void)sscanf(written(), "%4d-%2d-%2d %2d:%2d:%2d.%3d%n", &year, &month, &day, &hour,
		&minute, &second, &milli, &end);
	ck_assert_int_eq(end, 23);
	ck_assert_str_eq(output + end, " warning engine: peer branch-a: 7\n");
}
END_TEST

START_TEST(levels_filter)
{
	log_debug("unseen");
	log_info("seen");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("unseen too");
	log_error("seen too");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("and this");
	ck_assert_uint_eq(count_lines(), 3);
	ck_assert_ptr_null(strstr(output, "unseen"));
}
END_TEST

START_TEST(level_names_are_parsed)
{
	static const char *const names[] = { "error", "warning", "notice", "info", "debug" };
	enum log_level level;

	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(log_level_parse(names[i], &level), 0);
		ck_assert_int_eq((int)level, i);
	}
	ck_assert_int_eq(log_level_parse("Error", &level), -EINVAL);
	ck_assert_int_eq(log_level_parse("", &level), -EINVAL);
	ck_assert_int_eq((int)level, LOG_LEVEL_DEBUG);
}
END_TEST

START_TEST(a_peers_text_cannot_forge_a_line)
{
	log_info("peer says: %s", "x\n2026-01-01 error engine: \x1b[31mforged\x07 \xc3\xa4 \\x0a");
	ck_assert_uint_eq(count_lines(), 1);
	ck_assert_ptr_nonnull(strstr(
		output, "x\\x0a2026-01-01 error engine: \\x1b[31mforged\\x07 \\xc3\\xa4 \\x0a\n"));
}
END_TEST

START_TEST(a_long_line_is_cut)
{
	char text[4 * LOG_LINE_MAX];

	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	ck_assert_uint_eq(count_lines(), 1);
	ck_assert_uint_le(strlen(output), LOG_LINE_MAX);
	ck_assert_int_eq(output[strlen(output) - 1], '\n');
}
END_TEST

START_TEST(the_journal_gets_priorities)
{
	struct stat st;
	char stream[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(
		stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_init("netd", LOG_LEVEL_DEBUG);
	log_error("a");
	log_warning("b");
	log_notice("c");
	log_info("d");
	log_debug("e");
	ck_assert_str_eq(written(), "<3>netd: a\n<4>netd: b\n<5>netd: c\n<6>netd: d\n<7>netd: e\n");
}
END_TEST

START_TEST(another_stderr_is_not_the_journal)
{
	ck_assert_int_eq(setenv("JOURNAL_STREAM", "1:1", 1), 0);
	log_init("netd", LOG_LEVEL_INFO);
	log_error("a");
	ck_assert_int_ne(written()[0], '<');
}
END_TEST

START_TEST(repeats_are_held_back)
{
	for (int i = 0; i < 100; i++)
		log_info("again %s", "and again");
	ck_assert_uint_eq(count_lines(), LOG_REPEAT_BURST);
	log_warning("again %s", "and again"); /* another level: another message */
	log_info("again %s", "and something");
	ck_assert_uint_eq(count_lines(), LOG_REPEAT_BURST + 2);
}
END_TEST

START_TEST(what_was_held_back_is_told)
{
	/*
	 * More distinct messages than the table watches push the first out before its window ends.
	 */
	for (int i = 0; i < LOG_REPEAT_BURST + 7; i++)
		log_info("flood");
	for (int i = 0; i < 200; i++)
		log_info("other %d", i);
	ck_assert_ptr_nonnull(strstr(written(), "engine: flood (7 more like this)\n"));
	ck_assert_uint_eq(count_of("engine: flood"), LOG_REPEAT_BURST + 1);
	ck_assert_uint_eq(count_of("engine: other"), 200);
}
END_TEST

/* Texts that all differ fill no log, if they are about the same peer. */
START_TEST(a_subject_has_a_quota)
{
	log_set_level(LOG_LEVEL_DEBUG);
	for (int i = 0; i < 2 * LOG_QUOTA_BURST; i++) {
		log_info("peer-a: route %d", i);
		log_debug("peer-a: detail %d", i);
		log_info("other %d", i);
	}
	log_info("peer-b: route");
	ck_assert_uint_eq(count_of("peer-a: route"), LOG_QUOTA_BURST);
	log_warning("peer-a: warning"); /* has a quota of its own */
	ck_assert_uint_eq(count_of("peer-a: warning"), 1);
	ck_assert_uint_eq(count_of("peer-a: detail"), 2 * LOG_QUOTA_BURST);
	ck_assert_uint_eq(count_of("other"), 2 * LOG_QUOTA_BURST);
	ck_assert_uint_eq(count_of("peer-b: route"), 1);
	usleep(1000000 / LOG_QUOTA_PER_SECOND + 10000);
	log_info("peer-a: route");
	ck_assert_ptr_nonnull(strstr(written(), "engine: peer-a: 200 more lines were held back\n"));
}
END_TEST

/* Nor do texts that push each other out of the table of repeated ones. */
START_TEST(summaries_have_it_too)
{
	for (int turn = 0; turn < 20; turn++) {
		for (int i = 0; i < 40; i++) {
			for (int j = 0; j <= LOG_REPEAT_BURST; j++)
				log_info("peer-a: route %d", i);
		}
	}
	ck_assert_uint_le(count_lines(), LOG_QUOTA_BURST + 10);
}
END_TEST

static void point_stderr_at(int fd)
{
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	log_init("engine", LOG_LEVEL_INFO);
}

/* Until it takes not one byte more; it does not block afterwards differently from before. */
static void fill(int fd)
{
	static const char noise[] = "0123456789";
	int flags = fcntl(fd, F_GETFL);

	ck_assert_int_ge(flags, 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	while (write(fd, noise, sizeof(noise)) > 0)
		;
	while (write(fd, noise, 1) > 0)
		;
	ck_assert_int_eq(fcntl(fd, F_SETFL, flags), 0);
}

static void drain(int fd)
{
	static char sink[65536];

	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	for (;;) {
		ssize_t n = read(fd, sink, sizeof(sink));

		if (n <= 0)
			return;
	}
}

static void lose_two(void)
{
	log_info("nobody reads this");
	log_info("nor this");
}

static void tells_what_was_lost(int reader)
{
	struct pollfd readable = { .fd = reader, .events = POLLIN };
	char text[4096] = "";
	size_t len = 0;

	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0); /* others share it */
	drain(reader);
	log_info("back");
	/* A terminal hands over its lines when it likes, one by one too. */
	while (!strstr(text, "engine: back") && poll(&readable, 1, 10000) == 1) {
		ssize_t n = read(reader, text + len, sizeof(text) - 1 - len);

		ck_assert_int_gt(n, 0);
		len += (size_t)n;
		text[len] = '\0';
	}
	ck_assert_ptr_nonnull(strstr(text, "2 lines lost"));
	ck_assert_ptr_nonnull(strstr(text, "engine: back"));
}

START_TEST(a_full_pipe_does_not_stop_the_caller)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	point_stderr_at(fds[1]);
	fill(fds[1]);
	lose_two();
	tells_what_was_lost(fds[0]);
}
END_TEST

START_TEST(nor_does_a_full_socket)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	point_stderr_at(fds[1]);
	fill(fds[1]);
	lose_two();
	tells_what_was_lost(fds[0]);
}
END_TEST

/* One that log_init() could not open for itself. */
START_TEST(nor_does_a_pipe_that_came_later)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	close(STDERR_FILENO);
	log_init("engine", LOG_LEVEL_INFO);
	fill(fds[1]);
	ck_assert_int_ge(dup2(fds[1], STDERR_FILENO), 0);
	lose_two();
	tells_what_was_lost(fds[0]);
}
END_TEST

START_TEST(nor_does_a_paused_terminal)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	point_stderr_at(slave);
	ck_assert_int_eq(tcflow(slave, TCOOFF), 0); /* ^S */
	lose_two();
	ck_assert_int_eq(tcflow(slave, TCOON), 0);
	tells_what_was_lost(master);
}
END_TEST

/* The limit of file sizes ends no program, as its signal would; when there is room again, the log says what it lost. */
START_TEST(nor_does_a_file_at_its_limit_end_it)
{
	struct rlimit limit, none;
	char text[4096] = "";
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	point_stderr_at(fileno(file));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	lose_two();
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	log_info("back");
	ck_assert_int_gt(pread(fileno(file), text, sizeof(text) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(text, "2 lines lost"));
	ck_assert_ptr_nonnull(strstr(text, "engine: back"));
	fclose(file);
}
END_TEST

START_TEST(what_another_process_says_is_escaped)
{
	static const char hostile[] = "clear \x1b[2J \x9b"
				      "31m over\rwritten\nforged\0end";
	static char endless[5 * LOG_LINE_MAX];

	log_relay(hostile, sizeof(hostile) - 1);
	ck_assert_str_eq(
		written(), "clear \\x1b[2J \\x9b31m over\\x0dwritten\\x0aforged\\x00end\n");
	memset(endless, 'x', sizeof(endless));
	log_relay(endless, sizeof(endless));
	ck_assert_uint_eq(count_lines(), 2);
	ck_assert_uint_le(strlen(written()), 100 + LOG_LINE_MAX);
}
END_TEST

START_TEST(errno_is_kept)
{
	errno = ENOTTY;
	log_info("x");
	ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

enum { THREADS = 4, LINES = 200 };

static void *writer_thread(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_info("thread %d line %d %s", *(int *)arg, i, "0123456789012345678901234567890");
	return NULL;
}

START_TEST(threads_do_not_mix_their_lines)
{
	pthread_t threads[THREADS];
	int ids[THREADS];
	size_t whole = 0;

	for (int i = 0; i < THREADS; i++) {
		ids[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, writer_thread, &ids[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(count_lines(), THREADS * LINES);
	for (char *line = strtok(output, "\n"); line; line = strtok(NULL, "\n")) {
		int thread, number, end = 0;
		const char *text = strstr(line, "thread ");

		ck_assert_ptr_nonnull(text);
		(void)sscanf(text, "thread %d line %d 0123456789012345678901234567890%n", &thread,
			&number, &end);
		whole += end > 0 && text[end] == '\0';
	}
	ck_assert_uint_eq(whole, THREADS * LINES);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	unit_add_between(suite, name, test, set_up, tear_down);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("log");

	add(suite, "line", a_line_has_time_level_part_and_text);
	add(suite, "levels", levels_filter);
	add(suite, "level names", level_names_are_parsed);
	add(suite, "escaping", a_peers_text_cannot_forge_a_line);
	add(suite, "cut", a_long_line_is_cut);
	add(suite, "journal", the_journal_gets_priorities);
	add(suite, "no journal", another_stderr_is_not_the_journal);
	add(suite, "repeats", repeats_are_held_back);
	add(suite, "told", what_was_held_back_is_told);
	add(suite, "quota", a_subject_has_a_quota);
	add(suite, "summaries", summaries_have_it_too);
	add(suite, "errno", errno_is_kept);
	add(suite, "full pipe", a_full_pipe_does_not_stop_the_caller);
	add(suite, "full socket", nor_does_a_full_socket);
	add(suite, "later pipe", nor_does_a_pipe_that_came_later);
	add(suite, "paused terminal", nor_does_a_paused_terminal);
	add(suite, "file at its limit", nor_does_a_file_at_its_limit_end_it);
	add(suite, "another process", what_another_process_says_is_escaped);
	add(suite, "threads", threads_do_not_mix_their_lines);
	return suite;
}

int main(void)
{
	return unit_run("log", suite());
}
