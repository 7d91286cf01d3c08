/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SPARE_H
#define CULVERT_SYSTEM_SPARE_H

#include <stdbool.h>

/*
 * Reserves the last descriptors of this process (RLIMIT_NOFILE) for new sessions, which need some
 * for their interfaces. Work that strangers cause asks here first. The kernel gives out the lowest
 * free descriptor, so a high one shows that few remain. Any thread.
 */

enum { SPARE_DESCRIPTORS = 64 }; /* or a quarter of the limit, if that is less */

/* True if this descriptor is a reserved one. */
bool spare_has(int fd);
/*
 * Moves the file to the lowest free descriptor, closes `fd` and returns the new one. Returns `fd`
 * itself if none is lower. For a caller that has just closed another: otherwise the next stranger
 * gets the low one, and the reserved ones fill.
 */
int spare_leave(int fd);

#endif
