/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tls_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "tls_fixture: %s\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

/* ---- certificates ---- */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	require(extension && X509_add_ext(certificate, extension, -1) == 1, value);
	X509_EXTENSION_free(extension);
}

static int name_len(const struct fixture_name *name)
{
	return (int)(name->len > 0 ? name->len : strlen(name->data));
}

static void add_entry(X509_NAME *subject, int nid, int type, const void *data, int len)
{
	X509_NAME_ENTRY *entry = X509_NAME_ENTRY_new();

	/* Built by hand: the usual functions refuse what these tests need. */
	require(entry && X509_NAME_ENTRY_set_object(entry, OBJ_nid2obj(nid)) == 1, "entry");
	ASN1_STRING_set(X509_NAME_ENTRY_get_data(entry), data, len);
	X509_NAME_ENTRY_get_data(entry)->type = type ? type : V_ASN1_UTF8STRING;
	require(X509_NAME_add_entry(subject, entry, -1, 0) == 1, "add entry");
	X509_NAME_ENTRY_free(entry);
}

static void set_subject(X509 *certificate, const struct fixture_spec *spec)
{
	X509_NAME *subject = X509_NAME_new();

	if (spec->organization)
		add_entry(subject, NID_organizationName, 0, spec->organization,
			(int)strlen(spec->organization));
	for (size_t i = 0; i < FIXTURE_NAMES_MAX; i++) {
		const struct fixture_name *name = &spec->common[i];

		if (name->data)
			add_entry(subject, NID_commonName, name->type, name->data, name_len(name));
	}
	require(X509_set_subject_name(certificate, subject) == 1, "subject");
	X509_NAME_free(subject);
}

static GENERAL_NAME *make_alternative(const struct fixture_name *name)
{
	GENERAL_NAME *made = GENERAL_NAME_new();
	ASN1_STRING *text;

	require(made != NULL, "name");
	if (name->type == GEN_DIRNAME) {
		X509_NAME *directory = X509_NAME_new();

		add_entry(directory, NID_commonName, 0, name->data, name_len(name));
		GENERAL_NAME_set0_value(made, GEN_DIRNAME, directory);
		return made;
	}
	text = ASN1_STRING_type_new(
		name->type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	ASN1_STRING_set(text, name->data, name_len(name));
	GENERAL_NAME_set0_value(made, name->type, text);
	return made;
}

static void add_alternatives(X509 *certificate, const struct fixture_spec *spec)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool critical = X509_NAME_entry_count(X509_get_subject_name(certificate)) == 0;

	for (size_t i = 0; i < FIXTURE_NAMES_MAX; i++) {
		if (spec->alternative[i].data)
			sk_GENERAL_NAME_push(names, make_alternative(&spec->alternative[i]));
	}
	if (sk_GENERAL_NAME_num(names) > 0)
		require(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, critical, 0) ==
				1,
			"names");
	GENERAL_NAMES_free(names);
}

static void add_extensions(X509 *certificate, X509 *issuer, const struct fixture_spec *spec)
{
	if (!spec->basic || spec->basic[0] != '\0')
		add_extension(certificate, issuer, NID_basic_constraints,
			spec->basic           ? spec->basic
				: spec->is_ca ? "critical,CA:TRUE"
					      : "critical,CA:FALSE");
	if (!spec->key_usage || spec->key_usage[0] != '\0')
		add_extension(certificate, issuer, NID_key_usage,
			spec->key_usage       ? spec->key_usage
				: spec->is_ca ? "critical,digitalSignature,keyCertSign,cRLSign"
					      : "critical,digitalSignature");
	if (!spec->anonymous)
		add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
	if (!spec->anonymous && X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) >= 0)
		add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
	if (spec->usage)
		add_extension(certificate, issuer, NID_ext_key_usage, spec->usage);
	if (spec->constraints)
		add_extension(certificate, issuer, NID_name_constraints, spec->constraints);
	add_alternatives(certificate, spec);
}

