/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_BUNDLE_H
#define CULVERT_CLIENT_BUNDLE_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/identity.h"
#include "base/problem.h"
#include "config/settings.h"

/*
 * From a PKCS#12 bundle, which has certificate, key and CA, to a profile, which says besides where
 * the server is and what it is called. For `culvert import`; one thread.
 */

struct bundle_server {
	const char *remotes[SETTINGS_REMOTES_MAX]; /* HOST[:PORT], as the command line has them */
	size_t remote_count;
	struct identity name;
};

/*
 * The text of a profile; the caller wipes and frees it. Asks for the bundle's passphrase where it has
 * one. -EINVAL, -EACCES, or what passphrase_ask() says, with words that begin with `file`; -ENOMEM.
 */
int bundle_to_profile(const struct view *data, const char *file, const struct bundle_server *server,
	char **ret_text, size_t *ret_len, struct problem *problem);

#endif
