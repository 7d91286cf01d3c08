/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_ISSUER_H
#define CULVERT_DAEMON_ISSUER_H

#include <stddef.h>
#include <stdint.h>

#include "base/rate.h"
#include "config/settings.h"
#include "system/tls_issuer.h"
#include "wire/issue.h"

/*
 * The issuing process (`--issuer`): it alone has the key of the issuing CA, and issues a client's
 * next certificate. It trusts the engine with nothing. A request has to be signed by the key of the
 * present certificate, which is verified here again. That certificate's identity has to be the
 * session's, and one that the configuration admits. So a subverted engine gets a certificate for
 * nobody. What it can do is waste requests, for which there are limits in all and for each
 * identity. They follow the wall clock, as certificates do. One thread.
 */

enum {
	ISSUER_BURST = 200, /* in all */
	ISSUER_PER_SECOND = 5,
	ISSUER_PEER_BURST = 3,        /* of an identity */
	ISSUER_PEER_PER_LIFETIME = 8, /* in the long run, within a lifetime */
	/* Identities that fall on the same one share its limit. */
	ISSUER_SLOTS = 65536,
};

struct issuer {
	const struct settings *settings;
	struct tls_issuer *tls;
	struct rate all;
	struct rate *slots;   /* ISSUER_SLOTS; burst 0: not used yet */
	uint64_t fingerprint; /* a random start, so that nobody can choose a slot */
};

/* Borrows settings and takes `tls`. -ENOMEM. */
int issuer_init(struct issuer *issuer, const struct settings *settings, struct tls_issuer *tls);
void issuer_free(struct issuer *issuer);

/*
 * Answers a request and logs what it issues or refuses. The caller frees *ret_pem, which the
 * answer's certificate is in; NULL: none.
 */
void issuer_answer(struct issuer *issuer, const struct issue_request *request,
	struct issue_answer *ret_answer, char **ret_pem);

/* Runs the process until netd is gone. Returns the exit status. */
int issuer_run(void);

#endif
