/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All names in a certificate, in the form in which a configuration has them (base/peer_names.h).
 * Which of them counts is decided where the configuration is: here is only left out, or refused,
 * what must not count for anybody.
 *
 * Pure functions, on any thread.
 */
#include "system/tls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/x509v3.h>

enum { FROM_START = -1 }; /* OpenSSL searches behind the position that it is given */

struct collector {
	X509 *leaf;
	STACK_OF(X509) * chain; /* NULL: not known */
	struct peer_names *names;
	struct problem *problem;
};

/*
 * OpenSSL does not hold a common name (unless it looks like a host's) or a UPN against the name
 * constraints of the CAs above. So these do not count below a CA that has constraints.
 */
static bool is_constrained(STACK_OF(X509) * chain)
{
	for (int i = 1; i < sk_X509_num(chain); i++) {
		if (X509_get_ext_by_NID(
			    sk_X509_value(chain, i), NID_name_constraints, FROM_START) >= 0)
			return true;
	}
	return false;
}

/* A name with a control character is made to be taken for another one. */
static int refuse_unsafe(struct collector *collector, const void *value, size_t len)
{
	char shown[TLS_LABEL_MAX];

	problem_set(collector->problem,
		"its name \"%s\" has a control character; issue one with a plain name",
		problem_escape(shown, sizeof(shown), value, len));
	return -EACCES;
}

static int add(struct collector *collector, enum peer_name_kind kind, const void *value, size_t len)
{
	if (peer_names_is_unsafe(value, len))
		return refuse_unsafe(collector, value, len);
	if (is_constrained(collector->chain) && (kind == PEER_NAME_CN || kind == PEER_NAME_UPN))
		return 0;
	return peer_names_add(&collector->names->own, kind, value, len);
}

