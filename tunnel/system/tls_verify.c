/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks the peer's certificate inside the handshake. OpenSSL builds and checks the chain; then our
 * own rules (tls_identity.c) follow while an alert can still be sent. The text is for the end that
 * refuses. The peer learns only the alert, which is chosen to be true there.
 *
 * OpenSSL calls it on the thread that runs the handshake.
 */
#include "system/tls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/array.h"
#include "base/wall_clock.h"

enum { NAMES_MAX = (TLS_CHAIN_DEPTH + 2) * (TLS_LABEL_MAX + 4) }; /* the issuers of a chain */

struct refusal {
	X509_STORE_CTX *store;
	X509 *certificate; /* the certificate that OpenSSL refuses */
	int error;
	bool is_leaf;
	bool is_ours; /* our own certificate, judged before a start */
	enum tls_role holder;
	struct identity identity; /* of the leaf, if it has a valid one */
	bool has_identity;
	/* "certificate of branch-a", "certificate of the CA "Example"" */
	char subject[TLS_LABEL_MAX + 32];
	struct problem *problem;
};

static void refusal_init(struct refusal *refusal, X509_STORE_CTX *store, enum tls_role holder,
	struct problem *problem)
{
	char label[TLS_LABEL_MAX];

	*refusal = (struct refusal){
		.store = store,
		.certificate = X509_STORE_CTX_get_current_cert(store),
		.error = X509_STORE_CTX_get_error(store),
		.is_leaf = X509_STORE_CTX_get_error_depth(store) == 0,
		.holder = holder,
		.problem = problem,
	};
	if (!refusal->certificate) {
		refusal->certificate = X509_STORE_CTX_get0_cert(store);
		refusal->is_leaf = true;
	}
	if (refusal->is_leaf) {
		refusal->has_identity = tls_identity_peek(refusal->certificate, &refusal->identity);
		snprintf(refusal->subject, sizeof(refusal->subject), "certificate of %s",
			tls_label(label, refusal->certificate));
	} else {
		snprintf(refusal->subject, sizeof(refusal->subject), "certificate of the CA \"%s\"",
			tls_label_name(label, X509_get_subject_name(refusal->certificate)));
	}
}

/*
 * Adds "; renew it with culvert-pki renew branch-a", if there is a name that a person could type.
 */
static void explain_with_cure(const struct refusal *refusal, const char *text, const char *lead)
{
	if (refusal->is_leaf && refusal->has_identity)
		problem_set(refusal->problem, "%s %s; %s culvert-pki renew %s", refusal->subject,
			text, lead, refusal->identity.name);
	else if (refusal->is_leaf)
		problem_set(
			refusal->problem, "%s %s; it has to be replaced", refusal->subject, text);
	else if (!(X509_get_extension_flags(refusal->certificate) & EXFLAG_SS))
		problem_set(refusal->problem,
			"%s %s; another CA has to issue its certificates again", refusal->subject,
			text);
	else
		problem_set(refusal->problem, "%s %s; a new CA has to be made for both ends",
			refusal->subject, text);
}

static void explain_expired(const struct refusal *refusal)
{
	char date[TLS_DATE_MAX], text[64];

	snprintf(text, sizeof(text), "expired on %s",
		tls_date(date, X509_get0_notAfter(refusal->certificate)));
	explain_with_cure(refusal, text, "renew it with");
	if (refusal->problem)
		problem_set(refusal->problem, "%s, unless this host's clock is wrong (it says %s)",
			refusal->problem->text, tls_date_now(date));
}

static void explain_not_yet_valid(const struct refusal *refusal)
{
	char date[TLS_DATE_MAX];

	problem_set(refusal->problem,
		"%s is valid only from %s; check the clock of this host and of the one that "
		"issued it",
		refusal->subject, tls_date_time(date, X509_get0_notBefore(refusal->certificate)));
}

