/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes dozens of keys; AddressSanitizer sees it all. */
/* What a check finds about our own certificate, chain and key, before any other end refuses them. */
#include "tests/unit/unit.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "system/tls.h"
#include "tests/unit/tls_ends.h"
#include "tests/unit/tls_fixture.h"

enum { DAY = 86400 };

static struct fixture_pair ca;

static void set_up(void)
{
	ca = fixture_ca("Test CA");
}

static void tear_down(void)
{
	fixture_free(&ca);
}

static struct fixture_spec named(struct fixture_spec spec)
{
	spec.common[0] = (struct fixture_name){ .data = "branch-a" };
	spec.usage = "clientAuth";
	return spec;
}

/* Judges a client's material, whose `more` comes after the leaf. Frees the texts. */
static struct findings judge(const struct fixture_pair *own, const struct fixture_pair *more,
	const struct fixture_pair *authority, struct view crl)
{
	struct tls_material material = {
		.certificate = fixture_certificate_text(own),
		.key = fixture_key_text(own, NULL),
		.ca = fixture_certificate_text(authority),
		.crl = crl,
	};
	struct findings findings = { .count = 0 };
	struct tls_context *context = NULL;
	struct problem problem = { "" };

	if (more)
		material.certificate = fixture_join(
			material.certificate, fixture_certificate_text(more));
	ck_assert_msg(tls_context_new(TLS_CLIENT, &material, &context, &problem) == 0, "%s",
		problem.text);
	tls_context_examine(context, &findings);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	tls_context_unref(context);
	fixture_text_free(&material.certificate);
	fixture_text_free(&material.key);
	fixture_text_free(&material.ca);
	fixture_text_free(&material.crl);
	return findings;
}

static void assert_none(struct findings findings)
{
	ck_assert_msg(findings.count == 0, "%s", findings.items[0].text.text);
	findings_free(&findings);
}

static void assert_one(struct findings findings, enum finding_level level, const char *words)
{
	ck_assert_uint_eq(findings.count, 1);
	ck_assert_int_eq(findings.items[0].level, level);
	ck_assert_msg(strstr(findings.items[0].text.text, words) != NULL, "%s",
		findings.items[0].text.text);
	findings_free(&findings);
}

static const struct view no_list = { .len = 0 };

START_TEST(good)
{
	struct fixture_pair middle = fixture_issue(
		&ca, &(struct fixture_spec){ .common = { { .data = "Middle" } }, .is_ca = true });
	struct fixture_pair first = fixture_client(&ca, "a"), second = fixture_client(&middle, "b");

	assert_none(judge(&first, NULL, &ca, no_list));
	assert_none(judge(&second, &middle, &ca, no_list));
	fixture_free(&middle);
	fixture_free(&first);
	fixture_free(&second);
}
END_TEST

/* Dates are of the moment, and are examined apart. */
START_TEST(dates_are_no_matter)
{
	struct fixture_spec spec = named((struct fixture_spec){ .from = -9L * DAY, .until = -DAY });
	struct fixture_pair old = fixture_issue(&ca, &spec);

	assert_none(judge(&old, NULL, &ca, fixture_crl_text(&ca, NULL, -9L * DAY, -DAY)));
	fixture_free(&old);
}
END_TEST

START_TEST(kinds_of_keys)
{
	static const struct {
		const char *curve, *words; /* NULL: it can be used */
	} cases[] = {
		{ "P-384", NULL },
		{ "P-521", NULL },
		{ "secp256k1",
			"certificate: its key is of a kind that TLS 1.3 cannot use (EC on secp256k1)" },
		{ "brainpoolP256r1", "(EC on brainpoolP256r1); make a key on P-256" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture_spec spec = named((struct fixture_spec){ .curve = cases[i].curve });
		struct fixture_pair own = fixture_issue(&ca, &spec);

		if (cases[i].words)
			assert_one(judge(&own, NULL, &ca, no_list), FINDING_ERROR, cases[i].words);
		else
			assert_none(judge(&own, NULL, &ca, no_list));
		fixture_free(&own);
	}
}
END_TEST

/* The same public half with another private one. */
static EVP_PKEY *damage(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	unsigned char public_half[256];
	OSSL_PARAM *parameters;
	EVP_PKEY *made = NULL;
	BIGNUM *number = NULL;
	size_t len;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
	ck_assert_int_eq(BN_sub_word(number, 1), 1);
	ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, public_half,
				 sizeof(public_half), &len),
		1);
	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
	OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, public_half, len);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number);
	parameters = OSSL_PARAM_BLD_to_param(build);
	ck_assert_int_eq(EVP_PKEY_fromdata_init(context), 1);
	ck_assert_int_eq(EVP_PKEY_fromdata(context, &made, EVP_PKEY_KEYPAIR, parameters), 1);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(context);
	BN_free(number);
	return made;
}

