/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes a key and a certificate for each of forty cases. */
/* Culvert's own rules for a certificate: its name, and what it is for. */
#include "base/array.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "system/tls.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

static void assert_accepted(const struct fixture_pair *pair, const char *name)
{
	struct end *ours = end_new(pki.server_context);
	struct end *theirs = end_new_raw(false, pair, &raw_plain);
	struct identity identity;
	struct problem problem = { "" };

	ends_converse(theirs, ours);
	ck_assert_msg(ours->established, "%s", ours->problem.text);
	ck_assert_int_eq(tls_peer_identity(ours->tls, &identity, &problem), 0);
	ck_assert_str_eq(identity.name, name);
	end_free(ours);
	end_free(theirs);
}

/* ---- names ---- */

START_TEST(good_names)
{
	static const struct {
		struct fixture_spec spec;
		const char *name;
	} cases[] = {
		{ { .common = { { .data = "branch-a" } } }, "branch-a" },
		{ { .common = { { .data = "a", .type = V_ASN1_PRINTABLESTRING } } }, "a" },
		{ { .common = { { .data = "other" } },
			  .alternative = { { .data = "x.example.org", .type = GEN_DNS } } },
			"x.example.org" },
		{ { .alternative = { { .data = "A_1.b-2", .type = GEN_DNS } } }, "A_1.b-2" },
		{ { .common = { { .data = "0123456789012345678901234567890123456789"
					  "012345678901234567890123" } } },
			"0123456789012345678901234567890123456789012345678901234567890123" },
		/* Where there is an alternative name, common names do not count. */
		{ { .common = { { .data = "one" }, { .data = "two" } },
			  .alternative = { { .data = "three", .type = GEN_DNS } } },
			"three" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture_spec spec = cases[i].spec;
		struct fixture_pair pair;

		spec.usage = "clientAuth";
		pair = fixture_issue(&pki.ca, &spec);
		assert_accepted(&pair, cases[i].name);
		fixture_free(&pair);
	}
}
END_TEST

static char long_name[20000];

static const struct {
	struct fixture_name name; /* shown as a common name, then as a DNS alternative name */
	const char *words;
} bad_names[] = {
	{ { .data = "branch\0a", .len = 8 }, "its name \"branch\\x00a\" is not" },
	{ { .data = "branch-a\0.evil", .len = 14 }, "its name \"branch-a\\x00.evil\" is not" },
	{ { .data = "branch\na" }, "its name \"branch\\x0aa\" is not" },
	{ { .data = "../../etc/passwd" }, "its name \"../../etc/passwd\" is not" },
	{ { .data = ".." }, "its name \"..\" is not" },
	{ { .data = "$(reboot)" }, "its name \"$(reboot)\" is not" },
	{ { .data = "branch a" }, "its name \"branch a\" is not" },
	{ { .data = "\xff\xfe\xc3", .type = V_ASN1_PRINTABLESTRING },
		"its name \"\\xff\\xfe\\xc3\" is not" },
	{ { .data = "zo\xc3\xab" }, "its name \"zo\\xc3\\xab\" is not" },
	{ { .data = "*.example.org" }, "its name \"*.example.org\" is not" },
	{ { .data = "\x1b[2Jbranch" }, "its name \"\\x1b[2Jbranch\" is not" },
	{ { .data = "01234567890123456789012345678901234567890123456789012345678901234" },
		"is not 1 to 64" },
	{ { .data = long_name, .len = sizeof(long_name) }, "its name \"aaaaaaaaaa" },
};

START_TEST(bad_common_names)
{
	struct fixture_spec spec = { .usage = "clientAuth" };
	struct fixture_pair pair;

	memset(long_name, 'a', sizeof(long_name));
	spec.common[0] = bad_names[_i].name;
	pair = fixture_issue(&pki.ca, &spec);
	end_assert_refuses(
		pki.server_context, false, &pair, bad_names[_i].words, SSL_AD_BAD_CERTIFICATE);
	fixture_free(&pair);
}
END_TEST

START_TEST(bad_alternative_names)
{
	struct fixture_spec spec = { .common = { { .data = "hub" } }, .usage = "serverAuth" };
	struct fixture_pair pair;

	memset(long_name, 'a', sizeof(long_name));
	spec.alternative[0] = bad_names[_i].name;
	spec.alternative[0].type = GEN_DNS;
	pair = fixture_issue(&pki.ca, &spec);
	end_assert_refuses(
		pki.client_context, true, &pair, bad_names[_i].words, SSL_AD_BAD_CERTIFICATE);
	fixture_free(&pair);
}
END_TEST

static const struct {
	struct fixture_spec spec;
	const char *words;
} bad_sets[] = {
	{ { .common = { { .data = "a" }, { .data = "b" } } }, "more than one common name" },
	{ { .organization = "Example" }, "names no peer" },
	{ { .common = { { .data = "\0a", .len = 2, .type = V_ASN1_BMPSTRING } } },
		"not a UTF8String or PrintableString" },
	{ { .common = { { .data = "a" } },
		  .alternative = { { .data = "a", .type = GEN_DNS },
			  { .data = "b", .type = GEN_DNS } } },
		"subjectAltName holds 2 names" },
	{ { .common = { { .data = "a" } },
		  .alternative = { { .data = "a", .type = GEN_DNS },
			  { .data = "a@example.org", .type = GEN_EMAIL } } },
		"subjectAltName holds 2 names" },
	{ { .common = { { .data = "a" } },
		  .alternative = { { .data = "a", .type = GEN_DNS },
			  { .data = "\x7f\0\0\1", .len = 4, .type = GEN_IPADD } } },
		"subjectAltName holds 2 names" },
	{ { .common = { { .data = "a" } },
		  .alternative = { { .data = "a", .type = GEN_DNS },
			  { .data = "https://a/", .type = GEN_URI } } },
		"subjectAltName holds 2 names" },
	{ { .common = { { .data = "a" } },
		  .alternative = { { .data = "a@example.org", .type = GEN_EMAIL } } },
		"no DNS name" },
	{ { .common = { { .data = "a" } },
		  .alternative = { { .data = "\x7f\0\0\1", .len = 4, .type = GEN_IPADD } } },
		"no DNS name" },
	{ { .common = { { .data = "a" } },
		  .alternative = { { .data = "a", .type = GEN_DIRNAME } } },
		"no DNS name" },
};

START_TEST(bad_sets_of_names)
{
	struct fixture_spec spec = bad_sets[_i].spec;
	struct fixture_pair pair;

	spec.usage = "clientAuth";
	pair = fixture_issue(&pki.ca, &spec);
	end_assert_refuses(
		pki.server_context, false, &pair, bad_sets[_i].words, SSL_AD_BAD_CERTIFICATE);
	fixture_free(&pair);
}
END_TEST

START_TEST(no_name_at_all)
{
	struct fixture_spec spec = { .usage = "clientAuth" };
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);

	/* OpenSSL's strict mode sees it before our rules do. */
	end_assert_refuses(pki.server_context, false, &pair,
		"certificate of \"no name\" is refused: ", SSL_AD_CERTIFICATE_UNKNOWN);
	fixture_free(&pair);
}
END_TEST

