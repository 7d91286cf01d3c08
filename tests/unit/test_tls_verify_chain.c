/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It makes dozens of keys; AddressSanitizer sees it all. */
/*
 * The check of a chain alone, as libssl calls it in a server, without a handshake: each cause of a refusal, and what
 * is said of revocation lists that are missing.
 */
#include "tests/unit/unit.h"

#include <string.h>

#include <openssl/pem.h>

#include "system/tls_internal.h"
#include "tests/unit/tls_fixture.h"

enum { DAY = 86400 };

static struct judge {
	struct tls_context *context; /* on the heap, where AddressSanitizer guards its end */
	struct tls tls;
	X509_STORE *trusted;
	STACK_OF(X509) * sent; /* what comes with the leaf; borrows */
	unsigned long flags;   /* of this check alone */
	int error;             /* from which OpenSSL makes the alert */
} judge;

static struct fixture_pair ca, leaf; /* "Test CA", and "branch-a" of it */

static void set_up(void)
{
	judge.context = calloc(1, sizeof(*judge.context));
	ck_assert_ptr_nonnull(judge.context);
	judge.context->role = TLS_SERVER;
	judge.context->ssl_context = SSL_CTX_new(TLS_method());
	judge.tls = (struct tls){ .context = judge.context };
	judge.tls.ssl = SSL_new(judge.context->ssl_context);
	ck_assert_ptr_nonnull(judge.tls.ssl);
	ck_assert_int_eq(SSL_set_app_data(judge.tls.ssl, &judge.tls), 1);
	judge.trusted = X509_STORE_new();
	judge.sent = sk_X509_new_null();
	judge.flags = 0;
	ca = fixture_ca("Test CA");
	leaf = fixture_client(&ca, "branch-a");
}

static void tear_down(void)
{
	fixture_free(&ca);
	fixture_free(&leaf);
	sk_X509_free(judge.sent);
	X509_STORE_free(judge.trusted);
	free(judge.tls.notice);
	SSL_free(judge.tls.ssl);
	SSL_CTX_free(judge.context->ssl_context);
	free(judge.context);
}

static void trust(const struct fixture_pair *pair)
{
	ck_assert_int_eq(X509_STORE_add_cert(judge.trusted, pair->certificate), 1);
}

static void send_too(const struct fixture_pair *pair)
{
	ck_assert_int_gt(sk_X509_push(judge.sent, pair->certificate), 0);
}

/* Revocation is checked from now on, with this list, which names nobody. */
static void add_list(const struct fixture_pair *issuer, long from, long until)
{
	struct view text = fixture_crl_text(issuer, NULL, from, until);
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

	ck_assert_int_eq(X509_STORE_add_crl(judge.trusted, crl), 1);
	X509_CRL_free(crl);
	BIO_free(bio);
	fixture_text_free(&text);
	judge.flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
}

/* What libssl does with a client's certificate. */
static int verify(X509 *certificate)
{
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	int r;

	free(judge.tls.notice);
	judge.tls.notice = NULL;
	judge.tls.problem.text[0] = '\0';
	ck_assert_int_eq(X509_STORE_CTX_init(store, judge.trusted, certificate, judge.sent), 1);
	ck_assert_int_eq(X509_STORE_CTX_set_ex_data(
				 store, SSL_get_ex_data_X509_STORE_CTX_idx(), judge.tls.ssl),
		1);
	ck_assert_int_eq(X509_STORE_CTX_set_default(store, "ssl_client"), 1);
	X509_STORE_CTX_set_flags(store, judge.flags);
	X509_VERIFY_PARAM_set_depth(X509_STORE_CTX_get0_param(store), TLS_CHAIN_DEPTH);
	r = tls_verify(store, NULL);
	judge.error = X509_STORE_CTX_get_error(store);
	X509_STORE_CTX_free(store);
	return r;
}

static void assert_accepts(const struct fixture_pair *pair, const char *notice)
{
	ck_assert_msg(verify(pair->certificate) == 1, "%s", judge.tls.problem.text);
	ck_assert_str_eq(judge.tls.problem.text, "");
	if (!notice)
		ck_assert_ptr_null(judge.tls.notice);
	else
		ck_assert_msg(judge.tls.notice && strstr(judge.tls.notice, notice), "%s",
			judge.tls.notice);
}

