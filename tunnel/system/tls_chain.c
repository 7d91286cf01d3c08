/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of a peer that was accepted, and their check by another context later: when the
 * CAs or the revocation lists have changed while the peer is connected. They are kept as DER, which
 * takes a tenth of the memory of OpenSSL's objects, and shares none of these with a worker.
 */
#include "system/tls_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

enum { SERIAL_MAX = 24 }; /* bytes of a number with its header; RFC 5280 allows 20 */

/* What a list names a certificate by. */
struct mark {
	unsigned long issuer;       /* the hash of its name */
	uint8_t serial[SERIAL_MAX]; /* DER */
	uint8_t len;                /* 0: longer than that */
};

struct tls_peer_chain {
	atomic_uint references;
	uint64_t judge; /* the id of the context that has judged it last … */
	int verdict;    /* … with this result */
	size_t count;
	struct mark *marks; /* of each certificate */
	size_t len;
	uint8_t der[]; /* the leaf, then what came with it */
};

/* ---- made and freed ---- */

static size_t der_size(X509 *certificate)
{
	int len = i2d_X509(certificate, NULL);

	return len > 0 ? (size_t)len : 0;
}

/* At a client OpenSSL's list begins with the leaf, at a server it does not. */
static int first_above(STACK_OF(X509) * sent, X509 *leaf)
{
	return sk_X509_num(sent) > 0 && X509_cmp(sk_X509_value(sent, 0), leaf) == 0 ? 1 : 0;
}

static void add(struct tls_peer_chain *chain, X509 *certificate)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	struct mark *mark = &chain->marks[chain->count++];
	uint8_t *end = &chain->der[chain->len], *number = mark->serial;
	int len = i2d_ASN1_INTEGER(serial, NULL);

	mark->issuer = X509_NAME_hash_ex(X509_get_issuer_name(certificate), NULL, NULL, NULL);
	if (len > 0 && len <= SERIAL_MAX)
		mark->len = (uint8_t)i2d_ASN1_INTEGER(serial, &number);
	len = i2d_X509(certificate, &end);
	chain->len += len > 0 ? (size_t)len : 0;
}

struct tls_peer_chain *tls_peer_chain_new(const struct tls *tls)
{
	X509 *leaf = tls->established ? SSL_get0_peer_certificate(tls->ssl) : NULL;
	STACK_OF(X509) *sent = SSL_get_peer_cert_chain(tls->ssl);
	struct tls_peer_chain *chain;
	size_t len;
	int first;

	if (!leaf)
		return NULL;
	first = first_above(sent, leaf);
	len = der_size(leaf);
	for (int i = first; i < sk_X509_num(sent); i++)
		len += der_size(sk_X509_value(sent, i));
	chain = calloc(1, sizeof(*chain) + len);
	if (!chain)
		return NULL;
	atomic_init(&chain->references, 1);
	chain->judge = tls->context->id;
	chain->marks = calloc(
		1 + (size_t)(sk_X509_num(sent) > 0 ? sk_X509_num(sent) : 0), sizeof(*chain->marks));
	if (!chain->marks) {
		free(chain);
		return NULL;
	}
	add(chain, leaf);
	for (int i = first; i < sk_X509_num(sent); i++)
		add(chain, sk_X509_value(sent, i));
	ERR_clear_error();
	return chain;
}

struct tls_peer_chain *tls_peer_chain_ref(struct tls_peer_chain *chain)
{
	if (chain)
		atomic_fetch_add_explicit(&chain->references, 1, memory_order_relaxed);
	return chain;
}

void tls_peer_chain_unref(struct tls_peer_chain *chain)
{
	if (!chain || atomic_fetch_sub_explicit(&chain->references, 1, memory_order_acq_rel) != 1)
		return;
	free(chain->marks);
	free(chain);
}

bool tls_peer_chain_equal(const struct tls_peer_chain *a, const struct tls_peer_chain *b)
{
	return a->len == b->len && memcmp(a->der, b->der, a->len) == 0;
}

bool tls_peer_chain_was_judged(
	const struct tls_peer_chain *chain, const struct tls_context *context)
{
	return chain->judge == context->id;
}

/* ---- the quick look ---- */

static bool is_listed(X509_CRL *crl, const struct mark *mark)
{
	const uint8_t *at = mark->serial;
	ASN1_INTEGER *serial;
	X509_REVOKED *entry;
	bool listed;

	if (mark->len == 0)
		return true;
	serial = d2i_ASN1_INTEGER(NULL, &at, mark->len);
	listed = !serial || X509_CRL_get0_by_serial(crl, &entry, serial) == 1;
	ASN1_INTEGER_free(serial);
	return listed;
}

static bool any_is_listed(const struct tls_peer_chain *chain, X509_CRL *crl)
{
	unsigned long issuer = X509_NAME_hash_ex(X509_CRL_get_issuer(crl), NULL, NULL, NULL);

	for (size_t i = 0; i < chain->count; i++) {
		if (chain->marks[i].issuer == issuer && is_listed(crl, &chain->marks[i]))
			return true;
	}
	return false;
}

