/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's life as netd sees it, with a played engine: the program of the test starts itself, and does what
 * the letters of a script say. Deadlines are not waited for; the test lets them expire.
 * valgrind answers open() of /proc/self/exe with itself, hence `check: no-valgrind` in each test.
 */
#ifndef CULVERT_TESTS_UNIT_ENGINE_PROCESS_FIXTURE_H
#define CULVERT_TESTS_UNIT_ENGINE_PROCESS_FIXTURE_H

#include "netd/engine_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exit_code.h"
#include "base/log.h"
#include "tests/unit/log_capture.h"
#include "system/ipc.h"
#include "tests/unit/unit.h"

#define PLAY "--play"
#define NEW_NAME "program"

/* ---- the played engine ---- */

static struct request_configure configured;

static inline void wait_for(short events)
{
	(void)poll(&(struct pollfd){ .fd = REQUEST_FD, .events = events }, 1, -1);
}

static inline void take(struct request *request, int fds[static REQUEST_FDS_MAX], size_t *fd_count)
{
	static uint8_t data[REQUEST_SIZE_MAX];
	size_t len;
	int r;

	do {
		wait_for(POLLIN);
		r = ipc_receive(
			REQUEST_FD, data, sizeof(data), &len, fds, REQUEST_FDS_MAX, fd_count);
	} while (r == -EAGAIN);
	if (r < 0 || request_decode(data, len, request) < 0)
		_exit(99);
}

/* What netd sent by itself. */
static inline void take_news(struct request *request)
{
	int fds[REQUEST_FDS_MAX];
	size_t fd_count;

	do {
		take(request, fds, &fd_count);
	} while (request->type == REQUEST_REPLY);
}

static inline void say(const struct request *request)
{
	uint8_t bytes[REQUEST_SIZE_MAX];
	struct writer writer;
	int r;

	writer_init(&writer, bytes, sizeof(bytes));
	if (request_encode(&writer, request) < 0)
		_exit(98);
	do {
		wait_for(POLLOUT);
		r = ipc_send(REQUEST_FD, bytes, writer.len, NULL, 0);
	} while (r == -EAGAIN);
	if (r < 0)
		_exit(97);
}

static inline void say_words(const char *words)
{
	struct request request = { .type = REQUEST_EXIT, .id = 9, .exit.code = EXIT_CODE_OK };

	(void)snprintf(request.exit.text, sizeof(request.exit.text), "%s;", words);
	say(&request);
}

static inline void take_configure(void)
{
	struct request request;
	int fds[REQUEST_FDS_MAX];
	char text[384], byte = 0;
	size_t fd_count;

	take(&request, fds, &fd_count);
	if (request.type != REQUEST_CONFIGURE || fd_count != request.configure.fd_count)
		_exit(96);
	configured = request.configure;
	if (fd_count == 0)
		return;
	(void)!pread(fds[0], &byte, 1, 0);
	(void)snprintf(text, sizeof(text), "version %u generation %u kinds %u %u byte %c path %s",
		configured.version, configured.generation, configured.fd_kind[0],
		configured.fd_kind[1], byte, configured.path);
	say_words(text);
}

/* Pages come until their set is whole. */
static inline void take_pages(void)
{
	struct request request;
	unsigned pages = 0, routes = 0, total;
	char words[96];

	do {
		take_news(&request);
		pages++;
		if (request.type == REQUEST_TRACKED) {
			routes += request.tracked.count;
			total = request.tracked.total;
		} else {
			routes += request.lack.count;
			total = request.lack.total;
		}
	} while (routes < total);
	(void)snprintf(words, sizeof(words), "%s: %u of %u on %u pages",
		request_type_name(request.type), routes, total, pages);
	say_words(words);
}

static inline void break_the_rules(char how)
{
	static uint8_t bytes[REQUEST_SIZE_MAX + 1];
	int fd = STDERR_FILENO;

	if (how == 'g')
		(void)ipc_send(REQUEST_FD, bytes, 1, NULL, 0);
	else if (how == 'l')
		(void)ipc_send(REQUEST_FD, bytes, sizeof(bytes), NULL, 0);
	else
		(void)ipc_send(REQUEST_FD, bytes, 1, &fd, 1);
}

