/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONFIGURATION_H
#define CULVERT_CONFIG_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/identity.h"
#include "base/problem.h"
#include "config/settings.h"
#include "system/tls.h"

/*
 * A program's configuration, from its file to the judgement that it can be run: what both programs
 * do before they start anything, and all that checking one is. For main(), one thread.
 */

/* What differs between the files of the two programs. */
struct configuration_role {
	enum tls_role tls_role;
	/* Makes settings of a text. Negative errno; the problem says where and why. */
	int (*load)(const char *text, size_t len, const char *path, struct settings **ret_settings,
		struct problem *problem);
};

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
int configuration_load(struct configuration *configuration, const struct configuration_role *role,
	const char *path, struct problem *problem);

/*
 * The part of it that makes settings of a text: for who has one from elsewhere, in a configuration
 * with path, text and len. Negative errno of the role's load(), with words.
 */
int configuration_parse(struct configuration *configuration, const struct configuration_role *role,
	struct problem *problem);

/* For who tells a person of a check that could not look into the key. */
#define CONFIGURATION_LOCKED_NOTE                                                                   \
	"; the key is protected by a passphrase, which is asked for at the start: whether it fits " \
	"the certificate was not checked"

struct configuration_verdict {
	struct identity identity; /* whom the certificate is for */
	bool key_locked; /* a passphrase protects the key: whether it fits the certificate is not known */
};

/*
 * Reads what the loaded configuration names and makes of it what TLS needs, only to see whether it
 * would do, and judges the programs of hooks, `user` (its being there only for root, who alone needs
 * it) and the dates of the certificate. Nothing is left of it. Negative errno of
 * process_find_user(), executable_open(), credentials_read_files() or tls_context_new(), with words "FILE:LINE: KEY: ...".
 */
int configuration_check(const struct configuration *configuration,
	const struct configuration_role *role, struct configuration_verdict *ret_verdict,
	struct problem *problem);

/*
 * All that comes before a start: the check, but for the dates, which a clock that is set later
 * makes right and of which the engine warns; then, where a passphrase protects the key, the question
 * for it (system/passphrase; a few times while it is wrong), and the check of what it was hiding.
 * The passphrase is wiped; the unlocked key stays in the settings. Errors as configuration_check(),
 * and -EACCES (wrong each time), -ENOTTY and others of passphrase_ask(), with words.
 */
int configuration_prepare(struct configuration *configuration,
	const struct configuration_role *role, struct problem *problem);

/*
 * Logs a warning for each thing that the configuration needs and this host lacks now, though it may have
 * it when the program runs: a network namespace, a tracked interface, /dev/net/tun. The same for what
 * is valid and yet keeps peers out: an empty list of peers, a pool whose addresses clients refuse by
 * default, a pool that overlaps a network of this host. check and each start say so.
 */
void configuration_warn(const struct configuration *configuration);

/* Wipes the text, which may hold a key. A zeroed one is fine. */
void configuration_free(struct configuration *configuration);

#endif
