/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CRL_SOURCE_H
#define CULVERT_CONFIG_CRL_SOURCE_H

#include <stddef.h>

#include "base/file.h"
#include "base/problem.h"

/*
 * Of a directory. A program that may write there, such as one that fetches lists, must not keep
 * netd busy with reading.
 */
enum { CRL_SOURCE_NAMES_MAX = 1024, CRL_SOURCE_BYTES_MAX = 4 * FILE_SIZE_MAX };

/*
 * Reads the revocation lists that `crl` names: a file, or each PEM file of a directory. The same
 * list may be there more than once, as under the names that c_rehash makes. For netd and `check`.
 */

/*
 * Reads the file, or all lists of the directory one after the other, in the order of their names.
 * Files without a list are skipped, but one whose name says that it has one (.crl, .pem, .r0 to
 * .r9) is an error: skipping it would admit what it revokes. Names that begin with a dot or end
 * with "~", and directories, are skipped. The text ends with a NUL past its end, and the caller
 * frees it.
 *
 * -ENODATA: a directory without a list. -EINVAL: such a file. -EFBIG: more than FILE_SIZE_MAX
 * bytes of lists, or more than a limit above. Else the errors of file_read() and opendir(3). On failure *problem says why.
 */
int crl_source_read(const char *path, char **ret_data, size_t *ret_len, struct problem *problem);

#endif
