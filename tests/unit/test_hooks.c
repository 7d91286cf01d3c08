/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* Debian 12's valgrind does not know pidfd_open(2), by which hooks are watched. */
/* The queue of hooks: order, bounds, and what becomes of hooks that fail, hang or leave something. */
#include "netd/hooks.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

static struct settings *settings;
static struct loop *loop;
static struct hooks hooks;
static struct interface interfaces[HOOKS_RUNNING_MAX + 2];
static char directory[48], program[64], told[64];
static char *words[3];

/* Each hook does what `body` says; its argument is the file `told`. */
static void make_program(const char *body)
{
	FILE *out = fopen(program, "we");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_gt(fprintf(out, "#!/bin/sh\n%s\n", body), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(chmod(program, 0755), 0);
}

static void set_up(void)
{
	(void)snprintf(directory, sizeof(directory), "/tmp/culvert-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(program, sizeof(program), "%s/hook", directory);
	(void)snprintf(told, sizeof(told), "%s/told", directory);
	words[0] = program;
	words[1] = told;
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &settings), 0);
	(void)snprintf(settings->name, sizeof(settings->name), "hub");
	settings->on_up = settings->on_down = settings->on_route = (struct settings_hook){
		.words = words, .count = 2
	};
	settings->hook_timeout = DURATION_S(20);
	ck_assert_int_eq(loop_new(&loop), 0);
	hooks_init(&hooks, settings, loop);
	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
		struct interface *interface = &interfaces[i];

		*interface = (struct interface){ .now.mtu = 1400 };
		(void)snprintf(
			interface->now.peer.name, sizeof(interface->now.peer.name), "p%zu", i);
		(void)snprintf(interface->name, sizeof(interface->name), "cv%zu", i);
		interface->now.local4 = addr_of("10.0.0.1");
		interface->now.remote6 = addr_of("fd00::2");
	}
	make_program("echo $CULVERT_PEER $CULVERT_EVENT $CULVERT_ROUTE >>\"$1\"");
}

