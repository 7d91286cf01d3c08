/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_LEASES_H
#define CULVERT_DAEMON_LEASES_H

#include <stddef.h>

#include "base/problem.h"
#include "daemon/pool.h"

/*
 * The state file of a pool's leases, so that peers keep their addresses when the daemon restarts.
 * Text: a first line with the version, then a line a lease, the longest out of use first:
 *
 * 	culvert leases 1
 * 	branch-a 10.213.0.2 fd00:c17:e27::2 1767225600
 * 	branch-b 10.213.0.3 - 1767312000
 *
 * which is identity, IPv4 and IPv6 address ("-": none), and when the lease was last used, in
 * seconds since 1970. Only the engine's main thread calls this. Nothing here logs.
 */

#define LEASES_FILE "leases"
#define LEASES_BROKEN_FILE "leases.broken"

/* The caller frees *ret_text. -ENOMEM. */
int leases_encode(const struct pool *pool, char **ret_text, size_t *ret_len);

/*
 * Restores leases into a new pool. The text is judged as a whole first: -EBADMSG ("line N: ..." in
 * `problem`), and the pool is as it was. Leases that no longer fit the configuration are left out
 * and counted in *ret_left_out; that is no error. -ENOMEM.
 */
int leases_decode(const char *text, size_t len, struct pool *pool, size_t *ret_left_out,
	struct problem *problem);

/*
 * The same from the file in the state directory; no file is an empty one. A broken one is renamed
 * to LEASES_BROKEN_FILE, so that the daemon can go on with an empty pool: -EBADMSG, words in
 * `problem`. Otherwise what the system calls say, with words.
 */
int leases_load(int dir_fd, struct pool *pool, size_t *ret_left_out, struct problem *problem);

/* Writes the file anew, atomically and on disk: see file_replace_at(), also for the errors. */
int leases_save(int dir_fd, const struct pool *pool);

#endif
