/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONFIGURATION_H
#define CULVERT_CONFIG_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/finding.h"
#include "base/identity.h"
#include "base/problem.h"
#include "config/configuration_changes.h"
#include "config/settings.h"
#include "system/tls.h"

/*
 * A program's configuration, from its file to the decision that it can be run: what both programs
 * do before they start anything, and all that `check` does. For main(), one thread.
 */

/* The differences between the files of the two programs. */
struct configuration_role {
	enum tls_role tls_role;
	/* Makes settings from a text. Negative errno: *problem says where and why. */
	int (*load)(const char *text, size_t len, const char *path, struct settings **ret_settings,
		struct problem *problem);
	/* Adds what differs between two configurations of this program. -ENOMEM. */
	int (*compare)(const struct settings *before, const struct settings *after,
		struct configuration_changes *changes);
	/*
	 * Judges files that only this program has; `own` is made from its certificate. Negative
	 * errno: *problem says why and begins with the option's key. NULL: there are none.
	 */
	int (*examine)(
		const struct settings *settings, struct tls_context *own, struct problem *problem);
};

struct configuration {
	const char *path; /* the caller's */
	char *text;       /* owned; NULL: the file could not be read */
	size_t len;
	struct settings *settings; /* owned; NULL: the text was refused */
};

/*
 * Reads the file and loads it by the role's options. A file that has its key or a password inside
 * must be as private as a key's file. Errors: those of file_read(), the role's load() or
 * file_check_private(). On failure *problem says why. In every case the caller frees
 * *configuration, and `text` is set when the file could be read.
 */
int configuration_load(struct configuration *configuration, const struct configuration_role *role,
	const char *path, struct problem *problem);

/*
 * Only makes settings from a text, for a caller that has set path, text and len itself. Errors:
 * those of the role's load(). On failure *problem says why.
 */
int configuration_parse(struct configuration *configuration, const struct configuration_role *role,
	struct problem *problem);

/* For a message about a check that could not read the key. */
#define CONFIGURATION_LOCKED_NOTE                                                                   \
	"; the key is protected by a passphrase, which is asked for at the start: whether it fits " \
	"the certificate was not checked"

struct configuration_verdict {
	struct identity identity; /* the name in the certificate; "": it has none that is valid */
	/* A passphrase protects the key, so it is not known whether it fits the certificate. */
	bool key_locked;
};

enum configuration_purpose {
	CONFIGURATION_FILE,  /* the file and its certificates, for any host and any time */
	CONFIGURATION_CHECK, /* also this host and the present time */
	/*
	 * As for a check, without what netd and each engine report themselves when it has come
	 * true: dates, ports in use, and too few descriptors.
	 */
	CONFIGURATION_START,
};

/*
 * The one examination of a loaded configuration: `check` and each start judge by it. It reads the
 * files that the configuration names and makes a TLS context from them, which it frees again. It
 * asks the kernel and changes nothing. It adds a finding for everything that is wrong, as
 * "FILE:LINE: KEY: ...". An error can only be changed by a person, and nothing starts with it. With
 * a warning it can start, and something does not work, or not until the host or the time change.
 *
 * Returns 0, or the errno of the first error: those of process_find_user(), executable_open(),
 * credentials_read_files() or tls_context_new().
 */
int configuration_examine(const struct configuration *configuration,
	const struct configuration_role *role, enum configuration_purpose purpose,
	struct findings *findings, struct configuration_verdict *ret_verdict);

/* Sets *problem to the text of the first error, for a caller whose examination returned one. */
void configuration_explain(const struct findings *findings, struct problem *problem);

/*
 * Does everything that comes before a start: examines the configuration, and logs warnings. Where a
 * passphrase protects the key, it asks for it (system/passphrase; a few times while it is wrong)
 * and examines again with the unlocked key. It wipes the passphrase; the unlocked key stays in the
 * settings. Errors: those of configuration_examine(); -EACCES: wrong each time; -ENOTTY and others
 * of passphrase_ask(). On failure *problem has the first error; further ones are logged.
 */
int configuration_prepare(struct configuration *configuration,
	const struct configuration_role *role, struct problem *problem);

/*
 * The same for a configuration that a running program has read again, as `live` was when it
 * started. No passphrase is asked for: a protected key gets the one that `live` has unlocked. -EACCES
 * where that is another key.
 */
int configuration_prepare_again(struct configuration *configuration,
	const struct configuration_role *role, const struct settings *live,
	struct problem *problem);
/*
 * The same where only the files that the configuration names are new: the host is not examined, and
 * nothing is logged, as the caller may try a file that is half written.
 */
int configuration_prepare_files(struct configuration *configuration,
	const struct configuration_role *role, const struct settings *live,
	struct problem *problem);

/*
 * Wipes and frees the text, which may have a key, and frees the settings. Does nothing when
 * *configuration is zeroed.
 */
void configuration_free(struct configuration *configuration);

#endif
