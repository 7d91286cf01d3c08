/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Culvert's own rules for a certificate, which are narrower than X.509's. OpenSSL accepts names
 * with a NUL, a newline or 20,000 bytes, two common names, and an empty subject. It accepts a leaf
 * that is a CA or has no extended key usage. It does not check a common name without a dot against
 * its issuer's name constraints. Here the name is a peer's identity: it is used in file names, logs
 * and policy.
 *
 * Pure functions, on any thread: tls_context.c calls them for our own certificate, tls.c and
 * tls_verify.c for the peer's.
 */
#include "system/tls_internal.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/x509v3.h>

#include "base/wall_clock.h"

enum { FROM_START = -1 }; /* OpenSSL searches behind the position that it is given */

/* The role's name for culvert-pki: "client". */
static const char *role_name(enum tls_role role)
{
	return role == TLS_SERVER ? "server" : "client";
}

/* The role's name in RFC 5280: "clientAuth". */
static const char *role_usage(enum tls_role role)
{
	return role == TLS_SERVER ? "serverAuth" : "clientAuth";
}

enum tls_role tls_role_other(enum tls_role role)
{
	return role == TLS_SERVER ? TLS_CLIENT : TLS_SERVER;
}

static const char *escape_string(char out[static TLS_LABEL_MAX], const ASN1_STRING *string)
{
	return problem_escape(out, TLS_LABEL_MAX, ASN1_STRING_get0_data(string),
		(unsigned long)ASN1_STRING_length(string));
}

static int identity_from_string(
	const ASN1_STRING *string, struct identity *ret_identity, struct problem *problem)
{
	char shown[TLS_LABEL_MAX];

	if (identity_set(ret_identity, ASN1_STRING_get0_data(string),
		    (size_t)ASN1_STRING_length(string)) == 0)
		return 0;
	problem_set(problem,
		"its name \"%s\" is not 1 to 64 of the characters A-Z a-z 0-9 . _ -; issue one "
		"with a plain name",
		escape_string(shown, string));
	return -EACCES;
}

static int identity_from_san(
	const GENERAL_NAMES *names, struct identity *ret_identity, struct problem *problem)
{
	const GENERAL_NAME *name;
	int count = sk_GENERAL_NAME_num(names);

	if (count != 1) {
		problem_set(problem,
			"its subjectAltName holds %d names; issue one with exactly one DNS name, or say with identity in its peers entry which one counts",
			count);
		return -EACCES;
	}
	name = sk_GENERAL_NAME_value(names, 0);
	if (name->type != GEN_DNS) {
		problem_set(problem,
			"its subjectAltName holds a name that is no DNS name; issue one with exactly one DNS name, or name it with identity in a peers entry");
		return -EACCES;
	}
	return identity_from_string(name->d.dNSName, ret_identity, problem);
}

/*
 * The string types whose bytes are the characters. BMPString and others could spell one name in
 * several ways.
 */
static bool is_plain_string(const ASN1_STRING *string)
{
	int type = ASN1_STRING_type(string);

	return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING ||
		type == V_ASN1_IA5STRING;
}

static int identity_from_subject(X509 *leaf, struct identity *ret_identity, struct problem *problem)
{
	const X509_NAME *subject = X509_get_subject_name(leaf);
	const ASN1_STRING *string;
	int first = X509_NAME_get_index_by_NID(subject, NID_commonName, FROM_START);

	if (first < 0) {
		problem_set(problem,
			"it has neither a DNS subjectAltName nor a common name, so it names no peer; issue one with a name");
		return -EACCES;
	}
	if (X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0) {
		problem_set(problem,
			"it has more than one common name and no subjectAltName; issue one with "
			"exactly one name");
		return -EACCES;
	}
	string = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first));
	if (!is_plain_string(string)) {
		problem_set(problem,
			"its common name is not a UTF8String or PrintableString; issue one with a "
			"plain name");
		return -EACCES;
	}
	return identity_from_string(string, ret_identity, problem);
}

/*
 * OpenSSL checks a common name against its issuers' name constraints only if it looks like a host
 * name with a dot. So under a constrained issuer the name must be in the subjectAltName, which is
 * always checked.
 */
static int check_constraints(STACK_OF(X509) * chain, struct problem *problem)
{
	char label[TLS_LABEL_MAX];

	for (int i = 1; i < sk_X509_num(chain); i++) {
		X509 *issuer = sk_X509_value(chain, i);

		if (X509_get_ext_by_NID(issuer, NID_name_constraints, FROM_START) < 0)
			continue;
		problem_set(problem,
			"its name is only in the common name, and its issuer \"%s\" has name constraints; issue one with a DNS subjectAltName",
			tls_label_name(label, X509_get_subject_name(issuer)));
		return -EACCES;
	}
	return 0;
}

