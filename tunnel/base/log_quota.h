/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_LOG_QUOTA_H
#define CULVERT_BASE_LOG_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rate.h"

/*
 * How many log lines each subject may cause. A line's subject stands before its first colon: the
 * name of a peer, or an address. So no peer can fill the log with texts that all differ. Subjects
 * with the same hash share one quota; there are always LOG_QUOTA_SUBJECTS. The logger's own.
 */

enum {
	LOG_QUOTA_SUBJECTS = 64,
	LOG_QUOTA_SUBJECT_MAX = 64, /* bytes of a subject; a line with a longer one has no quota */
	LOG_QUOTA_BURST = 200,      /* lines at once … */
	LOG_QUOTA_PER_SECOND = 2,   /* … and in the long run */
};

struct log_quota_subject {
	struct rate rate;
	bool used;
	uint64_t held;
};

struct log_quota {
	struct log_quota_subject subjects[LOG_QUOTA_SUBJECTS];
};

/*
 * True: the line may be written; *ret_held is how many lines of its subject were held back before
 * it, and *ret_len the length of the subject. The quota of a zeroed struct is full.
 */
bool log_quota_take(struct log_quota *quota, const char *text, struct mono now, uint64_t *ret_held,
	int *ret_len);

#endif
