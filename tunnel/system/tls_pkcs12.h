/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_PKCS12_H
#define CULVERT_SYSTEM_TLS_PKCS12_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/problem.h"

/*
 * PKCS#12 bundles (RFC 7292; .p12, .pfx): what a PKI hands out for one client in one file. Any
 * thread.
 */

struct tls_bundle {        /* PEM text, owned */
	char *certificate; /* the key's, then the CAs' that are not self-signed */
	char *key;         /* without a passphrase */
	char *ca;          /* the self-signed ones */
};

/* Does this begin as a bundle does? What is text never does. */
bool tls_pkcs12_is(const struct view *data);

/*
 * Takes a bundle apart; `passphrase` may be empty. -EACCES: that is not its passphrase; else -EINVAL
 * with words in `problem` that name the cure (damaged, no key, no certificate, no self-signed CA, an
 * algorithm that this OpenSSL does not have any more); -ENOMEM. Freed by tls_bundle_free().
 */
int tls_pkcs12_open(const struct view *data, const char *passphrase, struct tls_bundle *ret_bundle,
	struct problem *problem);

/* Wipes the key. A zeroed one is fine. */
void tls_bundle_free(struct tls_bundle *bundle);

#endif