static void explain_revoked(const struct refusal *refusal)
{
	X509_CRL *crl = X509_STORE_CTX_get0_current_crl(refusal->store);
	X509_REVOKED *revoked = NULL;
	char date[TLS_DATE_MAX], text[64];

	if (crl && X509_CRL_get0_by_cert(crl, &revoked, refusal->certificate) == 1)
		snprintf(text, sizeof(text), "was revoked on %s",
			tls_date(date, X509_REVOKED_get0_revocationDate(revoked)));
	else
		snprintf(text, sizeof(text),
			"is revoked"); /* OpenSSL has no list after an error about its dates */
	explain_with_cure(refusal, text, "only to admit it again:");
}

static void explain_bad_signature(const struct refusal *refusal)
{
	char issuer[TLS_LABEL_MAX];

	problem_set(refusal->problem,
		"%s is not signed by the CA \"%s\" in our ca file, only by one of that name; if "
		"the CA was made a second time, issue the certificate again",
		refusal->subject,
		tls_label_name(issuer, X509_get_issuer_name(refusal->certificate)));
}

/*
 * True if our ca file has a CA with the issuer's name but another key: culvert-pki gives every CA
 * the same name by default.
 */
static bool is_of_a_namesake(const struct refusal *refusal)
{
	STACK_OF(X509) *ours = X509_STORE_CTX_get1_certs(
		refusal->store, X509_get_issuer_name(refusal->certificate));
	bool found = false;

	(void)ERR_set_mark();
	for (int i = 0; i < sk_X509_num(ours); i++) {
		EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(ours, i));

		found = key && X509_verify(refusal->certificate, key) != 1;
		if (!found)
			break;
	}
	(void)ERR_pop_to_mark();
	sk_X509_pop_free(ours, X509_free);
	return found;
}

static void explain_broken(const struct refusal *refusal)
{
	struct problem broken;

	tls_identity_explain_broken(refusal->certificate, &broken);
	problem_set(refusal->problem, "%s is refused: %s", refusal->subject, broken.text);
}

static void explain_unknown_issuer(const struct refusal *refusal)
{
	char issuer[TLS_LABEL_MAX];

	/* OpenSSL finds no issuer for a certificate whose extensions it cannot read. */
	if (X509_get_extension_flags(refusal->certificate) & EXFLAG_INVALID) {
		explain_broken(refusal);
		return;
	}
	if (is_of_a_namesake(refusal)) {
		explain_bad_signature(refusal);
		return;
	}
	tls_label_name(issuer, X509_get_issuer_name(refusal->certificate));
	problem_set(refusal->problem, "%s was issued by \"%s\", which is not in our ca file; %s",
		refusal->subject, issuer,
		refusal->is_ours
			? "the other end needs that CA in its own, or refuses it: use one of our CA unless it has"
			: "use a certificate of our CA there; add that CA only if it is yours, for another's may be of a program that intercepts TLS on the way");
}

/* OpenSSL's purpose check also fails for a key usage, and for an issuer that is no CA. */
static void explain_wrong_purpose(const struct refusal *refusal)
{
	struct problem rule;

	if (!refusal->is_leaf)
		problem_set(refusal->problem,
			"%s is refused: its key usage or extended key usage does not let it issue a certificate for TLS; the other certificates need a CA without that limit",
			refusal->subject);
	else if (tls_identity_check(refusal->certificate, refusal->holder, &rule) == 0)
		problem_set(refusal->problem,
			"%s is refused: its key usage lacks digitalSignature, which TLS 1.3 needs; issue one with it",
			refusal->subject);
	else
		problem_set(refusal->problem, "%s is refused: %s", refusal->subject, rule.text);
}