START_TEST(a_damaged_key)
{
	struct fixture_pair own = fixture_client(&ca, "branch-a");
	EVP_PKEY *whole = own.key;

	own.key = damage(whole);
	assert_one(judge(&own, NULL, &ca, no_list), FINDING_ERROR,
		"key: is damaged: its public half belongs to the certificate");
	EVP_PKEY_free(whole);
	fixture_free(&own);
}
END_TEST

/* The other end may know that CA, or the other one of that name. */
START_TEST(another_authority)
{
	struct fixture_pair other = fixture_ca("Other CA"), namesake = fixture_ca("Test CA");
	struct fixture_pair own = fixture_client(&ca, "branch-a");

	assert_one(judge(&own, NULL, &other, no_list), FINDING_WARNING,
		"certificate: certificate of branch-a was issued by \"Test CA\", which is not in our ca file; the other end needs that CA in its own");
	assert_one(judge(&own, NULL, &namesake, no_list), FINDING_WARNING,
		"is not signed by the CA \"Test CA\" in our ca file, only by one of that name");
	fixture_free(&other);
	fixture_free(&namesake);
	fixture_free(&own);
}
END_TEST

START_TEST(signed_by_itself)
{
	struct fixture_spec spec = named((struct fixture_spec){ 0 });
	struct fixture_pair own = fixture_issue(NULL, &spec);

	assert_one(judge(&own, NULL, &ca, no_list), FINDING_ERROR,
		"certificate of branch-a is signed by its own key and by no CA");
	fixture_free(&own);
}
END_TEST

START_TEST(revoked)
{
	struct fixture_pair own = fixture_client(&ca, "branch-a");

	assert_one(judge(&own, NULL, &ca, fixture_crl_text(&ca, &own, -DAY, DAY)), FINDING_WARNING,
		"certificate: certificate of branch-a is revoked");
	fixture_free(&own);
}
END_TEST

/* A list that is missing says nothing about this certificate. */
START_TEST(a_list_of_another)
{
	struct fixture_pair other = fixture_ca("Other CA");
	struct fixture_pair own = fixture_client(&ca, "branch-a");

	assert_none(judge(&own, NULL, &ca, fixture_crl_text(&other, NULL, -DAY, DAY)));
	fixture_free(&other);
	fixture_free(&own);
}
END_TEST

/* Each breaks a rule of the handshake by what stands between the leaf and the root. */
START_TEST(chains)
{
	static const struct {
		struct fixture_spec middle;
		const char *words;
		enum finding_level level;
	} cases[] = {
		{ { .is_ca = true, .usage = "serverAuth" }, "Middle\" is refused: its key usage",
			FINDING_ERROR },
		{ { .is_ca = true, .constraints = "critical,permitted;DNS:example.org" },
			"has name constraints", FINDING_NOTE },
		{ { .basic = "", .key_usage = "critical,keyCertSign" }, "it is not a CA's",
			FINDING_ERROR },
		{ { .basic = "critical,CA:FALSE" }, "it is not a CA's", FINDING_ERROR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture_spec middle_spec = cases[i].middle;
		struct fixture_spec spec = named((struct fixture_spec){ 0 });
		struct fixture_pair middle, own;

		middle_spec.common[0] = (struct fixture_name){ .data = "Middle" };
		middle = fixture_issue(&ca, &middle_spec);
		own = fixture_issue(&middle, &spec);
		assert_one(judge(&own, &middle, &ca, no_list), cases[i].level, cases[i].words);
		fixture_free(&middle);
		fixture_free(&own);
	}
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = { good, dates_are_no_matter, kinds_of_keys, a_damaged_key,
		another_authority, signed_by_itself, revoked, a_list_of_another, chains };

	return unit_suite("tls_own", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("tls_own", suite());
}
