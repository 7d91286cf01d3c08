/* SPDX-License-Identifier: Apache-2.0 */
/* netd's half of a reload. The engine is played: the test reads what netd sends it, and answers. */
#include "netd/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "daemon/options.h"
#include "netd/engine_plan.h"
#include "system/ipc.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/tls_fixture.h"
#include "tests/unit/unit.h"

static const struct configuration_role role = {
	.tls_role = TLS_SERVER, .load = daemon_options_load, .compare = daemon_options_compare
};

static struct fixture {
	char dir[64], path[96];
	struct fixture_pair ca, server, other;
	struct loop *loop;
	struct configuration live;
	struct settings *place; /* where the settings have to stay */
	struct sealed_files files;
	struct engine_files engine_files;
	struct engine_plan plan;
	struct engine_process engine;
	struct reload reload;
	int engine_end; /* of the channel */
	unsigned left, applied;
	uint32_t linger_before; /* seconds, of the settings that apply() got */
	struct problem problem;
} fixture;

static void leave(struct reload *reload)
{
	(void)reload;
	ck_assert_uint_eq(fixture.left, fixture.applied);
	fixture.left++;
}

static const char *lacking; /* what apply() could not do */

static void apply(struct reload *reload, const struct settings *before, struct problem *lack)
{
	ck_assert_str_eq(lack->text, "");
	problem_set(lack, "%s", lacking);
	ck_assert_ptr_eq(reload->live->settings, fixture.place);
	fixture.linger_before = (uint32_t)duration_seconds(before->linger);
	fixture.applied++;
	ck_assert_uint_eq(fixture.left, fixture.applied);
}

static const struct reload_events events = { .leave = leave, .apply = apply };

/* ---- files ---- */

static const char *in_dir(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", fixture.dir, name);
	return path;
}

static void write_file(const char *name, struct view text)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text.data, text.len), (ssize_t)text.len);
	close(fd);
}

static void write_pair(const struct fixture_pair *pair)
{
	struct view certificate = fixture_certificate_text(pair),
		    key = fixture_key_text(pair, NULL);

	write_file("crt", certificate);
	write_file("key", key);
	fixture_text_free(&certificate);
	fixture_text_free(&key);
}

static const char *listen_on = "\"0.0.0.0:443\"";

/* The configuration with these lines. */
static void configure(const char *lines)
{
	char text[1024];
	int len = snprintf(text, sizeof(text),
		"certificate = \"%s/crt\";\nkey = \"%s/key\";\nca = \"%s/ca\";\n"
		"pool4 = \"10.9.0.0/24\";\nlisten = %s;\n%s\n",
		fixture.dir, fixture.dir, fixture.dir, listen_on, lines);

	write_file("conf", (struct view){ (const uint8_t *)text, (size_t)len });
}

