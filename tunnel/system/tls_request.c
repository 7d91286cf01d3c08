/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tls_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "system/tls_internal.h"
#include "system/tls_signed.h"

static EVP_PKEY *make_key(EVP_PKEY *present)
{
	char curve[TLS_LABEL_MAX] = "";

	if (EVP_PKEY_is_a(present, "ED25519"))
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (EVP_PKEY_is_a(present, "EC"))
		(void)EVP_PKEY_get_group_name(present, curve, sizeof(curve), NULL);
	return EVP_EC_gen(strcmp(curve, "secp384r1") == 0 ? "P-384" : "P-256");
}

/* Ed25519 has its own hash. */
static const EVP_MD *hash_for(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

/* The subject is for a person who reads it: the issuer takes no name from here. */
static X509_REQ *make_csr(EVP_PKEY *key, X509 *present)
{
	X509_REQ *csr = X509_REQ_new();

	if (csr && X509_REQ_set_version(csr, X509_REQ_VERSION_1) == 1 &&
		X509_REQ_set_subject_name(csr, X509_get_subject_name(present)) == 1 &&
		X509_REQ_set_pubkey(csr, key) == 1 && X509_REQ_sign(csr, key, hash_for(key)) > 0)
		return csr;
	X509_REQ_free(csr);
	return NULL;
}

/* Writes a length of 24 bits and the DER, which the caller gives up. `len` is OpenSSL's result. */
static int write_der(struct writer *writer, uint8_t *der, int len)
{
	int r = len > 0 ? writer_u24(writer, (uint64_t)len) : -ENOMEM;

	if (r == 0)
		r = writer_copy(writer, der, (size_t)len);
	OPENSSL_free(der);
	return r;
}

static int write_chain(struct writer *writer, STACK_OF(X509) * chain)
{
	int r = writer_u8(writer, TLS_REQUEST_VERSION);

	if (r == 0)
		r = sk_X509_num(chain) <= TLS_REQUEST_CHAIN_MAX
			? writer_u8(writer, (uint64_t)sk_X509_num(chain))
			: -ENOBUFS;
	for (int i = 0; r == 0 && i < sk_X509_num(chain); i++) {
		uint8_t *der = NULL;
		int len = i2d_X509(sk_X509_value(chain, i), &der);

		r = write_der(writer, der, len);
	}
	return r;
}

static int write_signature(struct writer *writer, EVP_PKEY *key)
{
	uint8_t *signature = NULL;
	size_t len = 0;
	int r = tls_signed_make(key, writer->data, writer->len, &signature, &len);

	if (r == 0)
		r = writer_u16(writer, len);
	if (r == 0)
		r = writer_copy(writer, signature, len);
	OPENSSL_free(signature);
	return r;
}

static int write_request(struct writer *writer, const struct tls_context *context,
	EVP_PKEY *present, EVP_PKEY *fresh)
{
	X509_REQ *csr = make_csr(fresh, sk_X509_value(context->chain, 0));
	uint8_t *der = NULL;
	int r;

	if (!csr)
		return -EINVAL;
	r = write_chain(writer, context->chain);
	if (r == 0) {
		int len = i2d_X509_REQ(csr, &der);

		r = write_der(writer, der, len);
	}
	X509_REQ_free(csr);
	return r < 0 ? r : write_signature(writer, present);
}

int tls_request_make(
	const struct tls_context *context, struct tls_request *ret_request, struct problem *problem)
{
	EVP_PKEY *present = SSL_CTX_get0_privatekey(context->ssl_context), *fresh = NULL;
	struct tls_request request = { .data = malloc(TLS_REQUEST_MAX) };
	struct writer writer;
	int r = request.data ? 0 : -ENOMEM;

	ERR_clear_error();
	if (r == 0) {
		fresh = present ? make_key(present) : NULL;
		r = fresh ? tls_key_write(fresh, &request.key) : -EINVAL;
	}
	if (r == 0) {
		writer_init(&writer, request.data, TLS_REQUEST_MAX);
		r = write_request(&writer, context, present, fresh);
		request.len = writer.len;
	}
	EVP_PKEY_free(fresh);
	if (r == 0) {
		*ret_request = request;
		return 0;
	}
	if (r == -ENOBUFS)
		r = -EFBIG;
	problem_set(problem, "cannot make the request for a new certificate: %s",
		r == -EFBIG        ? "certificate and intermediates are too large for it"
			: !present ? "there is no key"
				   : tls_text_queue());
	ERR_clear_error();
	tls_request_free(&request);
	return r;
}

void tls_request_free(struct tls_request *request)
{
	if (request->key)
		explicit_bzero(request->key, strlen(request->key));
	free(request->key);
	free(request->data);
	*request = (struct tls_request){ .data = NULL };
}
