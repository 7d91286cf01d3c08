/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TOOL_LISTING_H
#define CULVERT_SYSTEM_TOOL_LISTING_H

#include "base/clock.h"

/*
 * Gets the output of a program of the host, such as `nft list ruleset`. It blocks: only for the
 * command line.
 */

enum { TOOL_LISTING_MAX = 16 << 20 }; /* bytes */

/*
 * Runs `argv` like tool_run() (system/tool.h), with an empty stdin and its stderr discarded. The
 * caller frees *ret_text, which ends in a NUL. -EPROTO: its exit status is not 0, for example
 * without permission. -EFBIG: more output than TOOL_LISTING_MAX. -ETIMEDOUT: it was killed after
 * `limit`. -ENOMEM, or an error of fork(2) and others.
 */
int tool_listing(const char *const *argv, struct duration limit, char **ret_text);

#endif
