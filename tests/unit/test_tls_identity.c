/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes a key and a certificate for each of forty cases. */
/* Culvert's own rules for a certificate: its name, and what it is for. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "system/tls.h"
#include "system/tls_internal.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

static void assert_accepted(const struct fixture_pair *pair, const char *name)
{
	struct end *ours = end_new(pki.server_context);
	struct end *theirs = end_new_raw(false, pair, &raw_plain);

	ends_converse(theirs, ours);
	ck_assert_msg(ours->established, "%s", ours->problem.text);
	ck_assert_str_eq(tls_peer_names(ours->tls)->plain.name, name);
	ck_assert_ptr_null(tls_peer_names(ours->tls)->fault);
	end_free(ours);
	end_free(theirs);
}

/* The handshake succeeds, as an entry may name the certificate in another way. */
static void assert_nameless(struct tls_context *context, bool as_server,
	const struct fixture_pair *pair, const char *words)
{
	struct end *ours = end_new(context);
	struct end *theirs = end_new_raw(as_server, pair, &raw_plain);
	const struct peer_names *names;

	ends_converse(theirs, ours);
	ck_assert_msg(ours->established, "%s", ours->problem.text);
	names = tls_peer_names(ours->tls);
	ck_assert_str_eq(names->plain.name, "");
	ck_assert_ptr_nonnull(names->fault);
	ck_assert_msg(strstr(names->fault, words), "%s", names->fault);
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
	{ { .data = "branch\0a", .len = 8 }, "its name \"branch\\x00a\"" },
	{ { .data = "branch-a\0.evil", .len = 14 }, "its name \"branch-a\\x00.evil\"" },
	{ { .data = "branch\na" }, "its name \"branch\\x0aa\"" },
	{ { .data = "../../etc/passwd" }, "its name \"../../etc/passwd\"" },
	{ { .data = ".." }, "its name \"..\"" },
	{ { .data = "$(reboot)" }, "its name \"$(reboot)\"" },
	{ { .data = "branch a" }, "its name \"branch a\"" },
	{ { .data = "\xff\xfe\xc3", .type = V_ASN1_PRINTABLESTRING },
		"its name \"\\xff\\xfe\\xc3\"" },
	{ { .data = "zo\xc3\xab" }, "its name \"zo\\xc3\\xab\"" },
	{ { .data = "*.example.org" }, "its name \"*.example.org\"" },
	{ { .data = "\x1b[2Jbranch" }, "its name \"\\x1b[2Jbranch\"" },
	{ { .data = "01234567890123456789012345678901234567890123456789012345678901234" },
		"is not 1 to 64" },
	{ { .data = long_name, .len = sizeof(long_name) }, "its name \"aaaaaaaaaa" },
};

/* A name that is made to deceive is refused; another bad one only names nobody. */
static void assert_bad(struct tls_context *context, bool as_server, const struct fixture_pair *pair,
	const struct fixture_name *name, const char *words)
{
	size_t len = name->len > 0 ? (size_t)name->len : strlen(name->data);

	if (peer_names_is_unsafe(name->data, len))
		end_assert_refuses(context, as_server, pair, words, SSL_AD_BAD_CERTIFICATE);
	else
		assert_nameless(context, as_server, pair, words);
}

START_TEST(bad_common_names)
{
	struct fixture_spec spec = { .usage = "clientAuth" };
	struct fixture_pair pair;

	memset(long_name, 'a', sizeof(long_name));
	spec.common[0] = bad_names[_i].name;
	pair = fixture_issue(&pki.ca, &spec);
	assert_bad(pki.server_context, false, &pair, &bad_names[_i].name, bad_names[_i].words);
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
	assert_bad(pki.client_context, true, &pair, &bad_names[_i].name, bad_names[_i].words);
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
	assert_nameless(pki.server_context, false, &pair, bad_sets[_i].words);
	fixture_free(&pair);
}
END_TEST

