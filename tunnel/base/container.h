/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_CONTAINER_H
#define CULVERT_BASE_CONTAINER_H

#include <stddef.h>

/*
 * The struct that a member is embedded in: how callbacks find their owner without an untyped
 * pointer.
 */
#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
