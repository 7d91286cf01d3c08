/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_RENEWAL_H
#define CULVERT_SYSTEM_TLS_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "system/tls.h"

/*
 * The client's part of a renewal: does a certificate that came back, or that lies in the state
 * directory, continue the present one? And which authorities of a bundle does an authority that is
 * trusted already vouch for? Any thread.
 */

/* The validity of a context's own certificate; seconds since the epoch. */
struct tls_validity {
	int64_t not_before, not_after;
};
void tls_context_validity(const struct tls_context *context, struct tls_validity *ret_validity);

enum {
	TLS_TRUST_MAX = 131072, /* bytes of a bundle */
	TLS_TRUST_CERTIFICATES_MAX = 64,
	TLS_TRUST_HASH = 32, /* bytes of tls_trust_hash() */
};

struct tls_trust {
	char *pem; /* authorities, their cross certificates, and revocation lists */
	size_t len;
	unsigned added; /* authorities that are not in `trusted` */
	unsigned refused;
	unsigned lists;
	char names[256]; /* of the added ones, or of the first that was refused */
};

/*
 * Takes from a bundle what the authorities in `trusted` vouch for. These are certificates of CAs
 * that one of them has signed, and the self-signed certificate of a CA whose name and key have such
 * a cross certificate in the bundle. Revocation lists count that one of all these has signed. All
 * other parts are left out. With `dated` a certificate that is not valid now vouches for nothing, and
 * without it dates do not count, as for a bundle that was accepted before. `trusted` and `bundle`
 * are PEM text; the caller frees ret_trust->pem. -EACCES: nothing is vouched for. -EINVAL:
 * unreadable or too large. -ENOMEM. On failure *problem says why.
 */
int tls_trust_join(const struct view *trusted, const struct view *bundle, bool dated,
	struct tls_trust *ret_trust, struct problem *problem);

/* The credentials of a context as PEM text. */
struct tls_texts {
	char *certificate, *key, *ca;
	char *crl; /* NULL: none */
};

/* The caller frees them with tls_texts_free(). -EINVAL: the context has no key; -ENOMEM. */
int tls_context_export(const struct tls_context *context, struct tls_texts *ret_texts);
/* Wipes the key. Accepts zeroed texts. */
void tls_texts_free(struct tls_texts *texts);
/* The context's authorities and lists in one text, which the caller frees. -ENOMEM. */
int tls_context_bundle(const struct tls_context *context, char **ret_pem, size_t *ret_len);

/* What tls_renewal_context() has done with each text. A text that is empty was not used. */
struct tls_renewed {
	bool pair, trust;
	struct problem pair_refused, trust_refused; /* why not; empty: it was used, or is empty */
};

/*
 * Makes a context from a client's: with the authorities and lists of `trust` that its own vouch for
 * (tls_trust_join() without dates), and with `pair` in place of its own if that continues
 * it. So a pair has to have the same names, be made no earlier, and come from a CA of `ca`, or from
 * the one that issued the present certificate. Texts that are empty or refused are left out. -ENOMEM, and the errors of
 * tls_context_new(); *problem says why.
 */
int tls_renewal_context(const struct tls_context *base, const struct view *trust,
	const struct view *pair, struct tls_context **ret_context, struct tls_renewed *ret_renewed,
	struct problem *problem);

/* SHA-256, to tell whether two ends have the same bundle. */
void tls_trust_hash(const void *data, size_t len, uint8_t ret_hash[static TLS_TRUST_HASH]);

#endif
