/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges a certificate in a file as the handshake would if a peer showed it, before one does. For
 * `check`, on any thread.
 */
#include "system/tls_internal.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/pem.h>

/* One judgement; OpenSSL's callback gets at it by the application data of the store. */
struct shown {
	const struct tls_context *context;
	struct problem *refusal;
};

static int note_verdict(int is_good, X509_STORE_CTX *store)
{
	struct shown *shown = X509_STORE_CTX_get_app_data(store);

	is_good = tls_anchor_pass(is_good, store);
	if (!shown->context->crl_strict)
		is_good = tls_verify_pass_missing_list(is_good, store);
	if (!is_good)
		tls_verify_explain_peer(
			store, tls_role_other(shown->context->role), shown->refusal);
	return is_good;
}

/* NULL: no memory, or nothing in it. */
static STACK_OF(X509) * read_all(const struct view *pem)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	BIO *bio = tls_view_bio(pem);
	X509 *one;

	while (certificates && bio && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (sk_X509_push(certificates, one) <= 0) {
			X509_free(one);
			break;
		}
	}
	BIO_free(bio);
	ERR_clear_error();
	if (sk_X509_num(certificates) > 0)
		return certificates;
	sk_X509_pop_free(certificates, X509_free);
	return NULL;
}

static int set_up(X509_STORE_CTX *store, struct shown *shown, STACK_OF(X509) * certificates)
{
	SSL_CTX *ssl = shown->context->ssl_context;
	X509_VERIFY_PARAM *rules;

	if (X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(ssl), sk_X509_value(certificates, 0),
		    certificates) != 1 ||
		X509_STORE_CTX_set_default(store,
			shown->context->role == TLS_SERVER ? "ssl_client" : "ssl_server") != 1)
		return -ENOMEM;
	rules = X509_STORE_CTX_get0_param(store);
	if (X509_VERIFY_PARAM_set1(rules, SSL_CTX_get0_param(ssl)) != 1)
		return -ENOMEM;
	X509_VERIFY_PARAM_set_depth(rules, TLS_CHAIN_DEPTH);
	X509_VERIFY_PARAM_set_auth_level(rules, SSL_CTX_get_security_level(ssl));
	X509_STORE_CTX_set_verify_cb(store, note_verdict);
	return X509_STORE_CTX_set_app_data(store, shown) == 1 ? 0 : -ENOMEM;
}

/* The names of a refused certificate are read without its chain. */
static int judge(X509_STORE_CTX *store, struct shown *shown, STACK_OF(X509) * certificates,
	struct peer_names **ret_names, struct problem *problem)
{
	X509 *leaf = sk_X509_value(certificates, 0);
	STACK_OF(X509) *chain = NULL;
	int r = set_up(store, shown, certificates);

	if (r < 0)
		return r;
	if (X509_verify_cert(store) == 1)
		chain = X509_STORE_CTX_get0_chain(store);
	else if (shown->refusal->text[0] == '\0')
		problem_set(shown->refusal, "it could not be checked: %s",
			X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	if (chain && tls_verify_authorities(chain, shown->refusal) < 0)
		chain = NULL;
	if (chain)
		(void)tls_identity_check(
			leaf, tls_role_other(shown->context->role), shown->refusal);
	return tls_name_collect(leaf, chain, ret_names, problem);
}

int tls_context_shown(const struct tls_context *context, const struct view *pem,
	struct peer_names **ret_names, struct problem *refusal, struct problem *problem)
{
	struct shown shown = { .context = context, .refusal = refusal };
	STACK_OF(X509) *certificates = read_all(pem);
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	int r = -ENOMEM;

	*refusal = (struct problem){ .text = "" };
	if (!certificates) {
		problem_set(
			problem, "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
		r = -EINVAL;
	} else if (store) {
		r = judge(store, &shown, certificates, ret_names, problem);
	}
	X509_STORE_CTX_free(store);
	sk_X509_pop_free(certificates, X509_free);
	ERR_clear_error();
	return r == -EACCES ? -EINVAL : r;
}
