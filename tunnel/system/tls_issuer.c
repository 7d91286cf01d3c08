/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tls_issuer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/wall_clock.h"
#include "system/tls_internal.h"
#include "system/tls_request.h"
#include "system/tls_signed.h"

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 4096, /* larger keys cost each handshake too much */
	SERIAL_BYTES = 19,   /* RFC 5280, 4.1.2.2: at most 20, and positive */
	BACKDATE_S = 300,    /* for clocks that are a little late */
	BACKDATE_PART = 10,  /* but at most a tenth of the lifetime */
};

struct tls_issuer {
	struct tls_context *trust;
	STACK_OF(X509) * chain; /* the issuing CA first */
	EVP_PKEY *key;
	int64_t lifetime;
};

struct tls_petition {
	X509 *present;
	EVP_PKEY *fresh;
	struct peer_names *names; /* counted */
};

/* ---- the issuer ---- */

static int check_authority(const struct tls_issuer *issuer, struct problem *problem)
{
	X509 *authority = sk_X509_value(issuer->chain, 0);

	if (!(X509_get_extension_flags(authority) & EXFLAG_CA) ||
		!(X509_get_key_usage(authority) & KU_KEY_CERT_SIGN)) {
		problem_set(problem,
			"issuer.certificate: it is not a CA's, so nothing can be issued with it; put the certificate of the issuing CA there");
		return -EINVAL;
	}
	if (X509_check_private_key(authority, issuer->key) != 1) {
		problem_set(problem,
			"issuer.key: does not belong to issuer.certificate; use the two that were made together");
		return -EINVAL;
	}
	return 0;
}

int tls_issuer_new(const struct tls_issuer_material *material, struct tls_issuer **ret_issuer,
	struct problem *problem)
{
	struct tls_issuer *issuer = calloc(1, sizeof(*issuer));
	int r;

	if (!issuer)
		return -ENOMEM;
	ERR_clear_error();
	issuer->lifetime = material->lifetime;
	issuer->trust = tls_context_ref(material->trust);
	r = tls_read_certificates(
		&material->certificate, "issuer.certificate", &issuer->chain, problem);
	if (r == 0) {
		r = tls_key_read(&material->key, &issuer->key, problem);
		if (r < 0)
			problem_prepend(problem, "issuer");
	}
	if (r == 0)
		r = check_authority(issuer, problem);
	ERR_clear_error();
	if (r < 0) {
		tls_issuer_free(issuer);
		return r;
	}
	*ret_issuer = issuer;
	return 0;
}

void tls_issuer_free(struct tls_issuer *issuer)
{
	if (!issuer)
		return;
	tls_context_unref(issuer->trust);
	sk_X509_pop_free(issuer->chain, X509_free);
	EVP_PKEY_free(issuer->key);
	free(issuer);
}

/* ---- the request's parts ---- */

struct parts {
	STACK_OF(X509) * chain; /* owned */
	X509_REQ *csr;          /* owned */
	struct view covered;    /* what the signature is over */
	struct view signature;
};

static void parts_free(struct parts *parts)
{
	sk_X509_pop_free(parts->chain, X509_free);
	X509_REQ_free(parts->csr);
}

static int read_der(struct reader *reader, struct view *ret_der)
{
	uint32_t len;
	int r = reader_u24(reader, &len);

	return r < 0 ? r : reader_view(reader, len, ret_der);
}

static int read_certificate(struct reader *reader, STACK_OF(X509) * chain)
{
	struct view der;
	const uint8_t *at;
	X509 *certificate;

	if (read_der(reader, &der) < 0)
		return -EBADMSG;
	at = der.data;
	certificate = d2i_X509(NULL, &at, (long)der.len);
	if (!certificate)
		return -EBADMSG;
	if (at != der.data + der.len || sk_X509_push(chain, certificate) <= 0) {
		X509_free(certificate);
		return -EBADMSG;
	}
	return 0;
}

static int read_csr(struct reader *reader, X509_REQ **ret_csr)
{
	struct view der;
	const uint8_t *at;

	if (read_der(reader, &der) < 0)
		return -EBADMSG;
	at = der.data;
	*ret_csr = d2i_X509_REQ(NULL, &at, (long)der.len);
	return *ret_csr && at == der.data + der.len ? 0 : -EBADMSG;
}

