/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_CONTROL_CLIENT_H
#define CULVERT_CLIENT_CONTROL_CLIENT_H

#include <stddef.h>

#include "base/clock.h"
#include "base/exit_code.h"
#include "base/identity.h"
#include "base/problem.h"
#include "config/settings.h"

/*
 * Asks a running daemon over its control socket. A connection carries one request, a line of words
 * separated by TABs. The answer's first line is "ok" or "error CODE text"; the lines after it are
 * to be printed. It blocks: for the command line only. The other end is engine/control.
 */

enum {
	CONTROL_TIMEOUT_S = 5,         /* for a whole request */
	CONTROL_SLOW_TIMEOUT_S = 20,   /* for one that makes the daemon examine much */
	CONTROL_REQUEST_MAX = 8192,    /* bytes of a request with its newline */
	CONTROL_ANSWER_MAX = 16 << 20, /* bytes of an answer */
	CONTROL_PATH_SIZE = SETTINGS_SOCKET_MAX + 1,
};

/*
 * The engine may be subverted, and root reads its answer on a terminal. So each byte that is not
 * printable ASCII, newline or TAB is escaped (json_put_plain()) before a caller gets it. A normal
 * engine sends no such bytes.
 */
struct control_answer {
	enum exit_code code; /* EXIT_CODE_OK: the daemon did it */
	struct problem why;  /* the daemon's reason if it did not */
	char *text;          /* to print unchanged, NUL-terminated; the caller frees it */
	size_t len;
};

/*
 * Finds the socket: DIR/NAME.sock, or without a name (NULL) the only socket in DIR. On failure
 * *problem says why and lists the existing names. -ENOENT: no socket, or none of that name.
 * -ENOTUNIQ: several, and no name given. -EINVAL: not a valid name. -ENAMETOOLONG, or an error of
 * opendir(3).
 */
int control_client_find(const char *dir, const char *name, char ret_path[CONTROL_PATH_SIZE],
	struct problem *problem);

enum { CONTROL_INSTANCES_MAX = 256 };

struct control_instance {
	struct identity name;
	char path[CONTROL_PATH_SIZE]; /* of its socket */
};

struct control_instances {
	struct control_instance items[CONTROL_INSTANCES_MAX];
	size_t count;
};

/*
 * Appends the instances that have a socket in DIR, by name. A directory that is missing has none.
 * On failure *problem says why. -ENOBUFS: there are more than CONTROL_INSTANCES_MAX; -ENAMETOOLONG,
 * or an error of scandir(3).
 */
int control_client_list(
	const char *dir, struct control_instances *instances, struct problem *problem);
/* Writes their names for a message, "none" if there are none; cut if there are many. Returns `out`. */
const char *control_client_join(const struct control_instances *instances, char *out, size_t size);

/*
 * Sends `request` (without newline) and waits for the whole answer. On failure *problem says why.
 * -ENOENT, -ECONNREFUSED: no program listens there. -ECONNRESET: it ended before it answered.
 * -EACCES, -ETIMEDOUT. -EPROTO: not an answer, or a truncated one. -EFBIG, -ENAMETOOLONG, -EMSGSIZE, -ENOMEM, or an error of the system calls.
 */
int control_client_ask(const char *path, const char *request, struct duration timeout,
	struct control_answer *ret_answer, struct problem *problem);

/*
 * Returns the process that made the socket, which is netd, or 0 if it is not visible from here.
 * Negative errno of connecting, as below.
 */
pid_t control_client_maker(const char *path);

/*
 * Sends SIGTERM to the process that made the socket: netd, although the engine answers on it
 * (SO_PEERCRED, unix(7)). So netd need not trust the engine that a user wants it to end. On failure
 * *problem says why. -ESRCH: the process ended, or is not visible from here. -EPERM: it is another
 * user's. Else an error of connecting, as above.
 */
int control_client_terminate(const char *path, struct problem *problem);

#endif
