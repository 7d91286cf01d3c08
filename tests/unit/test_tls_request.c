/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for the next certificate, the certificates that are issued for them, and what a client
 * takes back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "base/wall_clock.h"
#include "system/tls_issuer.h"
#include "system/tls_renewal.h"
#include "system/tls_request.h"
#include "system/tls_signed.h"
#include "tls_fixture.h"
#include "unit.h"

static struct fixture_pair ca, client, other, server;
static struct tls_context *trust, *mine;
static struct tls_issuer *issuer;
static struct problem problem;

static struct tls_issuer *make_issuer(const struct fixture_pair *authority, int64_t lifetime)
{
	struct view certificate = fixture_certificate_text(authority);
	struct view key = fixture_key_text(authority, NULL);
	struct tls_issuer_material material = {
		.trust = trust, .certificate = certificate, .key = key, .lifetime = lifetime
	};
	struct tls_issuer *made = NULL;
	int r = tls_issuer_new(&material, &made, &problem);

	fixture_text_free(&certificate);
	fixture_text_free(&key);
	ck_assert_msg(r == 0 || !made, "%s", problem.text);
	return made;
}

static void setup(void)
{
	problem = (struct problem){ 0 };
	ca = fixture_ca("Test CA");
	client = fixture_client(&ca, "branch-a");
	other = fixture_client(&ca, "branch-b");
	server = fixture_server(&ca, "hub");
	trust = fixture_context(TLS_SERVER, &server, &ca, NULL);
	mine = fixture_context(TLS_CLIENT, &client, &ca, NULL);
	issuer = make_issuer(&ca, 3600);
	ck_assert_ptr_nonnull(issuer);
}

static void teardown(void)
{
	tls_issuer_free(issuer);
	tls_context_unref(trust);
	tls_context_unref(mine);
	fixture_free(&ca);
	fixture_free(&client);
	fixture_free(&other);
	fixture_free(&server);
}

static int check(const uint8_t *data, size_t len, struct tls_petition **ret_petition)
{
	struct view view = { .data = data, .len = len };

	return tls_petition_check(issuer, &view, ret_petition, &problem);
}

