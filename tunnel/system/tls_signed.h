/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_SIGNED_H
#define CULVERT_SYSTEM_TLS_SIGNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

/*
 * The signature of a certificate's key over a request for the next certificate. A text that no TLS
 * handshake signs comes before the bytes, so that neither signature can stand for the other. Any
 * thread.
 */

/* OpenSSL frees *ret_signature. -EINVAL: the key cannot sign; -ENOMEM. */
int tls_signed_make(EVP_PKEY *key, const void *data, size_t len, uint8_t **ret_signature,
	size_t *ret_signature_len);
bool tls_signed_verify(EVP_PKEY *key, const void *data, size_t len, const uint8_t *signature,
	size_t signature_len);

#endif
