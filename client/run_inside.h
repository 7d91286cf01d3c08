/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_RUN_INSIDE_H
#define CULVERT_CLIENT_RUN_INSIDE_H

/*
 * The child of `culvert run`, from its fork to the execution of the command: makes the namespaces,
 * says so, waits for the tunnel, and becomes the command. Messages on the channel (SOCK_SEQPACKET),
 * each a text with its NUL: to the parent why it failed, or nothing when all is made; from the parent
 * the resolv.conf that it is to have, or nothing for the host's own; and to the parent, where it has got
 * one of its own, that file, to write the resolvers of a later connection to.
 */

enum { RUN_NOT_EXECUTABLE = 126, RUN_NOT_FOUND = 127 };

/* Ends when the parent does. */
_Noreturn void run_inside(int channel, char **command);

#endif
