/* SPDX-License-Identifier: Apache-2.0 */
/* Which entry of peers a certificate meets, and that it never becomes another one. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "config/settings.h"
#include "daemon/options.h"
#include "tests/unit/peer_names_fixture.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ELSE64 "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* NULL: refused, with *ret_problem. */
static struct settings *load(const char *peers, struct problem *ret_problem)
{
	struct settings *settings = NULL;
	char text[4096];
	int len = snprintf(text, sizeof(text),
		"certificate = \"/c\"; key = \"/k\"; ca = \"/a\"; pool4 = \"10.9.0.0/24\";\npeers = (\n%s);\n",
		peers);

	ck_assert_int_lt(len, (int)sizeof(text));
	if (daemon_options_load(text, (size_t)len, "x.conf", &settings, ret_problem) < 0)
		return NULL;
	return settings;
}

static struct settings *good(const char *peers)
{
	struct problem problem = { "" };
	struct settings *settings = load(peers, &problem);

	ck_assert_msg(settings != NULL, "%s", problem.text);
	return settings;
}

static void assert_bad(const char *peers, const char *words)
{
	struct problem problem = { "" };
	struct settings *settings = load(peers, &problem);

	ck_assert_msg(settings == NULL, "taken, not: %s", words);
	ck_assert_msg(
		strstr(problem.text, words) != NULL, "\"%s\", not \"%s\"", problem.text, words);
}

/* Frees the names. */
static void assert_met(const struct settings *settings, struct peer_names *names, const char *entry)
{
	const struct settings_peer *peer = NULL;
	struct identity name = { .name = "" };
	struct problem problem = { "" };

	ck_assert_msg(
		settings_meet(settings, names, &name, &peer, &problem) == 0, "%s", problem.text);
	ck_assert_ptr_nonnull(peer);
	ck_assert_str_eq(peer->name.name, entry);
	ck_assert_str_eq(name.name, entry);
	peer_names_unref(names);
}

static void assert_not_met(
	const struct settings *settings, struct peer_names *names, int error, const char *words)
{
	const struct settings_peer *peer = NULL;
	struct identity name = { .name = "untouched" };
	struct problem problem = { "" };

	ck_assert_int_eq(settings_meet(settings, names, &name, &peer, &problem), error);
	ck_assert_ptr_null(peer);
	ck_assert_str_eq(name.name, "untouched");
	ck_assert_msg(
		strstr(problem.text, words) != NULL, "\"%s\", not \"%s\"", problem.text, words);
	peer_names_unref(names);
}

static struct peer_names *with(
	struct peer_names *names, enum peer_name_kind kind, const char *value)
{
	names_add(names, kind, value);
	return names;
}

static struct peer_names *below(
	struct peer_names *names, enum peer_name_kind kind, const char *value)
{
	ck_assert_int_eq(peer_names_add(&names->above, kind, value, strlen(value)), 0);
	return names;
}

START_TEST(each_kind)
{
	static const struct {
		const char *entry, *text, *value;
		enum peer_name_kind kind;
	} cases[] = {
		{ "e0", "dns:a.example.org", "A.Example.org", PEER_NAME_DNS },
		{ "e1", "uri:spiffe://example.org/gw", "spiffe://example.org/gw", PEER_NAME_URI },
		{ "e2", "email:a@EXAMPLE.org", "a@example.org", PEER_NAME_EMAIL },
		{ "e3", "upn:a@corp", "a@corp", PEER_NAME_UPN },
		{ "e4", "cn:Zo\xc3\xab M\xc3\xbcller", "Zo\xc3\xab M\xc3\xbcller", PEER_NAME_CN },
		{ "e5", "subject:CN=a b, O=E", "CN=a b,O=E", PEER_NAME_SUBJECT },
		{ "e6", "sha256:" HEX64, HEX64, PEER_NAME_SHA256 },
		{ "e7", "spki-sha256:" HEX64, HEX64, PEER_NAME_SPKI_SHA256 },
	};
	char peers[2048] = "";
	struct settings *settings;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		(void)snprintf(&peers[strlen(peers)], sizeof(peers) - strlen(peers),
			"%s{ name = \"%s\"; identity = \"%s\"; }", i > 0 ? "," : "", cases[i].entry,
			cases[i].text);
	settings = good(peers);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_met(settings, with(names_of(""), cases[i].kind, cases[i].value),
			cases[i].entry);
		/* The same value of another kind is another name. */
		assert_not_met(settings,
			with(names_of(""),
				cases[i].kind == PEER_NAME_CN ? PEER_NAME_UPN : PEER_NAME_CN,
				cases[i].value),
			-EACCES, "no entry in peers for it");
	}
	settings_free(settings);
}
END_TEST

