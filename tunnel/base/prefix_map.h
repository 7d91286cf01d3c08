/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_PREFIX_MAP_H
#define CULVERT_BASE_PREFIX_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * Longest-prefix match over an immutable set. A map is built once from an array; then any number of
 * threads read it without a lock. A lookup allocates nothing: it searches entries sorted by
 * address, then follows the chain of enclosing prefixes.
 */

struct prefix_map;

/*
 * Copies `prefixes` and drops duplicates. The caller frees the map with prefix_map_free(). -EINVAL:
 * a prefix has host bits or no family; -ENOMEM.
 */
int prefix_map_new(const struct prefix *prefixes, size_t count, struct prefix_map **ret_map);
void prefix_map_free(struct prefix_map *map);

/*
 * True if a prefix contains the address. `bytes` are those of a packet: 4 (AF_INET) or 16
 * (AF_INET6). Serves the data path and builds no struct addr.
 */
bool prefix_map_covers(const struct prefix_map *map, uint8_t family, const uint8_t *bytes);
/* The length of the longest prefix that contains the address, or -1. */
int prefix_map_length(const struct prefix_map *map, uint8_t family, const uint8_t *bytes);

#endif
