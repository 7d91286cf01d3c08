/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_BUNDLE_H
#define CULVERT_CLIENT_BUNDLE_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/identity.h"
#include "base/problem.h"
#include "config/settings.h"

/*
 * Makes a profile from a PKCS#12 bundle: the bundle has certificate, key and CA, the profile also
 * the server's address and name. For `culvert import`; one thread.
 */

struct bundle_server {
	const char *remotes[SETTINGS_REMOTES_MAX]; /* HOST[:PORT], as on the command line */
	size_t remote_count;
	struct identity name;
};

/*
 * Makes the text of a profile; the caller wipes and frees it. Asks for the bundle's passphrase if
 * it has one. On failure *problem says why, beginning with `file`. -EINVAL, -EACCES, or an error of
 * passphrase_ask(); -ENOMEM.
 */
int bundle_to_profile(const struct view *data, const char *file, const struct bundle_server *server,
	char **ret_text, size_t *ret_len, struct problem *problem);

#endif
