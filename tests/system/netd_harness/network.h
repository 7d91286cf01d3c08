/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_NETWORK_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_NETWORK_H

/*
 * A client's engine that has an interface made, changed in every way, deleted, and made again. What
 * it hears of the network before and after is in the log, a line each (talk_receive()).
 */
void network_own_changes(const char *scenario);

#endif
