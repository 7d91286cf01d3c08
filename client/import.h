/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_IMPORT_H
#define CULVERT_CLIENT_IMPORT_H

#include "base/exit_code.h"

/*
 * `culvert import`: judges a profile, or a PKCS#12 bundle that it makes one of, as `culvert check`
 * does, and installs it in the configuration directory: whole or not at all, readable by its owner
 * alone, and over another one only with --force. From main(), one thread.
 */

/* argv[0] is "import". Says what it did on stdout, what is wrong on stderr. */
enum exit_code import_run(int argc, char **argv);

#endif
