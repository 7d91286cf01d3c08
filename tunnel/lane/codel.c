/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/codel.h"

enum {
	COUNT_MAX = 1 << 20, /* the interval divided by its root is then below 0.1 ms */
	/* After a longer pause the rate of drops begins at one again: RFC 8289, 5.4. */
	MEMORY_INTERVALS = 16,
	ROOT_BITS = 8, /* fractional bits of root() */
};

/* The square root of a number, rounded down. */
static uint64_t root(uint64_t n)
{
	uint64_t r = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
		if ((r + bit) * (r + bit) <= n)
			r += bit;
	}
	return r;
}

/* RFC 8289, 4.2: a flow's throughput depends on the square root of its rate of losses. */
static struct mono next_after(struct mono moment, const struct codel_limits *limits, uint32_t count)
{
	uint64_t divisor = root((uint64_t)count << (2 * ROOT_BITS));
	uint64_t wait = ((uint64_t)limits->interval.ns << ROOT_BITS) / divisor;

	return mono_add(moment, (struct duration){ .ns = (int64_t)wait });
}

static bool waits_too_long(struct codel *codel, const struct codel_limits *limits, struct mono now,
	const struct codel_head *head)
{
	if (head->last || head->waited.ns < limits->target.ns) {
		codel->above_since.ns = 0;
		return false;
	}
	if (codel->above_since.ns == 0) {
		codel->above_since = now;
		return false;
	}
	/* By the limits of now: they may have changed meanwhile. */
	return mono_since(now, codel->above_since).ns >= limits->interval.ns;
}

static void begin_dropping(struct codel *codel, const struct codel_limits *limits, struct mono now)
{
	uint32_t gained = codel->count - codel->last_count;
	bool recent = mono_since(now, codel->drop_next).ns < MEMORY_INTERVALS * limits->interval.ns;

	codel->dropping = true;
	codel->count = gained > 1 && recent ? gained : 1;
	codel->last_count = codel->count;
	codel->drop_next = next_after(now, limits, codel->count);
}

/* The bytes divided by the wait are the rate at which the queue sends. */
static bool gets_shorter(const struct codel *codel, struct mono now, const struct codel_head *head)
{
	uint64_t passed_us = (uint64_t)mono_since(now, codel->decided).ns / 1000;
	uint64_t waited_us = (uint64_t)head->waited.ns / 1000;

	return head->bytes < codel->bytes &&
		(uint64_t)(codel->bytes - head->bytes) * waited_us * 100 >=
		head->bytes * passed_us * CODEL_FALLS;
}

static void decide(struct codel *codel, struct mono now, const struct codel_head *head)
{
	codel->decided = now;
	codel->bytes = head->bytes;
}

bool codel_judge(struct codel *codel, const struct codel_limits *limits, struct mono now,
	const struct codel_head *head)
{
	bool drops = true;

	if (!waits_too_long(codel, limits, now, head)) {
		codel->dropping = false;
		return false;
	}
	if (!codel->dropping) {
		begin_dropping(codel, limits, now);
		decide(codel, now, head);
		return true;
	}
	if (mono_before(now, codel->drop_next))
		return false;
	if (codel->count <= CODEL_PAUSES_MOST && gets_shorter(codel, now, head))
		drops = false;
	else if (codel->count < COUNT_MAX)
		codel->count++;
	codel->drop_next = next_after(codel->drop_next, limits, codel->count);
	decide(codel, now, head);
	return drops;
}

void codel_idle(struct codel *codel)
{
	codel->above_since.ns = 0;
	codel->dropping = false;
}
