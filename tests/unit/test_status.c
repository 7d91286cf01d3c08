/* SPDX-License-Identifier: Apache-2.0 */
/* The status for a person to read, and what holds for both forms; JSON: test_status_json.c. */
#include "tests/unit/status_fixture.h"

static void ck_says(const char *text, const char *words)
{
	ck_assert_msg(strstr(text, words) != NULL, "\"%s\" is missing in:\n%s", words, text);
}

START_TEST(text_overview)
{
	const char *text = render(STATUS_OVERVIEW, false);

	ck_says(text, "server: hub");
	ck_says(text, "1 d 1 h");
	ck_says(text, "[2001:db8::1]:8443");
	ck_says(text, "peer: a-stranger (not listed)");
	ck_says(text, "peer: branch-a\n");
	ck_says(text, "up for 1 h 2 min");
	ck_says(text, "198.51.100.7:50312");
	ck_says(text, "TLS_AES_256_GCM_SHA384, X25519");
	ck_says(text, "2030-01-01 00:00:00 UTC");
	ck_says(text, "cv3, index 12");
	ck_says(text, "10.99.0.1, peer 10.99.0.2");
	ck_says(text, "fd99::1, peer fd99::2");
	ck_says(text, "sent csum tso4; accepted csum tso4 tso6 ecn uso");
	ck_says(text, "last 12.3 ms, smoothed 11.0 ms, lowest 10.0 ms");
	ck_says(text, "1.96 KiB, 1001 packets"); /* 2002 bytes */
	ck_says(text, "in_source 9009");
	ck_says(text, "9.78 KiB now, recent delay 12.0 ms, 11011 packets marked"); /* 10010 bytes */
	/* Only drops that happened. */
	ck_assert_ptr_null(strstr(text, "out_link_local"));
	/* Words of the peer do not reach the terminal as they are. */
	ck_says(text, "bye \\x1b[31m\"now\"");
	for (const char *byte = text; *byte; byte++)
		ck_assert((*byte >= 0x20 && *byte <= 0x7e) || *byte == '\n');
}
END_TEST

/* All values of a description begin in the same column. */
START_TEST(text_is_aligned)
{
	char *text = strdup(render(STATUS_OVERVIEW, false)), *rest = text, *line;
	size_t column = 0;
	int lines = 0;

	while ((line = strsep(&rest, "\n"))) {
		char *colon = strstr(line, ": ");
		size_t value;

		if (line[0] != ' ' || !colon)
			continue;
		value = (size_t)(colon - line) + 1 + strspn(colon + 1, " ");
		if (column == 0)
			column = value;
		ck_assert_msg(value == column, "%s", line);
		lines++;
	}
	ck_assert_int_gt(lines, 20);
	free(text);
}
END_TEST

START_TEST(text_peers)
{
	char *text = strdup(render(STATUS_PEERS, false)), *rest = text, *line;
	const char *state_title;
	size_t column;

	line = strsep(&rest, "\n");
	state_title = strstr(line, "STATE");
	ck_assert_ptr_nonnull(state_title);
	column = (size_t)(state_title - line);
	line = strsep(&rest, "\n");
	ck_assert_int_eq(strncmp(line, "a-stranger ", 11), 0);
	ck_assert_int_eq(strncmp(line + column, "idle ", 5), 0);
	line = strsep(&rest, "\n");
	ck_assert_int_eq(strncmp(line, "branch-a ", 9), 0);
	ck_assert_int_eq(strncmp(line + column, "up ", 3), 0);
	ck_says(line, "10.99.0.2, fd99::2");
	ck_says(line, "11.0 ms");
	line = strsep(&rest, "\n");
	ck_assert_int_eq(strncmp(line, "branch-c ", 9), 0);
	ck_assert_int_eq(strncmp(line + column, "- ", 2), 0);
	ck_assert_str_eq(rest, "");
	free(text);
}
END_TEST

START_TEST(text_routes)
{
	const char *text = render(STATUS_ROUTES, false);

	ck_says(text, "10.2.0.0/16");
	ck_says(text, "more prefixes than max_routes allows");
	ck_says(text, "fd02::/48");
	ck_says(text, "installed\n");
	ck_says(text, "refused: it is not inside any prefix of accept_routes\n");
	ck_says(text, "branch-a announced 4 prefixes more than its max_routes");
}
END_TEST

/* Nobody there, nothing announced: still valid and still a text. */
START_TEST(empty)
{
	struct engine engine = { .started = mono_now() };

	peers_init(&engine.peers, NULL);
	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &engine.settings), 0);
	for (int kind = STATUS_OVERVIEW; kind <= STATUS_ROUTES; kind++) {
		for (int json = 0; json <= 1; json++) {
			char *text = NULL;
			size_t len;
			FILE *out = open_memstream(&text, &len);

			ck_assert_int_eq(
				status_render(&engine, (enum status_kind)kind, json != 0, out), 0);
			fclose(out);
			ck_assert_uint_gt(len, 0);
			if (json)
				ck_assert(json_is_valid(text));
			free(text);
		}
	}
	settings_free(engine.settings);
}
END_TEST

START_TEST(failing_stream)
{
	char room[16];
	FILE *out = fmemopen(room, sizeof(room), "w");

	setvbuf(out, NULL, _IONBF, 0);
	ck_assert_int_lt(status_render(&fixture.engine, STATUS_OVERVIEW, true, out), 0);
	fclose(out);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { text_overview, text_is_aligned, text_peers, text_routes,
		empty, failing_stream };

	return unit_suite("status", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("status", suite());
}