/* ---- what it is for ---- */

START_TEST(is_a_ca)
{
	struct fixture_spec spec = {
		.common = { { .data = "branch-a" } }, .usage = "clientAuth", .is_ca = true
	};
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);

	end_assert_refuses(pki.server_context, false, &pair,
		"certificate of branch-a is refused: it is a CA's own", SSL_AD_BAD_CERTIFICATE);
	/* The one we trust must not come as a peer either. */
	end_assert_refuses(
		pki.server_context, false, &pki.ca, "it is a CA's own", SSL_AD_BAD_CERTIFICATE);
	fixture_free(&pair);
}
END_TEST

START_TEST(without_usage)
{
	struct fixture_spec spec = { .common = { { .data = "branch-a" } } };
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);

	end_assert_refuses(pki.server_context, false, &pair,
		"certificate of branch-a is refused: it has no extended key usage, and a client's "
		"needs clientAuth",
		SSL_AD_BAD_CERTIFICATE);
	end_assert_refuses(pki.client_context, true, &pair, "a server's needs serverAuth",
		SSL_AD_BAD_CERTIFICATE);
	fixture_free(&pair);
}
END_TEST

START_TEST(wrong_usage)
{
	static const char *const usages[] = { "codeSigning", "anyExtendedKeyUsage" };

	end_assert_refuses(pki.server_context, false, &pki.server_pair,
		"certificate of hub is refused: it is not meant for a client",
		SSL_AD_UNSUPPORTED_CERTIFICATE);
	end_assert_refuses(pki.client_context, true, &pki.client_pair,
		"certificate of branch-a is refused: it is not meant for a server: its extended "
		"key usage lacks serverAuth; issue one with culvert-pki server",
		SSL_AD_UNSUPPORTED_CERTIFICATE);
	for (size_t i = 0; i < ARRAY_SIZE(usages); i++) {
		struct fixture_spec spec = { .common = { { .data = "x" } }, .usage = usages[i] };
		struct fixture_pair pair = fixture_issue(&pki.ca, &spec);

		end_assert_refuses(pki.server_context, false, &pair, "lacks clientAuth",
			SSL_AD_UNSUPPORTED_CERTIFICATE);
		fixture_free(&pair);
	}
}
END_TEST

