/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tls_renewal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "system/tls_internal.h"

void tls_context_validity(const struct tls_context *context, struct tls_validity *ret_validity)
{
	time_t from = 0;

	(void)tls_time(X509_get0_notBefore(sk_X509_value(context->chain, 0)), &from);
	*ret_validity = (struct tls_validity){
		.not_before = (int64_t)from,
		.not_after = (int64_t)context->not_after,
	};
}

/* ---- a renewed pair ---- */

static bool has_signed(X509 *authority, X509 *certificate)
{
	EVP_PKEY *key = X509_get0_pubkey(authority);
	bool signs = key && (X509_get_extension_flags(authority) & EXFLAG_CA) &&
		X509_NAME_cmp(
			X509_get_subject_name(authority), X509_get_issuer_name(certificate)) == 0 &&
		X509_verify(certificate, key) == 1;

	ERR_clear_error();
	return signs;
}

static bool same_alternative_names(X509 *a, X509 *b)
{
	int at_a = X509_get_ext_by_NID(a, NID_subject_alt_name, -1);
	int at_b = X509_get_ext_by_NID(b, NID_subject_alt_name, -1);

	if (at_a < 0 || at_b < 0)
		return at_a < 0 && at_b < 0;
	return ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(X509_get_ext(a, at_a)),
		       X509_EXTENSION_get_data(X509_get_ext(b, at_b))) == 0;
}

static int check_leaf(X509 *present, X509 *leaf, EVP_PKEY *key, struct problem *problem)
{
	if (X509_check_private_key(leaf, key) != 1) {
		problem_set(problem, "its key does not belong to it");
		return -EACCES;
	}
	if (X509_NAME_cmp(X509_get_subject_name(present), X509_get_subject_name(leaf)) != 0 ||
		!same_alternative_names(present, leaf)) {
		problem_set(problem, "it has another name than the present one");
		return -EACCES;
	}
	if (ASN1_TIME_compare(X509_get0_notBefore(leaf), X509_get0_notBefore(present)) < 0) {
		problem_set(problem, "it is older than the present one");
		return -EACCES;
	}
	return tls_identity_check(leaf, TLS_CLIENT, problem);
}

/* The authorities that have signed the present certificate, whichever chain has them. */
static int add_issuers(X509_STORE *store, STACK_OF(X509) * from, X509 *present)
{
	for (int i = 0; i < sk_X509_num(from); i++) {
		X509 *authority = sk_X509_value(from, i);

		if (has_signed(authority, present) && X509_STORE_add_cert(store, authority) != 1)
			return -ENOMEM;
	}
	return 0;
}

static int add_known(X509_STORE *store, const struct tls_context *context)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(
		SSL_CTX_get_cert_store(context->ssl_context));

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *known = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (known && X509_STORE_add_cert(store, known) != 1)
			return -ENOMEM;
	}
	return 0;
}

static int verify_by(X509_STORE *store, STACK_OF(X509) * chain, struct problem *problem)
{
	X509_STORE_CTX *verify = X509_STORE_CTX_new();
	int r = -EACCES;

	if (!verify || X509_STORE_CTX_init(verify, store, sk_X509_value(chain, 0), chain) != 1 ||
		X509_STORE_CTX_set_default(verify, "ssl_client") != 1) {
		X509_STORE_CTX_free(verify);
		return -ENOMEM;
	}
	X509_STORE_CTX_set_flags(verify, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(verify), TLS_SECURITY_LEVEL);
	if (X509_verify_cert(verify) == 1)
		r = tls_verify_authorities(X509_STORE_CTX_get0_chain(verify), problem);
	else
		problem_set(problem,
			"it was issued by no CA in `ca`, and not by the one that issued the present certificate: %s",
			X509_verify_cert_error_string(X509_STORE_CTX_get_error(verify)));
	X509_STORE_CTX_free(verify);
	return r;
}

static int check_chain(
	const struct tls_context *context, STACK_OF(X509) * chain, struct problem *problem)
{
	X509 *present = sk_X509_value(context->chain, 0);
	X509_STORE *store = X509_STORE_new();
	int r = store ? add_known(store, context) : -ENOMEM;

	if (r == 0)
		r = add_issuers(store, context->chain, present);
	if (r == 0)
		r = add_issuers(store, chain, present);
	if (r == 0)
		r = verify_by(store, chain, problem);
	X509_STORE_free(store);
	return r;
}

