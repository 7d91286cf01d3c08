/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_LEASES_H
#define CULVERT_DAEMON_LEASES_H

#include <stddef.h>

#include "base/problem.h"
#include "daemon/pool.h"

/*
 * The file of a pool's leases, so that peers keep their addresses when the daemon restarts. It is
 * text: a first line with the version, then a line for each lease. The lease that is out of use for
 * longest is first.
 *
 * 	culvert leases 1
 * 	branch-a 10.213.0.2 fd00:c17:e27::2 1767225600
 * 	branch-b 10.213.0.3 - 1767312000
 *
 * A line has identity, IPv4 and IPv6 address ("-": none), and the time of the last use in seconds
 * since 1970. Nothing here logs. Main thread only.
 */

#define LEASES_FILE "leases"
#define LEASES_BROKEN_FILE "leases.broken"

/* Encodes all leases. The caller frees *ret_text. -ENOMEM. */
int leases_encode(const struct pool *pool, char **ret_text, size_t *ret_len);

/*
 * Restores leases into a new pool. Leases that do not fit the configuration any more are left out
 * and counted in *ret_left_out, without an error. -EBADMSG: the text is bad, *problem has "line N:
 * ...", and the pool is unchanged; -ENOMEM.
 */
int leases_decode(const char *text, size_t len, struct pool *pool, size_t *ret_left_out,
	struct problem *problem);

/*
 * Restores leases from the file in the state directory; a missing file is an empty one. A bad file
 * is renamed to LEASES_BROKEN_FILE, so that the daemon can go on with an empty pool: -EBADMSG.
 * Other errors: those of the system calls. On failure *problem says why.
 */
int leases_load(int dir_fd, struct pool *pool, size_t *ret_left_out, struct problem *problem);

/* Replaces the file atomically, on disk too. Errors: those of file_replace_at(). */
int leases_save(int dir_fd, const struct pool *pool);

#endif