/* On failure, too, the caller frees the parts. */
static int read_parts(const struct view *request, struct parts *ret_parts)
{
	struct reader reader;
	uint8_t version, count;
	uint16_t len;
	int r = 0;

	*ret_parts = (struct parts){ .chain = sk_X509_new_null() };
	if (!ret_parts->chain)
		return -ENOMEM;
	reader_init(&reader, request->data, request->len);
	if (request->len > TLS_REQUEST_MAX || reader_u8(&reader, &version) < 0 ||
		version != TLS_REQUEST_VERSION || reader_u8(&reader, &count) < 0 || count == 0 ||
		count > TLS_REQUEST_CHAIN_MAX)
		return -EBADMSG;
	while (r == 0 && count-- > 0)
		r = read_certificate(&reader, ret_parts->chain);
	if (r == 0)
		r = read_csr(&reader, &ret_parts->csr);
	if (r < 0)
		return r;
	ret_parts->covered = (struct view){ .data = request->data, .len = reader.at };
	if (reader_u16(&reader, &len) < 0 || reader_view(&reader, len, &ret_parts->signature) < 0 ||
		reader_left(&reader) > 0)
		return -EBADMSG;
	return 0;
}

/* ---- the check ---- */

/*
 * Verifies a client's certificate by the rules of the handshake. -EACCES: *problem continues
 * "certificate: ".
 */
static int verify_client(const struct tls_context *trust, STACK_OF(X509) * chain,
	struct peer_names **ret_names, struct problem *problem)
{
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	X509 *leaf = sk_X509_value(chain, 0);
	X509_VERIFY_PARAM *rules;
	int r = -EACCES;

	if (!store)
		return -ENOMEM;
	if (X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(trust->ssl_context), leaf, chain) !=
			1 ||
		X509_STORE_CTX_set_default(store, "ssl_client") != 1) {
		X509_STORE_CTX_free(store);
		return -ENOMEM;
	}
	X509_STORE_CTX_set_verify_cb(
		store, trust->crl_strict ? tls_anchor_pass : tls_verify_pass_missing_list);
	rules = X509_STORE_CTX_get0_param(store);
	X509_VERIFY_PARAM_set_time(rules, (time_t)wall_now());
	X509_VERIFY_PARAM_set_depth(rules, TLS_CHAIN_DEPTH);
	X509_VERIFY_PARAM_set_auth_level(rules, TLS_SECURITY_LEVEL);
	if (X509_verify_cert(store) != 1)
		tls_verify_explain_own(store, TLS_CLIENT, problem);
	else if (tls_verify_authorities(X509_STORE_CTX_get0_chain(store), problem) == 0 &&
		tls_identity_check(leaf, TLS_CLIENT, problem) == 0)
		r = tls_name_collect(leaf, X509_STORE_CTX_get0_chain(store), ret_names, problem);
	X509_STORE_CTX_free(store);
	return r;
}

static bool is_of_an_allowed_kind(const EVP_PKEY *key)
{
	char curve[TLS_LABEL_MAX] = "";
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_is_a(key, "ED25519"))
		return true;
	if (EVP_PKEY_is_a(key, "RSA"))
		return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
	return EVP_PKEY_is_a(key, "EC") &&
		EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
		(strcmp(curve, "prime256v1") == 0 || strcmp(curve, "secp384r1") == 0);
}

/* The fresh key has signed the request: its sender has that key. */
static int check_fresh(const struct parts *parts, EVP_PKEY **ret_fresh, struct problem *problem)
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(parts->csr);

	if (!key || !is_of_an_allowed_kind(key)) {
		problem_set(problem,
			"the fresh key is of a kind that is not issued for: it has to be on P-256 or P-384, Ed25519, or RSA of %d to %d bits",
			RSA_BITS_MIN, RSA_BITS_MAX);
		return -EACCES;
	}
	if (X509_REQ_verify(parts->csr, key) != 1) {
		problem_set(problem, "the fresh key has not signed the request");
		return -EACCES;
	}
	if (EVP_PKEY_up_ref(key) != 1)
		return -ENOMEM;
	*ret_fresh = key;
	return 0;
}