static void set_up(void)
{
	struct view ca;
	int channel[2];

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	listen_on = "\"0.0.0.0:443\"";
	lacking = "";
	fixture = (struct fixture){ .files = { -1, -1, -1, -1, -1 } };
	(void)snprintf(fixture.dir, sizeof(fixture.dir), "/tmp/culvert-test-reload-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fixture.dir));
	(void)snprintf(fixture.path, sizeof(fixture.path), "%s/conf", fixture.dir);
	fixture.ca = fixture_ca("CA");
	fixture.server = fixture_server(&fixture.ca, "hub");
	fixture.other = fixture_server(&fixture.ca, "hub");
	ca = fixture_certificate_text(&fixture.ca);
	write_file("ca", ca);
	fixture_text_free(&ca);
	write_pair(&fixture.server);
	configure("linger = 5;");
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	ck_assert_msg(configuration_load(&fixture.live, &role, fixture.path, &fixture.problem) == 0,
		"%s", fixture.problem.text);
	fixture.place = fixture.live.settings;
	ck_assert_int_eq(sealed_files_open(fixture.live.settings, fixture.path, fixture.live.text,
				 fixture.live.len, &fixture.files, &fixture.problem),
		0);
	engine_files_init(&fixture.engine_files);
	ck_assert_int_eq(
		engine_files_listen(&fixture.engine_files, fixture.live.settings, &fixture.problem),
		0);
	engine_plan_files(&fixture.plan, &fixture.files, &fixture.engine_files);
	ck_assert_int_eq(ipc_pair(channel), 0);
	fixture.engine = (struct engine_process){
		.plan = &fixture.plan, .state = ENGINE_RUNNING, .channel = channel[0]
	};
	fixture.engine_end = channel[1];
	fixture.reload = (struct reload){ .loop = fixture.loop,
		.events = &events,
		.role = &role,
		.live = &fixture.live,
		.files = &fixture.files,
		.engine_files = &fixture.engine_files,
		.plan = &fixture.plan,
		.engine = &fixture.engine };
	reload_init(&fixture.reload);
}

static void tear_down(void)
{
	static const char *const names[] = { "conf", "crt", "key", "ca" };

	reload_free(&fixture.reload);
	configuration_free(&fixture.live);
	sealed_files_close(&fixture.files);
	engine_files_close(&fixture.engine_files);
	close(fixture.engine.channel);
	close(fixture.engine_end);
	loop_free(fixture.loop);
	fixture_free(&fixture.ca);
	fixture_free(&fixture.server);
	fixture_free(&fixture.other);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlink(in_dir(names[i]));
	(void)rmdir(fixture.dir);
}

/* ---- the played engine ---- */

/* What the engine gets; its type is 0 when there is nothing. */
static struct request received(void)
{
	static uint8_t data[REQUEST_SIZE_MAX];
	static struct request request;
	int fds[REQUEST_FDS_MAX];
	size_t len = 0, fd_count = 0;

	memset(&request, 0, sizeof(request));
	if (ipc_receive(fixture.engine_end, data, sizeof(data), &len, fds, REQUEST_FDS_MAX,
		    &fd_count) < 0)
		return request;
	ck_assert_int_eq(request_decode(data, len, &request), 0);
	ck_assert_uint_eq(request.type, REQUEST_RECONFIGURE);
	ck_assert_uint_eq(request.reconfigure.fd_count, fd_count);
	for (size_t i = 0; i < fd_count; i++)
		close(fds[i]);
	return request;
}

static int confirm(uint32_t number, uint32_t error, const char *text)
{
	struct request_reconfigured confirmed = { .number = number, .error = error };

	(void)snprintf(confirmed.text, sizeof(confirmed.text), "%s", text);
	return reload_confirm(&fixture.reload, &confirmed, &fixture.problem);
}

static int begin(bool *ret_nothing)
{
	*ret_nothing = false;
	return reload_begin(&fixture.reload, ret_nothing, &fixture.problem);
}

/* It has begun: the engine has the new configuration, and nothing has changed yet. */
static struct request begun(void)
{
	bool nothing;
	struct request request;

	ck_assert_msg(begin(&nothing) == 0, "%s", fixture.problem.text);
	ck_assert(!nothing);
	request = received();
	ck_assert_uint_eq(request.type, REQUEST_RECONFIGURE);
	return request;
}

static uint32_t linger(void)
{
	return (uint32_t)duration_seconds(fixture.place->linger);
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.loop);
}

static void turn(void)
{
	struct loop_timer end = { .running = false };

	loop_timer_start(fixture.loop, &end, mono_add(mono_now(), DURATION_MS(5)), over);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
}

/* ---- tests ---- */

START_TEST(nothing_changed)
{
	bool nothing;

	configure("linger = 5; # seconds");
	ck_assert_int_eq(begin(&nothing), 0);
	ck_assert(nothing);
	ck_assert_str_eq(fixture.problem.text, "nothing has changed: configuration 1 stays");
	ck_assert_uint_eq(received().type, 0);
	ck_assert(!fixture.reload.pending);
}
END_TEST

START_TEST(refused)
{
	bool nothing;

	configure("mtu = 1;");
	ck_assert_int_eq(begin(&nothing), -EINVAL);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "conf:6: mtu: expected"));
	configure("linger = 6; workers = 3;");
	ck_assert_int_eq(begin(&nothing), -EPERM);
	ck_assert_ptr_nonnull(
		strstr(fixture.problem.text, "workers: a change of this key needs a restart"));
	write_file("crt", (struct view){ (const uint8_t *)"half a cert", 11 });
	configure("linger = 6;");
	ck_assert_int_lt(begin(&nothing), 0);
	ck_assert_ptr_nonnull(strstr(fixture.problem.text, "certificate: "));
	(void)unlink(in_dir("conf"));
	ck_assert_int_eq(begin(&nothing), -ENOENT);
	fixture.reload.role = NULL;
	ck_assert_int_eq(begin(&nothing), -EOPNOTSUPP);
	ck_assert_uint_eq(received().type, 0);
	ck_assert_uint_eq(fixture.left + fixture.applied, 0);
	ck_assert_uint_eq(linger(), 5);
	ck_assert_uint_eq(fixture.reload.load.number, 1);
	ck_assert(!fixture.reload.pending);
}
END_TEST