static inline void play_letter(char letter)
{
	struct request request = { .type = REQUEST_READY, .id = 7 };

	switch (letter) {
	case 'c':
		take_configure();
		break;
	case 'r':
		request.ready.generation = configured.generation;
		say(&request);
		break;
	case 'n': /* the type of the next news */
		take_news(&request);
		say_words(request_type_name(request.type));
		break;
	case 'p':
		take_pages();
		break;
	case 'b':
		say_words("bye");
		break;
	case 'f': /* does not read what is answered */
		request = (struct request){ .type = REQUEST_REEXEC, .id = 8 };
		for (;;)
			say(&request);
	case 'o':
		close(REQUEST_FD);
		break;
	case 'g':
	case 'l':
	case 'd':
		break_the_rules(letter);
		break;
	case 'k':
		(void)raise(SIGTERM);
		break;
	case 'w': /* to be told to stop */
		do {
			take_news(&request);
		} while (request.type != REQUEST_STOP);
		break;
	case 'h':
		for (;;)
			pause();
	default:
		_exit(letter - '0');
	}
}

static inline _Noreturn void play(char *const *scripts)
{
	char path[PATH_MAX] = "";
	const char *name, *script;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)!readlink("/proc/self/exe", path, sizeof(path) - 1);
	name = strrchr(path, '/');
	script = scripts[name && strcmp(name, "/" NEW_NAME) == 0];
	for (; *script != '\0'; script++)
		play_letter(*script);
	_exit(0);
}

/* ---- the fixture ---- */

static char *argv[5] = { "engine", PLAY, "", "" };
static struct engine_plan plan;
static struct engine_process engine;
static struct program_file program;
static struct loop *loop;
static struct loop_timer tick;
static struct problem problem;
enum { FIRST_WAIT = 20, LONGEST_WAIT = 100 }; /* s */
static int ticks_left;
static char directory[32], new_path[64];
static char words[1024]; /* that the engine has said */
static unsigned begins, beguns, ends, requests;
static bool gave_up, lend, kill_for_words;
static int lent_fd;

typedef bool holds_fn(void);

static holds_fn *awaited;
static bool has_held; /* since await() began, if only for a moment */

static inline void observe(void)
{
	has_held = has_held || (awaited && awaited());
}

static inline void on_begins(struct engine_process *which, struct request_configure *configure)
{
	ck_assert_ptr_eq(which, &engine);
	begins++;
	ck_assert_uint_eq(configure->generation, engine.generation);
	memset(configure->instance, 'i', sizeof(configure->instance));
}

static inline void on_begun(struct engine_process *which)
{
	ck_assert_ptr_eq(which, &engine);
	beguns++;
	observe();
}

static inline int on_message(struct engine_process *which, const void *data, size_t len,
	struct writer *reply, int *ret_fds, size_t *ret_fd_count, bool *ret_fds_owned,
	struct problem *why)
{
	struct request request, answer = { .type = REQUEST_REPLY };

	if (request_decode(data, len, &request) < 0) {
		problem_set(why, "it talks nonsense");
		return -EPROTO;
	}
	requests++;
	if (request.type == REQUEST_READY)
		engine_process_ready(which);
	observe();
	if (request.type == REQUEST_EXIT) {
		size_t at = strlen(words);

		(void)snprintf(&words[at], sizeof(words) - at, "%s", request.exit.text);
		if (kill_for_words)
			engine_process_kill(which, "it said too much");
	}
	answer.id = request.id;
	ck_assert_int_eq(request_encode(reply, &answer), 0);
	*ret_fd_count = 0;
	*ret_fds_owned = false;
	if (lend) {
		lent_fd = dup(STDIN_FILENO);
		ck_assert_int_ge(lent_fd, 0);
		ret_fds[0] = lent_fd;
		*ret_fd_count = 1;
		*ret_fds_owned = true;
	}
	return 0;
}

static inline void on_finished(struct engine_process *which, bool it_gave_up)
{
	ck_assert_ptr_eq(which, &engine);
	ends++;
	gave_up = it_gave_up;
}

static const struct engine_events events = { on_begins, on_begun, on_message, on_finished };

