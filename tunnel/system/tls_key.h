/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_TLS_KEY_H
#define CULVERT_SYSTEM_TLS_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/problem.h"

/*
 * Private keys with a passphrase (PEM: "BEGIN ENCRYPTED PRIVATE KEY", or the older "Proc-Type:
 * 4,ENCRYPTED"). Any thread. Unlocking takes up to a second by design.
 */

bool tls_key_is_locked(const struct view *pem);

/*
 * Makes the same key without its passphrase, as PEM text. The caller wipes and frees it. -EACCES: a
 * wrong passphrase, or a damaged key, which looks the same. -EINVAL: unreadable for another reason;
 * *problem begins with "key: ". -ENOMEM.
 */
int tls_key_unlock(
	const struct view *pem, const char *passphrase, char **ret_pem, struct problem *problem);

#endif
