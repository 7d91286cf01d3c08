/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_PREFIX_LIST_H
#define CULVERT_BASE_PREFIX_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/*
 * Prefixes in allocated memory, such as a configuration lists, and, once sorted, a set of them. A
 * zeroed list is an empty one. No ownership but of its own memory; one owner at a time.
 */

struct prefix_list {
	struct prefix *items;
	size_t count;
};

/* Puts copies at the end. -ENOMEM: nothing has changed. */
int prefix_list_append(struct prefix_list *list, const struct prefix *prefixes, size_t count);
/* The list is empty again. */
void prefix_list_free(struct prefix_list *list);

/* Orders by prefix_compare() and drops what is there twice. */
void prefix_list_sort(struct prefix_list *list);
/* For a sorted list. */
bool prefix_list_has(const struct prefix_list *list, const struct prefix *prefix);

#endif