START_TEST(only_said)
{
	configure("linger = 6;");
	ck_assert_int_eq(reload_check(&fixture.reload, &fixture.problem), 0);
	ck_assert_str_eq(fixture.problem.text, "configuration 1 would change: linger");
	ck_assert_uint_eq(received().type, 0);
	ck_assert(!fixture.reload.pending);
	configure("workers = 3;");
	ck_assert_int_eq(reload_check(&fixture.reload, &fixture.problem), -EPERM);
	configure("linger = 5;");
	ck_assert_int_eq(reload_check(&fixture.reload, &fixture.problem), 0);
	ck_assert_str_eq(fixture.problem.text, "nothing has changed: configuration 1 stays");
	ck_assert_uint_eq(linger(), 5);
}
END_TEST

/* Neither switches before both have found it right. */
START_TEST(both_switch)
{
	int key = fixture.files.key;
	struct request request;

	configure("linger = 6;");
	request = begun();
	ck_assert_uint_eq(request.reconfigure.load.number, 2);
	ck_assert_str_eq(request.reconfigure.load.changed, "linger");
	ck_assert_uint_eq(request.reconfigure.fd_count, 4); /* the listener is there already */
	ck_assert_uint_eq(linger(), 5);
	ck_assert_uint_eq(fixture.left, 0);
	ck_assert_int_eq(confirm(2, 0, ""), 0);
	ck_assert_uint_eq(fixture.applied, 1);
	ck_assert_uint_eq(linger(), 6);
	ck_assert_uint_eq(fixture.linger_before, 5);
	ck_assert_uint_eq(fixture.reload.load.number, 2);
	ck_assert_int_ne(fixture.files.key, key);
	ck_assert_uint_eq(fixture.plan.fd_count, 5);
	ck_assert_int_eq(fixture.plan.fd[2], fixture.files.key);
	ck_assert_ptr_nonnull(strstr(fixture.live.text, "linger = 6"));
	/* It is over: a second answer to it is late. */
	ck_assert_int_eq(confirm(2, 0, ""), -ESTALE);
}
END_TEST

/* Both switch, and the caller hears of it. */
START_TEST(the_host_refuses)
{
	configure("linger = 6;");
	(void)begun();
	lacking = "kill_switch = true: no table";
	ck_assert_int_eq(confirm(2, 0, ""), 1);
	ck_assert_str_eq(fixture.problem.text, lacking);
	ck_assert_uint_eq(linger(), 6);
	lacking = "";
	configure("linger = 7;");
	(void)begun();
	ck_assert_int_eq(confirm(3, 0, ""), 0);
	/* No number of an engine is taken for success. */
	configure("linger = 8;");
	(void)begun();
	ck_assert_int_lt(confirm(4, UINT32_MAX, "strange"), 0);
	ck_assert_uint_eq(linger(), 7);
}
END_TEST

START_TEST(the_engine_refuses)
{
	configure("linger = 6;");
	(void)begun();
	ck_assert_int_eq(confirm(2, EINVAL, "the key does not fit"), -EINVAL);
	ck_assert_str_eq(fixture.problem.text, "the key does not fit");
	ck_assert_uint_eq(linger(), 5);
	ck_assert_uint_eq(fixture.left, 0);
	/* The number is free again. */
	ck_assert_uint_eq(begun().reconfigure.load.number, 2);
	ck_assert_int_eq(confirm(3, 0, ""), -ESTALE);
	ck_assert_int_eq(confirm(2, 0, ""), 0);
	ck_assert_uint_eq(linger(), 6);
}
END_TEST

/* Other bytes behind the same names. */
START_TEST(changed_files)
{
	write_pair(&fixture.other);
	ck_assert_str_eq(
		begun().reconfigure.load.changed, "the file of certificate, the file of key");
	ck_assert_int_eq(confirm(2, 0, ""), 0);
}
END_TEST

START_TEST(listeners_come_and_go)
{
	int before = fixture.engine_files.listeners[0];

	configure("");
	ck_assert_str_eq(begun().reconfigure.load.changed, "linger");
	ck_assert_int_eq(confirm(2, 0, ""), 0);
	ck_assert_int_eq(fixture.engine_files.listeners[0], before);
	listen_on = "[ \"0.0.0.0:8443\", \"0.0.0.0:443\" ]";
	configure("");
	ck_assert_uint_eq(begun().reconfigure.fd_count, 5);
	ck_assert_int_eq(confirm(3, EINVAL, "no"), -EINVAL);
	ck_assert_uint_eq(fixture.engine_files.listener_count, 1);
	ck_assert_uint_eq(begun().reconfigure.fd_count, 5);
	ck_assert_int_eq(confirm(3, 0, ""), 0);
	ck_assert_uint_eq(fixture.engine_files.listener_count, 2);
	ck_assert_int_eq(fixture.engine_files.listeners[1], before);
	listen_on = "\"0.0.0.0:8443\"";
	configure("");
	ck_assert_uint_eq(begun().reconfigure.fd_count, 4);
	ck_assert_int_eq(confirm(4, 0, ""), 0);
	ck_assert_uint_eq(fixture.engine_files.listener_count, 1);
	ck_assert_int_eq(fcntl(before, F_GETFD), -1); /* closed */
}
END_TEST