static void assert_refuses(const struct fixture_pair *pair, int error, const char *words)
{
	ck_assert_int_eq(verify(pair->certificate), 0);
	ck_assert_int_eq(judge.error, error);
	ck_assert_msg(strstr(judge.tls.problem.text, words) != NULL, "%s", judge.tls.problem.text);
	ck_assert_ptr_null(judge.tls.notice);
}

/* One whose name no other of the test has, as a store may have several. */
static struct fixture_pair authority(
	const struct fixture_pair *issuer, struct fixture_spec more, const char *name)
{
	more.common[0] = (struct fixture_name){ .data = name };
	more.is_ca = true;
	return fixture_issue(issuer, &more);
}

static struct fixture_pair middle_ca(const struct fixture_pair *issuer, struct fixture_spec more)
{
	more.common[0] = (struct fixture_name){ .data = "Middle CA" };
	more.is_ca = true;
	return fixture_issue(issuer, &more);
}

START_TEST(a_good_one)
{
	trust(&ca);
	assert_accepts(&leaf, NULL);
}
END_TEST

/* The CA above an expired one can replace it; a root is replaced by the people at both ends. */
START_TEST(expired_authorities)
{
	const struct fixture_spec old = { .from = -9L * DAY, .until = -DAY };
	struct fixture_pair middle = middle_ca(&ca, old), root = middle_ca(NULL, old);
	struct fixture_pair first = fixture_client(&middle, "branch-b");
	struct fixture_pair second = fixture_client(&root, "branch-c");

	trust(&ca);
	trust(&root);
	send_too(&middle);
	assert_refuses(&first, X509_V_ERR_CERT_HAS_EXPIRED,
		"; another CA has to issue its certificates again");
	assert_refuses(
		&second, X509_V_ERR_CERT_HAS_EXPIRED, "; a new CA has to be made for both ends");
	fixture_free(&middle);
	fixture_free(&root);
	fixture_free(&first);
	fixture_free(&second);
}
END_TEST

/*
 * Issued by a third CA of the name of two that we have, or by one of ours with the third's key identifier. "Only by one
 * of that name" is true of the first alone.
 */
START_TEST(namesakes)
{
	static const char words[] = "is not signed by the CA \"Test CA\" in our ca file";
	struct fixture_pair second = fixture_ca("Test CA"), third = fixture_ca("Test CA");
	struct fixture_pair strange = fixture_client(&third, "branch-b");
	const struct fixture_pair *const ours[] = { &ca, &second };

	trust(&ca);
	trust(&second);
	assert_refuses(&strange, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, words);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		ck_assert_int_gt(X509_sign(strange.certificate, ours[i]->key, EVP_sha256()), 0);
		ck_assert_int_eq(verify(strange.certificate), 0);
		ck_assert_ptr_nonnull(
			strstr(judge.tls.problem.text, "certificate of branch-b was issued by"));
		ck_assert_ptr_null(strstr(judge.tls.problem.text, words));
	}
	fixture_free(&second);
	fixture_free(&third);
	fixture_free(&strange);
}
END_TEST

/* It names our CA and its key, and another key signed it. */
START_TEST(forged)
{
	struct fixture_pair other = fixture_ca("Other CA");

	trust(&ca);
	ck_assert_int_gt(X509_sign(leaf.certificate, other.key, EVP_sha256()), 0);
	assert_refuses(&leaf, X509_V_ERR_CERT_SIGNATURE_FAILURE,
		"certificate of branch-a is not signed by the CA \"Test CA\" in our ca file");
	fixture_free(&other);
}
END_TEST

START_TEST(not_for_this_use)
{
	struct fixture_pair server = fixture_server(&ca, "hub");
	struct fixture_pair middle = middle_ca(&ca, (struct fixture_spec){ .usage = "serverAuth" });
	struct fixture_pair below = fixture_client(&middle, "branch-b");
	struct fixture_spec spec = { .common = { { .data = "branch-c" } },
		.usage = "clientAuth",
		.key_usage = "critical,keyEncipherment" };
	struct fixture_pair cannot_sign = fixture_issue(&ca, &spec);

	trust(&ca);
	send_too(&middle);
	assert_refuses(&server, X509_V_ERR_INVALID_PURPOSE,
		"certificate of hub is refused: it is not meant for a client");
	assert_refuses(&cannot_sign, X509_V_ERR_INVALID_PURPOSE,
		"certificate of branch-c is refused: its key usage lacks digitalSignature");
	assert_refuses(&below, X509_V_ERR_INVALID_PURPOSE,
		"certificate of the CA \"Middle CA\" is refused: its key usage or extended key usage");
	fixture_free(&server);
	fixture_free(&middle);
	fixture_free(&below);
	fixture_free(&cannot_sign);
}
END_TEST

