/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_EXAMINE_H
#define CULVERT_ENGINE_EXAMINE_H

#include <stdio.h>

struct engine;

/*
 * The engine's part of `culvert doctor`: the problems that it knows, and facts from which the
 * command line goes on to examine the host. It only reads. Main thread only.
 */

/*
 * Writes a line for each (docs/status.md): findings as finding_write() does, facts with "fact" in
 * front. -ENOMEM; -EIO: the stream failed.
 */
int examine_render(const struct engine *engine, FILE *out);

#endif
