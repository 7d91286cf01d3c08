/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_RENEWAL_H
#define CULVERT_CLIENT_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/bytes.h"
#include "base/problem.h"
#include "system/loop.h"
#include "system/tls_renewal.h"
#include "system/tls_request.h"
#include "wire/message.h"
#include "wire/pieces.h"

/*
 * When and how a client renews its certificate. In the last third of its life it makes a fresh key
 * and asks; it waits for the answer, and after a failure asks again with backoff. It also says what
 * bundle of authorities it has, and takes the server's.
 *
 *   off                        nothing is renewed
 *   resting ──due, and up──> asking ──issued──> resting, until the new certificate is due
 *      └───────── refused, later, silence ──────┘  waits
 *
 * Certificates follow the wall clock, timers follow another one, so each wait is short. Main thread
 * only.
 */

enum {
#ifdef CULVERT_TEST_CLOCK
	RENEWAL_LOOK_S = 1,
#else
	RENEWAL_LOOK_S = 30, /* the longest wait between two looks at the wall clock */
#endif
	RENEWAL_PATIENCE_S = 40, /* for an answer */
	RENEWAL_RESULT_MAX = 300,
};

struct renewal;

/* No member may be NULL. */
struct renewal_events {
	/* Sends to the server. False: there is no session that is up, or it knows no renewal. */
	bool (*send)(struct renewal *renewal, const struct message *message);
	/* The validity of the certificate that is in use. */
	void (*validity)(struct renewal *renewal, struct tls_validity *ret_validity);
	/* Makes a key and a request. Errors: those of tls_request_make(). */
	int (*make)(
		struct renewal *renewal, struct tls_request *ret_request, struct problem *problem);
	/*
	 * Verifies, stores and uses what came: PEM text with the fresh key and its chain, or a
	 * bundle. On failure nothing has changed, and *problem says why.
	 */
	int (*take_pair)(struct renewal *renewal, const struct view *pair, struct problem *problem);
	int (*take_trust)(
		struct renewal *renewal, const struct view *bundle, struct problem *problem);
};

enum renewal_state { RENEWAL_OFF, RENEWAL_RESTING, RENEWAL_ASKING };

struct renewal {
	const struct renewal_events *events;
	struct loop *loop;
	enum renewal_state state;
	struct loop_timer timer;
	struct tls_validity validity;
	uint32_t spread;      /* random: many clients whose certificates began together ask apart */
	int64_t due;          /* seconds since the epoch */
	struct mono again;    /* it does not ask earlier */
	struct mono patience; /* while asking */
	struct backoff backoff;
	uint64_t seed; /* of the backoff's random numbers */
	uint32_t number;
	struct tls_request request; /* while asking */
	struct pieces certificate, bundle;
	uint8_t hash[MESSAGE_HASH_SIZE]; /* of the last whole bundle, taken or not */
	bool told;                       /* that the server renews nothing */
	int64_t last;                    /* when the last result was; 0: none yet */
	bool last_good;
	char result[RENEWAL_RESULT_MAX]; /* words for a person */
};

/* `random` is any number. The certificate's life counts from here on. */
void renewal_init(struct renewal *renewal, struct loop *loop, const struct renewal_events *events,
	uint64_t random);
void renewal_free(struct renewal *renewal); /* Accepts a zeroed one. */

/* The session is up, new or again. */
void renewal_up(struct renewal *renewal);
/* The certificate in use is another one. */
void renewal_changed(struct renewal *renewal);
/* The server has sent issued or trust. */
void renewal_take(struct renewal *renewal, const struct message *message);

#endif