/*
 * Checks that a pair can replace that of the context. Its certificate and its key belong together;
 * it has the same names, and was made no earlier. An authority of `ca`, or the one that issued the
 * present certificate, has issued it. Dates beyond that are not judged.
 */
static int check_pair(
	const struct tls_context *context, const struct view *pair, struct problem *problem)
{
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	int r;

	ERR_clear_error();
	r = tls_read_certificates(pair, "certificate", &chain, problem);
	if (r == 0)
		r = tls_key_read(pair, &key, problem);
	if (r == 0)
		r = check_leaf(
			sk_X509_value(context->chain, 0), sk_X509_value(chain, 0), key, problem);
	if (r == 0)
		r = check_chain(context, chain, problem);
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
	return r;
}

/* ---- authorities ---- */

struct join {
	STACK_OF(X509) * trusted;   /* owned */
	STACK_OF(X509) * bundle;    /* owned */
	STACK_OF(X509) * accepted;  /* of the bundle, and in `trusted` or vouched for; borrowed */
	STACK_OF(X509_CRL) * lists; /* owned */
	bool dated;
};

static bool holds(STACK_OF(X509) * certificates, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		if (X509_cmp(sk_X509_value(certificates, i), certificate) == 0)
			return true;
	}
	return false;
}

static bool is_valid_now(const struct join *join, X509 *certificate)
{
	return !join->dated ||
		(tls_compare_now(X509_get0_notBefore(certificate)) < 0 &&
			tls_compare_now(X509_get0_notAfter(certificate)) > 0);
}

static bool is_signed_by_trusted(const struct join *join, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(join->trusted); i++) {
		X509 *authority = sk_X509_value(join->trusted, i);

		if (is_valid_now(join, authority) && has_signed(authority, certificate))
			return true;
	}
	return false;
}

/* Another certificate of the same CA: the same name and the same key. */
static bool is_same_authority(X509 *a, X509 *b)
{
	return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0 &&
		EVP_PKEY_eq(X509_get0_pubkey(a), X509_get0_pubkey(b)) == 1;
}

/* Its certificates are limited to some names, so it cannot be trusted without that limit. */
static bool is_constrained(X509 *certificate)
{
	return X509_get_ext_by_NID(certificate, NID_name_constraints, -1) >= 0;
}

/* An intermediate CA that may have no CA below it vouches for none: the issuing CA of a server. */
static bool is_signed_below(const struct join *join, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(join->accepted); i++) {
		X509 *authority = sk_X509_value(join->accepted, i);

		if (X509_get_pathlen(authority) < 0 && is_valid_now(join, authority) &&
			!X509_self_signed(authority, 0) && has_signed(authority, certificate))
			return true;
	}
	return false;
}

static bool is_vouched_for(const struct join *join, X509 *certificate)
{
	if (holds(join->trusted, certificate))
		return true;
	if (!(X509_get_extension_flags(certificate) & EXFLAG_CA) ||
		(X509_get_extension_flags(certificate) & EXFLAG_INVALID) ||
		is_constrained(certificate) || !is_valid_now(join, certificate))
		return false;
	for (int i = 0; i < sk_X509_num(join->accepted); i++) {
		if (is_same_authority(sk_X509_value(join->accepted, i), certificate))
			return true;
	}
	return is_signed_by_trusted(join, certificate) || is_signed_below(join, certificate);
}

/* Each pass may make others acceptable. */
static int accept(struct join *join)
{
	bool more = true;

	while (more) {
		more = false;
		for (int i = 0; i < sk_X509_num(join->bundle); i++) {
			X509 *certificate = sk_X509_value(join->bundle, i);

			if (holds(join->accepted, certificate) ||
				!is_vouched_for(join, certificate))
				continue;
			if (sk_X509_push(join->accepted, certificate) <= 0)
				return -ENOMEM;
			more = true;
		}
	}
	return 0;
}

static bool is_list_of(X509_CRL *list, X509 *authority)
{
	bool is = X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(list)) == 0 &&
		X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1;

	ERR_clear_error();
	return is;
}

