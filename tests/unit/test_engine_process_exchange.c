/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* How a new program takes the place of a running engine, or does not. */
#include "tests/unit/engine_process_fixture.h"

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
	ck_assert(
		log_has("killed by netd: it did not end in time for the engine that replaces it"));
	ck_assert_int_eq(engine.process.pid, next);
	ck_assert_uint_eq(engine.generation, 2);
	await(is_running);
	ck_assert(!engine_process_on_trial(&engine));
	ck_assert(!program_file_on_trial(&program));
	ck_assert(log_has("the engine is replaced: it runs "));
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
	ck_assert(log_has(") ended with status 0"));
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
	ck_assert(log_has("failed: its engine ended before it was ready"));
	ck_assert(!log_has("starting the engine again in"));
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
	ck_assert(log_has(" failed: its engine"));
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

int main(int argc, char *args[])
{
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
	suite = suite_create("engine_process_exchange");
	ADD(suite, "exchange", exchange_tests);
	return unit_run("engine_process_exchange", suite);
}
