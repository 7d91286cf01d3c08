/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_FILES_H
#define CULVERT_NETD_ENGINE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/problem.h"
#include "config/settings.h"
#include "system/process.h"

/*
 * The descriptors that netd gives to each engine: TCP listeners, the control socket, the state
 * directory. netd keeps them open for its whole life, so that connections queue while an engine
 * restarts. netd/listeners keeps the TCP listeners listening. netd/desired_state does not hold the
 * other two: an open directory stays, and a removed control socket comes back with a restart, since
 * the engine has the old one. netd's only thread.
 */

/* All files of an engine have names that begin so: a server's leases, what a client has renewed. */
#define STATE_FILE_SERVER "leases"
#define STATE_FILE_CLIENT "renewed"

struct engine_files {
	int listeners[SETTINGS_LISTEN_MAX];
	struct endpoint at[SETTINGS_LISTEN_MAX]; /* the entry of `listen` of each */
	size_t listener_count;
	int control;              /* -1: none */
	int state;                /* the directory, O_DIRECTORY; -1: none */
	int issuer;               /* the channel to the issuing process, borrowed; -1: none */
	const char *control_path; /* set while netd owns the control socket's file */
	/* Of the run before, until listen() and open_control() have taken what they need. */
	int old_listeners[SETTINGS_LISTEN_MAX];
	size_t old_listener_count;
	int old_control; /* -1: none */
};

/* The listeners of a new configuration, before netd switches to it. */
struct engine_files_change {
	int listeners[SETTINGS_LISTEN_MAX];
	struct endpoint at[SETTINGS_LISTEN_MAX];
	bool fresh[SETTINGS_LISTEN_MAX]; /* opened for it; else one of before */
	size_t count;
};

void engine_files_init(struct engine_files *files);

/*
 * Opens the listeners of a server; does nothing for a client. An address family that the kernel
 * lacks is left out with a warning where `listen` has addresses of the other family. Errors: those
 * of socket_listen(). On failure *problem says why, and engine_files_close() closes the listeners
 * that were opened.
 */
int engine_files_listen(
	struct engine_files *files, const struct settings *settings, struct problem *problem);

/*
 * Opens the listeners of another configuration, as engine_files_listen() does, except those that are
 * open. A port in use is an error at once. On failure *problem says why and begins with "listen: ".
 */
int engine_files_plan_change(const struct engine_files *files, const struct settings *settings,
	struct engine_files_change *ret_change, struct problem *problem);
/* Takes the listeners over, and closes those that the new configuration lacks. */
void engine_files_commit_change(struct engine_files *files, struct engine_files_change *change);
/* Closes what was opened. Does nothing when *change is zeroed. */
void engine_files_drop_change(struct engine_files_change *change);

/*
 * Opens the control socket; does nothing without a configured path. Errors: those of
 * socket_control(). On failure *problem says why.
 */
int engine_files_open_control(
	struct engine_files *files, const struct settings *settings, struct problem *problem);

/*
 * Makes a server's state directory (0700, its parents 0755) and gives it to the engine's user, or
 * keeps it when `user` is NULL. For a client that renews its certificate a failure is only
 * logged, and for another one it does nothing. A directory of another user, as after
 * `user` was changed, is given to the engine's user with its files. It is refused when it holds
 * other files than an engine's (STATE_FILE_* and names that begin so), or when its mode lets other
 * users look into it.
 *
 * -EPERM: the directory belongs to another user, or netd may not give it away. -ENOTDIR: it is no
 * directory. Else the errors of mkdir(2). On failure *problem says why.
 */
int engine_files_open_state(struct engine_files *files, const struct settings *settings,
	const struct process_user *user, struct problem *problem);

/*
 * For a restart. inherit: takes over a listening socket of the run before, which engine_files_listen()
 * uses where `listen` has its address, and otherwise closes; or its control socket. leave: closes
 * all, and leaves the control socket's file.
 */
void engine_files_inherit_listener(struct engine_files *files, int fd);
void engine_files_inherit_control(struct engine_files *files, int fd);
void engine_files_leave(struct engine_files *files);

/* Closes all, and unlinks the control socket. */
void engine_files_close(struct engine_files *files);

#endif
