/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_CREDENTIAL_FILES_H
#define CULVERT_NETD_CREDENTIAL_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/problem.h"
#include "config/settings.h"
#include "system/loop.h"
#include "system/path_watch.h"

/*
 * Watches the files that `certificate`, `key`, `ca` and `crl` name, so that new ones are used
 * without a command. A change is tried when the files have been quiet for a moment and none is
 * being written. Files that do not fit together yet, as a certificate whose key comes a second
 * later, are tried again with the next change. Only when they still do not fit after
 * CREDENTIAL_FILES_GRACE_MS is that logged, once, and what was read before stays in use.
 *
 * A slow look at the files (sizes and times) finds what the kernel does not report, as on a network
 * file system. Where inotify has reached its limit, that look is all, and comes more often. netd's
 * only thread.
 */

enum {
	CREDENTIAL_FILES_SETTLE_MS = 200,     /* from the last change until it is tried … */
	CREDENTIAL_FILES_SETTLE_MAX_MS = 600, /* … or from the first, if they do not end */
	CREDENTIAL_FILES_GRACE_MS = 5000,     /* from the first change until a fault is logged */
	CREDENTIAL_FILES_PAUSE_MS = 50,       /* between two readings of what the kernel reports */
	CREDENTIAL_FILES_POLL_S = 30,
	CREDENTIAL_FILES_POLL_LIMITED_S = 5, /* without reports */
};

struct credential_files {
	struct loop *loop; /* NULL: not started */
	const struct settings *settings;
	/*
	 * Tries the files as they are now. 0: they are in use, or on the way to the engine, or
	 * nothing has changed. -EBUSY: not just now. Else they cannot be used, and *problem says
	 * why.
	 */
	int (*take)(struct credential_files *files, struct problem *problem);

	struct path_watch watch;
	struct loop_watch reports;
	struct loop_timer pause;  /* runs: reports wait, so that a flood of them costs little */
	struct loop_timer settle; /* runs: a change waits to be tried */
	struct loop_timer poll;
	struct mono since;       /* the first change that is not taken yet; 0: there is none */
	bool writing;            /* a file was open for writing at the last change */
	bool limited;            /* inotify has reached a limit, which was logged */
	uint64_t look;           /* sizes and times at the last look */
	struct problem reported; /* the fault that was logged; empty: none */
};

/* Starts watching. Borrows its arguments. Does nothing where no option names a file. */
void credential_files_start(struct credential_files *files, struct loop *loop,
	const struct settings *settings,
	int (*take)(struct credential_files *files, struct problem *problem));
/* The settings have changed: other files may count. */
void credential_files_follow(struct credential_files *files);
/* Does nothing when *files is zeroed. */
void credential_files_stop(struct credential_files *files);

#endif