static int check_parts(const struct tls_issuer *issuer, const struct parts *parts,
	struct tls_petition *petition, struct problem *problem)
{
	X509 *leaf = sk_X509_value(parts->chain, 0);
	int r = verify_client(issuer->trust, parts->chain, &petition->names, problem);

	if (r < 0) {
		problem_prepend(problem, "the present certificate");
		return r;
	}
	if (!tls_signed_verify(X509_get0_pubkey(leaf), parts->covered.data, parts->covered.len,
		    parts->signature.data, parts->signature.len)) {
		problem_set(
			problem, "the key of the present certificate has not signed the request");
		return -EACCES;
	}
	r = check_fresh(parts, &petition->fresh, problem);
	if (r < 0)
		return r;
	if (EVP_PKEY_eq(petition->fresh, X509_get0_pubkey(leaf)) == 1) {
		problem_set(problem, "the key is the present one; a renewal takes a fresh key");
		return -EACCES;
	}
	if (X509_up_ref(leaf) != 1)
		return -ENOMEM;
	petition->present = leaf;
	return 0;
}

int tls_petition_check(const struct tls_issuer *issuer, const struct view *request,
	struct tls_petition **ret_petition, struct problem *problem)
{
	struct tls_petition *petition = calloc(1, sizeof(*petition));
	struct parts parts;
	int r;

	if (!petition)
		return -ENOMEM;
	ERR_clear_error();
	r = read_parts(request, &parts);
	if (r < 0)
		problem_set(problem, "the request is damaged, or not of version %d",
			TLS_REQUEST_VERSION);
	else
		r = check_parts(issuer, &parts, petition, problem);
	parts_free(&parts);
	ERR_clear_error();
	if (r < 0) {
		tls_petition_free(petition);
		return r;
	}
	*ret_petition = petition;
	return 0;
}

void tls_petition_free(struct tls_petition *petition)
{
	if (!petition)
		return;
	X509_free(petition->present);
	EVP_PKEY_free(petition->fresh);
	peer_names_unref(petition->names);
	free(petition);
}

const struct peer_names *tls_petition_names(const struct tls_petition *petition)
{
	return petition->names;
}

/* ---- the certificate ---- */

static bool set_serial(X509 *certificate, char text[static TLS_SERIAL_TEXT_MAX])
{
	uint8_t bytes[SERIAL_BYTES];
	BIGNUM *number = NULL;
	bool done;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] |= 1; /* neither zero nor shorter than the text */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(&text[2 * i], 3, "%02x", bytes[i]);
	return done;
}

/* It ends with the CA at the latest. -EINVAL: that is now. */
static int set_dates(const struct tls_issuer *issuer, X509 *certificate, int64_t *ret_not_after,
	struct problem *problem)
{
	int64_t now = wall_now(), back = issuer->lifetime / BACKDATE_PART;
	int64_t until = now + issuer->lifetime;
	time_t end;

	if (tls_time(X509_get0_notAfter(sk_X509_value(issuer->chain, 0)), &end) < 0)
		return -EINVAL;
	if (until > (int64_t)end)
		until = (int64_t)end;
	if (until <= now) {
		problem_set(problem,
			"the issuing CA has expired; replace issuer.certificate (culvert-pki rollover)");
		return -EINVAL;
	}
	if (back > BACKDATE_S)
		back = BACKDATE_S;
	if (!ASN1_TIME_adj(X509_getm_notBefore(certificate), (time_t)(now - back), 0, 0) ||
		!ASN1_TIME_adj(X509_getm_notAfter(certificate), (time_t)until, 0, 0))
		return -ENOMEM;
	*ret_not_after = until;
	return 0;
}

