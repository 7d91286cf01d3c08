/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefixes are sorted by family, address and length, shorter first. Each has a parent: the longest
 * other prefix that contains it.
 *
 * To look up an address, take the last prefix whose own address is not past it. Any other prefix
 * that contains the address also contains that one. So the answer is on its chain of parents.
 * Addresses are two numbers, IPv4 in the upper 32 bits, so that one comparison serves both
 * families.
 */
#include "base/prefix_map.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NO_PARENT = -1 };

struct key {
	uint64_t high;
	uint64_t low;
};

struct node {
	struct key key;
	struct key mask;
	int32_t parent;
	uint8_t len;
};

struct prefix_map {
	size_t count;
	size_t v4_count; /* nodes of IPv4 come first */
	struct node *nodes;
};

static struct key key_of(uint8_t family, const uint8_t *bytes)
{
	struct key key = { 0, 0 };

	if (family == AF_INET) {
		uint32_t v4;

		memcpy(&v4, bytes, 4);
		key.high = (uint64_t)be32toh(v4) << 32;
	} else {
		memcpy(&key, bytes, 16);
		key.high = be64toh(key.high);
		key.low = be64toh(key.low);
	}
	return key;
}

static struct key mask_of(uint8_t len)
{
	return (struct key){
		.high = len == 0    ? 0
			: len >= 64 ? UINT64_MAX
				    : UINT64_MAX << (64 - len),
		.low = len <= 64 ? 0 : UINT64_MAX << (128 - len),
	};
}

static bool node_contains(const struct node *node, struct key key)
{
	return (((key.high ^ node->key.high) & node->mask.high) |
		       ((key.low ^ node->key.low) & node->mask.low)) == 0;
}

static bool key_after(struct key a, struct key b)
{
	return a.high != b.high ? a.high > b.high : a.low > b.low;
}

static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static bool is_valid(const struct prefix *prefix)
{
	return addr_size(&prefix->addr) > 0 && prefix->len <= addr_size(&prefix->addr) * 8 &&
		!prefix_has_host_bits(prefix);
}

static void map_append(struct prefix_map *map, const struct prefix *prefix)
{
	size_t first = prefix->addr.family == AF_INET ? 0 : map->v4_count;
	struct node node = {
		.key = key_of(prefix->addr.family, prefix->addr.bytes),
		.mask = mask_of(prefix->len),
		.parent = NO_PARENT,
		.len = prefix->len,
	};

	/* The previous prefix is this one's parent, or has the parent on its chain. */
	if (map->count > first) {
		int32_t at = (int32_t)(map->count - 1);

		while (at != NO_PARENT && !node_contains(&map->nodes[at], node.key))
			at = map->nodes[at].parent;
		node.parent = at;
	}
	map->nodes[map->count++] = node;
	if (prefix->addr.family == AF_INET)
		map->v4_count++;
}

int prefix_map_new(const struct prefix *prefixes, size_t count, struct prefix_map **ret_map)
{
	struct prefix *sorted = NULL;
	struct prefix_map *map;

	for (size_t i = 0; i < count; i++) {
		if (!is_valid(&prefixes[i]))
			return -EINVAL;
	}
	if (count > INT32_MAX)
		return -ENOMEM;
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	if (count > 0) {
		sorted = calloc(count, sizeof(*sorted));
		map->nodes = calloc(count, sizeof(*map->nodes));
		if (!sorted || !map->nodes)
			goto no_memory;
		memcpy(sorted, prefixes, count * sizeof(*sorted));
		qsort(sorted, count, sizeof(*sorted), compare);
		for (size_t i = 0; i < count; i++) {
			if (i == 0 || !prefix_equal(&sorted[i], &sorted[i - 1]))
				map_append(map, &sorted[i]);
		}
	}
	free(sorted);
	*ret_map = map;
	return 0;

no_memory:
	free(sorted);
	prefix_map_free(map);
	return -ENOMEM;
}

void prefix_map_free(struct prefix_map *map)
{
	if (!map)
		return;
	free(map->nodes);
	free(map);
}

/* The index of the longest match, or NO_PARENT. */
static int32_t find(const struct prefix_map *map, uint8_t family, const uint8_t *bytes)
{
	struct key key = key_of(family, bytes);
	size_t first = family == AF_INET ? 0 : map->v4_count;
	size_t low = first;
	size_t high = family == AF_INET ? map->v4_count : map->count;
	int32_t at;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (key_after(map->nodes[middle].key, key))
			high = middle;
		else
			low = middle + 1;
	}
	/* `low` is the first prefix past the key; the one before it starts the chain. */
	at = low > first ? (int32_t)(low - 1) : NO_PARENT;
	while (at != NO_PARENT && !node_contains(&map->nodes[at], key))
		at = map->nodes[at].parent;
	return at;
}

bool prefix_map_covers(const struct prefix_map *map, uint8_t family, const uint8_t *bytes)
{
	return find(map, family, bytes) != NO_PARENT;
}

int prefix_map_length(const struct prefix_map *map, uint8_t family, const uint8_t *bytes)
{
	int32_t at = find(map, family, bytes);

	return at == NO_PARENT ? -1 : map->nodes[at].len;
}