struct fixture_pair fixture_issue(
	const struct fixture_pair *issuer, const struct fixture_spec *spec)
{
	static long serial;
	struct fixture_pair pair = {
		.certificate = X509_new(),
		.key = spec->weak ? EVP_RSA_gen(1024)
				  : EVP_EC_gen(spec->curve ? spec->curve : "P-256"),
	};
	bool dated = spec->from != 0 || spec->until != 0;
	X509 *signer = issuer ? issuer->certificate : pair.certificate;

	require(pair.certificate && pair.key, "key");
	X509_set_version(pair.certificate, spec->version_1 ? X509_VERSION_1 : X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(pair.certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(pair.certificate), dated ? spec->from : -3600);
	X509_gmtime_adj(X509_getm_notAfter(pair.certificate), dated ? spec->until : 86400);
	X509_set_pubkey(pair.certificate, pair.key);
	set_subject(pair.certificate, spec);
	X509_set_issuer_name(pair.certificate, X509_get_subject_name(signer));
	if (!spec->version_1)
		add_extensions(pair.certificate, signer, spec);
	require(X509_sign(pair.certificate, issuer ? issuer->key : pair.key, EVP_sha256()) > 0,
		"sign");
	return pair;
}

struct fixture_pair fixture_ca(const char *name)
{
	return fixture_issue(
		NULL, &(struct fixture_spec){ .common = { { .data = name } }, .is_ca = true });
}

struct fixture_pair fixture_client(const struct fixture_pair *ca, const char *name)
{
	return fixture_issue(ca,
		&(struct fixture_spec){ .common = { { .data = name } },
			.alternative = { { .data = name, .type = GEN_DNS } },
			.usage = "clientAuth" });
}

struct fixture_pair fixture_server(const struct fixture_pair *ca, const char *name)
{
	return fixture_issue(ca,
		&(struct fixture_spec){ .common = { { .data = name } },
			.alternative = { { .data = name, .type = GEN_DNS } },
			.usage = "serverAuth" });
}

void fixture_free(struct fixture_pair *pair)
{
	X509_free(pair->certificate);
	EVP_PKEY_free(pair->key);
	*pair = (struct fixture_pair){ 0 };
}

/* ---- text ---- */

static struct view take_text(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	uint8_t *copy = malloc((size_t)len);

	require(copy && len > 0, "text");
	memcpy(copy, data, (size_t)len);
	BIO_free(bio);
	return (struct view){ .data = copy, .len = (size_t)len };
}

struct view fixture_certificate_text(const struct fixture_pair *pair)
{
	BIO *bio = BIO_new(BIO_s_mem());

	require(PEM_write_bio_X509(bio, pair->certificate) == 1, "write certificate");
	return take_text(bio);
}

struct view fixture_key_text(const struct fixture_pair *pair, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = passphrase ? (int)strlen(passphrase) : 0;

	require(PEM_write_bio_PKCS8PrivateKey(bio, pair->key, passphrase ? EVP_aes_256_cbc() : NULL,
			passphrase, len, NULL, NULL) == 1,
		"write key");
	return take_text(bio);
}

static ASN1_TIME *time_from_now(long seconds)
{
	return X509_gmtime_adj(NULL, seconds);
}

struct view fixture_crl_text(
	const struct fixture_pair *ca, const struct fixture_pair *revoked, long from, long until)
{
	return fixture_crl_text_of(ca, revoked, from, until, NULL);
}

struct view fixture_crl_text_of(const struct fixture_pair *ca, const struct fixture_pair *revoked,
	long from, long until, const char *form)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *start = time_from_now(from), *end = time_from_now(until);
	BIO *bio = BIO_new(BIO_s_mem());
	X509V3_CTX context;
	X509_EXTENSION *extension;
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate));
	X509_CRL_set1_lastUpdate(crl, start);
	X509_CRL_set1_nextUpdate(crl, end);
	ASN1_INTEGER_set(number, 1);
	X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0);
	X509V3_set_ctx(&context, ca->certificate, NULL, NULL, crl, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid");
	require(X509_CRL_add_ext(crl, extension, -1) == 1, "crl extension");
	if (form && strcmp(form, "delta") == 0) {
		X509_CRL_add1_ext_i2d(crl, NID_delta_crl, number, 1, 0);
	} else if (form) {
		X509_EXTENSION_free(extension);
		extension = X509V3_EXT_conf_nid(
			NULL, &context, NID_issuing_distribution_point, form);
		require(X509_CRL_add_ext(crl, extension, -1) == 1, "scope of a crl");
	}
	if (revoked) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate));
		X509_REVOKED_set_revocationDate(entry, start);
		X509_CRL_add0_revoked(crl, entry);
	}
	X509_CRL_sort(crl);
	require(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0, "sign crl");
	require(PEM_write_bio_X509_CRL(bio, crl) == 1, "write crl");
	X509_EXTENSION_free(extension);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(start);
	ASN1_TIME_free(end);
	X509_CRL_free(crl);
	return take_text(bio);
}

struct view fixture_join(struct view first, struct view second)
{
	size_t len = first.len + second.len;
	uint8_t *data = malloc(len);

