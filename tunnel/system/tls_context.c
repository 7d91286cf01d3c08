/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, certificates and settings, checked once and then shared by many connections. All settings
 * are explicit, so that a system-wide openssl.cnf changes nothing that matters. Nothing here is
 * global: a reload makes a new context, and the old one ends with its last connection.
 *
 * Any thread may call tls_context_new(); the result is immutable but for its counter.
 */
#include "system/tls_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/array.h"

/*
 * ChaCha20 comes first where AES runs in software, three times slower and harder to protect from
 * side channels. A server follows a client that prefers it (SSL_OP_PRIORITIZE_CHACHA).
 */
#define CIPHER_SUITES_AES "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"
#define CIPHER_SUITES_CHACHA "TLS_CHACHA20_POLY1305_SHA256"

/*
 * Best first; we use the first list that the library can parse. OpenSSL 3.5 sends a key share for
 * each group marked '*', so that an end without the hybrid group costs no additional round trip.
 */
static const char *const group_lists[] = {
	"*X25519MLKEM768:*X25519:P-256",
	"X25519MLKEM768:X25519:P-256",
	"X25519:P-256",
};

/*
 * The signatures that an end may use for a handshake, and a CA for a certificate of its chain (RFC
 * 8446, 4.2.3). The last three are for certificates only. We use the first list that the library
 * can parse.
 */
#define SIGNATURES                                                                     \
	"ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519" \
	":ed448:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512"              \
	":rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512"                 \
	":rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512"
static const char *const signature_lists[] = {
	"mldsa65:mldsa87:mldsa44:" SIGNATURES, /* OpenSSL 3.5 */
	SIGNATURES,
};

/* ---- PEM ---- */

/* After a PEM reader returned NULL: true at the end of the text, false for broken content. */
static bool is_pem_end(void)
{
	unsigned long error = ERR_peek_last_error();

	return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static bool has_text(const struct view *text, const char *part)
{
	return memmem(text->data, text->len, part, strlen(part)) != NULL;
}

/* Adds what a text without a certificate in PEM form is, where it tells. */
static const char *form_of(const struct view *text)
{
	if (has_text(text, "PRIVATE KEY-----"))
		return "; it holds a private key: that belongs into key, and the certificate that was issued for it here";
	if (has_text(text, "CERTIFICATE REQUEST-----"))
		return "; it holds a request for a certificate: have a CA issue one for it, and put that here";
	if (has_text(text, "X509 CRL-----"))
		return "; it holds a revocation list: that belongs into crl";
	if (text->len >= 2 && text->data[0] == 0x30 && (text->data[1] & 0x80))
		return "; it is binary: convert DER with openssl x509 -inform DER, PKCS#12 with openssl pkcs12 -nodes";
	if (text->len >= 2 &&
		((text->data[0] == 0xff && text->data[1] == 0xfe) ||
			(text->data[0] == 0xfe && text->data[1] == 0xff)))
		return "; it is UTF-16: save it as plain text (UTF-8)";
	return "";
}

int tls_read_certificates(const struct view *text, const char *part,
	STACK_OF(X509) * *ret_certificates, struct problem *problem)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	BIO *bio = tls_view_bio(text);
	X509 *one;

	if (!certificates)
		goto fail_memory;
	while (bio && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (sk_X509_push(certificates, one) <= 0) {
			X509_free(one);
			goto fail_memory;
		}
	}
	if (bio && !is_pem_end()) {
		problem_set(problem,
			"%s: certificate %d is damaged (%s); copy the whole file again, or issue a new one",
			part, sk_X509_num(certificates) + 1, tls_text_queue());
		goto fail;
	}
	if (sk_X509_num(certificates) == 0) {
		problem_set(problem,
			"%s: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)%s",
			part, form_of(text));
		goto fail;
	}
	BIO_free(bio);
	ERR_clear_error();
	*ret_certificates = certificates;
	return 0;

fail_memory:
	BIO_free(bio);
	sk_X509_pop_free(certificates, X509_free);
	return -ENOMEM;
fail:
	BIO_free(bio);
	sk_X509_pop_free(certificates, X509_free);
	return -EINVAL;
}

