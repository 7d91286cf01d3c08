/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_PASSPHRASE_H
#define CULVERT_SYSTEM_PASSPHRASE_H

#include "base/problem.h"

/*
 * Asks a person for a passphrase: on the terminal if the process has one. Otherwise it asks by
 * systemd's password agents (systemd-ask-password(1), run without a shell) if systemd runs. For
 * main() before it starts anything: it blocks until there is an answer. One thread.
 *
 * The terminal does not show what the person types. A signal that ends or stops the process
 * restores the terminal first.
 */

enum { PASSPHRASE_MAX = 1023 }; /* bytes; OpenSSL's own limit for a PEM file */

/*
 * `prompt` has no colon. The caller wipes `out`. On failure *problem says why. -ENOTTY: neither
 * terminal nor systemd. -ECANCELED: no answer. -EMSGSIZE: longer than PASSPHRASE_MAX. Else an error
 * of the system calls.
 */
int passphrase_ask(
	const char *prompt, char out[static PASSPHRASE_MAX + 1], struct problem *problem);

#endif
