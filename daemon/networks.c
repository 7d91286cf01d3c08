/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/networks.h"

#include <string.h>
#include <sys/socket.h>

static uint16_t counter_of(const struct networks *networks, const struct addr *addr, unsigned level)
{
	size_t len = addr->family == AF_INET ? 4 : 6 + level; /* bytes of /32; of /48, /56, /64 */
	uint64_t hash = networks->seed ^ ((uint64_t)addr->family << 8 | level);

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ addr->bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return (uint16_t)((hash >> 20) % NETWORKS_COUNTERS);
}

void networks_init(struct networks *networks, uint64_t seed)
{
	memset(networks, 0, sizeof(*networks));
	networks->seed = seed;
}

void networks_enter(struct networks *networks, const struct addr *addr, struct network *ret_network)
{
	for (unsigned level = 0; level < NETWORKS_LEVELS; level++) {
		ret_network->counter[level] = counter_of(networks, addr, level);
		networks->count[level][ret_network->counter[level]]++;
	}
}

void networks_leave(struct networks *networks, const struct network *network)
{
	for (unsigned level = 0; level < NETWORKS_LEVELS; level++)
		networks->count[level][network->counter[level]]--;
}

bool networks_is_fuller(
	const struct networks *networks, const struct network *a, const struct network *b)
{
	for (unsigned level = 0; level < NETWORKS_LEVELS; level++) {
		uint32_t of_a = networks->count[level][a->counter[level]];
		uint32_t of_b = networks->count[level][b->counter[level]];

		if (of_a != of_b)
			return of_a > of_b;
	}
	return false;
}
