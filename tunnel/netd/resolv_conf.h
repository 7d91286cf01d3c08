/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_RESOLV_CONF_H
#define CULVERT_NETD_RESOLV_CONF_H

#include <stdbool.h>
#include <stdio.h>

#include "base/nameservers.h"
#include "base/problem.h"

/*
 * /etc/resolv.conf where no program manages it: Culvert replaces it while there is a tunnel with
 * resolvers of its own, and restores it. The new file keeps the former text as comments behind our
 * lines. So a crash or a reboot cannot lose it, and it cannot be restored to another file, such as
 * the one that a container has. The first line has a checksum of the rest. Where that is wrong,
 * another program has changed the file since, and Culvert leaves it alone.
 *
 * A symbolic link is replaced by a file, and restored as a link; so is a link to nowhere or in a
 * circle. Some files cannot be replaced: one that is mounted by itself (ip-netns(8), containers),
 * or one in a read-only directory. Culvert writes such a file in place, through a link as well, and
 * that link stays. It never truncates the file first. So on a full disk the file keeps its text;
 * and our text, which is longer, makes room for the text that it keeps. netd's only thread.
 */

#define RESOLV_CONF_PATH "/etc/resolv.conf"

enum { RESOLV_CONF_SIZE_MAX = 65536 }; /* bytes; a longer file cannot be kept */

/*
 * Finds the owner of the file. -EFBIG; -EINVAL: no regular file; else the errors of open(2) and
 * others. On failure *problem says why.
 */
enum resolv_conf_owner {
	RESOLV_CONF_OTHERS,  /* not ours, or there is no file */
	RESOLV_CONF_OURS,    /* as we have written it */
	RESOLV_CONF_CHANGED, /* ours once, and changed by another program since */
};
int resolv_conf_owner(const char *path, enum resolv_conf_owner *ret_owner, struct problem *problem);

/*
 * Returns true for a text of ours, changed since or not. The lines that it keeps begin with "#|".
 */
bool resolv_conf_text_is_ours(const char *text, size_t len);

/*
 * Writes our file. If the file is ours already, it keeps the same former text. *held is -1 or from
 * the call before. On success it is a descriptor whose lock (flock(2)) shows that the program that
 * wrote the file lives; the caller closes it after restoring the file. -EBUSY: the file is another
 * process's, or was ours and has been changed; else as above.
 */
int resolv_conf_set(const char *path, const struct nameservers *nameservers, int *held,
	struct problem *problem);

/*
 * Returns true if the program that wrote the file lives. The lock belongs to the file, and so
 * reaches as far as the file: network namespaces often share one, and a container has its own.
 */
bool resolv_conf_is_held(const char *path);

/* Restores the former text. -ENOENT: the file is not ours; -EBUSY and others as above. */
int resolv_conf_restore(const char *path, struct problem *problem);

/* Writes the lines themselves: nameserver, search. */
void resolv_conf_put(FILE *out, const struct nameservers *nameservers);

/* Returns true if the file names that program as its writer (resolvconf(8)). */
bool resolv_conf_mentions(const char *path, const char *program);

#endif
