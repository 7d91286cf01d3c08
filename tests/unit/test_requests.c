/* SPDX-License-Identifier: Apache-2.0 */
/* When reexec is in its place, and that the reply says what became of it. */
#include "netd/requests.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "tests/unit/unit.h"

enum { GENERATION = 7 };

static struct settings *settings;
static struct interfaces interfaces;
static struct full_tunnel full_tunnel;
static struct dns dns;
static struct requests requests;
static struct problem problem;
static struct request reply;
static int exchange_result;
static unsigned exchanges, ups;

static int exchange(struct requests *of, struct problem *why)
{
	ck_assert_ptr_eq(of, &requests);
	exchanges++;
	if (exchange_result < 0)
		problem_set(why, "chmod 755 it");
	return exchange_result;
}

static void up_heard(struct requests *of, const struct request_dns *up)
{
	ck_assert_ptr_eq(of, &requests);
	ck_assert_uint_eq(up->nameservers.server_count, 1);
	ups++;
}

static void setup(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &settings), 0);
	dns_init(&dns, false);
	full_tunnel_init(&full_tunnel, settings, &interfaces);
	requests_init(&requests, settings, &interfaces, &full_tunnel, &dns, exchange);
	requests_begin(&requests, GENERATION);
}

static void teardown(void)
{
	settings_free(settings);
}

/* 0: `reply` is what came. */
static int handle(struct request request)
{
	static uint8_t data[REQUEST_SIZE_MAX], answer[REQUEST_SIZE_MAX];
	struct writer to, from;
	int fds[REQUEST_QUEUES_MAX], r;
	size_t fd_count;
	bool owned;

	request.id = 5;
	writer_init(&to, data, sizeof(data));
	ck_assert_int_eq(request_encode(&to, &request), 0);
	writer_init(&from, answer, sizeof(answer));
	r = requests_handle(&requests, data, to.len, &from, fds, &fd_count, &owned, &problem);
	if (r < 0)
		return r;
	ck_assert_uint_eq(fd_count, 0);
	ck_assert_int_eq(request_decode(answer, from.len, &reply), 0);
	ck_assert_int_eq(reply.type, REQUEST_REPLY);
	ck_assert_uint_eq(reply.id, 5);
	return 0;
}

static int be_ready(void)
{
	return handle((struct request){ .type = REQUEST_READY, .ready.generation = GENERATION });
}

static int ask(enum request_type type)
{
	return handle((struct request){ .type = type });
}

START_TEST(reexec_before_ready)
{
	ck_assert_int_eq(ask(REQUEST_REEXEC), -EPROTO);
	ck_assert_str_eq(problem.text, "it sent a message of type reexec before it was ready");
	ck_assert_uint_eq(exchanges, 0);
}
END_TEST

START_TEST(reexec_granted)
{
	ck_assert_int_eq(be_ready(), 0);
	ck_assert_int_eq(ask(REQUEST_REEXEC), 0);
	ck_assert_uint_eq(reply.reply.error, 0);
	ck_assert_uint_eq(exchanges, 1);
}
END_TEST

START_TEST(reexec_refused)
{
	exchange_result = -EPERM;
	ck_assert_int_eq(be_ready(), 0);
	ck_assert_int_eq(ask(REQUEST_REEXEC), 0);
	ck_assert_uint_eq(reply.reply.error, EPERM);
	ck_assert_str_eq(reply.reply.text, "the engine is not exchanged: chmod 755 it");
}
END_TEST

/* Who waits for the tunnel is told of one that there is. */
START_TEST(up)
{
	struct interface interface = { .number = 12 };
	struct request request = { .type = REQUEST_UP,
		.dns = { .interface = 12, .nameservers.server_count = 1 } };

	request.dns.nameservers.server[0] = (struct addr){ .family = AF_INET,
		.bytes = { 10, 99, 0, 53 } };
	requests.up = up_heard;
	ck_assert_int_eq(be_ready(), 0);
	ck_assert_int_eq(handle(request), 0);
	ck_assert_uint_eq(reply.reply.error, EPERM);
	ck_assert_uint_eq(ups, 0);
	interfaces.first = &interface;
	ck_assert_int_eq(handle(request), 0);
	ck_assert_uint_eq(reply.reply.error, 0);
	ck_assert_uint_eq(ups, 1);
	requests.up = NULL; /* nobody waits */
	ck_assert_int_eq(handle(request), 0);
	ck_assert_uint_eq(reply.reply.error, 0);
}
END_TEST

/* The next engine has to be ready itself. */
START_TEST(reexec_of_the_next)
{
	ck_assert_int_eq(be_ready(), 0);
	requests_begin(&requests, GENERATION + 1);
	ck_assert_int_eq(ask(REQUEST_REEXEC), -EPROTO);
	ck_assert_uint_eq(exchanges, 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { reexec_before_ready, reexec_granted, reexec_refused,
		reexec_of_the_next, up };
	Suite *s = suite_create("requests");
	TCase *tcase = tcase_create("requests");

	tcase_add_checked_fixture(tcase, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(s, tcase);
	return s;
}

int main(void)
{
	return unit_run("requests", suite());
}
