/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_SEALED_FILES_H
#define CULVERT_NETD_SEALED_FILES_H

#include <stddef.h>

#include "base/problem.h"
#include "config/settings.h"

/*
 * The files that the engine may not open itself: configuration, certificate, key, CA and CRL. Each
 * is a sealed memfd with the bytes that netd has read. This module reads them whole and parses
 * none. netd's only thread.
 */

/* -1: none. */
struct sealed_files {
	int config;
	int certificate;
	int key;
	int ca;
	int crl;
};

/*
 * Reads all files, or none. The key's file must belong to root or to the running user, and no other
 * user may have access to it. If the configuration itself has the key or a password, the same holds
 * for the configuration's file. A key that was unlocked is taken as it is now: every engine gets it
 * without another question for the passphrase, and it is in netd's memory alone.
 *
 * -EPERM: *problem names the chmod or chown to use; else the errors of file_read(). On failure
 * *problem says why, and for a file that the configuration names the text begins with "FILE:LINE:
 * KEY: ".
 */
int sealed_files_open(const struct settings *settings, const char *config_path,
	const char *config_text, size_t config_len, struct sealed_files *ret_files,
	struct problem *problem);
void sealed_files_close(struct sealed_files *files);

/*
 * Reads certificate and key of the issuing CA, for the issuing process. The key's file is held to
 * the same rules. Errors as above; *problem begins with "issuer.certificate: " or "issuer.key: ",
 * and nothing is open then.
 */
int sealed_files_open_issuer(const struct settings_issuer *issuer, int *ret_certificate,
	int *ret_key, struct problem *problem);

#endif
