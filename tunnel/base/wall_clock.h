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

/*
 * Seconds since the host's start, those asleep included. Nobody can set this clock: together with
 * it a jump of the wall clock shows.
 */
int64_t wall_since_boot(void);

#endif
