/* SPDX-License-Identifier: Apache-2.0 */
/* Why a session is not up: what status, its JSON and doctor say of a client's attempts. */
#include "tests/unit/status_fixture.h"

#include "engine/attempts.h"
#include "engine/examine.h"

static struct engine_attempts played;

static void attempts(const struct engine *engine, struct engine_attempts *ret_attempts)
{
	(void)engine;
	*ret_attempts = played;
}

static const struct engine_role client_role = { .configuration.tls_role = TLS_CLIENT,
	.attempts = attempts };

/* A client whose session was up until a minute ago. */
static void setup_client(void)
{
	setup();
	fixture.engine.role = &client_role;
	fixture.full->state = SESSION_IDLE;
	fixture.full->down_since = ago(60);
	fixture.full->leave = (struct session_leave){ 0 };
	fixture.full->last_leave = (struct session_leave){ .attempt = true,
		.text = "vpn.example (192.0.2.2:443): connection failed: Connection refused" };
	played = (struct engine_attempts){
		.count = 7, .last = ago(3), .waits = true, .next = { mono_now().ns + 30000000000 }
	};
}

static void ck_says(const char *text, const char *words)
{
	ck_assert_msg(strstr(text, words) != NULL, "\"%s\" is missing in:\n%s", words, text);
}

static void ck_json(const char *path, const char *expected)
{
	char value[1024];

	ck_assert_str_eq(
		json_at(render(STATUS_OVERVIEW, true), path, value, sizeof(value)), expected);
}

static void ck_seconds(const char *path, double least, double most)
{
	char value[64];
	double seconds = strtod(
		json_at(render(STATUS_OVERVIEW, true), path, value, sizeof(value)), NULL);

	ck_assert_msg(seconds >= least && seconds <= most, "%s is %s", path, value);
}