static void explain_crl(const struct refusal *refusal)
{
	X509_CRL *crl = X509_STORE_CTX_get0_current_crl(refusal->store);
	char issuer[TLS_LABEL_MAX], date[TLS_DATE_MAX];

	tls_label_name(issuer, X509_get_issuer_name(refusal->certificate));
	if (refusal->error == X509_V_ERR_UNABLE_TO_GET_CRL)
		problem_set(refusal->problem,
			"%s cannot be checked: our crl file has no revocation list of its issuer "
			"\"%s\"; add one (culvert-pki makes it), or set crl_missing = \"warn\"",
			refusal->subject, issuer);
	else if (refusal->error == X509_V_ERR_CRL_HAS_EXPIRED && crl)
		problem_set(refusal->problem,
			"our revocation list of \"%s\" expired on %s, so %s is refused (crl_expired); "
			"make a new one with culvert-pki and put it here",
			issuer, tls_date(date, X509_CRL_get0_nextUpdate(crl)), refusal->subject);
	else if (refusal->error == X509_V_ERR_CRL_NOT_YET_VALID && crl)
		problem_set(refusal->problem,
			"our revocation list of \"%s\" is valid only from %s, so %s is refused (crl_expired); check the clock of this host",
			issuer, tls_date_time(date, X509_CRL_get0_lastUpdate(crl)),
			refusal->subject);
	else
		problem_set(refusal->problem,
			"our revocation list of \"%s\" cannot be used (%s), so %s cannot be checked; make a new one with culvert-pki and put it here",
			issuer, X509_verify_cert_error_string(refusal->error), refusal->subject);
}

static bool is_crl_error(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
		return true;
	default:
		return false;
	}
}

struct known_fault {
	int error;
	const char *text; /* continues "certificate of branch-a is refused: " */
};

/* The faults of a certificate alone; they have the same words for every certificate of a chain. */
static const struct known_fault faults[] = {
	{ X509_V_ERR_EE_KEY_TOO_SMALL, TLS_FAULT_SHORT_KEY },
	{ X509_V_ERR_CA_KEY_TOO_SMALL,
		"its key is too short (RSA needs 2,048 bits or more); a new CA with a longer key has to issue the certificates again" },
	{ X509_V_ERR_CA_MD_TOO_WEAK, TLS_FAULT_WEAK_HASH },
	{ X509_V_ERR_INVALID_CA,
		"it is not a CA's (basic constraints without CA:TRUE, or a key usage without keyCertSign), and yet another certificate was issued with it; use a CA's" },
	{ X509_V_ERR_INVALID_NON_CA, "it is a CA's own certificate; issue one with that CA" },
	{ X509_V_ERR_KEYUSAGE_NO_CERTSIGN,
		"its key usage lacks keyCertSign, so it may issue no certificates; use a CA that may" },
	{ X509_V_ERR_PATH_LENGTH_EXCEEDED,
		"there are more CAs below it than its path length allows; issue the certificate with the CA itself, or make a CA with a larger path length" },
	{ X509_V_ERR_PERMITTED_VIOLATION,
		"its name is not among those that the name constraints of its CA permit; issue one with such a name" },
	{ X509_V_ERR_EXCLUDED_VIOLATION,
		"its name is among those that the name constraints of its CA exclude; issue one with another name" },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION,
		"it has a critical extension that OpenSSL does not know; issue one without it" },
	{ X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM,
		"it is signed by a method that OpenSSL does not know; issue one signed with ECDSA, Ed25519 or RSA" },
	{ X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY,
		"the key of its CA cannot be read, perhaps for its curve; use a CA with a key on P-256, or an RSA key" },
	{ X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED,
		"it is a proxy certificate (RFC 3820), which is not accepted; issue an ordinary one" },
	{ X509_V_ERR_INVALID_EXTENSION, "one of its extensions is invalid; issue one without it" },
};

static const char *fault_text(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (faults[i].error == error)
			return faults[i].text;
	}
	return X509_verify_cert_error_string(error);
}

static void explain_refusal(const struct refusal *refusal)
{
	switch (refusal->error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		explain_expired(refusal);
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		explain_not_yet_valid(refusal);
		return;
	case X509_V_ERR_CERT_REVOKED:
		explain_revoked(refusal);
		return;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		explain_unknown_issuer(refusal);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		problem_set(refusal->problem,
			"%s is signed by its own key and by no CA; issue one with a CA that both ends have in ca (culvert-pki)",
			refusal->subject);
		return;
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		explain_bad_signature(refusal);
		return;
	case X509_V_ERR_INVALID_PURPOSE:
		explain_wrong_purpose(refusal);
		return;
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
		problem_set(refusal->problem,
			"%s comes with more than %d CA certificates; issue one by a CA that is nearer to one in ca",
			refusal->is_ours ? refusal->subject : "the other end's certificate",
			TLS_CHAIN_DEPTH);
		return;
	default:
		if (is_crl_error(refusal->error))
			explain_crl(refusal);
		else if (X509_get_extension_flags(refusal->certificate) & EXFLAG_INVALID)
			explain_broken(refusal);
		else
			problem_set(refusal->problem, "%s is refused: %s", refusal->subject,
				fault_text(refusal->error));
	}
}

