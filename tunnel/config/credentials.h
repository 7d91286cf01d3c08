/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CREDENTIALS_H
#define CULVERT_CONFIG_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "config/settings.h"
#include "system/tls.h"

/*
 * Certificate, key, CA and CRL as bytes, from wherever they come: the configuration itself, netd's
 * descriptors, or (when a configuration is only checked) the files it names.
 */

enum credentials_part {
	CREDENTIALS_CERTIFICATE,
	CREDENTIALS_KEY,
	CREDENTIALS_CA,
	CREDENTIALS_CRL,
	CREDENTIALS_PART_COUNT
};

struct credentials {
	char *data[CREDENTIALS_PART_COUNT]; /* owned; NULL: not there */
	size_t len[CREDENTIALS_PART_COUNT];
	bool skip_key; /* its context is only to judge the other parts */
};

/* tls_context_check_dates(), whose words then name the file, too. */
int credentials_check_dates(const struct tls_context *context, const struct settings *settings,
	struct problem *problem);

/* Takes the parts that stand in the configuration. -ENOMEM. */
int credentials_take_inline(struct credentials *credentials, const struct settings *settings);
/* Reads one part from a descriptor, which stays open. Negative errno of file_read_fd(). */
int credentials_read_fd(struct credentials *credentials, enum credentials_part part, int fd);
/*
 * Reads the files that the configuration names, and takes what stands in it. Negative errno of
 * file_read(), with words that begin with the option's key: "ca: cannot read ...", for
 * conf_locate(); -ENOMEM.
 */
int credentials_read_files(
	struct credentials *credentials, const struct settings *settings, struct problem *problem);
/*
 * The TLS context it makes. As tls_context_new(); the words begin with the key and the file that
 * the settings name: "ca: PATH: ...", or "ca: ..." where it stands in the configuration itself.
 */
int credentials_make_context(const struct credentials *credentials, const struct settings *settings,
	enum tls_role role, struct tls_context **ret_context, struct problem *problem);
/* Does a passphrase protect the key? And the key without it, as tls_key_unlock() has it. */
bool credentials_key_is_locked(const struct credentials *credentials);
int credentials_unlock_key(struct credentials *credentials, const char *passphrase, char **ret_pem,
	struct problem *problem);
void credentials_free(struct credentials *credentials); /* wipes the key */

#endif
