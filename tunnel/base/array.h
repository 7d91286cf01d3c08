/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_ARRAY_H
#define CULVERT_BASE_ARRAY_H

/* How many elements an array has: a constant. The compilers refuse a pointer. */
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
