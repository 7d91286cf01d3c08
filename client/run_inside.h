/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_RUN_INSIDE_H
#define CULVERT_CLIENT_RUN_INSIDE_H

/*
 * The child of `culvert run`, from its fork to the command's execution. It makes the namespaces,
 * reports that, waits for the tunnel, and becomes the command. Messages on the channel
 * (SOCK_SEQPACKET) are texts with their NUL. The child sends its reason for a failure, or an empty
 * text on success. The parent sends the text of the child's resolv.conf, or an empty text for the
 * host's file. If the child has its own file, it sends that descriptor, to which the parent writes
 * the resolvers of a later connection.
 */

enum { RUN_NOT_EXECUTABLE = 126, RUN_NOT_FOUND = 127 };

/* Runs the child's part. The child ends when the parent does. */
_Noreturn void run_inside(int channel, char **command);

#endif
