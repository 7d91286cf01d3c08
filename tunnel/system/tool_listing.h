/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TOOL_LISTING_H
#define CULVERT_SYSTEM_TOOL_LISTING_H

#include "base/clock.h"

/* What a program of the host prints, such as `nft list ruleset`. Blocking, for the command line. */

enum { TOOL_LISTING_MAX = 16 << 20 }; /* bytes */

/*
 * Runs `argv` as tool_run() does (system/tool.h), with nothing at its stdin and its stderr thrown
 * away. The caller frees *ret_text, which ends in a NUL. -EPROTO: it ended with another status than 0
 * (is not allowed, say); -EFBIG: it printed more than TOOL_LISTING_MAX; -ETIMEDOUT: it was killed when
 * `limit` was over; -ENOMEM, or what fork(2) and others say.
 */
int tool_listing(const char *const *argv, struct duration limit, char **ret_text);

#endif
