/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tls_signed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

/* Its NUL is signed, too, so that no other text continues this one. */
static const char purpose[] = "culvert renewal request, version 1";

/* Ed25519 signs a message in one piece, so the two parts are joined. NULL: no memory. */
static uint8_t *join(const void *data, size_t len)
{
	uint8_t *joined = malloc(sizeof(purpose) + len);

	if (joined) {
		memcpy(joined, purpose, sizeof(purpose));
		memcpy(&joined[sizeof(purpose)], data, len);
	}
	return joined;
}

int tls_signed_make(EVP_PKEY *key, const void *data, size_t len, uint8_t **ret_signature,
	size_t *ret_signature_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t *joined = join(data, len), *signature = NULL;
	size_t size = 0;
	int r = context && joined ? 0 : -ENOMEM;

	if (r == 0 &&
		(EVP_DigestSignInit(context, NULL, NULL, NULL, key) != 1 ||
			EVP_DigestSign(context, NULL, &size, joined, sizeof(purpose) + len) != 1))
		r = -EINVAL;
	if (r == 0) {
		signature = OPENSSL_malloc(size);
		r = signature ? 0 : -ENOMEM;
	}
	if (r == 0 && EVP_DigestSign(context, signature, &size, joined, sizeof(purpose) + len) != 1)
		r = -EINVAL;
	EVP_MD_CTX_free(context);
	free(joined);
	if (r < 0) {
		OPENSSL_free(signature);
		return r;
	}
	*ret_signature = signature;
	*ret_signature_len = size;
	return 0;
}

bool tls_signed_verify(
	EVP_PKEY *key, const void *data, size_t len, const uint8_t *signature, size_t signature_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t *joined = join(data, len);
	bool good = key && context && joined &&
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestVerify(
			context, signature, signature_len, joined, sizeof(purpose) + len) == 1;

	EVP_MD_CTX_free(context);
	free(joined);
	ERR_clear_error();
	return good;
}
