/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_CONTAINER_H
#define CULVERT_BASE_CONTAINER_H

#include <stddef.h>

/*
 * The struct that contains the member at `pointer`. Callbacks use it to find their owner without an
 * untyped pointer. The compiler refuses a pointer to another type than the member's, and a pointer
 * to const, because the result is not const.
 */
#define container_of(pointer, type, member)                                               \
	((type *)(void *)((char *)((__typeof__(((type *)NULL)->member) *){ (pointer) }) - \
		offsetof(type, member)))

#endif