/* Exact: no beginning, no end, no other case where case counts. */
START_TEST(near_misses)
{
	struct settings *settings = good(
		"{ name = \"a\"; identity = \"dns:gw.example.org\"; },"
		"{ name = \"b\"; identity = \"uri:spiffe://example.org/gw\"; },"
		"{ name = \"c\"; identity = \"cn:Alice\"; },"
		"{ name = \"d\"; identity = \"email:alice@example.org\"; }");
	static const struct {
		enum peer_name_kind kind;
		const char *value;
	} cases[] = {
		{ PEER_NAME_DNS, "gw.example.org." },
		{ PEER_NAME_DNS, "x.gw.example.org" },
		{ PEER_NAME_DNS, "gw.example.or" },
		{ PEER_NAME_DNS, "*.example.org" },
		{ PEER_NAME_URI, "spiffe://example.org/gw/" },
		{ PEER_NAME_URI, "spiffe://EXAMPLE.org/gw" },
		{ PEER_NAME_URI, "spiffe://example.org/GW" },
		{ PEER_NAME_CN, "alice" },
		{ PEER_NAME_CN, "Alice " },
		{ PEER_NAME_EMAIL, "Alice@example.org" },
		{ PEER_NAME_EMAIL, "alice@sub.example.org" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_not_met(settings, with(names_of(""), cases[i].kind, cases[i].value), -EACCES,
			"no entry in peers for it (its names: ");
	settings_free(settings);
}
END_TEST

START_TEST(plain_names)
{
	struct settings *settings = good(
		"{ name = \"b\"; }, { name = \"a\"; }, { name = \"c\"; identity = \"cn:See\"; }");
	struct identity name = { .name = "c" };

	assert_met(settings, names_of("a"), "a");
	assert_met(settings, names_of("b"), "b");
	assert_not_met(settings, names_of("A"), -EACCES, "(its names: dns:a)");
	/* Several names: by the rule it has none, whatever they are. */
	assert_not_met(settings, with(with(names_of(""), PEER_NAME_DNS, "a"), PEER_NAME_DNS, "b"),
		-EACCES, "(its names: dns:a, dns:b)");
	/* The name of an entry that expects something else. */
	assert_not_met(settings, names_of("c"), -EACCES,
		"has the name of the entry c in peers, but does not meet it: its identity \"cn:See\" is none");
	ck_assert_ptr_eq(settings_find_peer(settings, &name), &settings->peers[2]);
	settings_free(settings);
}
END_TEST

START_TEST(two_entries)
{
	struct settings *settings = good(
		"{ name = \"a\"; identity = \"dns:a.example\"; },"
		"{ name = \"b\"; identity = \"uri:x:b\"; }, { name = \"c\"; }");

	assert_not_met(settings,
		with(with(names_of(""), PEER_NAME_URI, "x:b"), PEER_NAME_DNS, "a.example"), -EEXIST,
		"meets two entries in peers, b and a, and must meet one");
	assert_not_met(settings, with(names_of("c"), PEER_NAME_URI, "x:b"), -EEXIST,
		"meets two entries in peers, c and b,");
	/* The same name twice is still one entry. */
	assert_met(settings, with(with(names_of(""), PEER_NAME_URI, "x:b"), PEER_NAME_URI, "x:b"),
		"b");
	settings_free(settings);
}
END_TEST

START_TEST(issuers)
{
	struct settings *settings = good(
		"{ name = \"a\"; identity = \"cn:x\"; issuer = \"sha256:" HEX64 "\"; },"
		"{ name = \"b\"; identity = \"cn:x\"; issuer = \"subject:CN=Other\"; },"
		"{ name = \"c\"; issuer = \"spki-sha256:" HEX64 "\"; }");

	assert_met(settings, below(with(names_of(""), PEER_NAME_CN, "x"), PEER_NAME_SHA256, HEX64),
		"a");
	assert_met(settings,
		below(with(names_of(""), PEER_NAME_CN, "x"), PEER_NAME_SUBJECT, "CN=Other"), "b");
	assert_not_met(settings,
		below(with(names_of(""), PEER_NAME_CN, "x"), PEER_NAME_SHA256, ELSE64), -EACCES,
		"no entry");
	assert_not_met(settings,
		below(below(with(names_of(""), PEER_NAME_CN, "x"), PEER_NAME_SHA256, HEX64),
			PEER_NAME_SUBJECT, "CN=Other"),
		-EEXIST, "two entries");
	assert_met(settings, below(names_of("c"), PEER_NAME_SPKI_SHA256, HEX64), "c");
	assert_not_met(settings, names_of("c"), -EACCES,
		"does not meet it: its issuer \"spki-sha256:" HEX64 "\" is not above");
	/* The digest of the certificate itself is not that of a CA above it. */
	assert_not_met(settings, with(names_of("c"), PEER_NAME_SPKI_SHA256, HEX64), -EACCES,
		"is not above");
	settings_free(settings);
}
END_TEST

START_TEST(unlisted)
{
	struct settings *settings = good(
		"{ name = \"a\"; identity = \"dns:a.example\"; }, { name = \"b\"; issuer = \"sha256:" HEX64
		"\"; }");
	const struct settings_peer *peer = settings->peers;
	struct identity name = { .name = "" };
	struct peer_names *names = names_of("guest");
	struct problem problem = { "" };

	settings->unlisted = true;
	ck_assert_int_eq(settings_meet(settings, names, &name, &peer, &problem), 0);
	ck_assert_ptr_null(peer);
	ck_assert_str_eq(name.name, "guest");
	peer_names_unref(names);
	/* Else it would get the session and the addresses of the entry. */
	assert_not_met(settings, names_of("a"), -EACCES, "has the name of the entry a");
	assert_not_met(settings, names_of("b"), -EACCES, "has the name of the entry b");
	assert_not_met(settings, with(names_of(""), PEER_NAME_CN, "two words"), -EINVAL,
		"as to its own name, it has no name");
	settings_free(settings);
}
END_TEST

/* What is known before any certificate comes. */
START_TEST(refused_at_check)
{
	static const struct {
		const char *peers, *words;
	} cases[] = {
		{ "{ name = \"a\"; identity = \"cn:x\"; },\n{ name = \"b\"; identity = \"cn:x\"; }",
			"x.conf:4: peers.[1].identity (b): a certificate with \"cn:x\" also meets peers.[0] (a)" },
		{ "{ name = \"a\"; identity = \"dns:GW\"; }, { name = \"b\"; identity = \"dns:gw\"; }",
			"also meets peers.[0] (a)" },
		{ "{ name = \"a\"; identity = \"cn:x\"; issuer = \"sha256:" HEX64
		  "\"; }, { name = \"b\"; identity = \"cn:x\"; }",
			"also meets" },
		{ "{ name = \"a\"; identity = \"dns:b\"; }, { name = \"b\"; }",
			"peers.[1].name (b): a certificate with \"dns:b\" also meets peers.[0] (a)" },
		{ "{ name = \"B\"; }, { name = \"a\"; identity = \"dns:b\"; }",
			"a certificate with \"dns:b\" also meets peers.[0] (B)" },
		{ "{ name = \"b\"; }, { name = \"a\"; identity = \"cn:b\"; }",
			"also meets peers.[0] (b)" },
		{ "{ name = \"a\"; identity = \"gw\"; }",
			"peers.[0].identity (a): expected KIND:VALUE" },
		{ "{ name = \"a\"; issuer = \"cn:x\"; }",
			"peers.[0].issuer (a): expected KIND:VALUE" },
	};
	struct settings *settings;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_bad(cases[i].peers, cases[i].words);
	settings = good("{ name = \"b\"; identity = \"dns:b\"; }, { name = \"c\"; }");
	settings_free(settings);
}
END_TEST

/* A plain name is found among very many entries. */
START_TEST(many)
{
	enum { COUNT = 60000, ROUNDS = 20000 };
	struct settings *settings;
	struct problem problem = { "" };

	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &settings), 0);
	settings->peers = calloc(COUNT, sizeof(struct settings_peer));
	settings->peer_count = COUNT;
	for (int i = 0; i < COUNT; i++)
		(void)snprintf(settings->peers[i].name.name, IDENTITY_MAX, "peer-%d", i);
	ck_assert_int_eq(settings_index(settings, &problem), 0);
	for (int i = 0; i < ROUNDS; i++) /* A walk would take 10^9 steps. */
		ck_assert_ptr_eq(settings_find_peer(settings, &settings->peers[COUNT - 1 - i].name),
			&settings->peers[COUNT - 1 - i]);
	settings_free(settings);
}
END_TEST

