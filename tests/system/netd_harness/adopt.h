/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_ADOPT_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_ADOPT_H

/*
 * Engines that leave something behind, and their successors, which are offered it. A scenario is
 * both; CONFIGURE says which one. All begin before READY. A first engine logs "SCENARIO: made" and
 * waits until it is killed, unless it ends by itself.
 */

enum { ADOPT_PAGES_ROUTES = 600 }; /* three replies' worth */

void adopt_server(const char *scenario);
void adopt_client(const char *scenario);
void adopt_pages(const char *scenario);
void adopt_beyond(const char *scenario); /* an index and an offset out of range */
void adopt_when_ready(const char *scenario);
void adopt_after_garbage(const char *scenario); /* netd kills the first */
void adopt_never(const char *scenario);         /* no successor becomes ready */

#endif