/* An open file with one byte, for CONFIGURE. */
static inline int file_with(char byte)
{
	int fd = memfd_create("unit", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, &byte, 1), 1);
	return fd;
}

static inline void setup(void)
{
	log_capture_begin(LOG_LEVEL_INFO);
	program_file_init(&program);
	ck_assert_int_eq(program_file_open(&program), 0);
	ck_assert_int_eq(loop_new(&loop), 0);
	plan = (struct engine_plan){ .loop = loop,
		.events = &events,
		.argv = argv,
		.program = &program,
		.output_fd = -1,
		.config_path = "/etc/culvert/unit.conf",
		.fd_count = 2,
		.fd = { file_with('x'), file_with('y') },
		.fd_kind = { REQUEST_FD_CONFIG, REQUEST_FD_STATE } };
	engine_process_init(&engine, &plan);
	ck_assert_int_eq(engine.backoff.first.ns, DURATION_MS(ENGINE_BACKOFF_FIRST_MS).ns);
	ck_assert_int_eq(engine.backoff.longest.ns, DURATION_MS(ENGINE_BACKOFF_LONGEST_MS).ns);
	/* So long that none ends before the test looks. */
	engine.backoff.first = DURATION_S(FIRST_WAIT);
	engine.backoff.longest = DURATION_S(LONGEST_WAIT);
}

static inline void teardown(void)
{
	log_capture_end();
	engine_process_free(&engine);
	loop_free(loop);
	program_file_close(&program);
	close(plan.fd[0]);
	close(plan.fd[1]);
	if (directory[0] != '\0') {
		(void)unlink(new_path);
		(void)rmdir(directory);
	}
}

static inline void look(struct loop_timer *timer)
{
	observe();
	if (has_held || --ticks_left == 0)
		loop_stop(loop);
	else
		loop_timer_start(loop, timer, mono_add(mono_now(), DURATION_MS(1)), look);
}

/* Runs the loop until it has held, if only for a moment: one turn of the loop may see several changes. */
static inline void await(holds_fn *holds)
{
	awaited = holds;
	has_held = false;
	ticks_left = 15000;
	loop_timer_start(loop, &tick, mono_now(), look);
	ck_assert_int_eq(loop_run(loop), 0);
	loop_timer_stop(loop, &tick);
	awaited = NULL;
	ck_assert(has_held);
}

static inline bool is_running(void)
{
	return engine.state == ENGINE_RUNNING;
}

static inline bool is_waiting(void)
{
	return engine.state == ENGINE_WAITING;
}

static inline bool is_none(void)
{
	return engine.state == ENGINE_NONE;
}

static inline bool is_over(void)
{
	return engine.state == ENGINE_WAITING || engine.state == ENGINE_NONE;
}

static inline bool has_spoken(void)
{
	return words[0] != '\0';
}

static inline bool is_stalled(void)
{
	return engine.stall.running;
}

static inline bool is_closed(void)
{
	return engine.channel < 0;
}

static inline bool is_on_trial(void)
{
	return engine_process_on_trial(&engine);
}

/* The timer's time has come, unless it came by itself while a slow machine did other things. */
static inline void expire(struct loop_timer *timer)
{
	ck_assert(timer->expired != NULL);
	if (!timer->running)
		return;
	loop_timer_stop(loop, timer);
	timer->expired(timer);
}

/* It becomes true what the script of an engine leads to. */
static inline void start(char *script)
{
	argv[2] = script;
	ck_assert_int_eq(engine_process_start(&engine, &problem), 0);
	ck_assert_int_eq(engine.state, ENGINE_STARTING);
}

static inline void start_running(char *script)
{
	start(script);
	await(is_running);
}

static inline void is_killed_for(const char *why)
{
	char text[256];

	await(is_over);
	(void)snprintf(text, sizeof(text), ") ended: killed by netd: %s", why);
	ck_assert_msg(log_has(text), "not logged: %s", text);
	ck_assert_int_eq(engine.process.fd, -1);
	ck_assert_int_eq(engine.channel, -1);
}

static inline void add(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
	tcase_set_timeout(unit_add_case(suite, name, setup, teardown, tests, count), 20);
}

#define ADD(suite, name, tests) add(suite, name, tests, ARRAY_SIZE(tests))

#endif
