/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_PROGRAM_FILE_H
#define CULVERT_NETD_PROGRAM_FILE_H

#include <limits.h>
#include <stdbool.h>

#include "base/problem.h"

/*
 * The file that engines are executed from. It is open from the start, so an upgrade on disk changes
 * nothing by itself. netd remembers its path, and `reexec` takes the file that is there then. That
 * newer file is on trial until an engine of it was ready; meanwhile netd keeps the previous one.
 * netd's only thread.
 */

struct program_file {
	char path[PATH_MAX]; /* absolute, as it was started; empty: not known */
	int fd;              /* O_PATH: what an engine is executed from now; -1: none */
	int before;          /* the previous file, while `fd` is on trial; -1: `fd` is not */
};

void program_file_init(struct program_file *file);

/*
 * Opens this program's own file and finds its path. The path is the one that the program was
 * executed by, where that still leads to the file, so that a symbolic link is followed again each
 * time. Call it before the working directory changes. Errors: those of open(2).
 */
int program_file_open(struct program_file *file);

/*
 * Opens the file that is at the path now and puts it on trial. -EPERM: other users could have
 * written it, and an engine holds the private key; -ENOENT; -EACCES: not executable, or out of
 * reach; -EBUSY: one is on trial; -EPROTO: its engine uses another REQUEST_VERSION than this netd.
 * On failure *problem says why and what to do, and nothing has changed.
 */
int program_file_renew(struct program_file *file, struct problem *problem);

bool program_file_on_trial(const struct program_file *file);

/*
 * End the trial: the new file stays, or the previous one comes back. They do nothing when no file
 * is on trial.
 */
void program_file_prove(struct program_file *file);
void program_file_revert(struct program_file *file);

void program_file_close(struct program_file *file);

#endif