/* ---- our own certificate ---- */

static int check_chain_size(STACK_OF(X509) * chain, struct problem *problem)
{
	size_t size = 0;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		int one = i2d_X509(sk_X509_value(chain, i), NULL);

		size += one > 0 ? (size_t)one : 0;
	}
	if (size <= TLS_OWN_CHAIN_BYTES)
		return 0;
	problem_set(problem,
		"certificate: it and its intermediates have %zu bytes; at most %d can be sent",
		size, TLS_OWN_CHAIN_BYTES);
	return -EINVAL;
}

/* A server's clients compare a DNS name, or a common name, with server_name. */
static int use_names(struct tls_context *context, X509 *leaf, struct problem *problem)
{
	struct peer_names *names = NULL;
	int error = tls_identity_check(leaf, context->role, problem);

	if (error == 0)
		error = tls_name_collect(leaf, NULL, &names, problem);
	if (error == 0 && context->role == TLS_SERVER && !tls_name_has_server(names)) {
		problem_set(problem,
			"it has no DNS name that server_name of a client could be; issue one with it");
		error = -EACCES;
	}
	if (error == 0)
		tls_name_of_own(names, &context->identity);
	peer_names_unref(names);
	if (error == -EACCES) {
		problem_prepend(problem, "certificate");
		error = -EINVAL;
	}
	return error;
}

static int check_own(
	struct tls_context *context, STACK_OF(X509) * chain, EVP_PKEY *key, struct problem *problem)
{
	X509 *leaf = sk_X509_value(chain, 0);
	int error;

	if (key && X509_check_private_key(leaf, key) != 1) {
		ERR_clear_error();
		if (X509_get_extension_flags(leaf) & EXFLAG_CA) {
			problem_set(problem,
				"certificate: its first certificate is a CA's own; put the one of this end's key first, and the CA's into ca");
			return -EINVAL;
		}
		problem_set(problem,
			"key: does not belong to the certificate; use the two that were made "
			"together");
		return -EINVAL;
	}
	error = check_chain_size(chain, problem);
	if (error)
		return error;
	error = use_names(context, leaf, problem);
	if (error)
		return error;
	context->chain = X509_chain_up_ref(chain);
	if (!context->chain)
		return -ENOMEM;
	return tls_time(X509_get0_notAfter(leaf), &context->not_after);
}

static int use_own(
	struct tls_context *context, const struct tls_material *material, struct problem *problem)
{
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	X509 *leaf;
	int error;

	error = tls_read_certificates(&material->certificate, "certificate", &chain, problem);
	if (error)
		return error;
	if (!material->key_locked)
		error = tls_key_read(&material->key, &key, problem);
	if (error == 0)
		error = check_own(context, chain, key, problem);
	if (error == 0 && key) {
		leaf = sk_X509_shift(chain);
		if (SSL_CTX_use_cert_and_key(context->ssl_context, leaf, key, chain, 1) != 1) {
			problem_set(problem, "certificate: cannot be used: %s", tls_text_queue());
			error = -EINVAL;
		}
		X509_free(leaf);
	}
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
	return error;
}

/* ---- trusted CAs ---- */

/*
 * Returns true for a certificate that another CA has issued to a CA whose self-signed certificate
 * is here, too. OpenSSL takes either as the end of a chain, and with this one a chain might be
 * longer than the other CA allows.
 */
static bool is_cross_certificate(X509 *certificate, STACK_OF(X509) * authorities)
{
	if (X509_self_signed(certificate, 0) == 1)
		return false;
	for (int i = 0; i < sk_X509_num(authorities); i++) {
		X509 *other = sk_X509_value(authorities, i);

		if (X509_self_signed(other, 0) == 1 &&
			X509_NAME_cmp(X509_get_subject_name(other),
				X509_get_subject_name(certificate)) == 0 &&
			EVP_PKEY_eq(X509_get0_pubkey(other), X509_get0_pubkey(certificate)) == 1)
			return true;
	}
	return false;
}