int tls_identity_find(
	X509 *leaf, STACK_OF(X509) * chain, struct identity *ret_identity, struct problem *problem)
{
	GENERAL_NAMES *names;
	int found; /* -1: no such extension, -2: more than one, else one (X509V3_get_d2i(3)) */
	int error;

	names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &found, NULL);
	if (names) {
		error = identity_from_san(names, ret_identity, problem);
		GENERAL_NAMES_free(names);
		return error;
	}
	if (found != -1) {
		problem_set(problem,
			"its subjectAltName is broken or present twice; issue one with exactly one DNS name");
		return -EACCES;
	}
	error = chain ? check_constraints(chain, problem) : 0;
	return error ? error : identity_from_subject(leaf, ret_identity, problem);
}

/* Returns an extension that the certificate has twice, or NULL. */
static X509_EXTENSION *find_twice(X509 *certificate)
{
	for (int i = 0; i < X509_get_ext_count(certificate); i++) {
		X509_EXTENSION *extension = X509_get_ext(certificate, i);

		if (X509_get_ext_by_OBJ(certificate, X509_EXTENSION_get_object(extension), i) >= 0)
			return extension;
	}
	return NULL;
}

void tls_identity_explain_broken(X509 *certificate, struct problem *problem)
{
	X509_EXTENSION *twice = find_twice(certificate);
	char name[TLS_LABEL_MAX];

	if (!twice) {
		problem_set(problem, "one of its extensions is broken; issue a new one");
		return;
	}
	OBJ_obj2txt(name, sizeof(name), X509_EXTENSION_get_object(twice), 0);
	problem_set(problem,
		"it has the extension \"%s\" twice; issue one that has it once, for a name with exactly one DNS name in it",
		name);
}

int tls_identity_check(X509 *leaf, enum tls_role holder, struct problem *problem)
{
	uint32_t flags = X509_get_extension_flags(leaf);
	uint32_t wanted = holder == TLS_SERVER ? XKU_SSL_SERVER : XKU_SSL_CLIENT;

	if (flags & EXFLAG_INVALID) {
		tls_identity_explain_broken(leaf, problem);
		return -EACCES;
	}
	if (flags & EXFLAG_CA) {
		problem_set(problem,
			"it is a CA's own certificate (CA:TRUE); issue one for a %s with it",
			role_name(holder));
		return -EACCES;
	}
	if (!(flags & EXFLAG_XKUSAGE)) {
		problem_set(problem,
			"it has no extended key usage, and a %s's needs %s; issue one with it",
			role_name(holder), role_usage(holder));
		return -EACCES;
	}
	if (!(X509_get_extended_key_usage(leaf) & wanted)) {
		problem_set(problem,
			"it is not meant for a %s: its extended key usage lacks %s; issue one "
			"with culvert-pki %s",
			role_name(holder), role_usage(holder), role_name(holder));
		return -EACCES;
	}
	return 0;
}

bool tls_identity_peek(X509 *certificate, struct identity *ret_identity)
{
	return tls_identity_find(certificate, NULL, ret_identity, NULL) == 0;
}

/* ---- names in messages ---- */

const char *tls_label_name(char out[static TLS_LABEL_MAX], const X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, FROM_START);

	if (at >= 0)
		return escape_string(out, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (X509_NAME_entry_count(name) == 0)
		snprintf(out, TLS_LABEL_MAX, "no name");
	else /* It cuts at the size and writes unprintable bytes as \xNN. */
		X509_NAME_oneline(name, out, TLS_LABEL_MAX);
	return out;
}

const char *tls_label(char out[static TLS_LABEL_MAX], X509 *certificate)
{
	struct identity identity;
	char name[TLS_LABEL_MAX];

	if (tls_identity_peek(certificate, &identity))
		snprintf(out, TLS_LABEL_MAX, "%s", identity.name);
	else
		snprintf(out, TLS_LABEL_MAX, "\"%.*s\"", TLS_LABEL_MAX - 3,
			tls_label_name(name, X509_get_subject_name(certificate)));
	return out;
}

static const char *format_date(
	char out[static TLS_DATE_MAX], const ASN1_TIME *time, const char *format)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(out, TLS_DATE_MAX, format, &tm) == 0)
		snprintf(out, TLS_DATE_MAX, "an unreadable date");
	return out;
}

const char *tls_date(char out[static TLS_DATE_MAX], const ASN1_TIME *time)
{
	return format_date(out, time, "%Y-%m-%d");
}

const char *tls_date_time(char out[static TLS_DATE_MAX], const ASN1_TIME *time)
{
	return format_date(out, time, "%Y-%m-%d %H:%M:%S UTC");
}

const char *tls_date_now(char out[static TLS_DATE_MAX])
{
	time_t now = (time_t)wall_now();
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(out, TLS_DATE_MAX, "%Y-%m-%d", &tm) == 0)
		out[0] = '\0';
	return out;
}

int tls_compare_now(const ASN1_TIME *time)
{
	time_t now = (time_t)wall_now();

	return X509_cmp_time(time, &now);
}

int tls_time(const ASN1_TIME *time, time_t *ret_time)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return -EINVAL;
	*ret_time = timegm(&tm);
	return 0;
}
