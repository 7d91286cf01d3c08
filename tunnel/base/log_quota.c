/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_quota.h"

#include <stddef.h>
#include <string.h>

#include "base/fingerprint.h"

/* A peer does not choose its name, so a hash without a secret is enough. */
static struct log_quota_subject *find(struct log_quota *quota, const char *subject, size_t len)
{
	uint64_t hash = fingerprint_add(FINGERPRINT_OF_NOTHING, subject, len);

	return &quota->subjects[(hash ^ hash >> 32) % LOG_QUOTA_SUBJECTS];
}

bool log_quota_take(struct log_quota *quota, const char *text, struct mono now, uint64_t *ret_held,
	int *ret_len)
{
	const char *colon = strchr(text, ':');
	struct log_quota_subject *subject;

	*ret_held = 0;
	*ret_len = 0;
	if (!colon || colon - text > LOG_QUOTA_SUBJECT_MAX)
		return true;
	subject = find(quota, text, (size_t)(colon - text));
	if (!subject->used)
		rate_init(&subject->rate, LOG_QUOTA_PER_SECOND, LOG_QUOTA_BURST, now);
	subject->used = true;
	if (!rate_take(&subject->rate, now)) {
		subject->held++;
		return false;
	}
	*ret_held = subject->held;
	*ret_len = (int)(colon - text);
	subject->held = 0;
	return true;
}