/* A cross certificate serves clients alone: tls_context_bundle() has it for them. */
static int keep_cross(struct tls_context *context, X509 *certificate)
{
	if (!context->cross)
		context->cross = sk_X509_new_null();
	if (!context->cross || X509_up_ref(certificate) != 1)
		return -ENOMEM;
	if (sk_X509_push(context->cross, certificate) <= 0) {
		X509_free(certificate);
		return -ENOMEM;
	}
	return 0;
}

static int add_authorities(struct tls_context *context, X509_STORE *store,
	STACK_OF(X509) * authorities, struct problem *problem)
{
	char label[TLS_LABEL_MAX];

	for (int i = 0; i < sk_X509_num(authorities); i++) {
		X509 *authority = sk_X509_value(authorities, i);

		if (!(X509_get_extension_flags(authority) & EXFLAG_CA)) {
			problem_set(problem,
				"ca: the certificate \"%s\" in it is not a CA's; put only CA "
				"certificates there",
				tls_label_name(label, X509_get_subject_name(authority)));
			return -EINVAL;
		}
		if (is_cross_certificate(authority, authorities)) {
			if (keep_cross(context, authority) < 0)
				return -ENOMEM;
			continue;
		}
		if (X509_STORE_add_cert(store, authority) != 1)
			return -ENOMEM;
		if (tls_anchor_trust(authority, authorities) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool is_named(X509_CRL *crl, X509 *authority)
{
	return X509_NAME_cmp(X509_get_subject_name(authority), X509_CRL_get_issuer(crl)) == 0;
}

static bool is_crl_of(X509_CRL *crl, X509 *authority)
{
	return is_named(crl, authority) && X509_CRL_verify(crl, X509_get0_pubkey(authority)) == 1;
}

/*
 * True if the list has an issuer name of ca, but no signature of its keys. Intermediate CAs are
 * unknown here: they come with the certificates that they issued, and OpenSSL checks their lists
 * then.
 */
static bool is_forged(X509_CRL *crl, STACK_OF(X509) * authorities)
{
	bool named = false;

	for (int i = 0; i < sk_X509_num(authorities); i++) {
		if (is_crl_of(crl, sk_X509_value(authorities, i)))
			return false;
		named = named || is_named(crl, sk_X509_value(authorities, i));
	}
	return named;
}

/*
 * Returns the form of a list that cannot be used, or NULL. OpenSSL takes a delta for the whole
 * list. It ignores an indirect list, or one for some reasons only, and so would accept what they
 * revoke. With a list of attribute certificates it would accept no peer.
 */
static const char *unusable_form(X509_CRL *crl)
{
	ISSUING_DIST_POINT *scope;
	const char *form = NULL;

	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return "is a delta of another list";
	scope = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
	if (!scope)
		return NULL;
	if (scope->indirectCRL > 0)
		form = "is of several authorities (indirect)";
	else if (scope->onlysomereasons)
		form = "is of some reasons only";
	else if (scope->onlyattr > 0)
		form = "is of attribute certificates only";
	ISSUING_DIST_POINT_free(scope);
	return form;
}

static int add_crl(
	X509_STORE *store, X509_CRL *crl, STACK_OF(X509) * authorities, struct problem *problem)
{
	const char *form = unusable_form(crl);
	char label[TLS_LABEL_MAX];

	if (form) {
		problem_set(problem,
			"crl: the revocation list of \"%s\" %s, which is not supported; put the whole "
			"list of that CA there",
			tls_label_name(label, X509_CRL_get_issuer(crl)), form);
		return -EINVAL;
	}
	if (is_forged(crl, authorities)) {
		ERR_clear_error();
		problem_set(problem,
			"crl: the revocation list of \"%s\" is not signed by a CA of the ca file; "
			"make it with the CA that is in use",
			tls_label_name(label, X509_CRL_get_issuer(crl)));
		return -EINVAL;
	}
	return X509_STORE_add_crl(store, crl) == 1 ? 0 : -ENOMEM;
}

static int add_crls(X509_STORE *store, const struct view *text, STACK_OF(X509) * authorities,
	struct problem *problem)
{
	BIO *bio = tls_view_bio(text);
	X509_CRL *crl;
	int count = 0;
	int error = 0;

	while (bio && error == 0 && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		error = add_crl(store, crl, authorities, problem);
		X509_CRL_free(crl);
		count++;
	}
	if (error == 0 && bio && !is_pem_end()) {
		problem_set(problem, "crl: revocation list %d is damaged (%s)", count + 1,
			tls_text_queue());
		error = -EINVAL;
	} else if (error == 0 && count == 0) {
		problem_set(problem,
			"crl: holds no revocation list in PEM form (-----BEGIN X509 CRL-----)");
		error = -EINVAL;
	}
	BIO_free(bio);
	ERR_clear_error();
	return error;
}

/*
 * With crl_strict every certificate of that CA would be refused: report it before a peer connects.
 */
static int check_listed(X509_STORE *store, STACK_OF(X509) * authorities, struct problem *problem)
{
	char label[TLS_LABEL_MAX];

	for (int i = 0; i < sk_X509_num(authorities); i++) {
		X509 *authority = sk_X509_value(authorities, i);
		STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
		bool listed = false;

		for (int j = 0; j < sk_X509_OBJECT_num(objects) && !listed; j++) {
			X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, j));

			listed = crl && is_crl_of(crl, authority);
		}
		if (listed)
			continue;
		ERR_clear_error();
		problem_set(problem,
			"crl_missing: crl has no revocation list of the CA \"%s\", so no peer with a certificate of it could connect; add the list, or set crl_missing = \"warn\"",
			tls_label_name(label, X509_get_subject_name(authority)));
		return -EINVAL;
	}
	return 0;
}

static int use_trust(
	struct tls_context *context, const struct tls_material *material, struct problem *problem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context->ssl_context);
	unsigned long flags = 0;
	STACK_OF(X509) * authorities;
	int error;

	error = tls_read_certificates(&material->ca, "ca", &authorities, problem);
	if (error)
		return error;
	error = add_authorities(context, store, authorities, problem);
	if (error == 0 && material->crl.data) {
		/* Checks each level of a chain, not only its leaf. */
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
		error = add_crls(store, &material->crl, authorities, problem);
	}
	context->crl_strict = material->crl_strict;
	context->crl_current = material->crl_current;
	if (error == 0 && material->crl_strict)
		error = check_listed(store, authorities, problem);
	sk_X509_pop_free(authorities, X509_free);
	if (error == 0 && X509_STORE_set_flags(store, flags) != 1)
		error = -ENOMEM;
	return error;
}