START_TEST(no_name_at_all)
{
	struct fixture_spec spec = { .usage = "clientAuth" };
	struct fixture_pair pair = fixture_issue(&pki.ca, &spec);

	assert_nameless(pki.server_context, false, &pair, "it has neither");
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

/* Below such a CA a common name is not even one for `identity`. */
static void assert_fault(const struct peer_names *names, const char *fault)
{
	const char *name = NULL;

	ck_assert_int_eq(names->fault != NULL, fault != NULL);
	ck_assert(!fault || strstr(names->fault, fault));
	while ((name = peer_names_next(&names->own, name)))
		ck_assert(strncmp(name, "cn:", 3) != 0);
}

START_TEST(name_constraints)
{
	static const struct {
		struct fixture_spec spec;
		const char *words; /* NULL: accepted */
		const char *fault; /* why it has no plain name; NULL: it has */
	} cases[] = {
		{ { .common = { { .data = "evil" } }, .usage = "clientAuth" }, NULL,
			"its issuer \"Narrow CA\" has name constraints" },
		{ { .common = { { .data = "evil.example.com" } }, .usage = "clientAuth" },
			"certificate of evil.example.com is refused: ", NULL },
		{ { .alternative = { { .data = "evil.example.com", .type = GEN_DNS } },
			  .usage = "clientAuth" },
			"certificate of evil.example.com is refused: ", NULL },
		{ { .alternative = { { .data = "a.example.org", .type = GEN_DNS } },
			  .usage = "clientAuth" },
			NULL, NULL },
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
			assert_fault(tls_peer_names(ours->tls), cases[i].fault);
		}
		end_free(ours);
		end_free(theirs);
		tls_context_unref(context);
		fixture_free(&leaf);
	}
}
END_TEST

/* ---- the rules alone ---- */

/* OpenSSL refuses some certificates before our rules see them; here they meet the rules alone. */

enum fault {
	NO_FAULT,
	BROKEN_BASIC,       /* basic constraints that are no DER */
	TWO_ALTERNATIVES,   /* the subjectAltName twice, which RFC 5280, 4.2 forbids */
	BROKEN_ALTERNATIVE, /* one that is no DER */
};

static void add_garbage(X509 *certificate, int nid)
{
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	ck_assert_int_eq(ASN1_OCTET_STRING_set(octets, (const unsigned char *)"\x30\x7f", 2), 1);
	extension = X509_EXTENSION_create_by_NID(NULL, nid, 0, octets);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(octets);
}

static void remove_extension(X509 *certificate, int nid)
{
	int at = X509_get_ext_by_NID(certificate, nid, -1);

	if (at >= 0)
		X509_EXTENSION_free(X509_delete_ext(certificate, at));
}

/* The caller frees it. OpenSSL judges the extensions of a certificate once, so it is read from its bytes again. */
static X509 *make_faulty(const struct fixture_spec *spec, enum fault fault)
{
	struct fixture_pair pair = fixture_issue(&pki.ca, spec);
	X509 *made;

	if (fault == BROKEN_BASIC) {
		remove_extension(pair.certificate, NID_basic_constraints);
		add_garbage(pair.certificate, NID_basic_constraints);
	} else if (fault == TWO_ALTERNATIVES) {
		int at = X509_get_ext_by_NID(pair.certificate, NID_subject_alt_name, -1);

		ck_assert_int_eq(
			X509_add_ext(pair.certificate, X509_get_ext(pair.certificate, at), -1), 1);
	} else if (fault == BROKEN_ALTERNATIVE) {
		add_garbage(pair.certificate, NID_subject_alt_name);
	}
	ck_assert_int_gt(X509_sign(pair.certificate, pki.ca.key, EVP_sha256()), 0);
	made = X509_dup(pair.certificate);
	ck_assert_ptr_nonnull(made);
	fixture_free(&pair);
	return made;
}

#define NAMED .common = { { .data = "a" } }

static const struct {
	struct fixture_spec spec;
	enum fault fault;
	enum tls_role holder;
	const char *words; /* NULL: fine */
} alone[] = {
	{ { NAMED, .usage = "clientAuth" }, NO_FAULT, TLS_CLIENT, NULL },
	{ { NAMED, .usage = "serverAuth" }, NO_FAULT, TLS_SERVER, NULL },
	{ { NAMED, .usage = "serverAuth,clientAuth" }, NO_FAULT, TLS_SERVER, NULL },
	{ { .common = { { .data = "a", .type = V_ASN1_IA5STRING } }, .usage = "clientAuth" },
		NO_FAULT, TLS_CLIENT, NULL },
	{ { NAMED, .usage = "clientAuth" }, BROKEN_BASIC, TLS_CLIENT,
		"one of its extensions is broken" },
	{ { NAMED, .usage = "clientAuth", .is_ca = true }, NO_FAULT, TLS_CLIENT,
		"it is a CA's own certificate (CA:TRUE); issue one for a client" },
	{ { NAMED }, NO_FAULT, TLS_SERVER,
		"it has no extended key usage, and a server's needs serverAuth" },
	{ { NAMED, .usage = "clientAuth" }, NO_FAULT, TLS_SERVER,
		"it is not meant for a server: its extended key usage lacks serverAuth" },
	{ { NAMED, .usage = "serverAuth" }, NO_FAULT, TLS_CLIENT,
		"it is not meant for a client: its extended key usage lacks clientAuth" },
	{ { NAMED, .usage = "clientAuth" }, BROKEN_ALTERNATIVE, TLS_CLIENT,
		"one of its extensions is broken" },
	{ { .alternative = { { .data = "a", .type = GEN_DNS } }, .usage = "clientAuth" },
		TWO_ALTERNATIVES, TLS_CLIENT,
		"it has the extension \"X509v3 Subject Alternative Name\" twice" },
};

