/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_EXAMINE_H
#define CULVERT_ENGINE_EXAMINE_H

#include <stdio.h>

struct engine;

/*
 * The engine's part of `culvert doctor`: what it knows to be in the way, and the facts by which
 * the command line goes on to examine the host. It only reads. Main thread.
 */

enum { EXAMINE_CERTIFICATE_DAYS = 14 }; /* a certificate that ends within these is a problem */

/*
 * A line each (docs/status.md): findings as finding_write() has them, facts with the word "fact"
 * in front. -ENOMEM; -EIO: the stream failed.
 */
int examine_render(const struct engine *engine, FILE *out);

#endif
