/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prefix_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int prefix_list_append(struct prefix_list *list, const struct prefix *prefixes, size_t count)
{
	struct prefix *grown;

	if (count == 0)
		return 0;
	grown = reallocarray(list->items, list->count + count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memcpy(&grown[list->count], prefixes, count * sizeof(*prefixes));
	list->items = grown;
	list->count += count;
	return 0;
}

void prefix_list_free(struct prefix_list *list)
{
	free(list->items);
	*list = (struct prefix_list){ .items = NULL };
}

static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

void prefix_list_sort(struct prefix_list *list)
{
	size_t kept = 0;

	if (list->count < 2)
		return;
	qsort(list->items, list->count, sizeof(list->items[0]), compare);
	for (size_t i = 0; i < list->count; i++) {
		if (kept == 0 || !prefix_equal(&list->items[kept - 1], &list->items[i]))
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

bool prefix_list_has(const struct prefix_list *list, const struct prefix *prefix)
{
	return list->count > 0 &&
		bsearch(prefix, list->items, list->count, sizeof(list->items[0]), compare);
}