void tls_verify_explain_own(X509_STORE_CTX *store, enum tls_role holder, struct problem *problem)
{
	struct refusal refusal;

	refusal_init(&refusal, store, holder, problem);
	refusal.is_ours = true;
	explain_refusal(&refusal);
}

void tls_verify_explain_peer(X509_STORE_CTX *store, enum tls_role holder, struct problem *problem)
{
	struct refusal refusal;

	refusal_init(&refusal, store, holder, problem);
	explain_refusal(&refusal);
}

int tls_verify_pass_missing_list(int is_good, X509_STORE_CTX *store)
{
	is_good = tls_anchor_pass(is_good, store);
	if (is_good || X509_STORE_CTX_get_error(store) != X509_V_ERR_UNABLE_TO_GET_CRL)
		return is_good;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static struct tls *tls_of(X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

	return SSL_get_app_data(ssl);
}

/*
 * Returns where to note the level that lacks a valid list, or NULL if the error refuses the
 * certificate. After an error about its dates OpenSSL goes on with the list, and what it revokes is
 * refused.
 */
static uint32_t *lack_of(struct tls *tls, int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return tls->context->crl_strict ? NULL : &tls->unlisted;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return tls->context->crl_current ? NULL : &tls->outdated;
	default:
		return NULL;
	}
}

/*
 * OpenSSL calls this with every verdict; only here are the certificate and its revocation list
 * known.
 */
static int note_verdict(int is_good, X509_STORE_CTX *store)
{
	struct tls *tls = tls_of(store);
	struct refusal refusal;
	uint32_t *lack;

	is_good = tls_anchor_pass(is_good, store);
	if (is_good)
		return 1;
	lack = lack_of(tls, X509_STORE_CTX_get_error(store));
	if (lack) {
		*lack |= UINT32_C(1) << X509_STORE_CTX_get_error_depth(store);
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	refusal_init(&refusal, store, tls_role_other(tls->context->role), &tls->problem);
	explain_refusal(&refusal);
	return 0;
}

/* OpenSSL derives the alert from the error in the store (its ssl_x509err2alert table). */
static int refuse_chain(X509_STORE_CTX *store, struct problem *problem)
{
	int error = X509_STORE_CTX_get_error(store);

	if (problem->text[0] == '\0')
		problem_set(problem, "the other end's certificate could not be checked: %s",
			X509_verify_cert_error_string(error));
	/*
	 * An error of our own revocation list must not reach the peer as "your certificate has
	 * expired".
	 */
	if (is_crl_error(error) || error == X509_V_OK)
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED); /* internal_error */
	return 0;
}

/* True for the first call about this issuer and lack. */
static bool note_once(struct tls_context *context, X509_NAME *issuer, bool is_outdated)
{
	unsigned long hash = X509_NAME_hash_ex(issuer, NULL, NULL, NULL) ^ (is_outdated ? ~0UL : 0);

	if (hash == 0) /* also if it cannot be computed; 0 marks a free place */
		hash = 1;
	for (size_t i = 0; i < TLS_NOTED_MAX; i++) {
		unsigned long found = 0;

		if (atomic_compare_exchange_strong(&context->noted[i], &found, hash))
			return true;
		if (found == hash)
			return false;
	}
	return false;
}