	require(data != NULL, "join");
	memcpy(data, first.data, first.len);
	memcpy(&data[first.len], second.data, second.len);
	fixture_text_free(&first);
	fixture_text_free(&second);
	return (struct view){ .data = data, .len = len };
}

void fixture_text_free(struct view *text)
{
	union { /* drops const: the memory is ours */
		const uint8_t *view;
		void *memory;
	} data = { .view = text->data };

	free(data.memory);
	*text = (struct view){ 0 };
}

/* ---- a context of ours ---- */

struct tls_context *fixture_context(enum tls_role role, const struct fixture_pair *pair,
	const struct fixture_pair *ca, const struct view *crl)
{
	struct tls_material material = {
		.certificate = fixture_certificate_text(pair),
		.key = fixture_key_text(pair, NULL),
		.ca = fixture_certificate_text(ca),
	};
	struct tls_context *context = NULL;
	struct problem problem = { "" };

	if (crl)
		material.crl = *crl;
	require(tls_context_new(role, &material, &context, &problem) == 0, problem.text);
	fixture_text_free(&material.certificate);
	fixture_text_free(&material.key);
	fixture_text_free(&material.ca);
	return context;
}

/* ---- the plain peer ---- */

static int accept_any(X509_STORE_CTX *store, void *unused)
{
	(void)unused;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static void note_alert(const SSL *ssl, int where, int value)
{
	struct fixture_raw *raw = SSL_get_app_data(ssl);

	if (where == SSL_CB_READ_ALERT)
		raw->alert_received = value & 0xff;
}

static void note_message(
	int is_write, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
	struct fixture_raw *raw = arg;

	(void)version;
	(void)ssl;
	if (!is_write && type == SSL3_RT_HANDSHAKE && len > 0 &&
		*(const uint8_t *)data == SSL3_MT_KEY_UPDATE)
		raw->key_updates_received++;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned int in_len, void *arg)
{
	const char *wire = arg;

	(void)ssl;
	(void)in;
	(void)in_len;
	*out = (const unsigned char *)&wire[1];
	*out_len = (unsigned char)wire[0];
	return SSL_TLSEXT_ERR_OK;
}

static void set_alpn(SSL_CTX *context, bool is_server, const char *wire)
{
	if (is_server)
		SSL_CTX_set_alpn_select_cb(context, choose_alpn, (void *)(uintptr_t)wire);
	else
		require(SSL_CTX_set_alpn_protos(
				context, (const unsigned char *)wire, (unsigned)strlen(wire)) == 0,
			"alpn");
}

void fixture_raw_init(struct fixture_raw *raw, bool is_server, const struct fixture_pair *pair,
	const struct fixture_raw_options *options)
{
	int version = options->version ? options->version : TLS1_3_VERSION;

	*raw = (struct fixture_raw){ .context = SSL_CTX_new(TLS_method()), .alert_received = -1 };
	SSL_CTX_set_security_level(raw->context, 0);
	SSL_CTX_set_min_proto_version(raw->context, version);
	SSL_CTX_set_max_proto_version(raw->context, version);
	SSL_CTX_set_verify(raw->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(raw->context, accept_any, NULL);
	SSL_CTX_set_max_cert_list(raw->context, 1 << 20);
	SSL_CTX_set_mode(raw->context, SSL_MODE_NO_AUTO_CHAIN);
	if (pair)
		require(SSL_CTX_use_cert_and_key(
				raw->context, pair->certificate, pair->key, options->chain, 1) == 1,
			"raw certificate");
	if (options->alpn)
		set_alpn(raw->context, is_server, options->alpn);
	if (options->suites)
		require(SSL_CTX_set_ciphersuites(raw->context, options->suites) == 1, "suites");
	if (options->groups)
		require(SSL_CTX_set1_groups_list(raw->context, options->groups) == 1, "groups");
	raw->ssl = SSL_new(raw->context);
	raw->in = BIO_new(BIO_s_mem());
	raw->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(raw->in, -1);
	BIO_set_mem_eof_return(raw->out, -1);
	SSL_set_bio(raw->ssl, raw->in, raw->out);
	SSL_set_app_data(raw->ssl, raw);
	SSL_set_info_callback(raw->ssl, note_alert);
	SSL_set_msg_callback(raw->ssl, note_message);
	SSL_set_msg_callback_arg(raw->ssl, raw);
	if (is_server)
		SSL_set_accept_state(raw->ssl);
	else
		SSL_set_connect_state(raw->ssl);
}

void fixture_raw_free(struct fixture_raw *raw)
{
	SSL_free(raw->ssl);
	SSL_CTX_free(raw->context);
	ERR_clear_error();
}