/* What was asked for meanwhile begins when the one before is over. */
START_TEST(one_at_a_time)
{
	bool nothing;

	configure("linger = 6;");
	(void)begun();
	ck_assert_int_eq(begin(&nothing), -EBUSY);
	configure("linger = 7;");
	reload_ask(&fixture.reload, "SIGHUP");
	ck_assert_uint_eq(received().type, 0);
	ck_assert_int_eq(confirm(2, 0, ""), 0);
	ck_assert_uint_eq(received().type, 0); /* the engine has to read the reply first */
	turn();
	ck_assert_uint_eq(received().reconfigure.load.number, 3);
	ck_assert_int_eq(confirm(3, 0, ""), 0);
	ck_assert_uint_eq(linger(), 7);
	turn();
	ck_assert_uint_eq(received().type, 0);
}
END_TEST

START_TEST(engines_come_and_go)
{
	bool nothing;

	/* While none runs, the next one gets it at its start. */
	fixture.engine.state = ENGINE_WAITING;
	configure("linger = 6;");
	ck_assert_int_eq(begin(&nothing), 0);
	ck_assert_uint_eq(linger(), 6);
	ck_assert_uint_eq(received().type, 0);
	fixture.engine.state = ENGINE_STARTING;
	configure("linger = 7;");
	ck_assert_int_eq(begin(&nothing), -EBUSY);
	reload_ask(&fixture.reload, "SIGHUP");
	turn();
	ck_assert_uint_eq(linger(), 6);
	fixture.engine.state = ENGINE_RUNNING;
	reload_engine_ready(&fixture.reload);
	turn();
	ck_assert_uint_eq(received().reconfigure.load.number, 3);
	/* It ends without an answer: the next one is asked again. */
	fixture.engine.state = ENGINE_STARTING;
	reload_engine_ended(&fixture.reload);
	ck_assert_int_eq(confirm(3, 0, ""), -ESTALE);
	ck_assert_uint_eq(linger(), 6);
	fixture.engine.state = ENGINE_RUNNING;
	reload_engine_ready(&fixture.reload);
	turn();
	ck_assert_uint_eq(received().reconfigure.load.number, 3);
	ck_assert_int_eq(confirm(3, 0, ""), 0);
	ck_assert_uint_eq(linger(), 7);
}
END_TEST

/* The deadline of the one that waits is over. */
static void wait_too_long(void)
{
	loop_timer_start(fixture.loop, &fixture.reload.deadline, mono_now(),
		fixture.reload.deadline.expired);
	turn();
}

START_TEST(an_answer_comes_too_late)
{
	bool nothing;

	configure("linger = 6;");
	(void)begun();
	wait_too_long();
	ck_assert_uint_eq(linger(), 5);
	/* Until it has answered, it gets no other one. */
	configure("linger = 7;");
	ck_assert_int_eq(begin(&nothing), -EBUSY);
	reload_ask(&fixture.reload, "SIGHUP");
	turn();
	ck_assert_uint_eq(received().type, 0);
	/* The late answer switches nothing, and what was asked for meanwhile begins. */
	ck_assert_int_eq(confirm(2, 0, ""), -ESTALE);
	ck_assert_uint_eq(linger(), 5);
	turn();
	ck_assert_uint_eq(received().reconfigure.load.number, 2);
	ck_assert_int_eq(confirm(2, 0, ""), 0);
	ck_assert_uint_eq(linger(), 7);
	/* An engine that ends owes no answer. */
	configure("linger = 8;");
	(void)begun();
	wait_too_long();
	reload_engine_ended(&fixture.reload);
	(void)begun();
	/* An answer that nobody waits for leaves the deadline of another one alone. */
	reload_ask(&fixture.reload, "SIGHUP");
	ck_assert_int_eq(confirm(9, 0, ""), -ESTALE);
	turn();
	ck_assert_int_eq(confirm(3, 0, ""), 0);
	ck_assert_uint_eq(linger(), 8);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { nothing_changed, refused, only_said, both_switch,
		the_host_refuses, the_engine_refuses, changed_files, listeners_come_and_go,
		one_at_a_time, engines_come_and_go, an_answer_comes_too_late };

	return unit_run(
		"reload", unit_suite("reload", set_up, tear_down, tests, ARRAY_SIZE(tests)));
}
