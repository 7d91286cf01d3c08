/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/*
 * The engine's life as netd sees it, with a played engine: this program starts itself, and does what
 * the letters of a script say. Deadlines are not waited for; the test lets them expire.
 * valgrind answers open() of /proc/self/exe with itself.
 */
#include "base/array.h"
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
#include "system/ipc.h"
#include "tests/unit/unit.h"

#define PLAY "--play"
#define NEW_NAME "program"

/* ---- the played engine ---- */

static struct request_configure configured;

static void wait_for(short events)
{
	(void)poll(&(struct pollfd){ .fd = REQUEST_FD, .events = events }, 1, -1);
}

static void take(struct request *request, int fds[static REQUEST_FDS_MAX], size_t *fd_count)
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
static void take_news(struct request *request)
{
	int fds[REQUEST_FDS_MAX];
	size_t fd_count;

	do {
		take(request, fds, &fd_count);
	} while (request->type == REQUEST_REPLY);
}

static void say(const struct request *request)
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

static void say_words(const char *words)
{
	struct request request = { .type = REQUEST_EXIT, .id = 9, .exit.code = EXIT_CODE_OK };

	(void)snprintf(request.exit.text, sizeof(request.exit.text), "%s;", words);
	say(&request);
}

static void take_configure(void)
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
static void take_pages(void)
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

static void break_the_rules(char how)
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

static void play_letter(char letter)
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

static _Noreturn void play(char *const *scripts)
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

/* ---- the bench ---- */

static char *argv[5] = { "engine", PLAY, "", "" };
static struct engine_plan plan;
static struct engine_process engine;
static struct program_file program;
static struct loop *loop;
static struct loop_timer tick;
static struct problem problem;
enum { FIRST_WAIT = 20, LONGEST_WAIT = 100 }; /* s */
static int log_fd, ticks_left;
static char directory[32], new_path[64];
static char words[1024]; /* that the engine has said */
static unsigned begins, beguns, ends, requests;
static bool gave_up, lend, kill_for_words;
static int lent_fd;

typedef bool holds_fn(void);

static holds_fn *awaited;
static bool has_held; /* since await() began, if only for a moment */

static void observe(void)
{
	has_held = has_held || (awaited && awaited());
}

static void on_begins(struct engine_process *which, struct request_configure *configure)
{
	ck_assert_ptr_eq(which, &engine);
	begins++;
	ck_assert_uint_eq(configure->generation, engine.generation);
	memset(configure->instance, 'i', sizeof(configure->instance));
}

static void on_begun(struct engine_process *which)
{
	ck_assert_ptr_eq(which, &engine);
	beguns++;
	observe();
}

static int on_message(struct engine_process *which, const void *data, size_t len,
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

static void on_finished(struct engine_process *which, bool it_gave_up)
{
	ck_assert_ptr_eq(which, &engine);
	ends++;
	gave_up = it_gave_up;
}

static const struct engine_events events = { on_begins, on_begun, on_message, on_finished };

/* An open file with one byte, for CONFIGURE. */
static int file_with(char byte)
{
	int fd = memfd_create("unit", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, &byte, 1), 1);
	return fd;
}

