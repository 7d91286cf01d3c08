/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_RESOLV_CONF_H
#define CULVERT_NETD_RESOLV_CONF_H

#include <stdbool.h>
#include <stdio.h>

#include "base/nameservers.h"
#include "base/problem.h"

/*
 * /etc/resolv.conf where nobody manages it: replaced while there is a tunnel with resolvers of its own,
 * and put back. What was there before is kept inside of the new file, as comments behind our lines, so
 * that it cannot be lost, or be put back into another file: not by a crash, a reboot, or a container
 * that has this one file of its own. The first line has a checksum of the rest; where that is wrong
 * somebody else has changed the file since, and it is left alone.
 *
 * A symbolic link is replaced by a file and comes back as a link. Where the file cannot be replaced, as
 * it is mounted by itself (ip-netns(8), containers) or its directory is read-only, it is written in place,
 * through a link as well, which stays then. Writing in place never cuts the file first: where the disk is full
 * it keeps its text, and ours, which is longer, makes room for what it keeps. A link to nowhere or in a circle is
 * replaced like any other. netd's only thread.
 */

#define RESOLV_CONF_PATH "/etc/resolv.conf"

enum { RESOLV_CONF_SIZE_MAX = 65536 }; /* bytes of one that we are to keep */

/* Whose the file is. -EFBIG, -EINVAL (no regular file), or what open(2) and others say; with words. */
enum resolv_conf_owner {
	RESOLV_CONF_OTHERS,  /* or there is none */
	RESOLV_CONF_OURS,    /* as we have written it */
	RESOLV_CONF_CHANGED, /* ours once, and changed by somebody since */
};
int resolv_conf_owner(const char *path, enum resolv_conf_owner *ret_owner, struct problem *problem);

/* True: a text of ours, changed since or not. Lines that it keeps begin with "#|". */
bool resolv_conf_text_is_ours(const char *text, size_t len);

/*
 * Writes ours. One that is ours already keeps what it keeps. *held is -1 or from the call before, and then a
 * descriptor whose lock (flock(2)) says that who wrote the file is alive: the caller closes it after it has
 * put the file back. -EBUSY: it is another process's, or it was ours and somebody has changed it;
 * else as above.
 */
int resolv_conf_set(const char *path, const struct nameservers *nameservers, int *held,
	struct problem *problem);

/*
 * Who wrote it is alive. The lock is the file's, and so as wide as it: network namespaces often have one file,
 * and a container one of its own.
 */
bool resolv_conf_is_held(const char *path);

/* Puts back what was there before. -ENOENT: it is not ours; -EBUSY and others as above. */
int resolv_conf_restore(const char *path, struct problem *problem);

/* The lines themselves: nameserver, search. */
void resolv_conf_put(FILE *out, const struct nameservers *nameservers);

/* True: the file names the program that writes it (resolvconf(8)). */
bool resolv_conf_mentions(const char *path, const char *program);

#endif
