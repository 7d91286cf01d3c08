/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_SUCCESSOR_H
#define CULVERT_NETD_SUCCESSOR_H

#include <stddef.h>
#include <sys/types.h>

#include "base/problem.h"
#include "config/settings.h"

/*
 * `--succeed PID`: the process that takes the place of a running one, without a supervisor. It
 * connects to a socket beside the control socket (SUCCESSOR_SUFFIX, mode 0600), which the running
 * netd alone serves (netd/succession), and never an engine.
 *
 *	successor                     predecessor
 *	   │ SUCCESSOR_ASKS ─────────────► │ checks the user, ends its engine
 *	   │ ◄──────── a parcel, or why not│ netd/handover; the file is removed
 *	   │ SUCCESSOR_TOOK ─────────────► │ ends, and removes nothing
 *
 * When the successor ends before it has reported SUCCESSOR_TOOK, the predecessor goes on. Each end
 * checks the other by the kernel's word (SO_PEERCRED): the same user, and for the successor the
 * process that it was told to succeed. So nobody else can take the descriptors or give wrong ones.
 */

#define SUCCESSOR_SUFFIX ".succession" /* the socket's path: the control socket's with this */

enum {
	SUCCESSOR_ASKS = 0x63760001, /* the version is in it */
	SUCCESSOR_TOOK = 0x63760002,
	SUCCESSOR_GIVEN = 0x63760003,          /* comes with the parcel */
	SUCCESSOR_PATIENCE_S = 10,             /* of each end */
	SUCCESSOR_TEXT_MAX = PROBLEM_TEXT_MAX, /* why not, instead of a parcel */
};

/* Writes the socket's path. -EINVAL: the configuration has no control socket. */
int successor_path(const struct settings *settings, char *out, size_t size);

/*
 * Asks that process. The caller closes both descriptors: the parcel, and the socket that
 * successor_took() needs. -ENOENT, -ECONNREFUSED: it offers nothing at the path; -EPERM: another
 * process or user answers there; -ECANCELED: it refuses; -ETIMEDOUT. On failure *problem says why,
 * and it goes on.
 */
int successor_ask(const struct settings *settings, pid_t pid, int *ret_socket, int *ret_parcel,
	struct problem *problem);

/* Reports that all is taken over. */
void successor_took(int socket);

#endif
