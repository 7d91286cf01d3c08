/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests are in their place, and what needs no kernel; the others: test_requests_kernel.c. */
#include "netd/requests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/parse.h"
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
	exchanges = ups = 0;
	interfaces = (struct interfaces){ 0 }; /* a case lends its own */
	exchange_result = 0;
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

	/* netd's own have no number. */
	request.id = request.type == REQUEST_STOP || request.type == REQUEST_NETWORK ? 0 : 5;
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

/* One that can be encoded. Nothing of it is granted: no interface is there, and a server makes no connection. */
static struct request sample(enum request_type type)
{
	struct request request = { .type = type };

	if (type == REQUEST_SOCKET)
		request.socket.family = AF_INET;
	if (type == REQUEST_INTERFACE) {
		request.interface = (struct request_interface){ .mtu = 1400, .queues = 1 };
		ck_assert_int_eq(identity_set(&request.interface.peer, "a", 1), 0);
		request.interface.local4 = request.interface.remote4 = (struct addr){
			.family = AF_INET, .bytes = { 10, 99, 0, 53 }
		};
	}
	if (type == REQUEST_INTERFACE_DELETE)
		request.interface_delete.interface = 1;
	if (type == REQUEST_CARRIER)
		request.carrier.interface = 1;
	if (type == REQUEST_ROUTE_ADD || type == REQUEST_ROUTE_DELETE) {
		request.routes.interface = 1;
		request.routes.count = 1;
		request.routes.prefix[0] = (struct prefix){ .addr.family = AF_INET };
	}
	if (type == REQUEST_PROBE)
		request.probe.prefix = prefix_of("10.1.0.0/24");
	if (type == REQUEST_UP || type == REQUEST_DNS)
		request.dns.interface = 1;
	if (type == REQUEST_SILENT)
		request.silent.local = (struct addr){ .family = AF_INET,
			.bytes = { 192, 0, 2, 1 } };
	if (type == REQUEST_EXIT)
		request.exit.code = EXIT_CODE_PERMISSION;
	return request;
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
	ck_assert_str_eq(reply.reply.text, "the engine is not replaced: chmod 755 it");
}
END_TEST

/* A program that waits for the tunnel hears that it is up. */
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

/* In that order: what may come before READY, and what after it. */
START_TEST(each_has_its_place)
{
	static const bool before[REQUEST_TYPE_COUNT] = {
		[REQUEST_ADOPT] = true, [REQUEST_EXIT] = true, [REQUEST_READY] = true
	};
	static const enum request_type engines[] = { REQUEST_ADOPT, REQUEST_EXIT, REQUEST_SOCKET,
		REQUEST_INTERFACE, REQUEST_INTERFACE_DELETE, REQUEST_CARRIER, REQUEST_ROUTE_ADD,
		REQUEST_ROUTE_DELETE, REQUEST_UP, REQUEST_DNS, REQUEST_SILENT, REQUEST_PROBE,
		REQUEST_REEXEC };
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		enum request_type type = engines[i];
		struct request request = sample(type);

		requests_begin(&requests, GENERATION);
		ck_assert_int_eq(handle(request), before[type] ? 0 : -EPROTO);
		if (!before[type]) {
			(void)snprintf(text, sizeof(text),
				"it sent a message of type %s before it was ready",
				request_type_name(type));
			ck_assert_str_eq(problem.text, text);
		}
		ck_assert_int_eq(be_ready(), 0);
		ck_assert_int_eq(handle(request), type == REQUEST_ADOPT ? -EPROTO : 0);
	}
	ck_assert_int_eq(be_ready(), -EPROTO);
	ck_assert_str_eq(problem.text, "it sent a message of type ready after it was ready");
}
END_TEST

START_TEST(what_only_netd_sends)
{
	struct request request = { .type = REQUEST_STOP };

	ck_assert_int_eq(handle(request), -EPROTO);
	ck_assert_str_eq(problem.text, "it sent a message of type stop, which only netd sends");
	ck_assert_int_eq(be_ready(), 0);
	request = (struct request){ .type = REQUEST_REPLY };
	ck_assert_int_eq(handle(request), -EPROTO);
	ck_assert_int_eq(ask(REQUEST_NETWORK), -EPROTO);
}
END_TEST

