/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_PORT_HOLDER_H
#define CULVERT_SYSTEM_PORT_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/problem.h"

/*
 * Finds out whether a TCP port is free for listening, and which program has it if not. For `check`:
 * it binds and never listens, so no connection can arrive. Any thread.
 */

enum { PORT_HOLDER_NAME_MAX = 64 };

struct port_holder {
	pid_t pid;                       /* 0: not known, as without root */
	char name[PORT_HOLDER_NAME_MAX]; /* of its program, printable */
};

/*
 * Returns 0 if this host could listen there now. -EADDRINUSE: another program listens there.
 * -EADDRNOTAVAIL: no interface has the address. -EACCES: the port is too low for this user. Else an
 * error of socket(2) or bind(2).
 */
int port_holder_try(const struct endpoint *endpoint);

/*
 * Finds the process that listens on the port, at any address. `instance` is found first if it is
 * one of them; 0: none.
 */
void port_holder_find(uint16_t port, pid_t instance, struct port_holder *ret_holder);

/*
 * Returns the process that made the listening unix socket at `path`. 0: none listens there. -1: one
 * does, and this user may not know more.
 */
pid_t port_holder_of_socket(const char *path);

#endif
