/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CREDENTIALS_H
#define CULVERT_CONFIG_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "config/settings.h"
#include "system/tls.h"

/*
 * Certificate, key, CA and CRL as bytes. They come from the configuration itself, from netd's
 * descriptors, or, when a configuration is only checked, from the files that it names.
 */

enum credentials_part {
	CREDENTIALS_CERTIFICATE,
	CREDENTIALS_KEY,
	CREDENTIALS_CA,
	CREDENTIALS_CRL,
	CREDENTIALS_PART_COUNT
};

struct credentials {
	char *data[CREDENTIALS_PART_COUNT]; /* owned; NULL: this part is missing */
	size_t len[CREDENTIALS_PART_COUNT];
	bool skip_key; /* the context is only made to check the other parts */
};

/* Calls tls_context_check_dates(); on failure *problem names the file, too. */
int credentials_check_dates(const struct tls_context *context, const struct settings *settings,
	struct problem *problem);

/* Calls tls_context_examine(), and names the file in each finding, too. */
void credentials_examine(const struct tls_context *context, const struct settings *settings,
	struct findings *findings);

/* Takes the parts that are inside the configuration. -ENOMEM. */
int credentials_take_inline(struct credentials *credentials, const struct settings *settings);
/* Reads one part from a descriptor, which stays open. Errors: those of file_read_fd(). */
int credentials_read_fd(struct credentials *credentials, enum credentials_part part, int fd);
/*
 * Reads the files that the configuration names, and takes the parts that are inside it. Errors:
 * those of file_read(); -ENOMEM. On failure *problem says why and begins with the option's key, as
 * in "ca: cannot read ...", for conf_locate().
 */
int credentials_read_files(
	struct credentials *credentials, const struct settings *settings, struct problem *problem);
/*
 * Makes a TLS context from the credentials. Errors: those of tls_context_new(). On failure *problem
 * says why and begins with the key and the file that the settings name, "ca: PATH: ...", or "ca:
 * ..." for a part inside the configuration.
 */
int credentials_make_context(const struct credentials *credentials, const struct settings *settings,
	enum tls_role role, struct tls_context **ret_context, struct problem *problem);
/*
 * Return whether a passphrase protects the key; make the key without it, with the result of
 * tls_key_unlock().
 */
bool credentials_key_is_locked(const struct credentials *credentials);
int credentials_unlock_key(struct credentials *credentials, const char *passphrase, char **ret_pem,
	struct problem *problem);
void credentials_free(struct credentials *credentials); /* Wipes the key. */

#endif
