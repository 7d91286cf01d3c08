/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_FILES_H
#define CULVERT_NETD_ENGINE_FILES_H

#include <stddef.h>

#include "base/problem.h"
#include "config/settings.h"
#include "system/process.h"

/*
 * Where the program can be reached and where it keeps things: TCP listeners, the control socket,
 * the state directory. netd keeps them for its whole life, so that what arrives queues while an
 * engine restarts. netd's only thread.
 */

#define STATE_FILE "leases" /* with endings, all that an engine keeps */

struct places {
	int listeners[SETTINGS_LISTEN_MAX];
	size_t listener_count;
	int control;              /* -1: none */
	int state;                /* the directory, O_DIRECTORY; -1: none */
	const char *control_path; /* set while the control socket's file is ours */
};

void engine_files_init(struct places *places);

/*
 * A client listens nowhere. A family that this kernel lacks is left out with a warning where `listen` has addresses
 * of the other. Errors are socket_listen()'s; what was opened before stays, for places_close().
 */
int engine_files_listen(
	struct places *places, const struct settings *settings, struct problem *problem);

/* Without a path there is none. Errors are socket_control()'s. */
int engine_files_open_control(
	struct places *places, const struct settings *settings, struct problem *problem);

/*
 * A client keeps nothing. Makes the state directory (0700, its parents 0755) and gives it to the
 * engine's user (NULL: it stays ours). One that is another's, as after `user` was changed, is given to
 * the user with its files, unless anything but an engine's files (STATE_FILE and what begins so) is in
 * it, or others than its owner may look into it. -EPERM: it is somebody else's, or we may not give it; -ENOTDIR; else what mkdir(2) says. With words.
 */
int engine_files_open_state(struct places *places, const struct settings *settings,
	const struct process_user *user, struct problem *problem);

/* Also unlinks the control socket. */
void engine_files_close(struct places *places);

#endif
