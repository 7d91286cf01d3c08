/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are valid and keep peers out all the same: remotes, pools, peers. */
#include "config/configuration_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/options.h"
#include "daemon/options.h"
#include "unit.h"

#define FILES "certificate = \"/c\";\nkey = \"/k\";\nca = \"/a\";\n"

static struct findings findings;

static int examine(int (*load)(const char *text, size_t len, const char *path,
			   struct settings **ret_settings, struct problem *problem),
	const char *text)
{
	struct configuration configuration = { .path = "t.conf", .text = strdup(text) };
	struct problem problem = { "" };
	int r;

	ck_assert_ptr_nonnull(configuration.text);
	configuration.len = strlen(text);
	ck_assert_msg(
		load(text, configuration.len, "t.conf", &configuration.settings, &problem) == 0,
		"%s", problem.text);
	findings_free(&findings);
	r = configuration_examine_values(&configuration, &findings);
	configuration_free(&configuration);
	return r;
}

static int examine_remotes(const char *remotes)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		"name = \"t\";\nserver_name = \"hub\";\nremotes = %s;\n%s", remotes, FILES);
	return examine(client_options_load, text);
}

static void assert_finding(size_t number, enum finding_level level, const char *words)
{
	const struct finding *finding = &findings.items[number];

	ck_assert_uint_lt(number, findings.count);
	ck_assert_int_eq(finding->level, level);
	ck_assert_msg(strstr(finding->text.text, words) != NULL, "\"%s\" lacks \"%s\"",
		finding->text.text, words);
}

static const struct {
	const char *host, *why;
} never[] = {
	{ "224.0.0.1:443", "multicast" },
	{ "[ff02::1]:443", "multicast" },
	{ "255.255.255.255", "reserved" },
	{ "240.0.0.1", "reserved" },
	{ "0.0.0.0:443", "stands for all addresses" },
	{ "[::]:443", "stands for all addresses" },
	{ "[fe80::1]:443", "needs its interface" },
	{ "300.1.1.1", "neither an IPv4 address" },
	{ "10.1.2.3.4", "neither an IPv4 address" },
	{ "vpn..example", "1 to 63 characters" },
	{ ".example", "1 to 63 characters" },
	{ "a123456789a123456789a123456789a123456789a123456789a123456789abcd.example",
		"1 to 63 characters" },
	{ "vpn%eth0", "only a link-local" },
	{ "[fd00::1%eth0]:443", "scope" },
	{ "[fd00::g]:443", "no IPv6 address" },
};

START_TEST(remotes_never)
{
	char remotes[256];

	(void)snprintf(remotes, sizeof(remotes), "\"%s\"", never[_i].host);
	ck_assert_int_eq(examine_remotes(remotes), -EINVAL);
	ck_assert_uint_eq(findings.count, 1);
	assert_finding(0, FINDING_ERROR, "t.conf:3: remotes.[0]: ");
	assert_finding(0, FINDING_ERROR, never[_i].why);
	/* Beside one that can be dialled it is no error. */
	(void)snprintf(remotes, sizeof(remotes), "[ \"%s\", \"vpn.example\" ]", never[_i].host);
	ck_assert_int_eq(examine_remotes(remotes), 0);
	ck_assert_uint_eq(findings.count, 1);
	assert_finding(0, FINDING_WARNING, never[_i].why);
}
END_TEST

START_TEST(remotes_good)
{
	static const char *const good[] = { "vpn.example", "vpn.example.:443", "vpn",
		"3com.example", "a_b.example:1", "192.0.2.1", "127.0.0.1:8443", "10.1",
		"[2001:db8::1]:443", "2001:db8::1", "2001:db8::22", "[fe80::1%eth0]:443",
		"xn--bcher-kva.example" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char remotes[128];

		(void)snprintf(remotes, sizeof(remotes), "\"%s\"", good[i]);
		ck_assert_int_eq(examine_remotes(remotes), 0);
		ck_assert_msg(findings.count == 0, "%s: %s", good[i], findings.items[0].text.text);
	}
}
END_TEST

START_TEST(a_port_without_brackets)
{
	ck_assert_int_eq(examine_remotes("\"2001:db8::2:443\""), 0);
	assert_finding(0, FINDING_WARNING,
		"if 443 is the port, write \"[2001:db8::2]:443\", else \"[2001:db8::2:443]:443\"");
	ck_assert_int_eq(examine_remotes("\"[2001:db8::2:443]:443\""), 0);
	ck_assert_uint_eq(findings.count, 0);
}
END_TEST

START_TEST(servers)
{
	ck_assert_int_eq(
		examine(daemon_options_load, "name = \"t\";\npool4 = \"203.0.113.0/24\";\n" FILES),
		0);
	ck_assert_uint_eq(findings.count, 2);
	assert_finding(0, FINDING_WARNING, "t.conf:2: pool4: 203.0.113.0/24 is outside");
	assert_finding(1, FINDING_WARNING, "peers: the list is empty");
	examine(daemon_options_load,
		"name = \"t\";\npool4 = \"10.9.0.0/24\";\nunlisted = true;\n" FILES);
	ck_assert_uint_eq(findings.count, 0);
}
END_TEST

static void tear_down(void)
{
	findings_free(&findings);
}

/* A line costs a pass over the text, so only the first findings have one. */
START_TEST(lines_of_many)
{
	struct configuration configuration = { .path = "t.conf",
		.text = strdup("pool4 = \"x\";\n") };

	configuration.len = strlen(configuration.text);
	findings_free(&findings);
	for (size_t i = 0; i <= CONFIGURATION_LINES_MAX; i++) {
		struct problem problem = { "pool4: taken" };

		configuration_find(&configuration, &findings, FINDING_WARNING, "pool", &problem);
	}
	assert_finding(CONFIGURATION_LINES_MAX - 1, FINDING_WARNING, "t.conf:1: pool4: taken");
	assert_finding(CONFIGURATION_LINES_MAX, FINDING_WARNING, "t.conf: pool4: taken");
	configuration_free(&configuration);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = { remotes_good, a_port_without_brackets, servers, lines_of_many };
	Suite *made = unit_suite("configuration_values", NULL, tear_down, tests, ARRAY_SIZE(tests));
	TCase *loops = tcase_create("remotes never");

	tcase_add_checked_fixture(loops, NULL, tear_down);
	tcase_add_loop_test(loops, remotes_never, 0, ARRAY_SIZE(never));
	suite_add_tcase(made, loops);
	return made;
}

int main(void)
{
	return unit_run("configuration_values", suite());
}
