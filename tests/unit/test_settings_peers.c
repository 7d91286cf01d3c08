/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of a peer's entry that replace the common ones: what the peer gets, and what is refused. */
#include <errno.h>
#include <string.h>

#include "daemon/options.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

#define REQUIRED                                                         \
	"certificate = \"/c.crt\"; key = \"/c.key\"; ca = \"/ca.crt\"; " \
	"pool4 = \"10.9.0.0/24\"; "

static struct settings *loaded(const char *text)
{
	struct problem problem = { .text = "" };
	struct settings *settings;

	ck_assert_msg(daemon_options_load(text, strlen(text), "f", &settings, &problem) == 0, "%s",
		problem.text);
	return settings;
}

/* Resolvers and domains of a peer, as one text. */
static const char *pushed(
	const struct settings *settings, const struct settings_peer *peer, char out[static 512])
{
	struct nameservers got;
	char text[ADDR_TEXT_MAX];
	size_t len = 0;

	memset(&got, 0xff, sizeof(got));
	settings_nameservers(settings, peer, &got);
	out[0] = '\0';
	for (size_t i = 0; i < got.server_count; i++)
		len += (size_t)snprintf(
			&out[len], 512 - len, "%s ", addr_format(&got.server[i], text));
	for (size_t i = 0; i < got.domain_count; i++)
		len += (size_t)snprintf(&out[len], 512 - len, "%s ", got.domain[i]);
	/* What is sent is copied whole: nothing of another peer is behind the end. */
	for (size_t i = got.server_count; i < NAMESERVERS_MAX; i++)
		ck_assert(!addr_is_set(&got.server[i]));
	for (size_t i = got.domain_count; i < NAMESERVERS_DOMAINS_MAX; i++)
		ck_assert_str_eq(got.domain[i], "");
	return out;
}

START_TEST(dns)
{
	struct settings *settings = loaded(REQUIRED
		"dns = [ \"10.2.0.53\", \"10.2.0.54\" ]; domains = [ \"corp.example\", \"b.example\" ];"
		"peers = ( { name = \"common\"; },"
		" { name = \"none\"; dns = [ ]; domains = [ ]; },"
		" { name = \"own\"; dns = \"10.3.0.53\"; domains = [ \"lab.example\" ]; },"
		" { name = \"both\"; dns = [ \"10.3.0.53\", \"@common\" ];"
		"   domains = [ \"@common\", \"lab.example\" ]; },"
		" { name = \"twice\"; dns = [ \"10.2.0.54\", \"@common\", \"@common\" ];"
		"   domains = [ \"b.example\", \"@common\", \"b.example\" ]; },"
		" { name = \"half\"; dns = [ ]; } );");
	static const char *const expected[] = {
		"10.2.0.53 10.2.0.54 corp.example b.example ",
		"",
		"10.3.0.53 lab.example ",
		"10.3.0.53 10.2.0.53 10.2.0.54 corp.example b.example lab.example ",
		"10.2.0.54 10.2.0.53 b.example corp.example ",
		"corp.example b.example ",
	};
	char out[512];

	for (size_t i = 0; i < settings->peer_count; i++)
		ck_assert_str_eq(pushed(settings, &settings->peers[i], out), expected[i]);
	ck_assert_str_eq(pushed(settings, NULL, out), expected[0]);
	settings_free(settings);
}
END_TEST

/* The limit is that of the message; a value that comes twice counts once. */
START_TEST(dns_limit)
{
	settings_free(
		loaded(REQUIRED "dns = [ \"10.2.0.1\", \"10.2.0.2\" ]; peers = ( { name = \"a\";"
				" dns = [ \"10.2.0.3\", \"@common\", \"10.2.0.4\" ]; } );"));
	settings_free(loaded(REQUIRED
		"domains = [ \"a\", \"b\", \"c\", \"d\", \"e\", \"f\" ]; peers = ( { name = \"a\";"
		" domains = [ \"@common\", \"g\", \"a\", \"h\" ]; } );"));
}
END_TEST

START_TEST(announced)
{
	struct settings *settings = loaded(REQUIRED
		"announce = [ \"10.2.0.0/24\" ]; peers = ( { name = \"common\"; },"
		" { name = \"none\"; announce = [ ]; },"
		" { name = \"own\"; announce = \"10.3.0.0/24\"; },"
		" { name = \"both\"; announce = [ \"0.0.0.0/0\", \"@common\", \"10.3.0.0/24\" ]; } );");
	static const bool gets_common[] = { true, false, false, true };
	static const size_t counts[] = { 0, 0, 1, 2 };
	char text[ADDR_TEXT_MAX];

	ck_assert(settings_gets_common(NULL));
	for (size_t i = 0; i < settings->peer_count; i++) {
		struct prefix_list list = { .items = NULL };

		ck_assert_int_eq(settings_gets_common(&settings->peers[i]), gets_common[i]);
		ck_assert_int_eq(settings_stated_to(&settings->peers[i], &list), 0);
		ck_assert_uint_eq(list.count, counts[i]);
		prefix_list_free(&list);
	}
	ck_assert_uint_eq(settings->announced_own.count, 2);
	ck_assert_str_eq(prefix_format(&settings->announced_own.items[0], text), "0.0.0.0/0");
	ck_assert_str_eq(prefix_format(&settings->announced_own.items[1], text), "10.3.0.0/24");
	settings_free(settings);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("settings of peers");

	unit_add(suite, "announced", announced);
	unit_add(suite, "dns", dns);
	unit_add(suite, "dns limit", dns_limit);
	return suite;
}

int main(void)
{
	return unit_run("settings of peers", suite());
}
