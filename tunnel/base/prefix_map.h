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

/* Copies `prefixes`, the same one twice is there once. -EINVAL: host bits or no family; -ENOMEM. */
int prefix_map_new(const struct prefix *prefixes, size_t count, struct prefix_map **ret_map);
void prefix_map_free(struct prefix_map *map);

/*
 * True: one of them contains the address, as its bytes stand in a packet: 4 (AF_INET) or 16 (AF_INET6). For the data
 * path: builds no struct addr.
 */
bool prefix_map_covers(const struct prefix_map *map, uint8_t family, const uint8_t *bytes);
/* The length of the longest prefix that contains the address; -1: none does. */
int prefix_map_length(const struct prefix_map *map, uint8_t family, const uint8_t *bytes);

#endif
