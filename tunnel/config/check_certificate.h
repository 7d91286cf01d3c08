/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CHECK_CERTIFICATE_H
#define CULVERT_CONFIG_CHECK_CERTIFICATE_H

#include <stdio.h>

#include "base/exit_code.h"
#include "config/configuration.h"

/*
 * `check --certificate FILE`: says which entry of `peers` the certificate in the file meets, and why
 * not the others, or whether it is the server's of a profile. It is judged with this
 * configuration's CAs and lists as a handshake would. For main(), one thread.
 *
 * Returns EXIT_CODE_OK if it would be let in, EXIT_CODE_CONFIG if not. Errors are printed to stderr.
 */
enum exit_code check_certificate(const struct configuration *configuration,
	const struct configuration_role *role, const char *file, FILE *out);

#endif