static bool add_extension(X509 *certificate, X509 *authority, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool done;

	X509V3_set_ctx(&context, authority, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	done = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return done;
}

static bool add_extensions(X509 *certificate, X509 *authority, X509 *present)
{
	int at = X509_get_ext_by_NID(present, NID_subject_alt_name, -1);

	if (!add_extension(certificate, authority, NID_basic_constraints, "critical,CA:FALSE") ||
		!add_extension(
			certificate, authority, NID_key_usage, "critical,digitalSignature") ||
		!add_extension(certificate, authority, NID_ext_key_usage, "clientAuth") ||
		!add_extension(certificate, authority, NID_subject_key_identifier, "hash"))
		return false;
	if (X509_get0_subject_key_id(authority) &&
		!add_extension(certificate, authority, NID_authority_key_identifier, "keyid"))
		return false;
	return at < 0 || X509_add_ext(certificate, X509_get_ext(present, at), -1) == 1;
}

static const EVP_MD *hash_for(const EVP_PKEY *key)
{
	char name[TLS_LABEL_MAX] = "";

	if (EVP_PKEY_get_default_digest_name((EVP_PKEY *)key, name, sizeof(name)) <= 0 ||
		strcmp(name, "UNDEF") == 0)
		return NULL; /* the key's kind has a hash of its own */
	return EVP_get_digestbyname(name);
}

static X509 *make_certificate(const struct tls_issuer *issuer, const struct tls_petition *petition,
	struct tls_issued *issued, struct problem *problem)
{
	X509 *authority = sk_X509_value(issuer->chain, 0), *certificate = X509_new();

	if (certificate && set_dates(issuer, certificate, &issued->not_after, problem) == 0 &&
		X509_set_version(certificate, X509_VERSION_3) == 1 &&
		set_serial(certificate, issued->serial) &&
		X509_set_issuer_name(certificate, X509_get_subject_name(authority)) == 1 &&
		X509_set_subject_name(certificate, X509_get_subject_name(petition->present)) == 1 &&
		X509_set_pubkey(certificate, petition->fresh) == 1 &&
		add_extensions(certificate, authority, petition->present) &&
		X509_sign(certificate, issuer->key, hash_for(issuer->key)) > 0)
		return certificate;
	if (problem && problem->text[0] == '\0')
		problem_set(problem, "cannot make the certificate: %s", tls_text_queue());
	X509_free(certificate);
	return NULL;
}

/* What this server would refuse must not replace a certificate that works. */
static int check_issued(const struct tls_issuer *issuer, X509 *certificate,
	struct peer_names **ret_names, struct problem *problem)
{
	STACK_OF(X509) *chain = X509_chain_up_ref(issuer->chain);
	int r = chain && sk_X509_insert(chain, certificate, 0) > 0 ? 0 : -ENOMEM;

	if (r == 0) {
		(void)X509_up_ref(certificate);
		r = verify_client(issuer->trust, chain, ret_names, problem);
	}
	sk_X509_pop_free(chain, X509_free);
	if (r != -EACCES)
		return r;
	problem_prepend(problem,
		"the issuing CA makes certificates that this server refuses (issuer.certificate, ca)");
	return -EINVAL;
}

static int write_pem(const struct tls_issuer *issuer, X509 *certificate, struct tls_issued *issued)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool done = bio && PEM_write_bio_X509(bio, certificate) == 1;
	char *data;

	for (int i = 0; done && i < sk_X509_num(issuer->chain); i++) {
		X509 *authority = sk_X509_value(issuer->chain, i);

		if (!(X509_get_extension_flags(authority) & EXFLAG_SS))
			done = PEM_write_bio_X509(bio, authority) == 1;
	}
	if (done) {
		issued->len = (size_t)BIO_get_mem_data(bio, &data);
		issued->pem = strndup(data, issued->len);
	}
	BIO_free(bio);
	return issued->pem ? 0 : -ENOMEM;
}

int tls_petition_issue(const struct tls_issuer *issuer, const struct tls_petition *petition,
	struct tls_issued *ret_issued, struct problem *problem)
{
	struct tls_issued issued = { .pem = NULL };
	struct problem why = { 0 };
	X509 *certificate;
	int r = -EINVAL;

	ERR_clear_error();
	certificate = make_certificate(issuer, petition, &issued, &why);
	if (certificate)
		r = check_issued(issuer, certificate, &issued.names, &why);
	if (r == 0)
		r = write_pem(issuer, certificate, &issued);
	X509_free(certificate);
	ERR_clear_error();
	if (r == 0) {
		*ret_issued = issued;
		return 0;
	}
	peer_names_unref(issued.names);
	problem_set(problem, "%s", why.text);
	return r;
}

void tls_issued_free(struct tls_issued *issued)
{
	peer_names_unref(issued->names);
	free(issued->pem);
	*issued = (struct tls_issued){ .pem = NULL };
}
