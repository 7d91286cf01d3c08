/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_VALIDITY_H
#define CULVERT_CONFIG_VALIDITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "system/tls.h"

/*
 * How much is left of a certificate, a CA or a revocation list, and what a person is told about it.
 * A warning comes 30, 7 and 1 days ahead, but not before the last third of a life, in which what is
 * renewed by a program is renewed. What lives for less than three days has one, in the last sixth.
 * Pure functions.
 */

enum validity_stage {
	VALIDITY_GOOD,
	VALIDITY_MONTH,
	VALIDITY_WEEK,
	VALIDITY_DAY,
	VALIDITY_ENDED,
	VALIDITY_TO_COME, /* it is not valid yet */
	VALIDITY_STAGE_COUNT
};

/* `until` 0: it has no end. All are seconds since the epoch. */
enum validity_stage validity_judge(int64_t from, int64_t until, int64_t now);
/* For programs: "good", "month", "week", "day", "expired", "not yet". */
const char *validity_stage_text(enum validity_stage stage);

/*
 * Says what will end, or has ended, when, and what to do. `current`: an expired list refuses its
 * CA's certificates (crl_expired). For the stage VALIDITY_GOOD the text is empty.
 */
void validity_explain(
	const struct tls_term *term, int64_t now, bool current, struct problem *ret_text);

#endif
