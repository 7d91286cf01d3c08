/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_ISSUER_CHECK_H
#define CULVERT_DAEMON_ISSUER_CHECK_H

#include "base/problem.h"
#include "config/settings.h"
#include "system/tls.h"

/*
 * Judges the files of `issuer` as the issuing process will, which only starts later: they can be
 * read, are a CA's, and belong together. `own` is the daemon's context, by which the process judges
 * clients. 0 without an issuer. Errors: those of file_read() and tls_issuer_new(); *problem says why
 * and begins with the option's key. Any thread.
 */
int issuer_check(const struct settings *settings, struct tls_context *own, struct problem *problem);

#endif
