/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_NETWORK_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_NETWORK_H

/*
 * A client's engine that requests an interface, changes it in every way, deletes it, and requests
 * it again. It logs each network event before and after that, a line each (talk_receive()).
 */
void network_own_changes(const char *scenario);

#endif
