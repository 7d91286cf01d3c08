/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_CONTROL_INTERNAL_H
#define CULVERT_ENGINE_CONTROL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "engine/control.h"

/*
 * The inside of the control socket, for control*.c only. control.c carries one request and its
 * answer over a connection; control_command.c knows what the requests mean.
 */

struct control_answer {
	/* The answer's line and its output. The caller frees it. NULL: out of memory. */
	char *data;
	size_t len;
	bool reexec;     /* the answer to send if netd grants a reexec */
	bool reload;     /* the outcome of a reload is the answer */
	bool only_check; /* the reload changes nothing */
	/* The engine ends once this is sent: `down` was granted. */
	bool exits;
};

/*
 * Carries out one request. `line` has neither a newline nor a NUL, and is cut up in place.
 * control.c has checked the caller `who`.
 */
void control_command(struct engine *engine, char *line, const struct ucred *who,
	struct control_answer *ret_answer);

/* Makes an answer that refuses: "error CODE text\n". `code` is an enum exit_code. */
void control_refuse(int code, const char *text, struct control_answer *ret_answer);

#endif
