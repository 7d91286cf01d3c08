/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges our own certificate, key and lists as the other end's handshake will, and by this host's
 * clock. `check` and each start call it before anything runs; an engine calls only the part about
 * dates, so that a new engine accepts whatever the last one ran with.
 */
#include "system/tls_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/array.h"

/* ---- the key ---- */

/* Returns true if TLS 1.3 has signatures of such a key, and our settings allow them. */
static bool is_of_a_usable_kind(const EVP_PKEY *key)
{
	static const char *const kinds[] = { "RSA", "RSA-PSS", "ED25519", "ED448", "ML-DSA-44",
		"ML-DSA-65", "ML-DSA-87" };
	static const char *const curves[] = { "prime256v1", "secp384r1", "secp521r1" };
	char curve[TLS_LABEL_MAX] = "";

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (EVP_PKEY_is_a(key, kinds[i]))
			return true;
	}
	if (!EVP_PKEY_is_a(key, "EC") ||
		EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(curves); i++) {
		if (strcmp(curve, curves[i]) == 0)
			return true;
	}
	return false;
}

static void judge_kind(X509 *leaf, struct findings *findings)
{
	const EVP_PKEY *key = X509_get0_pubkey(leaf);
	char curve[TLS_LABEL_MAX] = "";
	const char *kind;

	if (key && is_of_a_usable_kind(key))
		return;
	kind = key ? EVP_PKEY_get0_type_name(key) : NULL;
	if (key && EVP_PKEY_is_a(key, "EC"))
		(void)EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL);
	(void)findings_add(findings, FINDING_ERROR, "credentials",
		"certificate: its key is of a kind that TLS 1.3 cannot use (%s%s%s); make a key on P-256 (openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256) and issue a certificate for it",
		kind ? kind : "unknown", curve[0] != '\0' ? " on " : "", curve);
}

/*
 * Comparing the public halves, as OpenSSL does, finds no damage in the private one. So sign
 * something, and verify it with the certificate.
 */
static bool can_sign(EVP_PKEY *private_key, EVP_PKEY *public_key)
{
	static const unsigned char text[] = "culvert check";
	EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
	unsigned char *signature = NULL;
	size_t len = 0;
	bool good = sign && verify &&
		EVP_DigestSignInit(sign, NULL, NULL, NULL, private_key) == 1 &&
		EVP_DigestSign(sign, NULL, &len, text, sizeof(text)) == 1;

	if (good)
		signature = OPENSSL_malloc(len);
	good = signature && EVP_DigestSign(sign, signature, &len, text, sizeof(text)) == 1 &&
		EVP_DigestVerifyInit(verify, NULL, NULL, NULL, public_key) == 1 &&
		EVP_DigestVerify(verify, signature, len, text, sizeof(text)) == 1;
	OPENSSL_free(signature);
	EVP_MD_CTX_free(sign);
	EVP_MD_CTX_free(verify);
	return good;
}

static void judge_key(const struct tls_context *context, X509 *leaf, struct findings *findings)
{
	EVP_PKEY *key = SSL_CTX_get0_privatekey(context->ssl_context);

	if (key && !can_sign(key, X509_get0_pubkey(leaf)))
		(void)findings_add(findings, FINDING_ERROR, "credentials",
			"key: is damaged: its public half belongs to the certificate, but what it signs cannot be verified; restore it from a copy, or make a new key and certificate");
}

/* ---- the chain ---- */

/* Verifies by the settings of the handshake, except the time, which check_dates judges. */
static X509_STORE_CTX *verify_chain(const struct tls_context *context, X509 *leaf, int *ret_verdict)
{
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *rules;

	if (!store)
		return NULL;
	if (X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context->ssl_context), leaf,
		    context->chain) != 1 ||
		X509_STORE_CTX_set_default(
			store, context->role == TLS_SERVER ? "ssl_server" : "ssl_client") != 1) {
		X509_STORE_CTX_free(store);
		return NULL;
	}
	X509_STORE_CTX_set_verify_cb(store, tls_verify_pass_missing_list);
	X509_STORE_CTX_set_flags(store, X509_V_FLAG_NO_CHECK_TIME);
	rules = X509_STORE_CTX_get0_param(store);
	X509_VERIFY_PARAM_set_depth(rules, TLS_CHAIN_DEPTH);
	X509_VERIFY_PARAM_set_auth_level(rules, SSL_CTX_get_security_level(context->ssl_context));
	*ret_verdict = X509_verify_cert(store);
	return store;
}

/*
 * `ca` is for the other end's certificate. Ours may come from another CA, and one of the same name
 * may be known there by another key. Neither is an error here, but both usually are one there.
 */
static bool may_do_elsewhere(X509_STORE_CTX *store)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);

	/* Of a certificate whose extensions are broken no issuer is found, here or elsewhere. */
	if (certificate && (X509_get_extension_flags(certificate) & EXFLAG_INVALID))
		return false;
	switch (X509_STORE_CTX_get_error(store)) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CERT_REVOKED:
		return true;
	default:
		return false;
	}
}

/*
 * A common name under a CA with name constraints counts for no client. A server may know a client by
 * any of its names.
 */