static bool list_is_signed(const struct join *join, X509_CRL *list)
{
	for (int i = 0; i < sk_X509_num(join->trusted); i++) {
		if (is_list_of(list, sk_X509_value(join->trusted, i)))
			return true;
	}
	for (int i = 0; i < sk_X509_num(join->accepted); i++) {
		if (is_list_of(list, sk_X509_value(join->accepted, i)))
			return true;
	}
	return false;
}

/* Of the lists of one authority the newest counts. False: there is a newer one already. */
static bool make_room_for(struct join *join, X509_CRL *list)
{
	for (int i = sk_X509_CRL_num(join->lists) - 1; i >= 0; i--) {
		X509_CRL *other = sk_X509_CRL_value(join->lists, i);

		if (X509_NAME_cmp(X509_CRL_get_issuer(other), X509_CRL_get_issuer(list)) != 0)
			continue;
		if (ASN1_TIME_compare(
			    X509_CRL_get0_lastUpdate(other), X509_CRL_get0_lastUpdate(list)) >= 0)
			return false;
		X509_CRL_free(sk_X509_CRL_delete(join->lists, i));
	}
	return true;
}

/* Revocation lists are optional, so a damaged one ends the reading without an error. */
static int read_lists(struct join *join, const struct view *bundle)
{
	BIO *bio = tls_view_bio(bundle);
	X509_CRL *list;
	int r = bio ? 0 : -ENOMEM;

	while (r == 0 && (list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		if (!list_is_signed(join, list) || !make_room_for(join, list))
			X509_CRL_free(list);
		else if (sk_X509_CRL_push(join->lists, list) <= 0)
			r = -ENOMEM;
	}
	BIO_free(bio);
	ERR_clear_error();
	return r;
}

static void note_name(struct tls_trust *trust, X509 *certificate)
{
	char label[TLS_LABEL_MAX];
	size_t len = strlen(trust->names);

	(void)snprintf(&trust->names[len], sizeof(trust->names) - len, "%s\"%s\"",
		len > 0 ? ", " : "", tls_label_name(label, X509_get_subject_name(certificate)));
}

static bool is_known_authority(const struct join *join, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(join->trusted); i++) {
		if (is_same_authority(sk_X509_value(join->trusted, i), certificate))
			return true;
	}
	return false;
}

/* A cross certificate is another certificate of an authority, not another authority. */
static void count_added(const struct join *join, struct tls_trust *trust)
{
	for (int i = 0; i < sk_X509_num(join->accepted); i++) {
		X509 *certificate = sk_X509_value(join->accepted, i);
		bool again = is_known_authority(join, certificate);

		for (int j = 0; j < i && !again; j++)
			again = is_same_authority(sk_X509_value(join->accepted, j), certificate);
		if (again)
			continue;
		trust->added++;
		note_name(trust, certificate);
	}
	trust->refused = (unsigned)(sk_X509_num(join->bundle) - sk_X509_num(join->accepted));
	trust->lists = (unsigned)sk_X509_CRL_num(join->lists);
}

static int write_trust(const struct join *join, struct tls_trust *trust)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool done = bio != NULL;
	char *data;

	for (int i = 0; done && i < sk_X509_num(join->accepted); i++)
		done = PEM_write_bio_X509(bio, sk_X509_value(join->accepted, i)) == 1;
	for (int i = 0; done && i < sk_X509_CRL_num(join->lists); i++)
		done = PEM_write_bio_X509_CRL(bio, sk_X509_CRL_value(join->lists, i)) == 1;
	if (done) {
		trust->len = (size_t)BIO_get_mem_data(bio, &data);
		trust->pem = strndup(data, trust->len);
	}
	BIO_free(bio);
	return trust->pem ? 0 : -ENOMEM;
}

static int join_all(struct join *join, const struct view *bundle, struct tls_trust *trust,
	struct problem *problem)
{
	int r = 0;