START_TEST(rules_alone)
{
	X509 *leaf = make_faulty(&alone[_i].spec, alone[_i].fault);
	struct problem problem = { "" };
	int r = tls_identity_check(leaf, alone[_i].holder, &problem);

	ck_assert_msg(r == (alone[_i].words ? -EACCES : 0), "%d: %s", r, problem.text);
	ck_assert_msg(
		!alone[_i].words || strstr(problem.text, alone[_i].words), "%s", problem.text);
	X509_free(leaf);
}
END_TEST

/* A name that could be read in two ways names nobody, in messages either. */
START_TEST(a_broken_alternative_name_is_no_name)
{
	struct fixture_spec spec = { NAMED, .alternative = { { .data = "a", .type = GEN_DNS } },
		.usage = "clientAuth" };
	struct identity identity = { .name = "untouched" };
	X509 *leaf = make_faulty(&spec, TWO_ALTERNATIVES);

	ck_assert(!tls_identity_peek(leaf, &identity));
	X509_free(leaf);
	spec.alternative[0].data = NULL;
	leaf = make_faulty(&spec, BROKEN_ALTERNATIVE);
	ck_assert(!tls_identity_peek(leaf, &identity));
	ck_assert_str_eq(identity.name, "untouched");
	X509_free(leaf);
	leaf = make_faulty(&spec, NO_FAULT);
	ck_assert(tls_identity_peek(leaf, &identity));
	ck_assert_str_eq(identity.name, "a");
	X509_free(leaf);
}
END_TEST

/* Name constraints bind all that is below them (RFC 5280, 4.2.1.10), not the next certificate alone. */
START_TEST(constraints_further_up)
{
	struct fixture_spec constrained_spec = { .common = { { .data = "Far CA" } },
		.constraints = "critical,permitted;DNS:example.org",
		.is_ca = true };
	struct fixture_spec spec = { NAMED, .usage = "clientAuth" };
	struct fixture_pair far = fixture_issue(NULL, &constrained_spec), leaf;
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct identity identity = { .name = "untouched" };
	struct problem problem = { "" };

	leaf = fixture_issue(&pki.ca, &spec);
	sk_X509_push(chain, leaf.certificate);
	sk_X509_push(chain, pki.ca.certificate);
	ck_assert_int_eq(tls_identity_find(leaf.certificate, chain, &identity, &problem), 0);
	ck_assert_str_eq(identity.name, "a");
	sk_X509_push(chain, far.certificate);
	ck_assert_int_eq(tls_identity_find(leaf.certificate, chain, &identity, &problem), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "its issuer \"Far CA\" has name constraints"));
	sk_X509_free(chain);
	fixture_free(&leaf);
	fixture_free(&far);
}
END_TEST

/* They bind wherever they stand among the extensions: a CA may write them first. */
START_TEST(constraints_before_other_extensions)
{
	struct fixture_spec narrow_spec = { .common = { { .data = "Narrow CA" } },
		.constraints = "critical,permitted;DNS:example.org",
		.is_ca = true };
	struct fixture_spec spec = { NAMED, .usage = "clientAuth" };
	struct fixture_pair narrow = fixture_issue(NULL, &narrow_spec), leaf;
	int at = X509_get_ext_by_NID(narrow.certificate, NID_name_constraints, -1);
	X509_EXTENSION *constraints = X509_delete_ext(narrow.certificate, at);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct identity identity = { .name = "untouched" };
	struct problem problem = { "" };

	ck_assert_int_eq(X509_add_ext(narrow.certificate, constraints, 0), 1);
	X509_EXTENSION_free(constraints);
	leaf = fixture_issue(&narrow, &spec);
	sk_X509_push(chain, leaf.certificate);
	sk_X509_push(chain, narrow.certificate);
	ck_assert_int_eq(tls_identity_find(leaf.certificate, chain, &identity, &problem), -EACCES);
	ck_assert_ptr_nonnull(
		strstr(problem.text, "its issuer \"Narrow CA\" has name constraints"));
	sk_X509_free(chain);
	fixture_free(&leaf);
	fixture_free(&narrow);
}
END_TEST

