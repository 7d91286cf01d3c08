/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tls_pkcs12.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "system/tls_internal.h"

/* The content of a bundle. */
struct contents {
	EVP_PKEY *key;
	X509 *certificate;
	STACK_OF(X509) * others;
};

bool tls_pkcs12_is(const struct view *data)
{
	/* DER: a SEQUENCE of 128 bytes or more (X.690, 8.1.3.5). */
	return data->len > 2 && data->data[0] == 0x30 && data->data[1] >= 0x80;
}

static int write_certificate(BIO *bio, X509 *certificate)
{
	return PEM_write_bio_X509(bio, certificate) == 1 ? 0 : -ENOMEM;
}

/* Writes either the self-signed certificates of `others`, or those that are not. */
static int write_others(BIO *bio, const struct contents *contents, bool self_signed, int *ret_count)
{
	int r = 0;

	*ret_count = 0;
	for (int i = 0; i < sk_X509_num(contents->others) && r == 0; i++) {
		X509 *one = sk_X509_value(contents->others, i);

		if ((X509_self_signed(one, 0) == 1) != self_signed)
			continue;
		r = write_certificate(bio, one);
		++*ret_count;
	}
	return r;
}

static int take_text(BIO *bio, char **ret_text)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	*ret_text = strndup(data, (size_t)len);
	return *ret_text ? 0 : -ENOMEM;
}

static int write_bundle(
	const struct contents *contents, struct tls_bundle *bundle, struct problem *problem)
{
	BIO *own = BIO_new(BIO_s_mem()), *ca = BIO_new(BIO_s_mem());
	int r = own && ca ? 0 : -ENOMEM;
	int count = 0;

	if (r == 0)
		r = write_certificate(own, contents->certificate);
	if (r == 0)
		r = write_others(own, contents, false, &count);
	if (r == 0)
		r = write_others(ca, contents, true, &count);
	if (r == 0 && count == 0) {
		problem_set(problem,
			"holds no self-signed CA certificate to know the server's by; make it again with "
			"openssl pkcs12 -export ... -certfile CA-FILE");
		r = -EINVAL;
	}
	if (r == 0)
		r = take_text(own, &bundle->certificate);
	if (r == 0)
		r = take_text(ca, &bundle->ca);
	if (r == 0)
		r = tls_key_write(contents->key, &bundle->key);
	BIO_free(own);
	BIO_free(ca);
	return r;
}

/* Explains why PKCS12_parse() failed. */
static int explain(struct problem *problem)
{
	unsigned long error = ERR_peek_error();

	if (ERR_GET_LIB(error) == ERR_LIB_PKCS12 &&
		ERR_GET_REASON(error) == PKCS12_R_MAC_VERIFY_FAILURE) {
		ERR_clear_error();
		return -EACCES;
	}
	if (tls_queue_is_unsupported())
		problem_set(problem,
			"is protected by an old method (RC2) that this OpenSSL does not have any more; "
			"convert it: openssl pkcs12 -legacy -in FILE -nodes -out TEMPORARY, then openssl "
			"pkcs12 -export -in TEMPORARY -out NEWFILE, and delete TEMPORARY");
	else
		problem_set(problem, "cannot be taken apart: it is damaged");
	return -EINVAL;
}

static int parse(const struct view *data, const char *passphrase, struct contents *contents,
	struct problem *problem)
{
	BIO *bio = tls_view_bio(data);
	PKCS12 *bundle = bio ? d2i_PKCS12_bio(bio, NULL) : NULL;
	int r = 0;

	if (!bundle) {
		problem_set(problem, "is no PKCS#12 bundle, or a damaged one");
		r = -EINVAL;
	} else if (PKCS12_parse(bundle, passphrase, &contents->key, &contents->certificate,
			   &contents->others) != 1) {
		r = explain(problem);
	} else if (!contents->key || !contents->certificate) {
		problem_set(problem, "holds no %s",
			!contents->key ? "private key" : "certificate that belongs to its key");
		r = -EINVAL;
	}
	PKCS12_free(bundle);
	BIO_free(bio);
	return r;
}

int tls_pkcs12_open(const struct view *data, const char *passphrase, struct tls_bundle *ret_bundle,
	struct problem *problem)
{
	struct contents contents = { .key = NULL };
	struct tls_bundle bundle = { .key = NULL };
	int r;

	ERR_clear_error();
	r = parse(data, passphrase, &contents, problem);
	if (r == 0)
		r = write_bundle(&contents, &bundle, problem);
	EVP_PKEY_free(contents.key);
	X509_free(contents.certificate);
	sk_X509_pop_free(contents.others, X509_free);
	ERR_clear_error();
	if (r == 0)
		*ret_bundle = bundle;
	else
		tls_bundle_free(&bundle);
	return r;
}

void tls_bundle_free(struct tls_bundle *bundle)
{
	if (bundle->key)
		explicit_bzero(bundle->key, strlen(bundle->key));
	free(bundle->certificate);
	free(bundle->key);
	free(bundle->ca);
	*bundle = (struct tls_bundle){ .key = NULL };
}
