/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_COMMAND_INTERNAL_H
#define CULVERT_CLIENT_COMMAND_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "client/control_client.h"

/*
 * The inside of the command line, for command*.c only. command.c reads the words and asks one
 * daemon; command_status.c asks several; command_socket.c finds them.
 */

enum { COMMAND_NAMES_MAX = 32 };

struct command_name {
	const char *text;
	bool instance; /* it must be an instance (--name) */
	bool peer;     /* it must be a peer (--peer); neither: an instance, else a peer */
};

struct command_status {
	struct command_name names[COMMAND_NAMES_MAX];
	size_t name_count;
	const char *socket; /* the only one to ask; NULL: those that are found */
	bool json, full, check;
};

/* `culvert status`. Prints the answers; returns an enum exit_code. */
int command_status_run(const struct command_status *status);

/* The exit code for a failure of client/control_client. */
int command_exit_code(int error);
/* Prints the problem to stderr; returns `exit_code`, as the next one does. */
int command_complain(const char *command, const struct problem *problem, int exit_code);
/* Prints the problem to stderr, and what a killed client has left in force if nobody answers. */
int command_complain_of_silence(const char *command, const struct problem *problem, int exit_code);
/* Finds a socket of the system, or of this user (culvert run); errors of control_client_find(). */
/*
 * The same by the process id of netd, for a supervisor, which knows no name. -ENOENT: none of the
 * sockets there is of that process.
 */
int command_find_socket_of(pid_t pid, char path[CONTROL_PATH_SIZE], struct problem *problem);
int command_find_socket(const char *name, char path[CONTROL_PATH_SIZE], struct problem *problem);
/* The directory of this user's sockets. False: there is none. */
bool command_user_dir(char dir[CONTROL_PATH_SIZE]);

#endif
