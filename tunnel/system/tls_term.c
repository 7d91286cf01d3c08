/* SPDX-License-Identifier: Apache-2.0 */
/* The dates of all that a context has: our own certificates, the CAs, and the revocation lists. */
#include "system/tls_internal.h"

#include <stdio.h>

struct terms {
	struct tls_term *items;
	size_t count, max;
};

/* Passes over what is full, and dates that cannot be read. */
static void add(struct terms *terms, enum tls_term_kind kind, const char *name,
	const ASN1_TIME *from, const ASN1_TIME *until)
{
	struct tls_term *term = &terms->items[terms->count];
	time_t begin, end = 0;

	if (terms->count == terms->max || tls_time(from, &begin) < 0 ||
		(until && tls_time(until, &end) < 0))
		return;
	*term = (struct tls_term){ .kind = kind, .from = begin, .until = end };
	(void)snprintf(term->name, sizeof(term->name), "%s", name);
	terms->count++;
}

static void add_certificate(struct terms *terms, enum tls_term_kind kind, X509 *certificate)
{
	char label[TLS_LABEL_MAX];

	if (kind == TLS_TERM_CA)
		tls_label_name(label, X509_get_subject_name(certificate));
	else
		tls_label(label, certificate);
	add(terms, kind, label, X509_get0_notBefore(certificate), X509_get0_notAfter(certificate));
}

/* True if `other` does in place of the CA and ends later, or is the same and comes first. */
static bool replaces(X509 *other, X509 *authority, bool comes_first)
{
	int order;

	if (X509_NAME_cmp(X509_get_subject_name(other), X509_get_subject_name(authority)) != 0 ||
		EVP_PKEY_eq(X509_get0_pubkey(other), X509_get0_pubkey(authority)) != 1)
		return false;
	order = ASN1_TIME_compare(X509_get0_notAfter(other), X509_get0_notAfter(authority));
	return order > 0 || (order == 0 && comes_first);
}

/* The same for lists of one CA: the newest counts, and one without an end has none. */
static bool supersedes(X509_CRL *other, X509_CRL *list, bool comes_first)
{
	const ASN1_TIME *theirs = X509_CRL_get0_nextUpdate(other);
	const ASN1_TIME *ours = X509_CRL_get0_nextUpdate(list);
	int order = 0;

	if (X509_NAME_cmp(X509_CRL_get_issuer(other), X509_CRL_get_issuer(list)) != 0)
		return false;
	if (theirs && ours)
		order = ASN1_TIME_compare(theirs, ours);
	else if (theirs || ours)
		order = theirs ? -1 : 1;
	return order > 0 || (order == 0 && comes_first);
}

static bool is_outdone(STACK_OF(X509_OBJECT) * objects, int at)
{
	X509_OBJECT *object = sk_X509_OBJECT_value(objects, at);
	X509 *authority = X509_OBJECT_get0_X509(object);
	X509_CRL *list = X509_OBJECT_get0_X509_CRL(object);
	bool outdone = false;

	for (int i = 0; i < sk_X509_OBJECT_num(objects) && !outdone; i++) {
		X509_OBJECT *other = sk_X509_OBJECT_value(objects, i);

		if (i == at)
			continue;
		if (authority && X509_OBJECT_get0_X509(other))
			outdone = replaces(X509_OBJECT_get0_X509(other), authority, i < at);
		else if (list && X509_OBJECT_get0_X509_CRL(other))
			outdone = supersedes(X509_OBJECT_get0_X509_CRL(other), list, i < at);
	}
	return outdone;
}

size_t tls_context_terms(const struct tls_context *context, struct tls_term *out, size_t max)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context->ssl_context);
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
	struct terms terms = { .items = out, .max = max };

	for (int i = 0; i < sk_X509_num(context->chain); i++)
		add_certificate(&terms, TLS_TERM_CERTIFICATE, sk_X509_value(context->chain, i));
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509_OBJECT *object = sk_X509_OBJECT_value(objects, i);
		X509_CRL *list = X509_OBJECT_get0_X509_CRL(object);
		char label[TLS_LABEL_MAX];

		if (is_outdone(objects, i))
			continue;
		if (X509_OBJECT_get0_X509(object))
			add_certificate(&terms, TLS_TERM_CA, X509_OBJECT_get0_X509(object));
		else if (list)
			add(&terms, TLS_TERM_LIST, tls_label_name(label, X509_CRL_get_issuer(list)),
				X509_CRL_get0_lastUpdate(list), X509_CRL_get0_nextUpdate(list));
	}
	return terms.count;
}
