/* SPDX-License-Identifier: Apache-2.0 */
#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>

enum { CAPACITY_FIRST = 16 };

void *array_grow(void *items, size_t count, size_t *capacity, size_t size)
{
	size_t larger = *capacity == 0 ? CAPACITY_FIRST : 2 * *capacity;

	if (count < *capacity)
		return items;
	/* reallocarray() looks at that too, but a sanitizer's ends the program then. */
	if (larger < *capacity || larger > SIZE_MAX / size)
		return NULL;
	items = reallocarray(items, larger, size);
	if (items)
		*capacity = larger;
	return items;
}