START_TEST(servers)
{
	struct settings_peer server = { .name = { .name = "Hub.example" } };
	struct settings settings = { .role = SETTINGS_CLIENT, .peers = &server, .peer_count = 1 };
	struct problem problem = { "" };
	struct peer_names *names = with(
		with(names_of(""), PEER_NAME_DNS, "www.example"), PEER_NAME_DNS, "hub.EXAMPLE");

	ck_assert_int_eq(settings_meet_server(&settings, names, &problem), 0);
	peer_names_unref(names);
	names = with(with(names_of(""), PEER_NAME_DNS, "www.example"), PEER_NAME_CN, "Hub.example");
	ck_assert_int_eq(settings_meet_server(&settings, names, &problem), -EACCES);
	ck_assert_str_eq(problem.text,
		"the server's certificate is not for server_name \"Hub.example\" of the profile, but for dns:www.example, cn:Hub.example; fix remotes or server_name");
	peer_names_unref(names);
	names = with(names_of(""), PEER_NAME_DNS, "*.example");
	ck_assert_int_eq(settings_meet_server(&settings, names, &problem), -EACCES);
	peer_names_unref(names);
	names = names_of("hub");
	ck_assert_int_eq(settings_meet_server(&settings, names, &problem), -EACCES);
	ck_assert_ptr_nonnull(
		strstr(problem.text, "the server's identity is hub, but server_name"));
	peer_names_unref(names);
	/* A common name without a subjectAltName is the plain name. */
	names = names_of("Hub.example");
	free(names->own.bytes);
	names->own = (struct peer_name_list){ .bytes = NULL };
	ck_assert_int_eq(settings_meet_server(&settings, names, &problem), 0);
	peer_names_unref(names);
}
END_TEST

