/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wall_clock.h"

#include <stdio.h>
#include <time.h>

#ifdef CULVERT_TEST_CLOCK
/* Without the file, or with another content, the offset is 0. */
static int64_t test_offset(void)
{
	FILE *file = fopen(CULVERT_TEST_CLOCK, "re");
	long long offset = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lld", &offset) != 1)
		offset = 0;
	(void)fclose(file);
	return offset;
}
#else
static int64_t test_offset(void)
{
	return 0;
}
#endif

int64_t wall_now(void)
{
	return (int64_t)time(NULL) + test_offset();
}

int64_t wall_since_boot(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* in every Linux since 2.6.39 */
	return (int64_t)now.tv_sec;
}
