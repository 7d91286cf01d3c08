/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_CONFIGURATION_H
#define CULVERT_ENGINE_CONFIGURATION_H

#include <stddef.h>

#include "base/identity.h"
#include "base/problem.h"
#include "base/settings.h"
#include "engine/engine.h"

/*
 * A program's configuration, from its file to the judgement that it can be run: what both programs
 * do before they start anything, and all that checking one is. For main(), one thread.
 */

struct configuration {
	const char *path; /* the caller's */
	char *text;       /* owned; NULL: the file could not be read */
	size_t len;
	struct settings *settings; /* owned; NULL: the text was refused */
};

/*
 * Reads the file and loads it by the role's options. One with its key or a password inside has to be
 * as private as a key's file. Whatever is returned, the caller frees *configuration, and `text` is there when
 * the file could be read. Negative errno of file_read(), the role's load() or file_check_private(),
 * with words.
 */
int configuration_load(struct configuration *configuration, const struct engine_role *role,
	const char *path, struct problem *problem);

/*
 * Reads what the loaded configuration names and makes of it what TLS needs, only to see whether it
 * would do, and judges the hooks' programs. *ret_identity: whom the certificate is for. Nothing is left of it. Negative errno of
 * executable_open(), material_read_files() or tls_context_new(), with words "FILE:LINE: KEY: ...".
 */
int configuration_check(const struct configuration *configuration, const struct engine_role *role,
	struct identity *ret_identity, struct problem *problem);

/*
 * Logs a warning for each thing that the configuration names and this host does not have now, though
 * it may when the program runs: a network namespace.
 */
void configuration_warn(const struct configuration *configuration);

/* Wipes the text, which may hold a key. A zeroed one is fine. */
void configuration_free(struct configuration *configuration);

#endif
