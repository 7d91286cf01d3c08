/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_IMPORT_H
#define CULVERT_CLIENT_IMPORT_H

#include "base/exit_code.h"

/*
 * `culvert import`: checks a profile as `culvert check` does, or makes one of a PKCS#12 bundle and
 * checks that. Then it installs the profile in the configuration directory: whole or not at all,
 * and readable only by its owner. It replaces another one only with --force. One thread, from
 * main().
 */

/* argv[0] is "import". Prints its result to stdout and errors to stderr. */
enum exit_code import_run(int argc, char **argv);

#endif
