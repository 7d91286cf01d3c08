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
 * The one command of `culvert run`, seen from netd: a child that client/run has put into namespaces
 * of its own and that waits there for the word to begin. It gets the word when the tunnel is up;
 * when it ends, netd does, and when netd gives up, it is told to end.
 *
 *   WAITING ──the tunnel is up──> RUNNING ──its end──> ENDED
 *      └──────── its end, the wait is over ──────────────┘
 *
 * It is in netd's process group, so a terminal's signals reach both: netd holds its own back, and
 * passes on those that were sent to it alone. netd's only thread.
 */

enum {
	GUEST_FAILED =
		125, /* what `culvert run` ends with when it is not the command that failed */
	GUEST_RESOLV_MAX = 4096 /* bytes of a resolv.conf that it is given */
};

enum guest_state { GUEST_WAITING, GUEST_RUNNING, GUEST_ENDED };

struct guest {
	/* The caller's to fill in. */
	pid_t pid; /* a child */
	/* A SOCK_SEQPACKET to it, owned: the word is the text of its resolv.conf; back comes that file. */
	int channel;
	struct duration patience; /* how long it waits for the tunnel */

	enum guest_state state;
	int status; /* what `culvert run` is to end with, once it has ENDED */
	struct loop *loop;
	struct nameservers nameservers; /* that it has been given */
	int resolv_fd;                  /* the file where it has them; -1: not yet taken, or none */
	struct process process;
	struct loop_watch death;
	struct loop_timer overdue;
	void (*ended)(struct guest *guest);
};

/* Begins to watch it. Negative errno with words: it is to be ended by guest_end(). */
int guest_watch(struct guest *guest, struct loop *loop, void (*ended)(struct guest *guest),
	struct problem *problem);

/*
 * The tunnel is up: at the first time the command begins, with these resolvers if there are any. Later its
 * resolv.conf follows, if it has got one of its own.
 */
void guest_up(struct guest *guest, const struct request_dns *up);

/*
 * A signal has come to netd. True: it is the command's affair. False: the command does not run yet, and
 * netd is to stop.
 */
bool guest_signal(struct guest *guest, const struct signalfd_siginfo *info);

/*
 * netd gives up: one that waits is killed, one that runs is told to end (SIGTERM). `ended` follows, but
 * not from in here.
 */
void guest_dismiss(struct guest *guest, int status);

/* Kills what is left, waits for it and closes what belongs to it. */
void guest_end(struct guest *guest);

#endif
