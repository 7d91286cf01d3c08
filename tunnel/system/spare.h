/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_SPARE_H
#define CULVERT_SYSTEM_SPARE_H

#include <stdbool.h>

/*
 * The last descriptors that this process may have (RLIMIT_NOFILE) are kept for sessions that come
 * up, which need some for their interfaces. What strangers bring about asks here first. The kernel
 * gives the lowest descriptor that is free, so a high one tells that few are left. Any thread.
 */

enum { SPARE_DESCRIPTORS = 64 }; /* or a quarter of the limit, where that is less */

/* True: this descriptor is one of those. */
bool spare_has(int fd);
/*
 * The same file at the lowest descriptor that is free, and `fd` is closed; `fd` itself when there is
 * no lower one. For the caller that has just closed another: else that one's place is the next
 * newcomer's, and the spare ones fill.
 */
int spare_leave(int fd);

#endif
