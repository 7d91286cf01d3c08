/* SPDX-License-Identifier: Apache-2.0 */
/* The names of certificates and of configurations meet in one form. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/peer_names.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

START_TEST(good_texts)
{
	static const struct {
		const char *text, *form;
	} cases[] = {
		{ "dns:GW-a.Example.org", "dns:gw-a.example.org" },
		{ "uri:spiffe://Example.org/Ns/a", "uri:spiffe://Example.org/Ns/a" },
		{ "email:Alice@Example.ORG", "email:Alice@example.org" },
		{ "upn:alice@corp.example", "upn:alice@corp.example" },
		{ "cn:Büro Köln 2", "cn:Büro Köln 2" },
		{ "cn:a:b", "cn:a:b" },
		{ "subject:CN=gw a,O=Example", "subject:CN=gw a,O=Example" },
		{ "subject:CN=gw a, O=Example", "subject:CN=gw a,O=Example" },
		{ "subject:CN=a\\, b,O=E", "subject:CN=a\\, b,O=E" },
		{ "subject:CN=K\\C3\\B6ln", "subject:CN=Köln" },
		{ "subject:CN=a\\\\C3", "subject:CN=a\\\\C3" },
		{ "sha256:" HEX64, "sha256:" HEX64 },
		{ "spki-sha256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
			"spki-sha256:" HEX64 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct problem problem = { "" };
		char *form = NULL;

		ck_assert_msg(peer_names_parse(cases[i].text, false, &form, &problem) == 0, "%s",
			problem.text);
		ck_assert_str_eq(form, cases[i].form);
		free(form);
	}
}
END_TEST

START_TEST(bad_texts)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "expected KIND:VALUE with KIND one of dns," },
		{ "gw-a", "expected KIND:VALUE" },
		{ "DNS:gw-a", "expected KIND:VALUE" },
		{ "ip:192.0.2.1", "expected KIND:VALUE" },
		{ "dns:", "expected a value" },
		{ "dns:*.example.org", "without a wildcard" },
		{ "dns:b\xc3\xbcro.example", "xn--" },
		{ "dns:gw a", "expected a DNS name" },
		{ "uri:gw", "expected a URI" },
		{ "uri:spiffe://a b", "expected a URI" },
		{ "email:alice", "expected an email address" },
		{ "email:a@b@c", "expected an email address" },
		{ "email:@c", "expected an email address" },
		{ "cn:a\nb", "expected a value of one line, in UTF-8" },
		{ "cn:\xff", "expected a value of one line, in UTF-8" },
		{ "cn:\xc0\x80", "expected a value of one line, in UTF-8" },
		{ "cn:\xed\xa0\x80", "expected a value of one line, in UTF-8" },
		{ "subject:/CN=gw", "expected a subject as RFC 2253 writes it" },
		{ "subject:gw", "expected a subject as RFC 2253 writes it" },
		{ "sha256:0011", "expected 64 hexadecimal digits" },
		{ "sha256:" HEX64 "00", "expected 64 hexadecimal digits" },
		{ "sha256:x", "expected 64 hexadecimal digits" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct problem problem = { "" };
		char *form = NULL;

		ck_assert_int_eq(peer_names_parse(cases[i].text, false, &form, &problem), -EINVAL);
		ck_assert_ptr_null(form);
		ck_assert_msg(strstr(problem.text, cases[i].words) != NULL, "\"%s\": %s",
			cases[i].text, problem.text);
	}
}
END_TEST

/* Only what another CA cannot imitate pins an issuer. */
START_TEST(issuers)
{
	struct problem problem = { "" };
	char *form = NULL;

	ck_assert_int_eq(peer_names_parse("cn:CA", true, &form, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "one of subject, sha256, spki-sha256,"));
	ck_assert_int_eq(peer_names_parse("subject:CN=CA", true, &form, &problem), 0);
	free(form);
	ck_assert_int_eq(peer_names_parse("sha256:" HEX64, true, &form, &problem), 0);
	free(form);
}
END_TEST

static void add(struct peer_names *names, enum peer_name_kind kind, const char *value, size_t len)
{
	ck_assert_int_eq(peer_names_add(&names->own, kind, value, len), 0);
}

/* What no configuration can say is not kept: a name that is cut at a NUL is another one. */
START_TEST(sets)
{
	struct peer_names *names = peer_names_new();
	char text[64];

	ck_assert_ptr_null(peer_names_next(&names->own, NULL));
	ck_assert_str_eq(peer_names_format(&names->own, text, sizeof(text)), "");
	add(names, PEER_NAME_DNS, "A\0b", 3);
	add(names, PEER_NAME_DNS, "", 0);
	add(names, PEER_NAME_DNS, "\xc3\xa4", 2);
	add(names, PEER_NAME_CN, "\xff", 1);
	ck_assert_ptr_null(peer_names_next(&names->own, NULL));
	add(names, PEER_NAME_DNS, "AbC", 2);
	add(names, PEER_NAME_CN, "\xc3\xa4 b", 4);
	ck_assert(peer_names_have(&names->own, "dns:ab"));
	ck_assert(!peer_names_have(&names->own, "dns:AB"));
	ck_assert(!peer_names_have(&names->own, "dns:a"));
	ck_assert(peer_names_have(&names->own, "cn:\xc3\xa4 b"));
	ck_assert_str_eq(
		peer_names_format(&names->own, text, sizeof(text)), "dns:ab, cn:\\xc3\\xa4 b");
	ck_assert_str_eq(peer_names_format(&names->own, text, 42), "dns:ab and 1 more");
	ck_assert_ptr_eq(peer_names_ref(names), names);
	peer_names_unref(names);
	ck_assert(peer_names_have(&names->own, "dns:ab"));
	peer_names_unref(names);
	peer_names_unref(NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *made = suite_create("peer_names");

	unit_add(made, "good texts", good_texts);
	unit_add(made, "bad texts", bad_texts);
	unit_add(made, "issuers", issuers);
	unit_add(made, "sets", sets);
	return made;
}

int main(void)
{
	return unit_run("peer_names", suite());
}
