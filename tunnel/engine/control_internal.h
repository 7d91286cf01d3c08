/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_CONTROL_INTERNAL_H
#define CULVERT_ENGINE_CONTROL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "engine/control.h"

/*
 * The inside of the control socket, shared by control*.c only: control.c carries one request and
 * its answer over a connection, control_command.c knows what the requests mean.
 */

struct control_answer {
	char *data; /* the answer's line and the text after it; the caller frees it. NULL: out of
		       memory */
	size_t len;
	bool reexec; /* netd is to be asked first; this is the answer if it grants it */
	bool exits;  /* `down` was asked and granted: the engine is to end once this is sent */
};

/*
 * Does what one request asks. `line` has neither its newline nor any NUL, and is taken apart in
 * place. `who` is trusted already.
 */
void control_command(struct engine *engine, char *line, const struct ucred *who,
	struct control_answer *ret_answer);

/* The answer that says no: "error CODE text\n"; `code` is an enum exit_code. */
void control_refuse(int code, const char *text, struct control_answer *ret_answer);

#endif
