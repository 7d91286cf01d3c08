/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_RESOLVERS_H
#define CULVERT_NETD_RESOLVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/*
 * Which resolvers this host asks, read from the files that say so: /etc/resolv.conf, with what a file of
 * Culvert's keeps for later (netd/resolv_conf), and where a local resolver is asked, what systemd-resolved
 * and NetworkManager write about the resolvers behind it. netd's only thread.
 */

enum { RESOLVERS_MAX = 32 }; /* more are forgotten */

struct resolvers { /* a zeroed one is empty */
	struct addr items[RESOLVERS_MAX];
	size_t count;
};

/* Adds those of one file, each once. A file that is not there, or no text of that form, adds none. */
void resolvers_add_file(struct resolvers *resolvers, const char *path);
/* Adds those of all files that this host has. */
void resolvers_add_all(struct resolvers *resolvers);
bool resolvers_have(const struct resolvers *resolvers, const struct addr *addr);

#endif
