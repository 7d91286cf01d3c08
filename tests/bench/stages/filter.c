/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of source and destination by the longest prefix, with few and many prefixes. The peer
 * has 10.0.0.0/24 and the following, or fd00::/64 and the following; packets come from, or go to,
 * all of them.
 */
#include "base/array.h"
#include "lane/filter.h"

#include <stdlib.h>

#include "stage.h"
#include "tests/unit/random.h"

/* Of a stage: one of the first two, with or without the third. */
enum kind { IN = 0, OUT = 1, V6 = 2 };

enum { FAR_COUNT = 256 };

static struct filter *filter;
static struct addr far_end[FAR_COUNT], near_end;
static uint8_t family;

static struct addr far_address(size_t number, uint8_t last)
{
	uint8_t high = (uint8_t)(number >> 8), low = (uint8_t)number;
	uint8_t v4[4] = { 10, high, low, last };
	uint8_t v6[16] = { 0xfd, 0, [6] = high, low, [15] = last };

	return family == AF_INET ? addr_v4(v4) : addr_v6(v6);
}

static void prepare(const struct stage *stage, size_t count)
{
	bool v6 = (stage->kind & V6) != 0;
	struct prefix *theirs = calloc(stage->size, sizeof(*theirs)), ours;
	struct random random = { .state = 1 };

	(void)count;
	family = v6 ? AF_INET6 : AF_INET;
	stage_require(theirs && addr_parse(v6 ? "fd98::2" : "172.16.0.2", &near_end) == 0,
		"there is memory");
	ours = prefix_host(&near_end);
	for (size_t i = 0; i < stage->size; i++)
		theirs[i] = (struct prefix){ far_address(i, 0), v6 ? 64 : 24 };
	for (size_t i = 0; i < FAR_COUNT; i++)
		far_end[i] = far_address(random_below(&random, stage->size), 7);
	stage_require(
		filter_new(theirs, stage->size, &ours, 1, &filter) == 0, "prefixes are taken");
	free(theirs);
}

/* Not an ICMP error, so only the addresses are checked. */
static void run_in(size_t count)
{
	struct packet packet = { .family = family, .destination = near_end.bytes };
	unsigned passed = 0;

	for (size_t i = 0; i < count; i++) {
		packet.source = far_end[i % FAR_COUNT].bytes;
		passed += filter_judge_in(filter, &packet, NULL) == FILTER_PASS;
	}
	stage_require(passed == count, "the source is theirs");
}

static void run_out(size_t count)
{
	struct packet packet = { .family = family, .source = near_end.bytes };
	unsigned passed = 0;

	for (size_t i = 0; i < count; i++) {
		packet.destination = far_end[i % FAR_COUNT].bytes;
		passed += filter_judge_out(filter, &packet, NULL) == FILTER_PASS;
	}
	stage_require(passed == count, "the destination is theirs, the source ours");
}

static void finish(void)
{
	filter_unref(filter);
	filter = NULL;
}

#define SOURCE "the source is in the peer's "
#define DESTINATION "the destination is in the peer's "

static const struct stage stages[] = {
	{ "reach-in-1", SOURCE "one prefix", false, prepare, run_in, finish, IN, 1 },
	{ "reach-in-100", SOURCE "100 prefixes", false, prepare, run_in, finish, IN, 100 },
	{ "reach-in-10000", SOURCE "10,000 prefixes", false, prepare, run_in, finish, IN, 10000 },
	{ "reach-in-10000-ipv6", SOURCE "10,000 of IPv6", false, prepare, run_in, finish, IN | V6,
		10000 },
	{ "reach-out-1", DESTINATION "one prefix, the source ours", false, prepare, run_out, finish,
		OUT, 1 },
	{ "reach-out-100", DESTINATION "100 prefixes, the source ours", false, prepare, run_out,
		finish, OUT, 100 },
	{ "reach-out-10000", DESTINATION "10,000 prefixes, the source ours", false, prepare,
		run_out, finish, OUT, 10000 },
	{ "reach-out-10000-ipv6", DESTINATION "10,000 of IPv6, the source ours", false, prepare,
		run_out, finish, OUT | V6, 10000 },
};

const struct stage_group reach_stages = { stages, ARRAY_SIZE(stages) };
