/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_ARRAY_H
#define CULVERT_BASE_ARRAY_H

#include <stddef.h>

/* How many elements an array has: a constant. The compilers refuse a pointer. */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Makes room for one more element behind `count` others of `size` bytes each: where all *capacity
 * are in use, it doubles the allocated array. Returns the array, which the caller owns in place of
 * `items`. NULL: out of memory, and `items` and *capacity are unchanged.
 */
void *array_grow(void *items, size_t count, size_t *capacity, size_t size);

#endif
