/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_PREFIX_LIST_H
#define CULVERT_BASE_PREFIX_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/*
 * A list of prefixes in allocated memory, as a configuration has them; once sorted, a set. A zeroed
 * list is empty. It owns only its own memory. One owner at a time.
 */

struct prefix_list {
	struct prefix *items;
	size_t count;
};

/* Appends copies. -ENOMEM: the list is unchanged. */
int prefix_list_append(struct prefix_list *list, const struct prefix *prefixes, size_t count);
/* Frees the items; the list is empty again. */
void prefix_list_free(struct prefix_list *list);

/* Orders by prefix_compare() and drops duplicates. */
void prefix_list_sort(struct prefix_list *list);
/* True if the list, which must be sorted, has the prefix. */
bool prefix_list_has(const struct prefix_list *list, const struct prefix *prefix);

#endif
