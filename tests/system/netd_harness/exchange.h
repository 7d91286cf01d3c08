/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_EXCHANGE_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_EXCHANGE_H

/*
 * Engines that ask to be exchanged. The first engine of a run asks; its successor goes on running.
 */

void exchange_unready(const char *scenario);
void exchange_stays(const char *scenario); /* asks twice and does not end */
void exchange_exits(const char *scenario); /* the successor asks netd to end before it is ready */

#endif
