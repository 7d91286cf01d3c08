/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_SEALED_FILES_H
#define CULVERT_NETD_SEALED_FILES_H

#include <stddef.h>

#include "base/problem.h"
#include "config/settings.h"

/*
 * What the engine may not open itself: configuration, certificate, key, CA and CRL, each as a
 * sealed memfd with the bytes that netd has read. They are only read whole here, never parsed.
 * netd's only thread.
 */

struct files { /* -1: none */
	int config;
	int certificate;
	int key;
	int ca;
	int crl;
};

/*
 * Reads them all, or none. The key has to be a file of root or of the running user that nobody else
 * can look into; when it or a password stands in the configuration itself, that holds for the
 * configuration's file. A key that was unlocked is taken as it is now: every engine gets it without
 * that anybody is asked again, and it lies in netd's memory alone. -EPERM and words naming the chmod or chown; else what file_read() says. Words about a file
 * that the configuration names begin with "FILE:LINE: KEY: ".
 */
int sealed_files_open(const struct settings *settings, const char *config_path,
	const char *config_text, size_t config_len, struct files *ret_files,
	struct problem *problem);
void sealed_files_close(struct files *files);

#endif