	join->accepted = sk_X509_new_null();
	join->lists = sk_X509_CRL_new_null();
	if (!join->accepted || !join->lists)
		return -ENOMEM;
	if (sk_X509_num(join->bundle) > TLS_TRUST_CERTIFICATES_MAX) {
		problem_set(problem, "the bundle has more than %d certificates",
			TLS_TRUST_CERTIFICATES_MAX);
		return -EINVAL;
	}
	r = accept(join);
	if (r == 0 && sk_X509_num(join->accepted) == 0) {
		note_name(trust, sk_X509_value(join->bundle, 0));
		problem_set(problem,
			"no CA that this host trusts vouches for any of it, such as %s; the new CA needs a cross certificate of the old one",
			trust->names);
		return -EACCES;
	}
	if (r == 0)
		r = read_lists(join, bundle);
	if (r == 0) {
		count_added(join, trust);
		r = write_trust(join, trust);
	}
	return r;
}

int tls_trust_join(const struct view *trusted, const struct view *bundle, bool dated,
	struct tls_trust *ret_trust, struct problem *problem)
{
	struct join join = { .dated = dated };
	struct tls_trust trust = { .pem = NULL };
	int r;

	if (bundle->len > TLS_TRUST_MAX) {
		problem_set(problem, "the bundle has more than %d bytes", TLS_TRUST_MAX);
		return -EINVAL;
	}
	ERR_clear_error();
	r = tls_read_certificates(trusted, "ca", &join.trusted, problem);
	if (r == 0)
		r = tls_read_certificates(bundle, "bundle", &join.bundle, problem);
	if (r == 0)
		r = join_all(&join, bundle, &trust, problem);
	sk_X509_pop_free(join.trusted, X509_free);
	sk_X509_pop_free(join.bundle, X509_free);
	sk_X509_free(join.accepted);
	sk_X509_CRL_pop_free(join.lists, X509_CRL_free);
	ERR_clear_error();
	if (r == 0)
		*ret_trust = trust;
	return r;
}

/* ---- a context as text, and back ---- */

/* Takes what was written, and frees the BIO. NULL: no memory. */
static char *take_text(BIO *bio, bool done)
{
	char *data, *text = NULL;
	long len;

	if (done) {
		len = BIO_get_mem_data(bio, &data);
		/* Nothing was written, as where no list is known: then there are no data. */
		text = len > 0 ? strndup(data, (size_t)len) : strdup("");
	}
	BIO_free(bio);
	return text;
}

static char *chain_text(STACK_OF(X509) * chain)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool done = bio != NULL;

	for (int i = 0; done && i < sk_X509_num(chain); i++)
		done = PEM_write_bio_X509(bio, sk_X509_value(chain, i)) == 1;
	return take_text(bio, done);
}

/* The store's authorities, or its lists. *ret_count: how many. */
static char *store_text(const struct tls_context *context, bool lists, unsigned *ret_count)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(
		SSL_CTX_get_cert_store(context->ssl_context));
	BIO *bio = BIO_new(BIO_s_mem());
	bool done = bio != NULL;

	*ret_count = 0;
	for (int i = 0; done && i < sk_X509_OBJECT_num(objects); i++) {
		const X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
		X509 *authority = X509_OBJECT_get0_X509(object);
		X509_CRL *list = X509_OBJECT_get0_X509_CRL((X509_OBJECT *)object);

		if (lists ? !list : !authority)
			continue;
		done = lists ? PEM_write_bio_X509_CRL(bio, list) == 1
			     : PEM_write_bio_X509(bio, authority) == 1;
		++*ret_count;
	}
	for (int i = 0; done && !lists && i < sk_X509_num(context->cross); i++)
		done = PEM_write_bio_X509(bio, sk_X509_value(context->cross, i)) == 1;
	return take_text(bio, done);
}

int tls_context_export(const struct tls_context *context, struct tls_texts *ret_texts)
{
	EVP_PKEY *key = SSL_CTX_get0_privatekey(context->ssl_context);
	struct tls_texts texts = { .certificate = NULL };
	unsigned authorities, lists = 0;
	int r = key ? tls_key_write(key, &texts.key) : -EINVAL;

	if (r < 0)
		return r;
	texts.certificate = chain_text(context->chain);
	texts.ca = store_text(context, false, &authorities);
	texts.crl = store_text(context, true, &lists);
	if (!texts.certificate || !texts.ca || !texts.crl) {
		tls_texts_free(&texts);
		return -ENOMEM;
	}
	if (lists == 0) {
		free(texts.crl);
		texts.crl = NULL;
	}
	*ret_texts = texts;
	return 0;
}