START_TEST(what_cannot_be_decoded)
{
	static const uint8_t bytes[] = { 0xff, 0xff, 0xff };
	static uint8_t answer[REQUEST_SIZE_MAX];
	int fds[REQUEST_QUEUES_MAX];
	struct writer writer;
	size_t fd_count = 77;
	bool owned = true;

	writer_init(&writer, answer, sizeof(answer));
	ck_assert_int_eq(requests_handle(&requests, bytes, sizeof(bytes), &writer, fds, &fd_count,
				 &owned, &problem),
		-EPROTO);
	ck_assert_ptr_nonnull(strstr(problem.text, "it sent a message that cannot be decoded: "));
	ck_assert_uint_eq(writer.len, 0);
	ck_assert_uint_eq(fd_count, 77);
	ck_assert(owned);
}
END_TEST

START_TEST(no_room_for_the_reply)
{
	static uint8_t data[REQUEST_SIZE_MAX], answer[1];
	const struct request request = { .type = REQUEST_REEXEC, .id = 5 };
	int fds[REQUEST_QUEUES_MAX];
	struct writer to, from;
	size_t fd_count = 77;
	bool owned = true;

	ck_assert_int_eq(be_ready(), 0);
	writer_init(&to, data, sizeof(data));
	ck_assert_int_eq(request_encode(&to, &request), 0);
	writer_init(&from, answer, sizeof(answer));
	ck_assert_int_eq(
		requests_handle(&requests, data, to.len, &from, fds, &fd_count, &owned, &problem),
		-EPROTO);
	ck_assert_ptr_nonnull(strstr(problem.text, "its reply cannot be encoded: "));
	ck_assert_uint_eq(fd_count, 77);
	ck_assert(owned);
}
END_TEST

START_TEST(ready_with_another_generation)
{
	struct request request = { .type = REQUEST_READY, .ready.generation = GENERATION - 1 };

	ck_assert_int_eq(handle(request), -EPROTO);
	ck_assert_str_eq(problem.text, "it is ready with generation 6, its configuration is 7");
	ck_assert(!requests.ready);
	request.ready.generation = GENERATION + 1;
	ck_assert_int_eq(handle(request), -EPROTO);
	ck_assert(!requests.ready);
	ck_assert_int_eq(be_ready(), 0);
	ck_assert(requests.ready);
}
END_TEST

START_TEST(an_end_of_the_program)
{
	struct request request = { .type = REQUEST_EXIT, .exit = { .text = "because" } };

	request.exit.code = EXIT_CODE_PERMISSION; /* not an engine's to know */
	ck_assert_int_eq(handle(request), 0);
	ck_assert_uint_eq(reply.reply.error, EPERM);
	ck_assert_str_ne(reply.reply.text, "");
	ck_assert(!requests.exit_asked);
	request.exit.code = EXIT_CODE_REFUSED;
	ck_assert_int_eq(handle(request), 0);
	ck_assert_uint_eq(reply.reply.error, 0);
	ck_assert(requests.exit_asked);
	ck_assert_int_eq(requests.exit_code, EXIT_CODE_REFUSED);
	requests_begin(&requests, GENERATION); /* the next one has not asked */
	ck_assert(!requests.exit_asked);
	request.exit.code = EXIT_CODE_OK;
	ck_assert_int_eq(handle(request), 0);
	ck_assert(requests.exit_asked);
	ck_assert_int_eq(requests.exit_code, EXIT_CODE_OK);
}
END_TEST

/* An error is logged as one, and what is meant is not. */
START_TEST(an_end_in_the_log)
{
	struct request request = { .type = REQUEST_EXIT,
		.exit = { .code = EXIT_CODE_FAILURE, .text = "the key does not fit" } };
	char line[256] = "";
	int fd = memfd_create("log", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	log_init("netd", LOG_LEVEL_ERROR);
	ck_assert_int_eq(handle(request), 0);
	ck_assert_int_gt(pread(fd, line, sizeof(line) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(line, "the key does not fit"));
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	request.exit.code = EXIT_CODE_OK;
	ck_assert_int_eq(handle(request), 0);
	ck_assert_int_eq(pread(fd, line, 1, 0), 0);
	close(fd);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { reexec_before_ready, reexec_granted, reexec_refused,
		reexec_of_the_next, up, each_has_its_place, what_only_netd_sends,
		what_cannot_be_decoded, no_room_for_the_reply, ready_with_another_generation,
		an_end_of_the_program, an_end_in_the_log };

	return unit_suite("requests", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("requests", suite());
}
