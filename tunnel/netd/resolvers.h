/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_RESOLVERS_H
#define CULVERT_NETD_RESOLVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/*
 * The resolvers that this host asks, read from the files that name them: /etc/resolv.conf, and the
 * former text that a file of Culvert's keeps (netd/resolv_conf). Where that is a local resolver,
 * also the files in which systemd-resolved and NetworkManager name the resolvers behind it. netd's
 * only thread.
 */

enum { RESOLVERS_MAX = 32 }; /* more are ignored */

/* Empty when zeroed. */
struct resolvers {
	struct addr items[RESOLVERS_MAX];
	size_t count;
};

/*
 * Adds the resolvers of one file, each once. A missing file, or a text of another form, adds none.
 */
void resolvers_add_file(struct resolvers *resolvers, const char *path);
/* Adds those of all files that this host has. */
void resolvers_add_all(struct resolvers *resolvers);
bool resolvers_have(const struct resolvers *resolvers, const struct addr *addr);

#endif
