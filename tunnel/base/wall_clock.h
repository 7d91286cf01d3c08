/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_WALL_CLOCK_H
#define CULVERT_BASE_WALL_CLOCK_H

#include <stdint.h>

/*
 * The wall clock in seconds since the epoch, by which certificates and lists are valid or not. All
 * such decisions ask here, OpenSSL's included. A build with -DCULVERT_TEST_CLOCK='"PATH"' adds the
 * number of seconds that the file at PATH holds, so that a test can let years pass.
 */
int64_t wall_now(void);

#endif
