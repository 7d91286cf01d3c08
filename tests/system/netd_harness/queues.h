/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_QUEUES_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_QUEUES_H

/*
 * Engines of several lanes: what the queues of their interfaces do. The first two leave theirs to a
 * successor, as those of adopt.h do.
 */

enum { QUEUES_LANES = 4 }; /* that the configuration allows */

void queues_server(const char *scenario);  /* the kernel learns which queue a flow is on */
void queues_client(const char *scenario);  /* the steering program says so */
void queues_refused(const char *scenario); /* one more than the configuration allows */
void queues_single(const char *scenario);  /* a client asks for several and gets one */

#endif