/* Whatever the parts are: a request of our own would always have the right ones. */
static int check_forged(
	const struct fixture_pair *shown, EVP_PKEY *signer, EVP_PKEY *fresh, EVP_PKEY *fresh_signer)
{
	static uint8_t bytes[TLS_REQUEST_MAX];
	struct tls_petition *petition = NULL;
	struct writer writer;
	X509_REQ *csr = X509_REQ_new();
	uint8_t *der = NULL, *signature = NULL;
	size_t signature_len = 0;
	int len, r;

	writer_init(&writer, bytes, sizeof(bytes));
	writer_u8(&writer, TLS_REQUEST_VERSION);
	writer_u8(&writer, 1);
	len = i2d_X509(shown->certificate, &der);
	writer_u24(&writer, (uint64_t)len);
	writer_copy(&writer, der, (size_t)len);
	OPENSSL_free(der);
	der = NULL;
	X509_REQ_set_subject_name(csr, X509_get_subject_name(other.certificate));
	X509_REQ_set_pubkey(csr, fresh);
	X509_REQ_sign(csr, fresh_signer, EVP_sha256());
	len = i2d_X509_REQ(csr, &der);
	writer_u24(&writer, (uint64_t)len);
	writer_copy(&writer, der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(csr);
	ck_assert_int_eq(tls_signed_make(signer, bytes, writer.len, &signature, &signature_len), 0);
	writer_u16(&writer, signature_len);
	writer_copy(&writer, signature, signature_len);
	OPENSSL_free(signature);
	r = check(bytes, writer.len, &petition);
	tls_petition_free(petition);
	return r;
}

static X509 *first_certificate(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	ck_assert_ptr_nonnull(certificate);
	return certificate;
}

/* A whole renewal; the caller frees both. */
static void renew(struct tls_request *ret_request, struct tls_issued *ret_issued)
{
	struct tls_petition *petition = NULL;

	ck_assert_msg(tls_request_make(mine, ret_request, &problem) == 0, "%s", problem.text);
	ck_assert_msg(
		check(ret_request->data, ret_request->len, &petition) == 0, "%s", problem.text);
	ck_assert_str_eq(tls_petition_names(petition)->plain.name, "branch-a");
	ck_assert_msg(tls_petition_issue(issuer, petition, ret_issued, &problem) == 0, "%s",
		problem.text);
	tls_petition_free(petition);
}

static struct view pair_text(const struct tls_request *request, const struct tls_issued *issued)
{
	size_t size = strlen(request->key) + issued->len + 1;
	char *text = malloc(size);

	snprintf(text, size, "%s%s", request->key, issued->pem);
	return (struct view){ .data = (const uint8_t *)text, .len = size - 1 };
}

START_TEST(a_request_brings_a_certificate_of_the_same_name)
{
	struct tls_request request;
	struct tls_issued issued;
	X509 *certificate;

	renew(&request, &issued);
	certificate = first_certificate(issued.pem);
	ck_assert_int_eq(X509_NAME_cmp(X509_get_subject_name(certificate),
				 X509_get_subject_name(client.certificate)),
		0);
	ck_assert_uint_eq(X509_get_extension_flags(certificate) & EXFLAG_CA, 0);
	ck_assert_uint_eq(X509_get_extended_key_usage(certificate), XKU_SSL_CLIENT);
	ck_assert_uint_eq(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
	ck_assert_int_ge(issued.not_after, wall_now() + 3590);
	ck_assert_int_le(issued.not_after, wall_now() + 3600);
	ck_assert_uint_eq(strlen(issued.serial), 38);
	ck_assert_int_ne(EVP_PKEY_eq(X509_get0_pubkey(certificate), client.key), 1);
	X509_free(certificate);
	tls_issued_free(&issued);
	tls_request_free(&request);
}
END_TEST

/* 0: a context of ours takes the pair; -EACCES: `problem` says why not. */
static int take_pair(const struct view *pair)
{
	struct view nothing = { .data = NULL };
	struct tls_context *made = NULL;
	struct tls_renewed renewed;

	ck_assert_int_eq(tls_renewal_context(mine, &nothing, pair, &made, &renewed, &problem), 0);
	tls_context_unref(made);
	problem = renewed.pair_refused;
	return renewed.pair ? 0 : -EACCES;
}

START_TEST(the_client_takes_what_was_issued)
{
	struct tls_request request, again;
	struct tls_issued issued, newer;
	struct view pair;

	renew(&request, &issued);
	pair = pair_text(&request, &issued);
	ck_assert_msg(take_pair(&pair) == 0, "%s", problem.text);
	free((void *)pair.data);
	/* The key of another request does not fit. */
	renew(&again, &newer);
	pair = pair_text(&again, &issued);
	ck_assert_int_eq(take_pair(&pair), -EACCES);
	free((void *)pair.data);
	tls_issued_free(&issued);
	tls_issued_free(&newer);
	tls_request_free(&request);
	tls_request_free(&again);
}
END_TEST

static int check_fixture(const struct fixture_pair *pair)
{
	struct view text = fixture_join(
		fixture_key_text(pair, NULL), fixture_certificate_text(pair));
	int r = take_pair(&text);

	fixture_text_free(&text);
	return r;
}

START_TEST(the_client_takes_no_other_pair)
{
	struct fixture_pair foreign_ca = fixture_ca("Test CA");
	struct fixture_pair foreign = fixture_client(&foreign_ca, "branch-a");
	struct fixture_spec spec = { .alternative = { { .data = "branch-a", .type = GEN_DNS } },
		.usage = "clientAuth",
		.from = -7200,
		.until = 7200 };
	struct fixture_pair older = fixture_issue(&ca, &spec);

	ck_assert_int_eq(check_fixture(&other), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "another name"));
	ck_assert_int_eq(check_fixture(&foreign), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "issued by no CA"));
	ck_assert_int_eq(check_fixture(&older), -EACCES);
	ck_assert_int_eq(check_fixture(&client), 0);
	fixture_free(&foreign_ca);
	fixture_free(&foreign);
	fixture_free(&older);
}
END_TEST

START_TEST(nobody_asks_for_another)
{
	EVP_PKEY *fresh = EVP_EC_gen("P-256");

	/* Sound. */
	ck_assert_msg(check_forged(&client, client.key, fresh, fresh) == 0, "%s", problem.text);
	/* The certificate of one, signed by the key of another. */
	ck_assert_int_eq(check_forged(&other, client.key, fresh, fresh), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "present certificate has not signed"));
	/* Somebody else's fresh key. */
	ck_assert_int_eq(check_forged(&client, client.key, fresh, client.key), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "fresh key has not signed"));
	/* The same key again. */
	ck_assert_int_eq(check_forged(&client, client.key, client.key, client.key), -EACCES);
	/* A server's certificate is renewed by no tunnel. */
	ck_assert_int_eq(check_forged(&server, server.key, fresh, fresh), -EACCES);
	EVP_PKEY_free(fresh);
}
END_TEST

