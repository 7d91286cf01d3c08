/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct mono mono_now(void)
{
	struct timespec now;

	/* Cannot fail: every Linux has this clock, and the pointer is valid. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct mono){ .ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec };
}

const char *duration_format(struct duration length, char out[static DURATION_TEXT_MAX])
{
	int64_t s = length.ns / 1000000000;

	if (s < 60)
		snprintf(out, DURATION_TEXT_MAX, "%" PRId64 " s", s);
	else if (s < 3600)
		snprintf(out, DURATION_TEXT_MAX, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, DURATION_TEXT_MAX, "%" PRId64 " h %" PRId64 " min", s / 3600,
			s / 60 % 60);
	else
		snprintf(out, DURATION_TEXT_MAX, "%" PRId64 " d %" PRId64 " h", s / 86400,
			s / 3600 % 24);
	return out;
}