/* ---- settings ---- */

/* The server selects culvert/1, or sends an alert (no_application_protocol), RFC 7301, 3.2. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned int in_len, void *unused)
{
	unsigned char *chosen;

	(void)ssl;
	(void)unused;
	if (SSL_select_next_proto(&chosen, out_len, (const unsigned char *)TLS_ALPN_WIRE,
		    sizeof(TLS_ALPN_WIRE) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/*
 * select_alpn() is not called for a client without ALPN. A client without supported_versions speaks
 * at most TLS 1.2, and OpenSSL sends it the right alert.
 */
static int require_alpn(SSL *ssl, int *alert, void *unused)
{
	const unsigned char *data;
	size_t len;

	(void)unused;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &data, &len) != 1 ||
		SSL_client_hello_get0_ext(
			ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &len) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	ERR_raise(ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL);
	return SSL_CLIENT_HELLO_ERROR;
}

static bool set_groups(SSL_CTX *ssl)
{
	bool done = false;

	for (size_t i = 0; !done && i < ARRAY_SIZE(group_lists); i++)
		done = SSL_CTX_set1_groups_list(ssl, group_lists[i]) == 1;
	ERR_clear_error();
	return done;
}

/* For the peer's signatures, and on a server for those that it requests from clients. */
static bool set_signatures(SSL_CTX *ssl)
{
	bool done = false;

	for (size_t i = 0; !done && i < ARRAY_SIZE(signature_lists); i++)
		done = SSL_CTX_set1_sigalgs_list(ssl, signature_lists[i]) == 1 &&
			SSL_CTX_set1_client_sigalgs_list(ssl, signature_lists[i]) == 1;
	ERR_clear_error();
	return done;
}