START_TEST(both_usages)
{
	struct fixture_spec spec = { .common = { { .data = "node-1" } },
		.usage = "serverAuth,clientAuth" };
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);

	assert_accepted(&pair, "node-1");
	fixture_free(&pair);
}
END_TEST

/* ---- the issuer's name constraints ---- */

static void constrained(const struct fixture_spec *leaf_spec, struct fixture_pair *ret_leaf,
	struct tls_context **ret_server)
{
	struct fixture_spec spec = { .common = { { .data = "Narrow CA" } },
		.constraints = "critical,permitted;DNS:example.org",
		.is_ca = true };
	struct fixture_pair narrow = fixture_issue(NULL, &spec);

	*ret_leaf = fixture_issue(&narrow, leaf_spec);
	*ret_server = fixture_context(TLS_SERVER, &pki.server_pair, &narrow, NULL);
	fixture_free(&narrow);
}

START_TEST(name_constraints)
{
	static const struct {
		struct fixture_spec spec;
		const char *words; /* NULL: accepted */
	} cases[] = {
		{ { .common = { { .data = "evil" } }, .usage = "clientAuth" },
			"its issuer \"Narrow CA\" has name constraints" },
		{ { .common = { { .data = "evil.example.com" } }, .usage = "clientAuth" },
			"certificate of evil.example.com is refused: " },
		{ { .alternative = { { .data = "evil.example.com", .type = GEN_DNS } },
			  .usage = "clientAuth" },
			"certificate of evil.example.com is refused: " },
		{ { .alternative = { { .data = "a.example.org", .type = GEN_DNS } },
			  .usage = "clientAuth" },
			NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture_pair leaf;
		struct tls_context *context;
		struct end *ours, *theirs;

		constrained(&cases[i].spec, &leaf, &context);
		ours = end_new(context);
		theirs = end_new_raw(false, &leaf, &raw_plain);
		ends_converse(theirs, ours);
		if (cases[i].words) {
			ck_assert_int_eq(ours->error, -EPROTO);
			end_assert_says(ours, cases[i].words);
		} else {
			ck_assert_msg(ours->established, "%s", ours->problem.text);
		}
		end_free(ours);
		end_free(theirs);
		tls_context_unref(context);
		fixture_free(&leaf);
	}
}
END_TEST

static void add_loops(Suite *suite)
{
	TCase *tcase = tcase_create("bad names");

	tcase_add_checked_fixture(tcase, pki_set_up, pki_tear_down);
	tcase_add_loop_test(
		tcase, bad_common_names, 0, (int)(sizeof(bad_names) / sizeof(bad_names[0])));
	tcase_add_loop_test(
		tcase, bad_alternative_names, 0, (int)(sizeof(bad_names) / sizeof(bad_names[0])));
	tcase_add_loop_test(
		tcase, bad_sets_of_names, 0, (int)(sizeof(bad_sets) / sizeof(bad_sets[0])));
	suite_add_tcase(suite, tcase);
}

static Suite *suite(void)
{
	const TTest *names[] = { good_names, no_name_at_all, name_constraints };
	const TTest *usage[] = { is_a_ca, without_usage, wrong_usage, both_usages };
	Suite *made = suite_create("tls_identity");

	pki_add(made, "names", names, sizeof(names) / sizeof(names[0]));
	pki_add(made, "usage", usage, sizeof(usage) / sizeof(usage[0]));
	add_loops(made);
	return made;
}

int main(void)
{
	return unit_run("tls_identity", suite());
}
