/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* How an engine is started, stopped and started again, and the channel to it. */
#include "tests/unit/engine_process_fixture.h"

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
	ck_assert(log_has(") is ready"));
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
	ck_assert(log_has(") ended with status 3"));
	ck_assert(!engine.deadline.running);
}
END_TEST

START_TEST(it_is_asked_to_stop_before_it_is_ready)
{
	start("cw");
	engine_process_stop(&engine);
	await(is_none);
	ck_assert_uint_eq(ends, 1);
	ck_assert(log_has(") ended with status 0"));
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
	ck_assert(log_has(") ended by itself with status 4"));
	argv[2] = "crk";
	expire(&engine.deadline);
	await(is_waiting);
	ck_assert(log_has(") ended: killed by signal 15 (Terminated)"));
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
	ck_assert(log_has("the engine ended 5 times before it was ready; giving up"));
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
	ck_assert(log_has("is broken or subverted and is killed: it talks nonsense"));
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
	Suite *suite;

	if (argc > 3 && strcmp(args[1], PLAY) == 0)
		play(&args[2]);
	suite = suite_create("engine_process");
	ADD(suite, "start", start_tests);
	ADD(suite, "death", death_tests);
	ADD(suite, "channel", channel_tests);
	return unit_run("engine_process", suite);
}