void tls_texts_free(struct tls_texts *texts)
{
	if (texts->key)
		explicit_bzero(texts->key, strlen(texts->key));
	free(texts->certificate);
	free(texts->key);
	free(texts->ca);
	free(texts->crl);
	*texts = (struct tls_texts){ .certificate = NULL };
}

/* Appends to a text that may be NULL; frees it. NULL: no memory. */
static char *append(char *text, const char *more)
{
	size_t len = text ? strlen(text) : 0, more_len = more ? strlen(more) : 0;
	char *joined = malloc(len + more_len + 1);

	if (joined && len > 0)
		memcpy(joined, text, len);
	if (joined) {
		if (more_len > 0)
			memcpy(&joined[len], more, more_len);
		joined[len + more_len] = '\0';
	}
	free(text);
	return joined;
}

int tls_context_bundle(const struct tls_context *context, char **ret_pem, size_t *ret_len)
{
	unsigned count;
	char *ca = store_text(context, false, &count);
	char *crl = store_text(context, true, &count);
	char *both = ca && crl ? append(ca, crl) : NULL;

	if (!ca || !crl)
		free(ca);
	free(crl);
	if (!both)
		return -ENOMEM;
	*ret_pem = both;
	*ret_len = strlen(both);
	return 0;
}

static struct view view_of(const char *text)
{
	return (struct view){ .data = (const uint8_t *)text, .len = text ? strlen(text) : 0 };
}

static int make_context(const struct tls_context *base, const struct tls_texts *texts,
	const struct view *pair, struct tls_context **ret_context, struct problem *problem)
{
	const struct tls_material material = {
		.certificate = pair ? *pair : view_of(texts->certificate),
		.key = pair ? *pair : view_of(texts->key),
		.ca = view_of(texts->ca),
		.crl = view_of(texts->crl),
		.crl_strict = base->crl_strict,
	};

	return tls_context_new(base->role, &material, ret_context, problem);
}

/* -ENOMEM; a bundle that is refused is no error. */
static int add_trust(struct tls_texts *texts, const struct view *trust, struct tls_renewed *renewed)
{
	struct view ca = view_of(texts->ca);
	struct tls_trust joined = { .pem = NULL };
	int r = tls_trust_join(&ca, trust, false, &joined, &renewed->trust_refused);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	texts->ca = append(texts->ca, joined.pem);
	if (joined.lists > 0)
		texts->crl = append(texts->crl, joined.pem);
	renewed->trust = texts->ca && (joined.lists == 0 || texts->crl);
	free(joined.pem);
	return renewed->trust ? 0 : -ENOMEM;
}

int tls_renewal_context(const struct tls_context *base, const struct view *trust,
	const struct view *pair, struct tls_context **ret_context, struct tls_renewed *ret_renewed,
	struct problem *problem)
{
	struct tls_renewed renewed = { .pair = false };
	struct tls_context *own = NULL, *next = NULL;
	struct tls_texts texts = { .certificate = NULL };
	int r = tls_context_export(base, &texts);

	if (r == 0 && trust->len > 0)
		r = add_trust(&texts, trust, &renewed);
	if (r == 0)
		r = make_context(base, &texts, NULL, &own, problem);
	if (r == 0 && pair->len > 0 && check_pair(own, pair, &renewed.pair_refused) == 0 &&
		make_context(base, &texts, pair, &next, &renewed.pair_refused) == 0)
		renewed.pair = true;
	tls_texts_free(&texts);
	if (r < 0) {
		tls_context_unref(own);
		return r;
	}
	if (renewed.pair)
		tls_context_unref(own);
	*ret_context = renewed.pair ? next : own;
	*ret_renewed = renewed;
	return 0;
}

void tls_trust_hash(const void *data, size_t len, uint8_t ret_hash[static TLS_TRUST_HASH])
{
	if (EVP_Digest(data, len, ret_hash, NULL, EVP_sha256(), NULL) != 1)
		memset(ret_hash, 0, TLS_TRUST_HASH);
}
