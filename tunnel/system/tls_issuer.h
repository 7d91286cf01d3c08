/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_ISSUER_H
#define CULVERT_SYSTEM_TLS_ISSUER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/peer_names.h"
#include "base/problem.h"
#include "system/tls.h"

/*
 * Issues the next certificate to the holder of the present one. From the request it copies the public
 * key and nothing else. Names come from the present certificate, which is verified as in a
 * handshake, and all else is fixed: no CA, for clients only, no longer than `lifetime`. Only the
 * issuing process uses this. One thread.
 */

struct tls_issuer;

struct tls_issuer_material {
	/* Verifies the present certificates: its `ca` and `crl` count. Counted. */
	struct tls_context *trust;
	struct view certificate; /* of the issuing CA, then those above it that are sent along */
	struct view key;
	int64_t lifetime; /* seconds */
};

/* -EINVAL: *problem says what cannot be used, and begins with the option's key. -ENOMEM. */
int tls_issuer_new(const struct tls_issuer_material *material, struct tls_issuer **ret_issuer,
	struct problem *problem);
void tls_issuer_free(struct tls_issuer *issuer); /* Accepts NULL. */

/* A request that has passed the check. */
struct tls_petition;

/*
 * Checks a request (system/tls_request). -EBADMSG: it is none. -EACCES: the present certificate, a
 * signature or the fresh key is refused. On failure *problem says why.
 */
int tls_petition_check(const struct tls_issuer *issuer, const struct view *request,
	struct tls_petition **ret_petition, struct problem *problem);
void tls_petition_free(struct tls_petition *petition); /* Accepts NULL. */
/* The names in the present certificate and above it; borrowed. */
const struct peer_names *tls_petition_names(const struct tls_petition *petition);

enum { TLS_SERIAL_TEXT_MAX = 48 };

struct tls_issued {
	char *pem; /* the certificate, then those of CAs above it that are not self-signed */
	size_t len;
	char serial[TLS_SERIAL_TEXT_MAX]; /* hexadecimal */
	int64_t not_after;
	struct peer_names *names; /* in it and above it, as this server reads them */
};

/*
 * Issues it; the caller frees it with tls_issued_free(). -EINVAL: *problem says why, such as a CA that
 * expires at once, or one whose certificates this server would refuse. -ENOMEM.
 */
int tls_petition_issue(const struct tls_issuer *issuer, const struct tls_petition *petition,
	struct tls_issued *ret_issued, struct problem *problem);
void tls_issued_free(struct tls_issued *issued);

#endif
