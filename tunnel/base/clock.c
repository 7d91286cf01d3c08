/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

struct mono mono_now(void)
{
	struct timespec now;

	/* It cannot fail: the clock is known to every Linux and the pointer is ours. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct mono){ .ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec };
}