static void tear_down(void)
{
	hooks_finish(&hooks, -1);
	hooks_finish(&hooks, -1);
	loop_free(loop);
	settings->on_up.count = settings->on_down.count = settings->on_route.count = 0;
	settings->on_up.words = settings->on_down.words = settings->on_route.words = NULL;
	settings_free(settings);
	(void)unlink(program);
	(void)unlink(told);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void event(enum interface_event what, size_t peer)
{
	hooks_event(&hooks, what, &interfaces[peer], NULL);
}

static void route_event(enum interface_event what, size_t peer, unsigned number)
{
	struct prefix prefix;
	char text[ADDR_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "10.%u.%u.0/24", number / 256, number % 256);
	prefix = prefix_of(text);
	hooks_event(&hooks, what, &interfaces[peer], &prefix);
}

/* What the hooks have written. */
static const char *lines(void)
{
	static char text[65536];
	int fd = open(told, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

static void ends_with(const char *expected)
{
	hooks_finish(&hooks, -1);
	ck_assert_str_eq(lines(), expected);
}

START_TEST(one_peer_in_order)
{
	event(INTERFACE_MADE, 0);
	route_event(INTERFACE_ROUTE_ADDED, 0, 1);
	route_event(INTERFACE_ROUTE_ADDED, 0, 2);
	ck_assert_uint_eq(hooks.waiting, 2);
	ends_with("p0 up\np0 route-add 10.0.1.0/24\np0 route-add 10.0.2.0/24\n");
}
END_TEST

START_TEST(environment)
{
	make_program("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | sort >\"$1\"; pwd >>\"$1\"");
	event(INTERFACE_MADE, 0);
	ends_with("CULVERT_EVENT=up\nCULVERT_INTERFACE=cv0\nCULVERT_LOCAL4=10.0.0.1\n"
		  "CULVERT_LOCAL6=\nCULVERT_MTU=1400\nCULVERT_NAME=hub\nCULVERT_PEER=p0\n"
		  "CULVERT_REMOTE4=\nCULVERT_REMOTE6=fd00::2\nCULVERT_ROUTE=\n"
		  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n/\n");
}
END_TEST

START_TEST(what_the_end_makes_stale)
{
	event(INTERFACE_MADE, 0);
	route_event(INTERFACE_ROUTE_ADDED, 0, 1);
	route_event(INTERFACE_ROUTE_ADDED, 0, 2);
	event(INTERFACE_REMOVED, 0);
	ck_assert_uint_eq(hooks.waiting, 1);
	event(INTERFACE_MADE, 0);
	ends_with("p0 up\np0 down\np0 up\n");
}
END_TEST

START_TEST(opposites_cancel)
{
	event(INTERFACE_MADE, 0);
	route_event(INTERFACE_ROUTE_DELETED, 0, 1);
	route_event(INTERFACE_ROUTE_ADDED, 0, 2);
	route_event(INTERFACE_ROUTE_ADDED, 0, 1); /* is as it was */
	route_event(INTERFACE_ROUTE_DELETED, 0, 1);
	route_event(INTERFACE_ROUTE_DELETED, 0, 3);
	ck_assert_uint_eq(hooks.waiting, 3);
	ends_with("p0 up\np0 route-add 10.0.2.0/24\np0 route-delete 10.0.1.0/24\n"
		  "p0 route-delete 10.0.3.0/24\n");
}
END_TEST

START_TEST(bounds)
{
	make_program("exec sleep 1000");
	for (size_t i = 0; i < HOOKS_RUNNING_MAX + 2; i++)
		event(INTERFACE_MADE, i);
	ck_assert_uint_eq(hooks.waiting, 2);
	for (unsigned i = 0; i < 10000; i++)
		route_event(INTERFACE_ROUTE_ADDED, 0, i);
	ck_assert_uint_eq(hooks.waiting, 2 + HOOKS_ROUTES_MAX);
	ck_assert_uint_eq(hooks.left_out, 10000 - HOOKS_ROUTES_MAX);
	for (unsigned i = 0; i < HOOKS_WAITING_MAX; i++)
		event(i % 2 == 0 ? INTERFACE_MADE : INTERFACE_REMOVED, 1);
	ck_assert_uint_eq(hooks.waiting, HOOKS_WAITING_MAX);
	settings->hook_timeout = DURATION_MS(1);
	hooks_finish(&hooks, -1);
	ck_assert_uint_eq(hooks.waiting, 0);
}
END_TEST

static void stop_when_idle(struct loop_timer *timer)
{
	if (!hooks.runs[0].job)
		loop_stop(loop);
	else
		loop_timer_start(loop, timer, mono_add(mono_now(), DURATION_MS(5)), stop_when_idle);
}

static void run_until_idle(void)
{
	struct loop_timer timer = { .running = false };

	stop_when_idle(&timer);
	ck_assert_int_eq(loop_run(loop), 0);
}

/* A process that has ended has no program any more, also while nobody has collected it. */
static bool has_program(int pid)
{
	char link[32], target[8];

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	return readlink(link, target, sizeof(target)) >= 0;
}

/* The number in the file is that of a process which has ended; it was a child of a hook's. */
static void ck_gone(void)
{
	int pid, tries = 0;

	ck_assert_int_eq(sscanf(lines(), "%d", &pid), 1);
	while (has_program(pid) && tries++ < 2000)
		usleep(1000);
	ck_assert(!has_program(pid));
}

START_TEST(one_that_hangs)
{
	make_program("trap '' TERM; sleep 1000 & echo $! >\"$1\"; wait; sleep 1000");
	settings->hook_timeout = DURATION_MS(200);
	event(INTERFACE_MADE, 0);
	run_until_idle();
	ck_assert_uint_eq(hooks.waiting, 0);
	ck_gone();
}
END_TEST

START_TEST(what_it_leaves)
{
	make_program("sleep 1000 & echo $! >\"$1\"; exit 7");
	event(INTERFACE_MADE, 0);
	run_until_idle();
	ck_gone();
}
END_TEST

START_TEST(somebody_hurries)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	make_program("exec sleep 1000");
	event(INTERFACE_MADE, 0);
	event(INTERFACE_REMOVED, 0);
	hooks_finish(&hooks, fds[0]);
	ck_assert_ptr_null(hooks.runs[0].job);
	ck_assert_uint_eq(hooks.waiting, 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(files_that_do_not_do)
{
	ck_assert_int_eq(chmod(program, 0777), 0);
	event(INTERFACE_MADE, 0);
	ck_assert_ptr_null(hooks.runs[0].job);
	ck_assert_int_eq(chmod(program, 0644), 0);
	event(INTERFACE_MADE, 0);
	ck_assert_int_eq(unlink(program), 0);
	event(INTERFACE_MADE, 0);
	ck_assert_ptr_null(hooks.runs[0].job);
	make_program("echo again >\"$1\"");
	event(INTERFACE_MADE, 0);
	ends_with("again\n");
}
END_TEST

START_TEST(none_is_set)
{
	settings->on_route.count = 0;
	route_event(INTERFACE_ROUTE_ADDED, 0, 1);
	ck_assert_ptr_null(hooks.runs[0].job);
	ends_with("");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { one_peer_in_order, environment, what_the_end_makes_stale,
		opposites_cancel, bounds, one_that_hangs, what_it_leaves, somebody_hurries,
		files_that_do_not_do, none_is_set };

	return unit_suite("hooks", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("hooks", suite());
}