/* What a message calls a certificate; it is one line and ends, whatever the certificate holds. */
START_TEST(labels)
{
	static const struct {
		struct fixture_spec spec;
		const char *label;
	} cases[] = {
		{ { NAMED }, "a" },
		{ { .common = { { .data = "two words" } } }, "\"two words\"" },
		{ { .organization = "Example" }, "\"/O=Example\"" },
		{ { .organization = NULL }, "\"no name\"" },
	};
	struct fixture_spec long_spec = {
		.common = { { .data = long_name, .len = sizeof(long_name) } }
	};
	char label[TLS_LABEL_MAX];
	X509 *certificate;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		certificate = make_faulty(&cases[i].spec, NO_FAULT);
		ck_assert_str_eq(tls_label(label, certificate), cases[i].label);
		X509_free(certificate);
	}
	memset(long_name, 'a', sizeof(long_name));
	certificate = make_faulty(&long_spec, NO_FAULT);
	ck_assert_uint_eq(strlen(tls_label(label, certificate)), TLS_LABEL_MAX - 1);
	ck_assert_int_eq(label[0], '"');
	ck_assert_int_eq(label[TLS_LABEL_MAX - 2], '"');
	X509_free(certificate);
}
END_TEST

START_TEST(dates)
{
	ASN1_TIME *when = ASN1_TIME_set(NULL, 1793613600);
	char date[TLS_DATE_MAX];
	time_t seconds = 5;

	ck_assert_str_eq(tls_date(date, when), "2026-11-02");
	ck_assert_str_eq(tls_date_time(date, when), "2026-11-02 10:00:00 UTC");
	ck_assert_int_eq(tls_time(when, &seconds), 0);
	ck_assert_int_eq(seconds, 1793613600);
	ck_assert_int_eq(ASN1_STRING_set(when, "no date", -1), 1);
	seconds = 5;
	ck_assert_int_eq(tls_time(when, &seconds), -EINVAL);
	ck_assert_int_eq(seconds, 5);
	ck_assert_str_eq(tls_date(date, when), "an unreadable date");
	ck_assert_str_eq(tls_date_time(date, when), "an unreadable date");
	ASN1_TIME_free(when);
}
END_TEST

static void add_loops(Suite *suite)
{
	TCase *tcase = tcase_create("bad names");

	tcase_add_checked_fixture(tcase, pki_set_up, pki_tear_down);
	tcase_add_loop_test(tcase, bad_common_names, 0, (int)(ARRAY_SIZE(bad_names)));
	tcase_add_loop_test(tcase, bad_alternative_names, 0, (int)(ARRAY_SIZE(bad_names)));
	tcase_add_loop_test(tcase, bad_sets_of_names, 0, (int)(ARRAY_SIZE(bad_sets)));
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("rules alone");
	tcase_add_checked_fixture(tcase, pki_set_up, pki_tear_down);
	tcase_add_loop_test(tcase, rules_alone, 0, (int)ARRAY_SIZE(alone));
	suite_add_tcase(suite, tcase);
}

static Suite *suite(void)
{
	const TTest *names[] = { good_names, no_name_at_all, name_constraints };
	const TTest *usage[] = { is_a_ca, without_usage, wrong_usage, both_usages };
	const TTest *words[] = { constraints_further_up, constraints_before_other_extensions,
		a_broken_alternative_name_is_no_name, labels };
	Suite *made = suite_create("tls_identity");

	pki_add(made, "names", names, ARRAY_SIZE(names));
	pki_add(made, "usage", usage, ARRAY_SIZE(usage));
	pki_add(made, "chains and labels", words, ARRAY_SIZE(words));
	unit_add(made, "dates", dates);
	add_loops(made);
	return made;
}

int main(void)
{
	return unit_run("tls_identity", suite());
}