START_TEST(an_expired_or_unknown_certificate_renews_nothing)
{
	struct fixture_spec spec = { .alternative = { { .data = "branch-a", .type = GEN_DNS } },
		.usage = "clientAuth",
		.from = -7200,
		.until = -10 };
	struct fixture_pair expired = fixture_issue(&ca, &spec);
	struct fixture_pair foreign_ca = fixture_ca("Another");
	struct fixture_pair foreign = fixture_client(&foreign_ca, "branch-a");
	EVP_PKEY *fresh = EVP_EC_gen("P-256");

	ck_assert_int_eq(check_forged(&expired, expired.key, fresh, fresh), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "expired"));
	ck_assert_int_eq(check_forged(&foreign, foreign.key, fresh, fresh), -EACCES);
	fixture_free(&expired);
	fixture_free(&foreign_ca);
	fixture_free(&foreign);
	EVP_PKEY_free(fresh);
}
END_TEST

START_TEST(a_revoked_certificate_renews_nothing)
{
	struct view crl = fixture_crl_text(&ca, &client, -60, 3600);
	EVP_PKEY *fresh = EVP_EC_gen("P-256");

	tls_issuer_free(issuer);
	tls_context_unref(trust);
	trust = fixture_context(TLS_SERVER, &server, &ca, &crl);
	issuer = make_issuer(&ca, 3600);
	ck_assert_int_eq(check_forged(&client, client.key, fresh, fresh), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "revoked"));
	ck_assert_int_eq(check_forged(&other, other.key, fresh, fresh), 0);
	fixture_text_free(&crl);
	EVP_PKEY_free(fresh);
}
END_TEST