START_TEST(too_many_authorities)
{
	struct fixture_pair chain[TLS_CHAIN_DEPTH + 1], last;

	for (size_t i = 0; i < ARRAY_SIZE(chain); i++) {
		chain[i] = middle_ca(i == 0 ? &ca : &chain[i - 1], (struct fixture_spec){ 0 });
		send_too(&chain[i]);
	}
	trust(&ca);
	last = fixture_client(&chain[TLS_CHAIN_DEPTH - 1], "branch-b");
	assert_accepts(&last, NULL);
	fixture_free(&last);
	last = fixture_client(&chain[TLS_CHAIN_DEPTH], "branch-b");
	assert_refuses(&last, X509_V_ERR_CERT_CHAIN_TOO_LONG,
		"the other end's certificate comes with more than 3 CA certificates");
	fixture_free(&last);
	for (size_t i = 0; i < ARRAY_SIZE(chain); i++)
		fixture_free(&chain[i]);
}
END_TEST

/* A policy is broken by a whole chain: OpenSSL names no certificate then, so the leaf is named. */
START_TEST(no_certificate_is_at_fault)
{
	trust(&ca);
	judge.flags |= X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_EXPLICIT_POLICY;
	assert_refuses(
		&leaf, X509_V_ERR_NO_EXPLICIT_POLICY, "certificate of branch-a is refused: ");
}
END_TEST

/* OpenSSL gives up before it looks at any certificate; the refusal has words all the same. */
START_TEST(nothing_to_check)
{
	struct fixture_pair other = fixture_ca("Other CA");

	trust(&other);
	ck_assert_int_eq(verify(leaf.certificate), 0); /* leaves its words in the buffer */
	ck_assert_int_eq(verify(NULL), 0);
	ck_assert_ptr_nonnull(strstr(
		judge.tls.problem.text, "the other end's certificate could not be checked: "));
	fixture_free(&other);
}
END_TEST

/* What easy-rsa and plain openssl make, RFC 5280 forbids; it harms nobody. */
START_TEST(formal_faults)
{
	const struct fixture_spec forms[] = {
		{ .basic = "CA:TRUE" },
		{ .key_usage = "" },
		{ .anonymous = true },
		{ .basic = "CA:TRUE", .key_usage = "", .anonymous = true },
	};
	static const char *const names[] = { "one", "two", "three", "four" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct fixture_pair root = authority(NULL, forms[i], names[i]);
		struct fixture_pair middle = middle_ca(&root, forms[i]);
		struct fixture_pair below = fixture_client(&middle, "branch-b");

		trust(&root);
		send_too(&middle);
		assert_accepts(&below, NULL);
		(void)sk_X509_pop(judge.sent);
		fixture_free(&root);
		fixture_free(&middle);
		fixture_free(&below);
	}
}
END_TEST

/* OpenSSL finds no issuer then, as if the CA were unknown. */
START_TEST(an_extension_twice)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf.certificate, NID_subject_alt_name, NULL, NULL);

	ck_assert_int_eq(X509_add1_ext_i2d(leaf.certificate, NID_subject_alt_name, names, 0,
				 X509V3_ADD_APPEND),
		1);
	GENERAL_NAMES_free(names);
	ck_assert_int_gt(X509_sign(leaf.certificate, ca.key, EVP_sha256()), 0);
	trust(&ca);
	ck_assert_int_eq(verify(leaf.certificate), 0);
	ck_assert_msg(
		strstr(judge.tls.problem.text,
			"it has the extension \"X509v3 Subject Alternative Name\" twice") != NULL,
		"%s", judge.tls.problem.text);
}
END_TEST

/* OpenSSL takes these for CAs, if it is not strict. */
START_TEST(no_authorities)
{
	const struct fixture_spec forms[] = {
		{ .basic = "", .key_usage = "critical,keyCertSign" },
		{ .version_1 = true },
		{ .basic = "critical,CA:FALSE" },
		{ .key_usage = "critical,digitalSignature" },
	};
	static const char *const names[] = { "one", "two", "three", "four" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct fixture_pair root = authority(NULL, forms[i], names[i]);
		struct fixture_pair below = fixture_client(&root, "branch-b");

		trust(&root);
		assert_refuses(
			&below, i < 2 ? X509_V_ERR_INVALID_CA : judge.error, "it is not a CA's");
		fixture_free(&root);
		fixture_free(&below);
	}
}
END_TEST