static void ck_doctor(const char *words)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_int_eq(examine_render(&fixture.engine, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_says(text, words);
	free(text);
}

START_TEST(waits)
{
	const char *text = render(STATUS_OVERVIEW, false);

	ck_says(text, "down for:           1 min 0 s\n");
	ck_says(text, "attempts:           7 failed, the last 3 s ago; the next in 29 s\n");
	ck_says(text, "last attempt:       vpn.example (192.0.2.2:443): connection failed: ");
	ck_seconds("sessions.1.down_for", 60, 62);
	ck_json("sessions.1.attempt.failed", "7");
	ck_seconds("sessions.1.attempt.ago", 3, 5);
	ck_seconds("sessions.1.attempt.next", 28, 30);
	ck_json("sessions.1.attempt.text",
		"\"vpn.example (192.0.2.2:443): connection failed: Connection refused\"");
	ck_doctor(
		"branch-a is not up (state idle): vpn.example (192.0.2.2:443): connection failed: "
		"Connection refused; this for 1 min 0 s; attempts: 7 failed, the last 3 s ago; the next in 29 s");
}
END_TEST

START_TEST(under_way)
{
	played.waits = false;
	ck_says(render(STATUS_OVERVIEW, false), "7 failed, the last 3 s ago; one is under way\n");
	ck_json("sessions.1.attempt.next", "0.000000");
	/* The wait is over, and the loop has not come to it. */
	played.waits = true;
	played.next = ago(1);
	ck_says(render(STATUS_OVERVIEW, false), "one is under way\n");
	ck_json("sessions.1.attempt.next", "0.000000");
}
END_TEST

START_TEST(first_attempt)
{
	const char *text;

	played = (struct engine_attempts){ .count = 0 };
	fixture.full->connections = 0;
	fixture.full->last_leave = (struct session_leave){ 0 };
	text = render(STATUS_OVERVIEW, false);
	ck_says(text, "not up for:         1 min 0 s\n");
	ck_says(text, "attempts:           one is under way\n");
	ck_assert_ptr_null(strstr(text, "last attempt:"));
	ck_json("sessions.1.attempt.failed", "0");
	ck_json("sessions.1.attempt.ago", "null");
	ck_json("sessions.1.attempt.text", "null");
	ck_doctor("no connection has come up yet; this for 1 min 0 s; attempts: one is under way");
}
END_TEST

/* The connection came up and led to no session: the log's words, once. */
START_TEST(refused)
{
	fixture.full->last_leave = (struct session_leave){
		.code = GOODBYE_SHUTDOWN, .heard = true, .text = "\x1b[2J; come back"
	};
	ck_json("sessions.1.attempt.text",
		"\"198.51.100.7:50312: received a goodbye: the other end is shutting down: \\u001b[2J; come back\"");
	ck_says(render(STATUS_OVERVIEW, false),
		"received a goodbye: the other end is shutting down: \\x1b[2J; come back\n");
	unit_text(fixture.full->last_leave.text, goodbye_code_text(GOODBYE_SHUTDOWN));
	ck_json("sessions.1.attempt.text",
		"\"198.51.100.7:50312: received a goodbye: the other end is shutting down\"");
	fixture.full->last_leave.text[0] = '\0';
	fixture.full->last_leave.heard = false;
	ck_json("sessions.1.attempt.text",
		"\"198.51.100.7:50312: sent a goodbye: this end is shutting down\"");
	fixture.full->last_leave = (struct session_leave){ .text = "refused our certificate" };
	ck_json("sessions.1.attempt.text",
		"\"198.51.100.7:50312: connection lost: refused our certificate\"");
}
END_TEST

/* Why it went down stays, whatever the attempts after it meet. */
START_TEST(lost)
{
	ck_json("sessions.1.lost", "null");
	fixture.full->lost = (struct session_leave){ .text = "no sign of life" };
	ck_json("sessions.1.lost", "\"connection lost: no sign of life\"");
	ck_says(render(STATUS_OVERVIEW, false),
		"down for:           1 min 0 s: connection lost: no sign of life\n");
	ck_json("sessions.1.attempt.text",
		"\"vpn.example (192.0.2.2:443): connection failed: Connection refused\"");
	fixture.full->state = SESSION_UP;
	ck_json("sessions.1.lost", "null");
}
END_TEST

/* A session that ends is no problem of a server. */
START_TEST(ending)
{
	fixture.full->state = SESSION_REMOVING;
	fixture.engine.settings->role = SETTINGS_CLIENT;
	ck_doctor("problem\tsession\tbranch-a is not up (state removing): ");
	fixture.engine.settings->role = SETTINGS_SERVER;
	ck_doctor("note\tsession\tbranch-a is not up (state removing): ");
	fixture.full->state = SESSION_IDLE;
	ck_doctor("problem\tsession\tbranch-a is not up (state idle): ");
}
END_TEST

/* It was up until now: what failed before that, and why it was lost then, is of no interest. */
START_TEST(ending_after_up)
{
	fixture.full->state = SESSION_CLOSING;
	fixture.full->carried = true;
	unit_text(fixture.full->lost.text, "of last week");
	unit_text(fixture.full->leave.text, "of now");
	ck_json("sessions.1.lost", "\"connection lost: of now\"");
	ck_json("sessions.1.attempt.failed", "0");
	ck_json("sessions.1.attempt.text", "null");
	ck_says(render(STATUS_OVERVIEW, false),
		"down for:           1 min 0 s: connection lost: of now\n");
}
END_TEST

START_TEST(none)
{
	fixture.full->state = SESSION_UP;
	ck_json("sessions.1.attempt", "null");
	ck_json("sessions.1.down_for", "null");
	ck_assert_ptr_null(strstr(render(STATUS_OVERVIEW, false), "down for:"));
	/* A server waits for its peers. */
	fixture.engine.role = &(const struct engine_role){ .configuration.tls_role = TLS_SERVER };
	fixture.full->state = SESSION_IDLE;
	ck_json("sessions.1.attempt", "null");
	ck_seconds("sessions.1.down_for", 60, 62);
	ck_assert_ptr_null(strstr(render(STATUS_OVERVIEW, false), "attempts:"));
}
END_TEST

START_TEST(durations)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = { { 0, "0 s" }, { 59, "59 s" }, { 60, "1 min 0 s" }, { 3599, "59 min 59 s" },
		{ 3600, "1 h 0 min" }, { 86399, "23 h 59 min" }, { 86400, "1 d 0 h" },
		{ 200000, "2 d 7 h" } };
	char text[DURATION_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(
			duration_format(DURATION_S(cases[i].seconds), text), cases[i].text);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { waits, under_way, first_attempt, refused, lost, ending,
		ending_after_up, none, durations };

	return unit_suite("attempts", setup_client, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("attempts", suite());
}
