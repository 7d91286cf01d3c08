/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_DENIED_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_DENIED_H

/*
 * Engines that ask for what the configuration does not allow: netd refuses, and they go on running.
 */

void denied_interface(const char *scenario); /* the scenario's name says which one */
void denied_foreign_index(const char *scenario);
void denied_socket(const char *scenario);
void denied_exit_code(const char *scenario);
void denied_many_interfaces(const char *scenario);
void denied_routes(const char *scenario);

#endif
