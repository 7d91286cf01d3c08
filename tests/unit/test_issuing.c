/* SPDX-License-Identifier: Apache-2.0 */
/* What the server's engine does with a client's requests for certificates; the issuing process is played. */
#include "daemon/issuing.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "engine/session.h"
#include "system/ipc.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/tls_fixture.h"
#include "tests/unit/unit.h"
#include "wire/issue.h"

enum { FLOOD = 500, LOG_BURST = 5 };

static struct fixture {
	struct loop *loop;
	struct fixture_pair ca, pair;
	struct tls_context *tls;
	struct issuing issuing;
	struct session session;
	int process; /* the issuing process's end; -1: there is none */
	/* What the client has been sent. */
	unsigned sent;
	struct message last;
	struct loop_timer end;
} fixture;

bool session_send_renewal(struct session *session, const struct message *message)
{
	ck_assert_ptr_eq(session, &fixture.session);
	fixture.sent++;
	fixture.last = *message;
	return true;
}

static void begin(int fd)
{
	ck_assert_int_eq(issuing_init(&fixture.issuing, fixture.loop, fd, fixture.tls), 0);
}

static void setup(void)
{
	fixture = (struct fixture){ .process = -1, .ca = fixture_ca("CA") };
	log_set_level(LOG_LEVEL_ERROR);
	fixture.pair = fixture_server(&fixture.ca, "hub");
	fixture.tls = fixture_context(TLS_SERVER, &fixture.pair, &fixture.ca, NULL);
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	unit_text(fixture.session.name.name, "branch");
	rate_init(&fixture.session.log_rate, 1, LOG_BURST, mono_now());
}

static void teardown(void)
{
	int fd = fixture.issuing.fd;

	issuing_free(&fixture.issuing);
	ck_assert_ptr_null(fixture.session.renewal);
	if (fixture.process >= 0) {
		close(fixture.process);
		close(fd);
	}
	loop_free(fixture.loop);
	tls_context_unref(fixture.tls);
	fixture_free(&fixture.ca);
	fixture_free(&fixture.pair);
}

/* A channel to a process that the test plays. */
static void begin_with_process(void)
{
	int fds[2];

	ck_assert_int_eq(ipc_pair(fds), 0);
	fixture.process = fds[1];
	begin(fds[0]);
}

static void signs(uint32_t number, uint32_t offset, uint32_t total)
{
	struct message message = { .type = MESSAGE_SIGN, .sign.number = number };

	message.sign.piece = (struct message_piece){
		.total = total, .offset = offset, .len = (uint16_t)(total - offset)
	};
	memset(message.sign.piece.data, 'x', message.sign.piece.len);
	issuing_take(&fixture.issuing, &fixture.session, &message);
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.loop);
}

static void turn(void)
{
	loop_timer_start(fixture.loop, &fixture.end, mono_add(mono_now(), DURATION_MS(5)), over);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
}

/* What the process gets. 0: nothing, or the number of the request. */
static uint32_t asked(void)
{
	static uint8_t data[ISSUE_SIZE_MAX];
	struct issue_request request;
	size_t len = 0, count = 0;
	int fds[1];

	if (ipc_receive(fixture.process, data, sizeof(data), &len, fds, 1, &count) < 0)
		return 0;
	ck_assert_int_eq(issue_request_decode(data, len, &request), 0);
	ck_assert_str_eq(request.name.name, "branch");
	return request.number;
}

static void answers(uint32_t number, uint8_t verdict, const char *pem)
{
	static uint8_t data[ISSUE_SIZE_MAX];
	struct issue_answer answer = { .number = number, .verdict = verdict };
	struct writer writer;

	answer.certificate = (struct view){ .data = (const uint8_t *)pem, .len = strlen(pem) };
	if (verdict != MESSAGE_VERDICT_ISSUED)
		unit_text(answer.text, "no");
	writer_init(&writer, data, sizeof(data));
	ck_assert_int_eq(issue_answer_encode(&writer, &answer), 0);
	ck_assert_int_eq(ipc_send(fixture.process, data, writer.len, NULL, 0), 0);
	turn();
}

START_TEST(issued)
{
	uint32_t number;

	begin_with_process();
	signs(7, 0, 100);
	number = asked();
	ck_assert_uint_ne(number, 0);
	ck_assert_uint_eq(fixture.sent, 0);
	answers(number + 1, MESSAGE_VERDICT_ISSUED, "another"); /* nobody waits for that one */
	ck_assert_uint_eq(fixture.sent, 0);
	answers(number, MESSAGE_VERDICT_ISSUED, "pem");
	ck_assert_uint_eq(fixture.sent, 1);
	ck_assert_int_eq(fixture.last.type, MESSAGE_ISSUED);
	ck_assert_uint_eq(fixture.last.issued.number, 7);
	ck_assert_uint_eq(fixture.last.issued.piece.total, 3);
	answers(number, MESSAGE_VERDICT_ISSUED, "again");
	ck_assert_uint_eq(fixture.sent, 1);
	signs(8, 0, 100);
	answers(asked(), MESSAGE_VERDICT_REFUSED, "");
	ck_assert_uint_eq(fixture.last.issued.number, 8);
	ck_assert_uint_eq(fixture.last.issued.verdict, MESSAGE_VERDICT_REFUSED);
	ck_assert_str_eq(fixture.last.issued.text, "no");
}
END_TEST

START_TEST(one_at_a_time)
{
	begin_with_process();
	signs(7, 0, 100);
	signs(8, 0, 100);
	ck_assert_uint_eq(fixture.last.issued.number, 8);
	ck_assert_uint_eq(fixture.last.issued.verdict, MESSAGE_VERDICT_LATER);
	ck_assert_uint_ne(asked(), 0);
	ck_assert_uint_eq(asked(), 0);
}
END_TEST

START_TEST(nothing_is_issued_here)
{
	begin(-1);
	signs(7, 0, 100);
	ck_assert_uint_eq(fixture.last.issued.verdict, MESSAGE_VERDICT_REFUSED);
	ck_assert_ptr_nonnull(strstr(fixture.last.issued.text, "issues no certificates"));
}
END_TEST

/* Whatever a peer sends how often: the log has a few lines of it, and the process a few requests. */
START_TEST(flood)
{
	unsigned requests = 0;

	begin_with_process();
	log_capture_begin(LOG_LEVEL_INFO);
	for (uint32_t i = 1; i <= FLOOD; i++) {
		signs(i, i % 2 ? 50 : 0, 100); /* every other one without its beginning */
		requests += asked() != 0;
	}
	ck_assert_uint_eq(fixture.sent, FLOOD - requests);
	ck_assert_uint_le(requests, ISSUING_BURST + 1);
	ck_assert_uint_ge(log_count("not renewed"), 1);
	ck_assert_uint_le(log_count("not renewed"), LOG_BURST + 2);
	log_capture_end();
}
END_TEST

START_TEST(forgotten)
{
	uint32_t number;

	begin_with_process();
	signs(7, 0, 100);
	number = asked();
	issuing_forget(&fixture.session);
	ck_assert_ptr_null(fixture.session.renewal);
	answers(number, MESSAGE_VERDICT_ISSUED, "pem");
	ck_assert_uint_eq(fixture.sent, 0);
	issuing_forget(&fixture.session);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { issued, one_at_a_time, nothing_is_issued_here, flood,
		forgotten };

	return unit_run(
		"issuing", unit_suite("issuing", setup, teardown, tests, ARRAY_SIZE(tests)));
}
