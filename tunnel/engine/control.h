/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_CONTROL_H
#define CULVERT_ENGINE_CONTROL_H

struct control;
struct engine;

/*
 * The control socket, through which the command line asks a running daemon. netd makes the
 * listening socket. A connection carries one request: arguments separated by TAB, ended by a
 * newline. The answer is "ok\n" or "error CODE text\n", then the output to print; then the daemon
 * closes. Only root and the user that runs netd may connect (SO_PEERCRED). Requests, answers,
 * connections and their time are limited. Main thread only.
 */

/*
 * Takes the listening socket, and closes it on failure too. -ENOMEM, negative errno of
 * epoll_ctl(2).
 */
int control_open(struct engine *engine, int listen_fd, struct control **ret_control);
void control_close(struct control *control);

#endif
