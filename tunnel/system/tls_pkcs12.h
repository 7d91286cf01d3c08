/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_PKCS12_H
#define CULVERT_SYSTEM_TLS_PKCS12_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/problem.h"

/*
 * PKCS#12 bundles (RFC 7292; .p12, .pfx): one file with all credentials of one client, as a PKI
 * issues it. Any thread.
 */

/* PEM text, owned. */
struct tls_bundle {
	char *certificate; /* the key's, then those of CAs that are not self-signed */
	char *key;         /* without a passphrase */
	char *ca;          /* the self-signed CAs */
};

/* True if the data begins like a bundle. Text never does. */
bool tls_pkcs12_is(const struct view *data);

/*
 * Splits a bundle; `passphrase` may be empty. The caller frees it with tls_bundle_free(). -EACCES:
 * wrong passphrase. -EINVAL: *problem says why and what to do (damaged, no key, no certificate, no
 * self-signed CA, an algorithm that this OpenSSL no longer supports). -ENOMEM.
 */
int tls_pkcs12_open(const struct view *data, const char *passphrase, struct tls_bundle *ret_bundle,
	struct problem *problem);

/* Wipes the key. Accepts a zeroed bundle. */
void tls_bundle_free(struct tls_bundle *bundle);

#endif