START_TEST(against_our_own_rules)
{
	struct fixture_spec spec = { .common = { { .data = "branch-b" } } };
	struct fixture_pair pair = fixture_issue(&ca, &spec);

	trust(&ca);
	assert_refuses(&pair, X509_V_ERR_CERT_REJECTED,
		"certificate of branch-b is refused: it has no extended key usage");
	fixture_free(&pair);
}
END_TEST

/* ---- revocation lists ---- */

START_TEST(a_list_that_is_not_valid_yet)
{
	judge.context->crl_current = true;
	trust(&ca);
	add_list(&ca, DAY, 2L * DAY);
	/* A fault of ours: the alert must not say that the peer's certificate is at fault. */
	assert_refuses(&leaf, X509_V_ERR_UNSPECIFIED,
		"our revocation list of \"Test CA\" is valid only from ");
}
END_TEST

START_TEST(lists_that_must_be_there)
{
	struct fixture_pair other = fixture_ca("Other CA");

	judge.context->crl_strict = true;
	trust(&ca);
	add_list(&other, -DAY, DAY);
	assert_refuses(&leaf, X509_V_ERR_UNSPECIFIED,
		"cannot be checked: our crl file has no revocation list of its issuer \"Test CA\"");
	fixture_free(&other);
}
END_TEST

/* The notice names each issuer without a list, and comes once for each in the life of a context. */
START_TEST(lists_that_are_missing)
{
	static const char root_only[] = "crl has no revocation list of \"Test CA\", so";
	static const char both[] = "crl has no revocation list of \"Middle CA\", \"Test CA\", so";
	struct fixture_pair middle = middle_ca(&ca, (struct fixture_spec){ 0 });
	struct fixture_pair below = fixture_client(&middle, "branch-b");

	trust(&ca);
	send_too(&middle);
	judge.flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	assert_accepts(&leaf, root_only);
	assert_accepts(&leaf, NULL);
	assert_accepts(&below, "crl has no revocation list of \"Middle CA\", so");
	assert_accepts(&below, NULL);
	memset(judge.context->noted, 0, sizeof(judge.context->noted));
	assert_accepts(&below, both);
	assert_accepts(&leaf, NULL);
	memset(judge.context->noted, 0, sizeof(judge.context->noted));
	add_list(&middle, -DAY, DAY);
	assert_accepts(&below, root_only);
	fixture_free(&middle);
	fixture_free(&below);
}
END_TEST

START_TEST(a_list_of_the_root_alone)
{
	struct fixture_pair middle = middle_ca(&ca, (struct fixture_spec){ 0 });
	struct fixture_pair below = fixture_client(&middle, "branch-b");

	trust(&ca);
	send_too(&middle);
	add_list(&ca, -DAY, DAY);
	assert_accepts(&leaf, NULL);
	assert_accepts(&below, "crl has no revocation list of \"Middle CA\", so");
	fixture_free(&middle);
	fixture_free(&below);
}
END_TEST

/* A peer's chain cannot fill the log: a context notes so many issuers, and none twice. */
START_TEST(notices_are_bounded)
{
	judge.flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	for (int i = 0; i <= TLS_NOTED_MAX; i++) {
		char name[32], words[64];
		struct fixture_pair issuer, pair;

		snprintf(name, sizeof(name), "CA number %d", i);
		snprintf(words, sizeof(words), "list of \"%s\", so", name);
		issuer = fixture_ca(name);
		pair = fixture_client(&issuer, "branch-b");
		trust(&issuer);
		assert_accepts(&pair, i < TLS_NOTED_MAX ? words : NULL);
		assert_accepts(&pair, NULL);
		fixture_free(&issuer);
		fixture_free(&pair);
	}
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { a_good_one, expired_authorities, namesakes, forged,
		not_for_this_use, too_many_authorities, no_certificate_is_at_fault,
		nothing_to_check, formal_faults, no_authorities, an_extension_twice,
		against_our_own_rules, a_list_that_is_not_valid_yet, lists_that_must_be_there,
		lists_that_are_missing, a_list_of_the_root_alone, notices_are_bounded };

	return unit_suite("tls_verify_chain", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("tls_verify_chain", suite());
}