static void setup(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(log_fd, 0);
	ck_assert_int_ge(dup2(log_fd, STDERR_FILENO), 0);
	log_init("netd", LOG_LEVEL_INFO);
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

static void teardown(void)
{
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

static void look(struct loop_timer *timer)
{
	observe();
	if (has_held || --ticks_left == 0)
		loop_stop(loop);
	else
		loop_timer_start(loop, timer, mono_add(mono_now(), DURATION_MS(1)), look);
}

/* Runs the loop until it has held, if only for a moment: one turn of the loop may see several changes. */
static void await(holds_fn *holds)
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

static bool is_running(void)
{
	return engine.state == ENGINE_RUNNING;
}

static bool is_waiting(void)
{
	return engine.state == ENGINE_WAITING;
}

static bool is_none(void)
{
	return engine.state == ENGINE_NONE;
}

static bool is_over(void)
{
	return engine.state == ENGINE_WAITING || engine.state == ENGINE_NONE;
}

static bool has_spoken(void)
{
	return words[0] != '\0';
}

static bool is_stalled(void)
{
	return engine.stall.running;
}

static bool is_closed(void)
{
	return engine.channel < 0;
}

static bool is_on_trial(void)
{
	return engine_process_on_trial(&engine);
}

/* The timer's time has come, unless it came by itself while a slow machine did other things. */
static void expire(struct loop_timer *timer)
{
	ck_assert(timer->expired != NULL);
	if (!timer->running)
		return;
	loop_timer_stop(loop, timer);
	timer->expired(timer);
}

/* It becomes true what the script of an engine leads to. */
static void start(char *script)
{
	argv[2] = script;
	ck_assert_int_eq(engine_process_start(&engine, &problem), 0);
	ck_assert_int_eq(engine.state, ENGINE_STARTING);
}

static void start_running(char *script)
{
	start(script);
	await(is_running);
}

static bool logged(const char *text)
{
	static char all[65536];
	ssize_t n = pread(log_fd, all, sizeof(all) - 1, 0);

	ck_assert_int_ge(n, 0);
	all[n] = '\0';
	return strstr(all, text) != NULL;
}

static void is_killed_for(const char *why)
{
	char text[256];

	await(is_over);
	(void)snprintf(text, sizeof(text), ") ended: killed by netd: %s", why);
	ck_assert_msg(logged(text), "not logged: %s", text);
	ck_assert_int_eq(engine.process.fd, -1);
	ck_assert_int_eq(engine.channel, -1);
}

/* ---- start and stop ---- */

START_TEST(it_is_configured_and_ready)
{
	char expected[128];

	start("crw");
	ck_assert_uint_eq(begins, 1);
	ck_assert_uint_eq(beguns, 1);
	ck_assert(engine.deadline.running);
	await(is_running);
	ck_assert(!engine.deadline.running);
	(void)snprintf(expected, sizeof(expected),
		"version %d generation 1 kinds %d %d byte x path /etc/culvert/unit.conf;",
		REQUEST_VERSION, REQUEST_FD_CONFIG, REQUEST_FD_STATE);
	ck_assert_str_eq(words, expected);
	ck_assert(engine.was_ready);
	ck_assert(!engine_process_on_trial(&engine));
	engine_process_ready(&engine); /* once more is nothing */
	ck_assert_int_eq(engine.state, ENGINE_RUNNING);
	ck_assert(logged(") is ready"));
}
END_TEST

START_TEST(a_long_path_is_cut)
{
	char path[REQUEST_PATH_MAX + 50];

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	plan.config_path = path;
	start_running("crw");
	ck_assert_ptr_nonnull(strstr(words, "path ppp"));
}
END_TEST

START_TEST(it_is_asked_to_stop)
{
	start_running("crw3");
	engine_process_stop(&engine);
	ck_assert_int_eq(engine.state, ENGINE_STOPPING);
	engine_process_stop(&engine); /* is under way */
	ck_assert_uint_eq(ends, 0);
	await(is_none);
	ck_assert_uint_eq(ends, 1);
	ck_assert(!gave_up);
	ck_assert(logged(") ended with status 3"));
	ck_assert(!engine.deadline.running);
}
END_TEST

START_TEST(it_is_asked_to_stop_before_it_is_ready)
{
	start("cw");
	engine_process_stop(&engine);
	await(is_none);
	ck_assert_uint_eq(ends, 1);
	ck_assert(logged(") ended with status 0"));
}
END_TEST

START_TEST(what_does_not_stop_is_killed)
{
	start_running("crh");
	engine_process_stop(&engine);
	expire(&engine.deadline);
	is_killed_for("it did not stop in time");
	ck_assert_uint_eq(ends, 1);
	ck_assert(!gave_up);
}
END_TEST

START_TEST(a_second_signal_shortens_the_stop)
{
	start_running("crh");
	engine_process_stop(&engine);
	engine_process_kill(&engine, "a second signal came");
	engine_process_kill(&engine, "and a third"); /* the first reason stays */
	is_killed_for("a second signal came");
	ck_assert_uint_eq(ends, 1);
}
END_TEST

START_TEST(stop_where_there_is_none)
{
	engine_process_kill(&engine, "there is none");
	engine_process_stop(&engine);
	ck_assert_uint_eq(ends, 1);
	ck_assert_int_eq(engine.state, ENGINE_NONE);
	start("c1");
	await(is_waiting);
	engine_process_stop(&engine);
	ck_assert_uint_eq(ends, 2);
	ck_assert_int_eq(engine.state, ENGINE_NONE);
	ck_assert(!engine.deadline.running);
}
END_TEST

START_TEST(a_closed_channel_does_not_hinder_the_stop)
{
	start_running("croh");
	await(is_closed);
	engine_process_stop(&engine);
	expire(&engine.deadline);
	is_killed_for("it did not stop in time");
}
END_TEST

START_TEST(what_cannot_be_executed)
{
	int own = program.fd;

	program.fd = open("/dev/null", O_PATH | O_CLOEXEC);
	ck_assert_int_ge(program.fd, 0);
	ck_assert_int_eq(engine_process_start(&engine, &problem), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "cannot start the engine"));
	ck_assert_int_eq(engine.state, ENGINE_NONE);
	ck_assert_uint_eq(begins, 0);
	ck_assert_int_eq(engine.process.fd, -1);
	close(program.fd);
	program.fd = own;
}
END_TEST

START_TEST(an_end_waits_for_the_process)
{
	pid_t pid;

	engine_process_free(&engine); /* none yet */
	start_running("crh");
	pid = engine.process.pid;
	engine_process_free(&engine);
	ck_assert_int_eq(kill(pid, 0), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_int_eq(engine.state, ENGINE_NONE);
	engine_process_free(&engine);
	ck_assert_uint_eq(ends, 0);
	engine_process_free(&(struct engine_process){ .plan = NULL });
}
END_TEST

/* ---- death and the next one ---- */

START_TEST(how_it_ended_is_told)
{
	start("cr4");
	await(is_waiting);
	ck_assert(logged(") ended by itself with status 4"));
	argv[2] = "crk";
	expire(&engine.deadline);
	await(is_waiting);
	ck_assert(logged(") ended: killed by signal 15 (Terminated)"));
	ck_assert_uint_eq(engine.generation, 2);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(what_is_not_ready_in_time_is_killed)
{
	start("ch");
	expire(&engine.deadline);
	is_killed_for("it was not ready in time");
	ck_assert_int_eq(engine.state, ENGINE_WAITING);
	ck_assert_uint_eq(engine.early_ends, 1);
}
END_TEST

START_TEST(five_early_ends_in_a_row)
{
	start("c1");
	for (unsigned i = 1; i < ENGINE_EARLY_ENDS_MAX; i++) {
		await(is_over);
		ck_assert_int_eq(engine.state, ENGINE_WAITING);
		ck_assert_uint_eq(engine.early_ends, i);
		ck_assert_uint_eq(ends, 0);
		expire(&engine.deadline);
		ck_assert_int_eq(engine.state, ENGINE_STARTING);
	}
	await(is_over);
	ck_assert_int_eq(engine.state, ENGINE_NONE);
	ck_assert_uint_eq(ends, 1);
	ck_assert(gave_up);
	ck_assert_uint_eq(begins, ENGINE_EARLY_ENDS_MAX);
	ck_assert(logged("the engine ended 5 times before it was ready; giving up"));
	ck_assert(!engine.deadline.running);
}
END_TEST

START_TEST(one_that_was_ready_counts_afresh)
{
	start("c1");
	for (unsigned i = 1; i < ENGINE_EARLY_ENDS_MAX; i++) {
		await(is_waiting);
		argv[2] = i + 1 < ENGINE_EARLY_ENDS_MAX ? "c1" : "cr1";
		expire(&engine.deadline);
	}
	await(is_waiting);
	ck_assert_uint_eq(engine.early_ends, 0);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(what_cannot_be_started_again_counts_as_well)
{
	int own = program.fd;

	start("cr1");
	await(is_waiting);
	program.fd = open("/dev/null", O_PATH | O_CLOEXEC);
	ck_assert_int_ge(program.fd, 0);
	for (unsigned i = 1; i < ENGINE_EARLY_ENDS_MAX; i++) {
		expire(&engine.deadline);
		ck_assert_int_eq(engine.state, ENGINE_WAITING);
		ck_assert_uint_eq(engine.early_ends, i);
	}
	expire(&engine.deadline);
	ck_assert_int_eq(engine.state, ENGINE_NONE);
	ck_assert(gave_up);
	close(program.fd);
	program.fd = own;
}
END_TEST

/* The wait is drawn from the upper half of its limit; the clock goes on meanwhile. */
static void waits_at_most(int64_t limit)
{
	int64_t left;

	await(is_waiting);
	left = mono_since(engine.deadline.due, mono_now()).ns;
	ck_assert_int_le(left, DURATION_S(limit).ns);
	ck_assert_int_gt(left, DURATION_S(limit / 2 - 3).ns);
}

START_TEST(the_wait_grows_and_begins_again)
{
	start("cr1");
	waits_at_most(FIRST_WAIT);
	expire(&engine.deadline);
	waits_at_most(2 * FIRST_WAIT);
	expire(&engine.deadline);
	waits_at_most(4 * FIRST_WAIT);
	expire(&engine.deadline);
	waits_at_most(LONGEST_WAIT);
	expire(&engine.deadline);
	/* One that lives long enough. */
	engine.started.ns -= DURATION_S(ENGINE_STEADY_SECONDS).ns;
	waits_at_most(FIRST_WAIT);
	/* One that does not, as it was never ready. */
	argv[2] = "c1";
	expire(&engine.deadline);
	engine.started.ns -= DURATION_S(ENGINE_STEADY_SECONDS).ns;
	waits_at_most(2 * FIRST_WAIT);
}
END_TEST

START_TEST(its_last_words_are_heard)
{
	plan.fd_count = 0;
	start("crbbb1");
	await(is_waiting);
	ck_assert_str_eq(words, "bye;bye;bye;");
	ck_assert(engine.was_ready);
}
END_TEST

/* ---- the channel ---- */

START_TEST(what_breaks_the_rules_is_killed)
{
	start_running("crgh");
	is_killed_for("it talks nonsense");
	ck_assert(logged("is broken or subverted and is killed: it talks nonsense"));
	argv[2] = "crlh";
	expire(&engine.deadline);
	is_killed_for("it sent a message that is too long or carries descriptors");
	argv[2] = "crdh";
	expire(&engine.deadline); /* "running" may be over within one turn of the loop: it is not awaited */
	is_killed_for("it sent a message that is too long or carries descriptors");
	ck_assert_uint_eq(engine.generation, 3);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(it_may_be_killed_for_what_it_says)
{
	plan.fd_count = 0;
	kill_for_words = true;
	start("crbrrh");
	is_killed_for("it said too much");
	/* What comes after that is not heard any more. */
	ck_assert_uint_eq(requests, 2);
}
END_TEST

START_TEST(what_closes_its_channel_and_runs_on_is_killed)
{
	start_running("croh");
	await(is_closed);
	ck_assert_int_eq(engine.state, ENGINE_RUNNING);
	engine_process_network(&engine); /* reaches nobody */
	ck_assert_int_eq(engine_process_tracked(&engine, NULL, 0), 0);
	expire(&engine.deadline);
	is_killed_for("it has closed its channel and runs on");
}
END_TEST

START_TEST(what_does_not_read_its_replies_is_killed)
{
	start_running("crf");
	await(is_stalled);
	ck_assert_uint_gt(engine.pending_len, 0);
	ck_assert_uint_eq(engine.channel_watch.events, EPOLLOUT);
	ck_assert_int_eq(engine_process_tracked(&engine, NULL, 0), -EAGAIN);
	engine_process_network(&engine); /* misses it */
	expire(&engine.stall);
	is_killed_for("it has not read its replies for 5 s");
}
END_TEST

START_TEST(what_a_reply_lends_is_closed)
{
	plan.fd_count = 0;
	lend = true;
	start("crh");
	await(is_running);
	ck_assert_int_eq(fcntl(lent_fd, F_GETFD), -1);
	engine_process_free(&engine);
	start("crf");
	await(is_stalled);
	ck_assert_int_ge(fcntl(lent_fd, F_GETFD), 0); /* waits with its reply */
	engine_process_kill(&engine, "the test wants it");
	ck_assert_int_eq(fcntl(lent_fd, F_GETFD), -1);
	ck_assert(!engine.stall.running);
}
END_TEST

START_TEST(news_reach_it)
{
	plan.fd_count = 0;
	engine_process_network(&engine); /* there is none */
	ck_assert_int_eq(engine_process_tracked(&engine, NULL, 3), 0);
	ck_assert_int_eq(engine_process_lack(&engine, 1, &(struct desired_lack){ .why = "" }), 0);
	start_running("crnh");
	engine_process_network(&engine);
	await(has_spoken);
	ck_assert_str_eq(words, "network;");
}
END_TEST

START_TEST(only_a_running_one_needs_to_know_of_the_network)
{
	plan.fd_count = 0;
	start("cnh");
	engine_process_network(&engine);
	ck_assert_int_eq(engine_process_tracked(&engine, NULL, 0), 0);
	await(has_spoken);
	ck_assert_str_eq(words, "tracked;");
}
END_TEST

START_TEST(long_sets_come_in_pages)
{
	static struct prefix many[2 * REQUEST_PREFIX_MAX + 1];
	struct desired_lack lack = { .link = true,
		.why = "because",
		.routes = many,
		.route_count = 2 * REQUEST_PREFIX_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = (struct prefix){ .addr = { .family = AF_INET }, .len = 32 };
		many[i].addr.bytes[0] = 10;
		many[i].addr.bytes[2] = (uint8_t)(i >> 8);
		many[i].addr.bytes[3] = (uint8_t)i;
	}
	plan.fd_count = 0;
	start_running("crpbnph");
	ck_assert_int_eq(engine_process_tracked(&engine, many, 2 * REQUEST_PREFIX_MAX + 1), 0);
	await(has_spoken);
	engine_process_network(&engine);
	ck_assert_int_eq(engine_process_lack(&engine, 5, &lack), 0);
	while (!strstr(words, "lack")) {
		words[0] = '\0';
		await(has_spoken);
	}
	ck_assert_ptr_nonnull(strstr(words, "lack: 512 of 512 on 2 pages;"));
}
END_TEST

START_TEST(tracked_pages_are_counted)
{
	static struct prefix many[2 * REQUEST_PREFIX_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct prefix){ .addr = { .family = AF_INET, .bytes = { 10 } },
			.len = 8 };
	plan.fd_count = 0;
	start_running("crph");
	ck_assert_int_eq(engine_process_tracked(&engine, many, 2 * REQUEST_PREFIX_MAX + 1), 0);
	await(has_spoken);
	ck_assert_str_eq(words, "tracked: 513 of 513 on 3 pages;");
}
END_TEST

/* ---- the exchange ---- */

/* This program, once more, at the path from which an exchange takes it. */
static void install(void)
{
	struct stat st;
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out;

	(void)snprintf(directory, sizeof(directory), "/tmp/culvert-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(new_path, sizeof(new_path), "%s/" NEW_NAME, directory);
	out = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	ck_assert_int_eq(fstat(in, &st), 0);
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);

		ck_assert_int_gt(n, 0);
		left -= n;
	}
	ck_assert_int_eq(fchmod(out, 0755), 0);
	close(in);
	close(out);
	(void)snprintf(program.path, sizeof(program.path), "%s", new_path);
}

static void exchange(char *new_script)
{
	argv[3] = new_script;
	ck_assert_int_eq(engine_process_exchange(&engine, &problem), 0);
	ck_assert_int_eq(engine.state, ENGINE_LEAVING);
	ck_assert_int_ge(engine.next.process.fd, 0);
	ck_assert(!engine_process_on_trial(&engine)); /* the one before is there still */
}

START_TEST(a_new_program_takes_its_place)
{
	pid_t old, next;

	install();
	start_running("crh");
	old = engine.process.pid;
	exchange("crw");
	next = engine.next.process.pid;
	ck_assert_int_ne(old, next);
	ck_assert_int_eq(engine_process_exchange(&engine, &problem), -EBUSY);
	ck_assert_str_eq(problem.text, "a reexec is in progress already; try again in a moment");
	expire(&engine.deadline); /* it stays too long */
	await(is_on_trial);
	ck_assert(logged("killed by netd: it did not make room for its successor"));
	ck_assert_int_eq(engine.process.pid, next);
	ck_assert_uint_eq(engine.generation, 2);
	await(is_running);
	ck_assert(!engine_process_on_trial(&engine));
	ck_assert(!program_file_on_trial(&program));
	ck_assert(logged("the engine is replaced: it runs "));
	ck_assert_int_eq(engine.next.process.fd, -1);
	ck_assert_uint_eq(begins, 2);
	ck_assert_uint_eq(ends, 0);
	engine_process_stop(&engine);
	await(is_none);
}
END_TEST

START_TEST(the_old_one_leaves_by_itself)
{
	install();
	plan.fd_count = 0;
	start_running("crn0");
	argv[2] = "crh";
	exchange("crw");
	loop_timer_start(loop, &engine.deadline, mono_add(mono_now(), DURATION_S(10)),
		engine.deadline.expired);
	ck_assert_int_eq(engine_process_tracked(&engine, NULL, 0), 0);
	await(is_running);
	ck_assert(logged(") ended with status 0"));
	ck_assert_uint_eq(engine.generation, 2);
}
END_TEST

static bool is_back(void)
{
	return engine.generation == 3 && engine.state == ENGINE_RUNNING;
}

/* The failure of a new program is not the old one's: no backoff, and it does not count. */
static void falls_back_from(char *new_script)
{
	install();
	start_running("crh");
	exchange(new_script);
	expire(&engine.deadline);
	await(is_back);
	ck_assert(logged("failed: its engine ended before it was ready"));
	ck_assert(!logged("starting the engine again in"));
	ck_assert(!program_file_on_trial(&program));
	ck_assert_uint_eq(engine.early_ends, 0);
	ck_assert_uint_eq(ends, 0);
}

START_TEST(a_program_that_ends_is_given_up)
{
	falls_back_from("c1");
}
END_TEST

/* It has ended before it got its CONFIGURE. */
START_TEST(a_program_that_ends_at_once_is_given_up)
{
	falls_back_from("1");
}
END_TEST

START_TEST(a_program_that_closes_its_channel_is_given_up)
{
	install();
	start_running("crh");
	exchange("coh");
	expire(&engine.deadline);
	await(is_on_trial);
	await(is_closed);
	expire(&engine.deadline);
	await(is_back);
	ck_assert(logged(" failed: its engine"));
}
END_TEST

START_TEST(the_old_program_counts_its_own_ends)
{
	install();
	start_running("crh");
	exchange("c1");
	argv[2] = "c1"; /* and now the old one cannot either */
	expire(&engine.deadline);
	await(is_waiting);
	ck_assert_uint_eq(engine.early_ends, 1);
	ck_assert(!program_file_on_trial(&program));
}
END_TEST

START_TEST(one_exchange_follows_another)
{
	install();
	start_running("crh");
	exchange("crh");
	expire(&engine.deadline);
	await(is_on_trial);
	await(is_running);
	exchange("crh");
	expire(&engine.deadline);
	await(is_on_trial);
	await(is_running);
	ck_assert_uint_eq(engine.generation, 3);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(only_a_running_one_is_exchanged)
{
	static const char expected[] =
		"no engine is running that could be replaced; try again in a moment";

	install();
	ck_assert_int_eq(engine_process_exchange(&engine, &problem), -EBUSY);
	ck_assert_str_eq(problem.text, expected);
	start("ch");
	ck_assert_int_eq(engine_process_exchange(&engine, &problem), -EBUSY);
	ck_assert_str_eq(problem.text, expected);
	engine_process_stop(&engine);
	ck_assert_int_eq(engine_process_exchange(&engine, &problem), -EBUSY);
	ck_assert(!program_file_on_trial(&program));
}
END_TEST

/* Nothing has changed: the same engine runs, of the same program, which can be exchanged later. */
static void refuse(int error, const char *text)
{
	pid_t pid = engine.process.pid;

	ck_assert_int_eq(engine_process_exchange(&engine, &problem), error);
	ck_assert_msg(strstr(problem.text, text) != NULL, "%s", problem.text);
	ck_assert_int_eq(engine.state, ENGINE_RUNNING);
	ck_assert_int_eq(engine.process.pid, pid);
	ck_assert_int_eq(engine.next.process.fd, -1);
	ck_assert(!program_file_on_trial(&program));
	ck_assert(!engine.deadline.running);
}

static void overwrite(const char *text)
{
	FILE *file;

	(void)unlink(new_path);
	file = fopen(new_path, "wxe");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fchmod(fileno(file), 0755), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(what_is_no_program_is_refused)
{
	install();
	start_running("crh");
	overwrite("#!/bin/sh\nexit 0\n");
	refuse(-ENOENT, "is not a program that this host can execute");
	overwrite("cut");
	refuse(-ENOEXEC, "is not a program that this host can execute");
	(void)unlink(new_path);
	refuse(-ENOENT, new_path);
	program.path[0] = '\0';
	refuse(-ENOENT, "restart it instead");
}
END_TEST

static bool old_is_gone(void)
{
	return ends == 1;
}

START_TEST(a_stop_ends_the_exchange)
{
	pid_t next;

	install();
	start_running("crw");
	exchange("crh");
	next = engine.next.process.pid;
	engine_process_stop(&engine);
	ck_assert_int_eq(engine.next.process.fd, -1);
	ck_assert_int_eq(kill(next, 0), -1);
	await(old_is_gone);
	ck_assert_int_eq(engine.state, ENGINE_NONE);
	ck_assert_uint_eq(engine.generation, 1);
}
END_TEST

START_TEST(an_end_during_the_exchange_leaves_nothing)
{
	pid_t old, next;

	install();
	start_running("crh");
	exchange("crh");
	old = engine.process.pid;
	next = engine.next.process.pid;
	engine_process_free(&engine);
	ck_assert_int_eq(kill(old, 0), -1);
	ck_assert_int_eq(kill(next, 0), -1);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
}

#define ADD(suite, name, tests) add(suite, name, tests, sizeof(tests) / sizeof((tests)[0]))

int main(int argc, char *args[])
{
	const TTest *const start_tests[] = { it_is_configured_and_ready, a_long_path_is_cut,
		it_is_asked_to_stop, it_is_asked_to_stop_before_it_is_ready,
		what_does_not_stop_is_killed, a_second_signal_shortens_the_stop,
		stop_where_there_is_none, a_closed_channel_does_not_hinder_the_stop,
		what_cannot_be_executed, an_end_waits_for_the_process };
	const TTest *const death_tests[] = { how_it_ended_is_told,
		what_is_not_ready_in_time_is_killed, five_early_ends_in_a_row,
		one_that_was_ready_counts_afresh, what_cannot_be_started_again_counts_as_well,
		the_wait_grows_and_begins_again, its_last_words_are_heard };
	const TTest *const channel_tests[] = { what_breaks_the_rules_is_killed,
		it_may_be_killed_for_what_it_says, what_closes_its_channel_and_runs_on_is_killed,
		what_does_not_read_its_replies_is_killed, what_a_reply_lends_is_closed,
		news_reach_it, only_a_running_one_needs_to_know_of_the_network,
		long_sets_come_in_pages, tracked_pages_are_counted };
	const TTest *const exchange_tests[] = { a_new_program_takes_its_place,
		the_old_one_leaves_by_itself, a_program_that_ends_is_given_up,
		a_program_that_ends_at_once_is_given_up,
		a_program_that_closes_its_channel_is_given_up, the_old_program_counts_its_own_ends,
		one_exchange_follows_another, only_a_running_one_is_exchanged,
		what_is_no_program_is_refused, a_stop_ends_the_exchange,
		an_end_during_the_exchange_leaves_nothing };
	Suite *suite;

	if (argc > 3 && strcmp(args[1], PLAY) == 0)
		play(&args[2]);
	suite = suite_create("engine_process");
	ADD(suite, "start", start_tests);
	ADD(suite, "death", death_tests);
	ADD(suite, "channel", channel_tests);
	ADD(suite, "exchange", exchange_tests);
	return unit_run("engine_process", suite);
}
