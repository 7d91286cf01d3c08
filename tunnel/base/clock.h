/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_CLOCK_H
#define CULVERT_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Points in time and lengths of time. They are types of their own, so that no code adds a duration
 * to a byte count by mistake. Points are on CLOCK_MONOTONIC. Plain values; any thread.
 */

struct mono {
	int64_t ns;
};

struct duration {
	int64_t ns;
};

#define DURATION_MS(ms) ((struct duration){ .ns = (int64_t)(ms)*1000000 })
#define DURATION_S(s) ((struct duration){ .ns = (int64_t)(s)*1000000000 })

struct mono mono_now(void);

static inline struct mono mono_add(struct mono point, struct duration length)
{
	return (struct mono){ .ns = point.ns + length.ns };
}

/* The time from `earlier` to `later`; negative if `later` is before `earlier`. */
static inline struct duration mono_since(struct mono later, struct mono earlier)
{
	return (struct duration){ .ns = later.ns - earlier.ns };
}

static inline bool mono_before(struct mono a, struct mono b)
{
	return a.ns < b.ns;
}

static inline int64_t duration_ms(struct duration length)
{
	return length.ns / 1000000;
}

static inline double duration_seconds(struct duration length)
{
	return (double)length.ns / 1e9;
}

enum { DURATION_TEXT_MAX = 48 };

/* For display, as the two largest units: "2 d 3 h", "3 min 4 s", "0 s". Returns `out`. */
const char *duration_format(struct duration length, char out[static DURATION_TEXT_MAX]);

#endif
