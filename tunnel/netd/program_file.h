/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_PROGRAM_FILE_H
#define CULVERT_NETD_PROGRAM_FILE_H

#include <limits.h>
#include <stdbool.h>

#include "base/problem.h"

/*
 * The file that engines are executed from. It is open from the start on, so an upgrade on disk
 * changes nothing by itself; its path is remembered, and from there `reexec` takes what lies there
 * then. That newer file is on trial until an engine of it was ready, and meanwhile the one before
 * is kept. netd's only thread.
 */

struct program_file {
	char path[PATH_MAX]; /* absolute, as it was started; empty: not known */
	int fd;              /* O_PATH: what an engine is executed from now; -1: none */
	int before;          /* the one before, while `fd` is on trial; -1: it is not */
};

void program_file_init(struct program_file *file);

/*
 * Opens this program's own file and finds its path: the one that it was executed by where that
 * still leads to it, so that a symbolic link is followed anew each time. Before anything changes
 * the working directory. Negative errno of open(2).
 */
int program_file_open(struct program_file *file);

/*
 * Opens what lies at the path now and puts it on trial. What others could have written is refused,
 * as an engine holds the private key: -EPERM; -ENOENT, -EACCES (not executable, or out of reach),
 * -EBUSY (one is on trial); -EPROTO: its engine speaks another REQUEST_VERSION than this netd. With
 * words that name the cure; nothing has changed then.
 */
int program_file_renew(struct program_file *file, struct problem *problem);

bool program_file_on_trial(const struct program_file *file);

/* The trial is over: the new file stays, or the one before comes back. Fine when there is none. */
void program_file_prove(struct program_file *file);
void program_file_revert(struct program_file *file);

void program_file_close(struct program_file *file);

#endif
