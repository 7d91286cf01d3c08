/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_PASSPHRASE_H
#define CULVERT_SYSTEM_PASSPHRASE_H

#include "base/problem.h"

/*
 * Asks a person for a passphrase: on the terminal, when the process has one, else by systemd's
 * password agents (systemd-ask-password(1), executed without a shell), where systemd runs. For
 * main() before anything is started: it blocks until there is an answer, one thread.
 *
 * On the terminal nothing is shown of what is typed, and a signal that ends or stops the process
 * finds the terminal as it was before.
 */

enum { PASSPHRASE_MAX = 1023 }; /* bytes; OpenSSL takes no longer one for a PEM file */

/*
 * `prompt` without a colon. The caller wipes `out`. Words in `problem`: -ENOTTY (neither terminal nor
 * systemd: nobody to ask), -ECANCELED (no answer was given), -EMSGSIZE (one longer than
 * PASSPHRASE_MAX), or what the system calls say.
 */
int passphrase_ask(
	const char *prompt, char out[static PASSPHRASE_MAX + 1], struct problem *problem);

#endif
