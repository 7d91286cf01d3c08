/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CONTROL_CLIENT_H
#define CULVERT_CLIENT_CONTROL_CLIENT_H

#include <stddef.h>

#include "base/clock.h"
#include "base/exit_code.h"
#include "base/problem.h"
#include "config/settings.h"

/*
 * Asking a running daemon over its control socket: one request a connection, a line of words
 * separated by TAB; the answer is "ok" or "error CODE text", and from the next line on what is to
 * be printed. Blocking, for the command line only; the other end is engine/control.
 */

enum {
	CONTROL_TIMEOUT_S = 5,         /* for a whole request */
	CONTROL_REQUEST_MAX = 8192,    /* bytes of a request with its newline */
	CONTROL_ANSWER_MAX = 16 << 20, /* bytes of an answer */
	CONTROL_PATH_SIZE = SETTINGS_SOCKET_MAX + 1,
};

/*
 * The engine may be subverted, and root reads what it says on a terminal: every byte of an answer that
 * is neither printable ASCII, newline nor TAB has been escaped (json_put_plain()) before a caller sees
 * it. An engine that works sends none.
 */
struct control_answer {
	enum exit_code code; /* EXIT_CODE_OK: it was done */
	struct problem why;  /* the daemon's words when it was not */
	char *text;          /* to be printed as it is, NUL-terminated; the caller frees it */
	size_t len;
};

/*
 * The socket to ask: DIR/NAME.sock, or without a name (NULL) the only socket in DIR. Words in
 * `problem`, with the names that there are: -ENOENT (none, or not that one), -ENOTUNIQ (several and
 * no name), -EINVAL (not a name), -ENAMETOOLONG, or what opendir(3) says.
 */
int control_client_find(const char *dir, const char *name, char ret_path[CONTROL_PATH_SIZE],
	struct problem *problem);

/*
 * Sends `request` (without newline) and waits for the whole answer. Words in `problem`: -ENOENT and
 * -ECONNREFUSED (nobody listens there), -EACCES, -ETIMEDOUT, -EPROTO (not an answer, or one that
 * was cut), -EFBIG, -ENAMETOOLONG, -EMSGSIZE, -ENOMEM, or what the system calls say.
 */
int control_client_ask(const char *path, const char *request, struct duration timeout,
	struct control_answer *ret_answer, struct problem *problem);

/*
 * Sends SIGTERM to the process that made the socket there, which is netd, while the engine answers on
 * it: SO_PEERCRED, unix(7). So nobody has to believe the engine that somebody wants an end. Words in
 * `problem`: -ESRCH (it has died, or is out of this process's sight), -EPERM (it is another user's), or what
 * connecting says, as above.
 */
int control_client_terminate(const char *path, struct problem *problem);

#endif