static int add_string(
	struct collector *collector, enum peer_name_kind kind, const ASN1_STRING *string)
{
	return add(
		collector, kind, ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static int add_other(struct collector *collector, const OTHERNAME *other)
{
	if (OBJ_obj2nid(other->type_id) != NID_ms_upn || other->value->type != V_ASN1_UTF8STRING)
		return 0;
	return add_string(collector, PEER_NAME_UPN, other->value->value.utf8string);
}

static int add_alternative(struct collector *collector, const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		return add_string(collector, PEER_NAME_DNS, name->d.dNSName);
	case GEN_URI:
		return add_string(collector, PEER_NAME_URI, name->d.uniformResourceIdentifier);
	case GEN_EMAIL:
		return add_string(collector, PEER_NAME_EMAIL, name->d.rfc822Name);
	case GEN_OTHERNAME:
		return add_other(collector, name->d.otherName);
	default:
		return 0;
	}
}

static int add_alternatives(struct collector *collector)
{
	int found; /* -1: no such extension, -2: more than one, else one (X509V3_get_d2i(3)) */
	GENERAL_NAMES *names = X509_get_ext_d2i(
		collector->leaf, NID_subject_alt_name, &found, NULL);
	int r = 0;

	if (!names && found != -1) {
		problem_set(collector->problem,
			"its subjectAltName is broken or present twice; issue one that has it once");
		return -EACCES;
	}
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && r == 0; i++)
		r = add_alternative(collector, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	return r;
}

/*
 * What the bytes of a T61String mean depends on the tool that made it, and those of the other types
 * that are not here are no text.
 */
static int add_common_name(struct collector *collector, const ASN1_STRING *string)
{
	unsigned char *text = NULL;
	int len, r;

	switch (ASN1_STRING_type(string)) {
	case V_ASN1_UTF8STRING:
	case V_ASN1_PRINTABLESTRING:
	case V_ASN1_IA5STRING:
		return add_string(collector, PEER_NAME_CN, string);
	case V_ASN1_BMPSTRING:
	case V_ASN1_UNIVERSALSTRING:
		break;
	default:
		return 0;
	}
	len = ASN1_STRING_to_UTF8(&text, string);
	if (len < 0) /* It holds no characters. */
		return 0;
	r = add(collector, PEER_NAME_CN, text, (size_t)len);
	OPENSSL_free(text);
	return r;
}

static int add_common_names(struct collector *collector)
{
	const X509_NAME *subject = X509_get_subject_name(collector->leaf);
	int at = FROM_START, r = 0;

	while (r == 0 && (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
		r = add_common_name(
			collector, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	return r;
}

/* Adds the name as RFC 2253 writes it, but with the characters of UTF-8 instead of escapes. */
static int add_subject(struct peer_name_list *list, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;
	int r = 0;

	if (!bio)
		return -ENOMEM;
	if (X509_NAME_entry_count(name) > 0 &&
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		len = BIO_get_mem_data(bio, &text);
		r = len > 0 ? peer_names_add(list, PEER_NAME_SUBJECT, text, (size_t)len) : 0;
	}
	BIO_free(bio);
	return r;
}

static int add_digest(
	struct peer_name_list *list, enum peer_name_kind kind, const void *data, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[2 * EVP_MAX_MD_SIZE + 1];
	unsigned size = 0;

	if (EVP_Digest(data, len, digest, &size, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	for (unsigned i = 0; i < size; i++)
		(void)snprintf(&text[(size_t)2 * i], 3, "%02x", digest[i]);
	return peer_names_add(list, kind, text, (size_t)2 * size);
}

static int add_digests(struct peer_name_list *list, X509 *certificate)
{
	unsigned char *bytes = NULL;
	int len = i2d_X509(certificate, &bytes);
	int r = len > 0 ? add_digest(list, PEER_NAME_SHA256, bytes, (size_t)len) : -ENOMEM;

	OPENSSL_free(bytes);
	bytes = NULL;
	if (r < 0)
		return r;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
	r = len > 0 ? add_digest(list, PEER_NAME_SPKI_SHA256, bytes, (size_t)len) : -ENOMEM;
	OPENSSL_free(bytes);
	return r;
}

/*
 * A CA below the trusted one has the name that its issuer gave it, which could be any other CA's.
 * So only the trusted CA counts by its name; the others count by their certificate and key.
 */
static int add_above(struct collector *collector)
{
	int last = sk_X509_num(collector->chain) - 1, r = 0;

	for (int i = 1; i <= last && r == 0; i++) {
		X509 *authority = sk_X509_value(collector->chain, i);

		if (i == last)
			r = add_subject(&collector->names->above, X509_get_subject_name(authority));
		if (r == 0)
			r = add_digests(&collector->names->above, authority);
	}
	return r;
}

static int add_plain(struct collector *collector)
{
	struct problem fault = { "" };

	if (tls_identity_find(
		    collector->leaf, collector->chain, &collector->names->plain, &fault) == 0)
		return 0;
	collector->names->plain = (struct identity){ .name = "" };
	collector->names->fault = strdup(fault.text);
	return collector->names->fault ? 0 : -ENOMEM;
}

int tls_name_collect(
	X509 *leaf, STACK_OF(X509) * chain, struct peer_names **ret_names, struct problem *problem)
{
	struct collector collector = {
		.leaf = leaf, .chain = chain, .names = peer_names_new(), .problem = problem
	};
	int r = collector.names ? add_alternatives(&collector) : -ENOMEM;

	if (r == 0)
		r = add_common_names(&collector);
	if (r == 0)
		r = add_subject(&collector.names->own, X509_get_subject_name(leaf));
	if (r == 0)
		r = add_digests(&collector.names->own, leaf);
	if (r == 0)
		r = add_above(&collector);
	if (r == 0)
		r = add_plain(&collector);
	if (r < 0) {
		peer_names_unref(collector.names);
		if (r == -ENOMEM)
			problem_set(problem, "there is not enough memory to read its names");
		return r;
	}
	*ret_names = collector.names;
	return 0;
}

/* ---- the name of this end ---- */

/* Takes the value of the first name of that kind that is an identity. */
static bool take_first(
	const struct peer_names *names, const char *kind, struct identity *ret_identity)
{
	const char *name = NULL;

	while ((name = peer_names_next(&names->own, name))) {
		const char *value = strchr(name, ':') + 1;

		if (strncmp(name, kind, strlen(kind)) == 0 &&
			identity_set(ret_identity, value, strlen(value)) == 0)
			return true;
	}
	return false;
}

void tls_name_of_own(const struct peer_names *names, struct identity *ret_identity)
{
	enum { DIGITS = 16 }; /* of the certificate's digest: enough to tell one from another */
	const char *name = NULL;

	*ret_identity = names->plain;
	if (names->plain.name[0] != '\0' || take_first(names, "dns:", ret_identity) ||
		take_first(names, "cn:", ret_identity))
		return;
	while ((name = peer_names_next(&names->own, name))) {
		if (strncmp(name, "sha256:", 7) == 0)
			(void)snprintf(ret_identity->name, sizeof(ret_identity->name),
				"sha256-%.*s", DIGITS, &name[7]);
	}
}

bool tls_name_has_server(const struct peer_names *names)
{
	const char *name = NULL;

	while ((name = peer_names_next(&names->own, name))) {
		if (strncmp(name, "dns:", 4) == 0)
			return true;
	}
	return names->plain.name[0] != '\0';
}