bool tls_context_suspects(const struct tls_context *context, const struct tls_peer_chain *chain)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context->ssl_context);
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
	bool has_issuer = false;

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
		X509 *authority = X509_OBJECT_get0_X509(object);
		X509_CRL *crl = X509_OBJECT_get0_X509_CRL((X509_OBJECT *)object);

		if (crl && any_is_listed(chain, crl))
			return true;
		if (authority)
			has_issuer = has_issuer ||
				X509_subject_name_hash(authority) ==
					chain->marks[chain->count - 1].issuer;
	}
	return !has_issuer;
}

/* ---- judged again ---- */

/* NULL: no memory. */
static STACK_OF(X509) * parse(const struct tls_peer_chain *chain)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	const uint8_t *at = chain->der, *end = chain->der + chain->len;

	while (certificates && at < end) {
		X509 *one = d2i_X509(NULL, &at, end - at);

		if (!one || sk_X509_push(certificates, one) <= 0) {
			X509_free(one);
			sk_X509_pop_free(certificates, X509_free);
			return NULL;
		}
	}
	return certificates;
}

/* One judgement; OpenSSL's callback gets at it by the application data of the store. */
struct judgement {
	const struct tls_context *context;
	struct problem *problem;
	int r;
};

static int error_of(X509_STORE_CTX *store)
{
	switch (X509_STORE_CTX_get_error(store)) {
	case X509_V_ERR_OUT_OF_MEM:
		return -ENOMEM;
	case X509_V_ERR_CERT_REVOKED:
		return X509_STORE_CTX_get_error_depth(store) == 0 ? -EKEYREVOKED : -EKEYREJECTED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return -EKEYREJECTED;
	default:
		return -EACCES;
	}
}

/* Only in this call are the certificate and its revocation list known. */
static int note_verdict(int is_good, X509_STORE_CTX *store)
{
	struct judgement *judgement = X509_STORE_CTX_get_app_data(store);

	is_good = tls_anchor_pass(is_good, store);
	if (!judgement->context->crl_strict)
		is_good = tls_verify_pass_missing_list(is_good, store);
	if (is_good)
		return 1;
	judgement->r = error_of(store);
	tls_verify_explain_peer(
		store, tls_role_other(judgement->context->role), judgement->problem);
	return 0;
}

/* Sets the rules of the handshake, as libssl does, without the time. */
static int set_rules(
	const struct tls_context *context, X509_STORE_CTX *store, STACK_OF(X509) * certificates)
{
	X509_VERIFY_PARAM *rules;

	if (X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context->ssl_context),
		    sk_X509_value(certificates, 0), certificates) != 1 ||
		X509_STORE_CTX_set_default(
			store, context->role == TLS_SERVER ? "ssl_client" : "ssl_server") != 1)
		return -ENOMEM;
	rules = X509_STORE_CTX_get0_param(store);
	if (X509_VERIFY_PARAM_set1(rules, SSL_CTX_get0_param(context->ssl_context)) != 1)
		return -ENOMEM;
	X509_VERIFY_PARAM_set_depth(rules, TLS_CHAIN_DEPTH);
	X509_VERIFY_PARAM_set_auth_level(rules, SSL_CTX_get_security_level(context->ssl_context));
	X509_STORE_CTX_set_flags(store, X509_V_FLAG_NO_CHECK_TIME);
	return 0;
}

static int judge(const struct tls_context *context, X509_STORE_CTX *store,
	STACK_OF(X509) * certificates, struct problem *problem)
{
	struct judgement judgement = { .context = context, .problem = problem, .r = -ENOMEM };
	int r = set_rules(context, store, certificates);

	if (r < 0)
		return r;
	X509_STORE_CTX_set_verify_cb(store, note_verdict);
	if (X509_STORE_CTX_set_app_data(store, &judgement) != 1)
		return -ENOMEM;
	if (X509_verify_cert(store) != 1)
		return judgement.r;
	return tls_verify_authorities(X509_STORE_CTX_get0_chain(store), problem);
}

int tls_context_judge(
	const struct tls_context *context, struct tls_peer_chain *chain, struct problem *problem)
{
	STACK_OF(X509) * certificates;
	X509_STORE_CTX *store;

	if (chain->judge == context->id)
		return chain->verdict;
	ERR_clear_error();
	certificates = parse(chain);
	store = X509_STORE_CTX_new();
	chain->judge = context->id;
	chain->verdict = certificates && store ? judge(context, store, certificates, problem)
					       : -ENOMEM;
	if (chain->verdict == -ENOMEM)
		problem_set(problem, "out of memory");
	X509_STORE_CTX_free(store);
	sk_X509_pop_free(certificates, X509_free);
	ERR_clear_error();
	return chain->verdict;
}
