/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_KEY_H
#define CULVERT_SYSTEM_TLS_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/problem.h"

/*
 * Private keys that a passphrase protects (PEM: "BEGIN ENCRYPTED PRIVATE KEY", or the older
 * "Proc-Type: 4,ENCRYPTED"). Any thread; unlocking takes a good part of a second by design.
 */

bool tls_key_is_locked(const struct view *pem);

/*
 * The same key without its passphrase, as PEM text; the caller wipes and frees it. -EACCES: that is
 * not its passphrase (a damaged key looks the same); -EINVAL: not readable for another reason, with
 * words that begin with "key: "; -ENOMEM.
 */
int tls_key_unlock(
	const struct view *pem, const char *passphrase, char **ret_pem, struct problem *problem);

#endif
