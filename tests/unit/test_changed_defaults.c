/* SPDX-License-Identifier: Apache-2.0 */
/* Which notes a check prints about defaults that have changed. */
#include "config/changed_defaults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/options.h"
#include "daemon/options.h"
#include "options_test.h"
#include "unit.h"

static char *notes;

#define PROFILE "name = \"t\"; server_name = \"hub\"; remotes = \"vpn.example\";\n"
#define SERVER "name = \"t\"; pool4 = \"10.9.0.0/24\";\n"
#define FILES "certificate = \"/c\"; key = \"/k\"; ca = \"/a\";\n"

static const char *notes_of(int (*load)(const char *text, size_t len, const char *path,
				    struct settings **ret_settings, struct problem *problem),
	const char *text)
{
	struct configuration configuration = { .path = "t.conf" };
	struct findings findings = { .count = 0 };
	struct problem problem;
	size_t len;
	FILE *out;

	configuration.text = strdup(text);
	ck_assert_ptr_nonnull(configuration.text);
	configuration.len = strlen(text);
	ck_assert_msg(
		load(text, configuration.len, "t.conf", &configuration.settings, &problem) == 0,
		"%s", problem.text);
	free(notes);
	out = open_memstream(&notes, &len);
	ck_assert_ptr_nonnull(out);
	changed_defaults_find(&configuration, &findings);
	for (size_t i = 0; i < findings.count; i++) {
		ck_assert_int_eq(findings.items[i].level, FINDING_NOTE);
		fprintf(out, "note: %s\n", findings.items[i].text.text);
	}
	findings_free(&findings);
	ck_assert_int_eq(fclose(out), 0);
	configuration_free(&configuration);
	return notes;
}

static bool has(const char *text, const char *words)
{
	return strstr(text, words) != NULL;
}

START_TEST(a_default_that_holds_is_noted)
{
	const char *client = notes_of(client_options_load, PROFILE FILES);

	ck_assert(has(client, "note: tunnel_addresses is not set"));
	ck_assert(has(client, "the old way: tunnel_addresses = [ \"0.0.0.0/1\""));
	ck_assert(has(client, "note: check_destination is not set"));
	ck_assert(!has(client, "crl_missing"));
	ck_assert(!has(notes_of(daemon_options_load, SERVER FILES), "tunnel_addresses"));
	ck_assert(has(notes_of(daemon_options_load, SERVER FILES "crl = \"/l\";"),
		"the old way: crl_missing = \"refuse\";"));
}
END_TEST

START_TEST(a_key_that_is_set_is_not)
{
	ck_assert_str_eq(
		notes_of(client_options_load,
			PROFILE FILES
			"crl = \"/l\"; check_destination = true; mark = 7; congestion = \"auto\";\n"
			"tunnel_addresses = \"10.0.0.0/8\"; crl_missing = \"warn\"; crl_expired = \"warn\";"),
		"");
	ck_assert(!has(notes_of(client_options_load, PROFILE FILES "full_tunnel = true;"), "mark"));
}
END_TEST

/* A value that means more than it did is noted where it is. */
START_TEST(a_key_that_means_more_is_noted)
{
	const char *text = notes_of(client_options_load, PROFILE FILES "full_tunnel = true;");

	ck_assert(has(text, "note: full_tunnel is set, and means more than in 0.1.0: "));
	ck_assert(has(text, "note: bypass is not set, and its default is another than in 0.1.0: "));
	ck_assert(has(text, "note: bypass_local_bridges is not set"));
	ck_assert(!has(notes_of(client_options_load,
			       PROFILE FILES "full_tunnel = true; bypass = \"192.0.2.0/24\";"),
		"note: bypass is"));
	text = notes_of(client_options_load, PROFILE FILES);
	ck_assert(!has(text, "full_tunnel") && !has(text, "bypass") && !has(text, "kill_switch"));
	text = notes_of(client_options_load,
		"name = \"t\"; server_name = \"hub\"; remotes = \"192.0.2.1\";\n" FILES
		"kill_switch = true; mptcp = true;");
	ck_assert(has(text, "note: kill_switch is set, and means more than in 0.1.0: with mptcp "));
	text = notes_of(client_options_load,
		"name = \"t\"; server_name = \"hub\"; remotes = \"192.0.2.1\";\n" FILES
		"kill_switch = true;");
	ck_assert(!has(text, "note: kill_switch"));
}
END_TEST

/* The page that people read has each line that a note names, and the notes' lines can be loaded. */
START_TEST(the_page_says_the_same)
{
	static const char *const lines[] = { "check_destination = false",
		"tunnel_addresses = [ \"0.0.0.0/1\", \"128.0.0.0/1\", \"::/1\", \"8000::/1\" ]",
		"crl_missing = \"refuse\"", "crl_expired = \"refuse\"" };
	char text[1024];
	size_t len;
	char *page = options_read("docs/upgrading.md", &len);

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		ck_assert_msg(has(page, lines[i]), "docs/upgrading.md lacks %s", lines[i]);
		ck_assert(has(
			notes_of(client_options_load, PROFILE FILES "crl = \"/l\";"), lines[i]));
		(void)snprintf(text, sizeof(text), PROFILE FILES "%s;", lines[i]);
		ck_assert(!has(notes_of(client_options_load, text), lines[i]));
	}
	free(page);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { a_default_that_holds_is_noted, a_key_that_is_set_is_not,
		a_key_that_means_more_is_noted, the_page_says_the_same };

	return unit_run("changed_defaults",
		unit_suite("changed_defaults", NULL, NULL, tests, ARRAY_SIZE(tests)));
}
