/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_LISTING_H
#define CULVERT_SYSTEM_LISTING_H

#include "base/clock.h"

/*
 * What a program of the host prints, such as `nft list ruleset`: run without a shell, looked for
 * in the system's directories alone, whatever PATH says. Blocking, for the command line.
 */

enum { LISTING_SIZE_MAX = 16 << 20 };

/*
 * Runs argv (NULL-terminated; argv[0] is its name without a directory) with nothing at its stdin and
 * its stderr thrown away. The caller frees *ret_text, which ends in a NUL. -ENOENT: there is no such
 * program; -EPROTO: it ended with another status than 0 (is not allowed, say); -EFBIG: it printed
 * more than LISTING_SIZE_MAX; -ETIMEDOUT: it was killed when `limit` was over; -ENOMEM, or what
 * fork(2) and others say.
 */
int listing_read(char *const *argv, struct duration limit, char **ret_text);

#endif
