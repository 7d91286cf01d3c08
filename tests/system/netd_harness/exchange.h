/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_EXCHANGE_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_EXCHANGE_H

/* Engines that ask to be exchanged. The first of a run does, its successor lives on. */

void exchange_unready(const char *scenario);
void exchange_stays(const char *scenario); /* asks twice, and does not go */
void exchange_exits(const char *scenario); /* the successor wants netd to end before it is ready */

#endif