static int check_own_names(const struct tls_context *context, const struct peer_names *names,
	enum finding_level *ret_level, struct problem *problem)
{
	if (context->role == TLS_SERVER ? tls_name_has_server(names) : !names->fault)
		return 0;
	*ret_level = context->role == TLS_SERVER ? FINDING_ERROR : FINDING_NOTE;
	problem_set(problem, "%s", names->fault);
	return -EACCES;
}

static void judge_chain(const struct tls_context *context, X509 *leaf, struct findings *findings)
{
	enum finding_level level = FINDING_ERROR;
	struct problem problem = { 0 };
	struct peer_names *names = NULL;
	X509_STORE_CTX *store;
	STACK_OF(X509) * chain;
	int verdict, r = -EACCES;

	store = verify_chain(context, leaf, &verdict);
	if (!store) {
		findings->failed = true;
		return;
	}
	chain = X509_STORE_CTX_get0_chain(store);
	if (verdict != 1) {
		tls_verify_explain_own(store, context->role, &problem);
		if (may_do_elsewhere(store))
			level = FINDING_WARNING;
	} else {
		r = tls_verify_authorities(chain, &problem);
		if (r == 0)
			r = tls_identity_check(leaf, context->role, &problem);
		if (r == 0)
			r = tls_name_collect(leaf, chain, &names, &problem);
		if (r == 0)
			r = check_own_names(context, names, &level, &problem);
		peer_names_unref(names);
	}
	if (r < 0)
		(void)findings_add(findings, level, "credentials", "certificate: %s", problem.text);
	X509_STORE_CTX_free(store);
}

void tls_context_examine(const struct tls_context *context, struct findings *findings)
{
	X509 *leaf = sk_X509_value(context->chain, 0);

	judge_kind(leaf, findings);
	judge_key(context, leaf, findings);
	judge_chain(context, leaf, findings);
	ERR_clear_error();
}

/* ---- dates ---- */

static void explain_own_expired(X509 *certificate, bool is_leaf, struct problem *problem)
{
	char label[TLS_LABEL_MAX], date[TLS_DATE_MAX], now[TLS_DATE_MAX];
	struct identity identity;

	tls_date_now(now);
	tls_date(date, X509_get0_notAfter(certificate));
	if (is_leaf && tls_identity_peek(certificate, &identity))
		problem_set(problem,
			"certificate: that of %s expired on %s; renew it with culvert-pki renew %s, "
			"unless this host's clock is wrong (it says %s)",
			identity.name, date, identity.name, now);
	else
		problem_set(problem,
			"certificate: that of %s expired on %s; replace it, unless this host's clock is wrong (it says %s)",
			tls_label(label, certificate), date, now);
}

static int check_own_dates(X509 *certificate, bool is_leaf, struct problem *problem)
{
	char label[TLS_LABEL_MAX], date[TLS_DATE_MAX];

	if (tls_compare_now(X509_get0_notBefore(certificate)) > 0) {
		problem_set(problem,
			"certificate: that of %s is valid only from %s; check the clock of this "
			"host",
			tls_label(label, certificate),
			tls_date_time(date, X509_get0_notBefore(certificate)));
		return -EAGAIN;
	}
	if (tls_compare_now(X509_get0_notAfter(certificate)) > 0)
		return 0;
	explain_own_expired(certificate, is_leaf, problem);
	return -EINVAL;
}

/* A list need not have an end. */
static bool is_list_valid(X509_CRL *crl)
{
	const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);

	return tls_compare_now(X509_CRL_get0_lastUpdate(crl)) <= 0 &&
		(!end || tls_compare_now(end) > 0);
}

static bool has_valid_list(STACK_OF(X509_OBJECT) * objects, X509_NAME *issuer)
{
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

		if (crl && X509_NAME_cmp(X509_CRL_get_issuer(crl), issuer) == 0 &&
			is_list_valid(crl))
			return true;
	}
	return false;
}

/* For crl_current: such a list refuses every certificate of its CA. */
static int check_list_dates(STACK_OF(X509_OBJECT) * objects, struct problem *problem)
{
	char label[TLS_LABEL_MAX], date[TLS_DATE_MAX];

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

		if (!crl || has_valid_list(objects, X509_CRL_get_issuer(crl)))
			continue;
		tls_label_name(label, X509_CRL_get_issuer(crl));
		if (tls_compare_now(X509_CRL_get0_lastUpdate(crl)) > 0) {
			problem_set(problem,
				"crl: the revocation list of \"%s\" is valid only from %s; check the "
				"clock of this host",
				label, tls_date_time(date, X509_CRL_get0_lastUpdate(crl)));
			return -EAGAIN;
		}
		problem_set(problem,
			"crl: the revocation list of \"%s\" expired on %s, so each "
			"certificate of that CA is refused; make a new list and put it "
			"here",
			label, tls_date(date, X509_CRL_get0_nextUpdate(crl)));
		return -EINVAL;
	}
	return 0;
}

int tls_context_check_dates(const struct tls_context *context, struct problem *problem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context->ssl_context);
	int r = 0;

	for (int i = 0; i < sk_X509_num(context->chain) && r == 0; i++)
		r = check_own_dates(sk_X509_value(context->chain, i), i == 0, problem);
	if (r == 0 && context->crl_current)
		r = check_list_dates(X509_STORE_get0_objects(store), problem);
	return r;
}
