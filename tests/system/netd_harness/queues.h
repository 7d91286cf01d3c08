/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_QUEUES_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_QUEUES_H

/*
 * Engines of several lanes, which check the queues of their interfaces. The first two leave theirs
 * to a successor, like those of adopt.h.
 */

enum { QUEUES_LANES = 4 }; /* that the configuration allows */

void queues_server(const char *scenario);  /* the kernel learns the queue of a flow */
void queues_client(const char *scenario);  /* the steering program chooses it */
void queues_refused(const char *scenario); /* one more than the configuration allows */
void queues_single(const char *scenario);  /* a client requests several and gets one */

#endif