/* The name of the entry of `now` under which `name` goes on; "" for none. */
static void goes_on_as(
	const char *before_text, const char *now_text, const char *name, const char *expected)
{
	struct problem problem = { "" };
	struct settings *before = load(before_text, &problem), *now = load(now_text, &problem);
	const struct settings_peer *found;
	struct identity identity;

	ck_assert(before && now);
	ck_assert_int_eq(identity_set(&identity, name, strlen(name)), 0);
	found = settings_find_renamed(before, now, &identity);
	ck_assert_str_eq(found ? found->name.name : "", expected);
	settings_free(before);
	settings_free(now);
}

START_TEST(renamed)
{
	goes_on_as("{ name = \"a\"; }", "{ name = \"b\"; identity = \"dns:a\"; }", "a", "b");
	goes_on_as("{ name = \"a\"; }", "{ name = \"b\"; identity = \"cn:a\"; }", "a", "b");
	goes_on_as("{ name = \"b\"; identity = \"dns:a\"; }", "{ name = \"a\"; }", "b", "a");
	goes_on_as("{ name = \"a\"; identity = \"uri:x:1\"; }",
		"{ name = \"b\"; identity = \"uri:x:1\"; }", "a", "b");
	/* Another certificate is another peer. */
	goes_on_as("{ name = \"a\"; identity = \"uri:x:1\"; }",
		"{ name = \"b\"; identity = \"uri:x:2\"; }", "a", "");
	goes_on_as("{ name = \"a\"; }", "{ name = \"b\"; }", "a", "");
	/* The name stays, whatever it stands for now. */
	goes_on_as("{ name = \"a\"; }",
		"{ name = \"a\"; identity = \"dns:z\"; }, { name = \"b\"; identity = \"dns:a\"; }",
		"a", "");
	/* Two that change names would be each other for a moment. */
	goes_on_as("{ name = \"a\"; identity = \"uri:x:1\"; }, { name = \"b\"; }",
		"{ name = \"b\"; identity = \"uri:x:1\"; }", "a", "");
	goes_on_as("{ name = \"a\"; }", "{ name = \"b\"; identity = \"dns:a\"; }", "c", "");
}
END_TEST

static Suite *suite(void)
{
	Suite *made = suite_create("settings_identity");

	unit_add(made, "each kind", each_kind);
	unit_add(made, "near misses", near_misses);
	unit_add(made, "plain names", plain_names);
	unit_add(made, "two entries", two_entries);
	unit_add(made, "issuers", issuers);
	unit_add(made, "unlisted", unlisted);
	unit_add(made, "refused at check", refused_at_check);
	unit_add(made, "many", many);
	unit_add(made, "servers", servers);
	unit_add(made, "renamed", renamed);
	return made;
}

int main(void)
{
	return unit_run("settings_identity", suite());
}
