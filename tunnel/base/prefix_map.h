/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_PREFIX_MAP_H
#define CULVERT_BASE_PREFIX_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Longest-prefix match over an immutable set: built once from an array, then read by any number of
 * threads without a lock. Lookups allocate nothing: a binary search in entries sorted by address,
 * then up the chain of enclosing prefixes.
 */

struct prefix_map;

struct prefix_map_entry {
	struct prefix prefix; /* without host bits */
	uint32_t value;
};

/* Copies `entries`. The same prefix twice: the last one given wins. -EINVAL: host bits or no
 * family; -ENOMEM. Free with prefix_map_free(). */
int prefix_map_new(
	const struct prefix_map_entry *entries, size_t count, struct prefix_map **ret_map);
void prefix_map_free(struct prefix_map *map);

/*
 * The entry with the longest prefix that contains the address, or NULL. The pointer lives as long
 * as the map.
 */
const struct prefix_map_entry *prefix_map_find(
	const struct prefix_map *map, const struct addr *addr);
/*
 * The same on bytes as they stand in a packet: `bytes` are 4 (AF_INET) or 16 (AF_INET6) of them.
 * For the data path: builds no struct addr.
 */
bool prefix_map_covers(const struct prefix_map *map, uint8_t family, const uint8_t *bytes);
/* The same, and how long the longest prefix is; -1: none. */
int prefix_map_length(const struct prefix_map *map, uint8_t family, const uint8_t *bytes);

size_t prefix_map_count(const struct prefix_map *map);

#endif