/* Writes the issuers of these levels that were not named before: "\"A\", \"B\"", or "". */
static void name_issuers(struct tls *tls, STACK_OF(X509) * chain, uint32_t levels, bool is_outdated,
	char names[static NAMES_MAX])
{
	char label[TLS_LABEL_MAX];
	size_t len = 0;

	names[0] = '\0';
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509_NAME *issuer = X509_get_issuer_name(sk_X509_value(chain, i));

		if (!(levels >> i & 1) || !note_once(tls->context, issuer, is_outdated))
			continue;
		len += (size_t)snprintf(&names[len], NAMES_MAX - len, "%s\"%s\"",
			len > 0 ? ", " : "", tls_label_name(label, issuer));
	}
}

/* Makes the notice for an accepted peer. Out of memory, the peer is accepted without it. */
static void note_lacks(struct tls *tls, STACK_OF(X509) * chain)
{
	char unlisted[NAMES_MAX], outdated[NAMES_MAX];
	struct problem notice = { .text = "" };

	name_issuers(tls, chain, tls->unlisted, false, unlisted);
	name_issuers(tls, chain, tls->outdated, true, outdated);
	if (unlisted[0] != '\0')
		problem_set(&notice,
			"crl has no revocation list of %s, so certificates that this CA has revoked are accepted; add the list, or refuse such certificates with crl_missing = \"refuse\"",
			unlisted);
	if (outdated[0] != '\0')
		problem_set(&notice,
			"%s%sno list of %s in crl is valid now; its newest one stays in force, but later revocations are not known: put a new one there, or refuse all certificates of this CA with crl_expired = \"refuse\"",
			notice.text, notice.text[0] != '\0' ? "; " : "", outdated);
	if (notice.text[0] != '\0')
		tls->notice = strdup(notice.text);
}

/*
 * OpenSSL takes a certificate of version 1, or one with nothing but a key usage, for a CA's where
 * its strict rules are off. The strict rules themselves are off because they refuse formal faults
 * of common tools: basic constraints that are not critical, a missing key usage or key identifier.
 */
static bool is_authority(X509 *certificate)
{
	uint32_t flags = X509_get_extension_flags(certificate);

	return (flags & EXFLAG_CA) && !(flags & EXFLAG_INVALID);
}

int tls_verify_authorities(STACK_OF(X509) * chain, struct problem *problem)
{
	char label[TLS_LABEL_MAX];

	for (int i = 1; i < sk_X509_num(chain); i++) {
		X509 *authority = sk_X509_value(chain, i);

		if (is_authority(authority))
			continue;
		problem_set(problem, "certificate of the CA \"%s\" is refused: %s",
			tls_label_name(label, X509_get_subject_name(authority)),
			fault_text(X509_V_ERR_INVALID_CA));
		return -EACCES;
	}
	return 0;
}

static int read_names(struct tls *tls, X509 *leaf, STACK_OF(X509) * chain, struct problem *problem)
{
	struct peer_names *names;
	int r = tls_name_collect(leaf, chain, &names, problem);

	if (r < 0)
		return r;
	peer_names_unref(tls->names);
	tls->names = names;
	return 0;
}

int tls_verify(X509_STORE_CTX *store, void *unused)
{
	struct tls *tls = tls_of(store);
	enum tls_role holder = tls_role_other(tls->context->role);
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	struct problem rule;
	char label[TLS_LABEL_MAX];
	int r;

	(void)unused;
	X509_STORE_CTX_set_verify_cb(store, note_verdict);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(store), (time_t)wall_now());
	tls->unlisted = 0;
	tls->outdated = 0;
	if (X509_verify_cert(store) <= 0)
		return refuse_chain(store, &tls->problem);
	if (tls_verify_authorities(X509_STORE_CTX_get0_chain(store), &tls->problem) < 0) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_CA); /* bad_certificate */
		return 0;
	}
	r = tls_identity_check(leaf, holder, &rule);
	if (r == 0)
		r = read_names(tls, leaf, X509_STORE_CTX_get0_chain(store), &rule);
	if (r < 0) {
		problem_set(&tls->problem, "certificate of %s is refused: %s",
			tls_label(label, leaf), rule.text);
		X509_STORE_CTX_set_error(store, /* else bad_certificate */
			r == -ENOMEM ? X509_V_ERR_OUT_OF_MEM : X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	note_lacks(tls, X509_STORE_CTX_get0_chain(store));
	return 1;
}
