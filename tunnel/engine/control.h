/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_CONTROL_H
#define CULVERT_ENGINE_CONTROL_H

struct control;
struct engine;

/*
 * The control socket: how the command line asks a running daemon. The listening socket comes from
 * netd. One request a connection: words separated by TAB, ended by a newline; the answer is "ok\n"
 * or "error CODE text\n" and then the text to print; then the daemon closes. Only root and the user
 * who runs netd are heard (SO_PEERCRED). Bounded: requests, answers, connections at a time,
 * seconds. Main thread.
 */

/* Takes the listening socket. -ENOMEM, negative errno of epoll_ctl: the socket is closed then, too.
 */
int control_open(struct engine *engine, int listen_fd, struct control **ret_control);
void control_close(struct control *control);

#endif
