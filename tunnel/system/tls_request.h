/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_REQUEST_H
#define CULVERT_SYSTEM_TLS_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "system/tls.h"

/*
 * The request to renew a certificate (docs/pki.md has each byte). It carries the present
 * certificate with its intermediates, a PKCS#10 request that the fresh key has signed, and over
 * both a signature of the present key. So a carrier of it can change nothing, and can ask for
 * nobody else. Any thread.
 */

enum {
	TLS_REQUEST_VERSION = 1,
	TLS_REQUEST_MAX = 24576, /* bytes of a request */
	TLS_REQUEST_CHAIN_MAX = 8,
};

struct tls_request {
	uint8_t *data; /* what is sent */
	size_t len;
	char *key; /* the fresh key as PEM text; it never leaves this host */
};

/*
 * Makes a fresh key and the request for it, with certificate and key of the context. The key is of
 * the present one's kind where an issuer takes that (P-256, P-384, Ed25519), else on P-256. The
 * caller frees it with tls_request_free(). -EINVAL: the context has no key, or OpenSSL refuses;
 * *problem says why. -EFBIG: the chain is too long. -ENOMEM.
 */
int tls_request_make(const struct tls_context *context, struct tls_request *ret_request,
	struct problem *problem);
/* Wipes the key. Accepts a zeroed request. */
void tls_request_free(struct tls_request *request);

#endif
