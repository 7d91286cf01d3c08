/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_GUEST_H
#define CULVERT_NETD_GUEST_H

#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/problem.h"
#include "system/loop.h"
#include "system/process.h"
#include "wire/request.h"

/*
 * The one command of `culvert run`, seen from netd. It is a child that client/run has put into
 * namespaces of its own, and that waits there for a message to begin. netd sends the message when
 * the tunnel is up. When the command ends, netd ends; when netd gives up, it ends the command.
 *
 *   WAITING ──the tunnel is up──> RUNNING ──its end──> ENDED
 *      └──────── its end, the wait is over ──────────────┘
 *
 * The command is in netd's process group, so signals of a terminal reach both. netd ignores those
 * for itself, and passes on signals that were sent to netd alone. The resolvers of the command are
 * in namespaces that only the command can change, so netd/desired_state does not hold them. netd's
 * only thread.
 */

enum {
	GUEST_FAILED = 125, /* exit code of `culvert run` when culvert failed, not the command */
	GUEST_RESOLV_MAX = 4096 /* bytes of the resolv.conf that the command gets */
};

enum guest_state { GUEST_WAITING, GUEST_RUNNING, GUEST_ENDED };

struct guest {
	/* The caller fills in these. */
	pid_t pid; /* a child */
	/*
	 * A SOCK_SEQPACKET to the child, owned. netd sends the text of its resolv.conf, and the
	 * child answers with the file's descriptor.
	 */
	int channel;
	struct duration patience; /* how long the child waits for the tunnel */

	enum guest_state state;
	int status; /* the exit code of `culvert run`, once the state is ENDED */
	struct loop *loop;
	struct nameservers nameservers; /* those that the command has */
	int resolv_fd;                  /* the file that has them; -1: not received yet, or none */
	struct process process;
	struct loop_watch death;
	struct loop_timer overdue;
	void (*ended)(struct guest *guest);
};

/*
 * Begins to watch the child. On failure (negative errno) *problem says why, and the caller calls
 * guest_end().
 */
int guest_watch(struct guest *guest, struct loop *loop, void (*ended)(struct guest *guest),
	struct problem *problem);

/*
 * The tunnel is up. The first call starts the command with these resolvers, if there are any. Later
 * calls update the command's resolv.conf, if it has one.
 */
void guest_up(struct guest *guest, const struct request_dns *up);

/*
 * netd has got a signal. Returns true when the signal is for the command, and false when the
 * command does not run yet and netd is to stop.
 */
bool guest_signal(struct guest *guest, const struct signalfd_siginfo *info);

/*
 * netd gives up: a waiting child is killed, and a running command gets SIGTERM. `ended` is called
 * later, never from in here.
 */
void guest_dismiss(struct guest *guest, int status);

/* Kills what is left, waits for its end and closes the descriptors. */
void guest_end(struct guest *guest);

#endif
