/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers that are the same in every run: SplitMix64 (Steele, Lea, Flood: "Fast splittable
 * pseudorandom number generators", 2014), with the seed the test gives.
 */
#ifndef CULVERT_TESTS_UNIT_RANDOM_H
#define CULVERT_TESTS_UNIT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0 to bound - 1. */
static inline size_t random_below(struct random *random, size_t bound)
{
	return (size_t)(random_next(random) % bound);
}

static inline void random_fill(struct random *random, void *out, size_t len)
{
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_next(random);
}

#endif