START_TEST(only_strong_keys_of_known_kinds_are_issued_for)
{
	EVP_PKEY *const refused[] = { EVP_EC_gen("P-521"), EVP_EC_gen("secp256k1"),
		EVP_RSA_gen(1024) };
	EVP_PKEY *const allowed[] = { EVP_EC_gen("P-384"), EVP_RSA_gen(2048) };

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		ck_assert_int_eq(
			check_forged(&client, client.key, refused[i], refused[i]), -EACCES);
		ck_assert_ptr_nonnull(strstr(problem.text, "kind"));
		EVP_PKEY_free(refused[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		ck_assert_int_eq(check_forged(&client, client.key, allowed[i], allowed[i]), 0);
		EVP_PKEY_free(allowed[i]);
	}
}
END_TEST

/* Cut anywhere, and with each byte changed: refused or the same, and never read past the end. */
START_TEST(damaged_requests_are_refused)
{
	struct tls_request request;
	struct tls_petition *petition;

	ck_assert_int_eq(tls_request_make(mine, &request, &problem), 0);
	for (size_t len = 0; len < request.len; len++) {
		uint8_t *cut = malloc(len + 1);

		memcpy(cut, request.data, len);
		ck_assert_int_lt(check(cut, len, &petition), 0);
		free(cut);
	}
	for (size_t i = 0; i < request.len; i++) {
		petition = NULL;
		request.data[i] ^= 0x41;
		ck_assert_int_lt(check(request.data, request.len, &petition), 0);
		request.data[i] ^= 0x41;
	}
	tls_request_free(&request);
}
END_TEST

START_TEST(an_issuer_needs_a_ca_and_its_key)
{
	struct view certificate = fixture_certificate_text(&ca);
	struct view key = fixture_key_text(&client, NULL);
	struct tls_issuer_material material = {
		.trust = trust, .certificate = certificate, .key = key, .lifetime = 60
	};
	struct tls_issuer *made = NULL;

	ck_assert_int_eq(tls_issuer_new(&material, &made, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "issuer.key: "));
	fixture_text_free(&certificate);
	fixture_text_free(&key);
	ck_assert_ptr_null(make_issuer(&client, 60));
	ck_assert_ptr_nonnull(strstr(problem.text, "issuer.certificate: "));
}
END_TEST

START_TEST(a_certificate_ends_with_its_ca_at_the_latest)
{
	struct fixture_spec spec = {
		.common = { { .data = "Short CA" } }, .is_ca = true, .from = -60, .until = 100
	};
	struct fixture_pair brief = fixture_issue(&ca, &spec);
	struct tls_petition *petition = NULL;
	struct tls_request request;
	struct tls_issued issued;

	tls_issuer_free(issuer);
	issuer = make_issuer(&brief, 3600);
	renew(&request, &issued);
	ck_assert_int_le(issued.not_after, wall_now() + 100);
	/* The chain comes along. */
	ck_assert_ptr_nonnull(strstr(strstr(issued.pem, "BEGIN") + 1, "BEGIN CERTIFICATE"));
	tls_issued_free(&issued);
	/* A CA that this server does not know would lock its clients out. */
	struct fixture_pair unknown = fixture_ca("Unknown");

	tls_issuer_free(issuer);
	issuer = make_issuer(&unknown, 3600);
	ck_assert_int_eq(check(request.data, request.len, &petition), 0);
	ck_assert_int_eq(tls_petition_issue(issuer, petition, &issued, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "this server refuses"));
	tls_petition_free(petition);
	tls_request_free(&request);
	fixture_free(&brief);
	fixture_free(&unknown);
}
END_TEST

/* ---- authorities ---- */

static struct fixture_pair cross(const struct fixture_pair *from, const struct fixture_pair *to,
	const char *name, const char *basic, long until)
{
	struct fixture_spec spec = { .common = { { .data = name } },
		.is_ca = true,
		.basic = basic,
		.from = -60,
		.until = until };
	struct fixture_pair made = fixture_issue(from, &spec);

	/* The key of the new CA in a certificate of the old one. */
	EVP_PKEY_free(made.key);
	EVP_PKEY_up_ref(to->key);
	made.key = to->key;
	X509_set_pubkey(made.certificate, to->key);
	for (int at;
		(at = X509_get_ext_by_NID(made.certificate, NID_subject_key_identifier, -1)) >= 0;)
		X509_EXTENSION_free(X509_delete_ext(made.certificate, at));
	X509_sign(made.certificate, from->key, EVP_sha256());
	return made;
}

static int join(struct view bundle, bool dated, struct tls_trust *ret_trust)
{
	struct view trusted = fixture_certificate_text(&ca);
	int r = tls_trust_join(&trusted, &bundle, dated, ret_trust, &problem);

	fixture_text_free(&trusted);
	fixture_text_free(&bundle);
	return r;
}

START_TEST(a_cross_certificate_brings_a_new_authority)
{
	struct fixture_pair next = fixture_ca("Next CA"), last = fixture_ca("Last CA");
	struct fixture_pair over = cross(&ca, &next, "Next CA", NULL, 3600);
	struct fixture_pair further = cross(&next, &last, "Last CA", NULL, 3600);
	struct tls_trust joined;

	ck_assert_int_eq(join(fixture_certificate_text(&next), true, &joined), -EACCES);
	ck_assert_ptr_nonnull(strstr(problem.text, "Next CA"));
	ck_assert_msg(
		join(fixture_join(fixture_certificate_text(&next), fixture_certificate_text(&over)),
			true, &joined) == 0,
		"%s", problem.text);
	ck_assert_uint_eq(joined.added, 1);
	ck_assert_uint_eq(joined.refused, 0);
	ck_assert_str_eq(joined.names, "\"Next CA\"");
	free(joined.pem);
	/* Two steps at once, in any order. */
	ck_assert_int_eq(join(fixture_join(fixture_join(fixture_certificate_text(&last),
						   fixture_certificate_text(&further)),
				      fixture_join(fixture_certificate_text(&next),
					      fixture_certificate_text(&over))),
				 true, &joined),
		0);
	ck_assert_uint_eq(joined.added, 2);
	free(joined.pem);
	fixture_free(&next);
	fixture_free(&last);
	fixture_free(&over);
	fixture_free(&further);
}
END_TEST

START_TEST(others_vouch_for_nothing)
{
	struct fixture_pair next = fixture_ca("Next CA"), fake = fixture_ca("Test CA");
	struct fixture_pair forged = cross(&fake, &next, "Next CA", NULL, 3600);
	struct fixture_pair expired = cross(&ca, &next, "Next CA", NULL, -10);
	struct fixture_pair low = cross(&ca, &fake, "Low CA", "critical,CA:TRUE,pathlen:0", 3600);
	struct fixture_pair by_low = cross(&low, &next, "Next CA", NULL, 3600);
	struct tls_trust joined;

	ck_assert_int_eq(join(fixture_join(fixture_certificate_text(&next),
				      fixture_certificate_text(&forged)),
				 true, &joined),
		-EACCES);
	ck_assert_int_eq(join(fixture_join(fixture_certificate_text(&next),
				      fixture_certificate_text(&expired)),
				 true, &joined),
		-EACCES);
	/* What was accepted once stays so. */
	ck_assert_int_eq(join(fixture_join(fixture_certificate_text(&next),
				      fixture_certificate_text(&expired)),
				 false, &joined),
		0);
	free(joined.pem);
	/* A leaf is no authority, even with a signature. */
	ck_assert_int_eq(join(fixture_certificate_text(&client), true, &joined), -EACCES);
	/* An issuing CA without CAs below it brings no other. */
	ck_assert_int_eq(join(fixture_join(fixture_certificate_text(&low),
				      fixture_join(fixture_certificate_text(&next),
					      fixture_certificate_text(&by_low))),
				 true, &joined),
		0);
	ck_assert_uint_eq(joined.added, 1);
	ck_assert_uint_eq(joined.refused, 2);
	free(joined.pem);
	fixture_free(&next);
	fixture_free(&fake);
	fixture_free(&forged);
	fixture_free(&expired);
	fixture_free(&low);
	fixture_free(&by_low);
}
END_TEST

START_TEST(only_signed_lists_are_taken)
{
	struct fixture_pair fake = fixture_ca("Test CA");
	struct tls_trust joined;

	ck_assert_int_eq(join(fixture_join(fixture_certificate_text(&ca),
				      fixture_crl_text(&fake, NULL, -60, 3600)),
				 true, &joined),
		0);
	ck_assert_uint_eq(joined.lists, 0);
	free(joined.pem);
	ck_assert_int_eq(join(fixture_join(fixture_certificate_text(&ca),
				      fixture_crl_text(&ca, &client, -60, 3600)),
				 true, &joined),
		0);
	ck_assert_uint_eq(joined.lists, 1);
	ck_assert_uint_eq(joined.added, 0);
	ck_assert_ptr_nonnull(strstr(joined.pem, "BEGIN X509 CRL"));
	free(joined.pem);
	fixture_free(&fake);
}
END_TEST

START_TEST(a_context_takes_what_fits)
{
	struct fixture_pair next = fixture_ca("Next CA");
	struct fixture_pair over = cross(&ca, &next, "Next CA", NULL, 3600);
	struct view bundle = fixture_join(
		fixture_join(fixture_certificate_text(&next), fixture_certificate_text(&over)),
		fixture_crl_text(&ca, &other, -60, 3600));
	struct tls_context *made = NULL, *again = NULL;
	struct tls_renewed renewed;
	struct tls_request request;
	struct tls_issued issued;
	struct tls_validity validity;
	struct view pair, nothing = { .data = NULL };
	char *text;
	size_t len;

	/* Without lists nothing is written for them. */
	ck_assert_int_eq(tls_context_bundle(mine, &text, &len), 0);
	ck_assert_uint_eq(len, strlen(text));
	ck_assert_ptr_null(strstr(text, "BEGIN X509 CRL"));
	free(text);
	renew(&request, &issued);
	pair = pair_text(&request, &issued);
	ck_assert_msg(tls_renewal_context(mine, &bundle, &pair, &made, &renewed, &problem) == 0,
		"%s", problem.text);
	ck_assert(renewed.pair && renewed.trust);
	tls_context_validity(made, &validity);
	ck_assert_int_eq(validity.not_after, issued.not_after);
	ck_assert_int_eq(tls_context_bundle(made, &text, &len), 0);
	ck_assert_uint_eq(len, strlen(text));
	ck_assert_ptr_nonnull(strstr(text, "BEGIN X509 CRL"));
	free(text);
	/* The renewed one renews, too; and what does not fit is left out. */
	ck_assert_int_eq(
		tls_renewal_context(made, &nothing, &nothing, &again, &renewed, &problem), 0);
	ck_assert(!renewed.pair && !renewed.trust);
	tls_context_unref(again);
	pair.len = pair.len / 2;
	ck_assert_int_eq(tls_renewal_context(mine, &pair, &pair, &again, &renewed, &problem), 0);
	ck_assert(!renewed.pair && !renewed.trust);
	ck_assert_str_ne(renewed.pair_refused.text, "");
	ck_assert_str_ne(renewed.trust_refused.text, "");
	tls_context_unref(again);
	tls_context_unref(made);
	free((void *)pair.data);
	tls_issued_free(&issued);
	tls_request_free(&request);
	fixture_text_free(&bundle);
	fixture_free(&next);
	fixture_free(&over);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { a_request_brings_a_certificate_of_the_same_name,
		the_client_takes_what_was_issued, the_client_takes_no_other_pair,
		nobody_asks_for_another, an_expired_or_unknown_certificate_renews_nothing,
		a_revoked_certificate_renews_nothing,
		only_strong_keys_of_known_kinds_are_issued_for, damaged_requests_are_refused,
		an_issuer_needs_a_ca_and_its_key, a_certificate_ends_with_its_ca_at_the_latest,
		a_cross_certificate_brings_a_new_authority, others_vouch_for_nothing,
		only_signed_lists_are_taken, a_context_takes_what_fits };

	return unit_suite("tls_request", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("tls_request", suite());
}