static bool processor_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & (HWCAP_AES | HWCAP_PMULL)) == (HWCAP_AES | HWCAP_PMULL);
#else
	return false;
#endif
}

static bool set_ciphers(SSL_CTX *ssl)
{
	return SSL_CTX_set_ciphersuites(ssl,
		       processor_has_aes() ? CIPHER_SUITES_AES ":" CIPHER_SUITES_CHACHA
					   : CIPHER_SUITES_CHACHA ":" CIPHER_SUITES_AES) == 1;
}

static uint64_t options(void)
{
	uint64_t set = SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;

#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION /* since OpenSSL 3.2 */
	set |= SSL_OP_NO_RX_CERTIFICATE_COMPRESSION | SSL_OP_NO_TX_CERTIFICATE_COMPRESSION;
#endif
	return set;
}

static bool set_up(SSL_CTX *ssl, enum tls_role role)
{
	if (SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) != 1 ||
		SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) != 1 || !set_ciphers(ssl) ||
		!set_groups(ssl) || !set_signatures(ssl) || SSL_CTX_set_num_tickets(ssl, 0) != 1 ||
		SSL_CTX_set_max_early_data(ssl, 0) != 1)
		return false;
	SSL_CTX_set_options(ssl, options());
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	/*
	 * Sends our chain as configured, instead of building it from the ca file for each
	 * handshake.
	 */
	SSL_CTX_set_mode(ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	if (SSL_CTX_get_security_level(ssl) < TLS_SECURITY_LEVEL)
		SSL_CTX_set_security_level(ssl, TLS_SECURITY_LEVEL);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_verify_depth(ssl, TLS_CHAIN_DEPTH);
	SSL_CTX_set_max_cert_list(ssl, TLS_CHAIN_BYTES);
	SSL_CTX_set_cert_verify_callback(ssl, tls_verify, NULL);
	if (role == TLS_SERVER) {
		SSL_CTX_set_alpn_select_cb(ssl, select_alpn, NULL);
		SSL_CTX_set_client_hello_cb(ssl, require_alpn, NULL);
		return true;
	}
	/* This function returns 0 for success. */
	return SSL_CTX_set_alpn_protos(
		       ssl, (const unsigned char *)TLS_ALPN_WIRE, sizeof(TLS_ALPN_WIRE) - 1) == 0;
}

/* ---- the object ---- */

int tls_context_new(enum tls_role role, const struct tls_material *material,
	struct tls_context **ret_context, struct problem *problem)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	int error;

	if (!context)
		return -ENOMEM;
	ERR_clear_error();
	atomic_init(&context->references, 1);
	context->role = role;
	context->ssl_context = SSL_CTX_new(TLS_method());
	context->bio_method = tls_bio_method_new();
	error = context->ssl_context && context->bio_method &&
			RAND_bytes((unsigned char *)&context->id, sizeof(context->id)) == 1
		? 0
		: -ENOMEM;
	if (error == 0 && !set_up(context->ssl_context, role)) {
		problem_set(problem, "the OpenSSL library refuses our TLS settings: %s",
			tls_text_queue());
		error = -EINVAL;
	}
	if (error == 0)
		error = use_own(context, material, problem);
	if (error == 0)
		error = use_trust(context, material, problem);
	ERR_clear_error();
	if (error) {
		tls_context_unref(context);
		return error;
	}
	*ret_context = context;
	return 0;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	if (context)
		atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
	return context;
}

void tls_context_unref(struct tls_context *context)
{
	if (!context ||
		atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1)
		return;
	sk_X509_pop_free(context->chain, X509_free);
	sk_X509_pop_free(context->cross, X509_free);
	SSL_CTX_free(context->ssl_context);
	BIO_meth_free(context->bio_method);
	free(context);
}

const struct identity *tls_context_identity(const struct tls_context *context)
{
	return &context->identity;
}

time_t tls_context_not_after(const struct tls_context *context)
{
	return context->not_after;
}
