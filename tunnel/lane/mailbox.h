/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_MAILBOX_H
#define CULVERT_LANE_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "system/loop.h"

/*
 * How threads talk: a queue of messages that wakes its owner's loop. Any thread posts; the owner's
 * loop delivers in the order of posting. It is for control, never for packets, as it takes a lock.
 */

/* The first member of every message that a mailbox carries. */
struct mail {
	STAILQ_ENTRY(mail) link;
};

STAILQ_HEAD(mail_list, mail);

struct mailbox;
/* Called on the owner's thread. The receiver frees the message. */
typedef void mailbox_deliver_fn(struct mailbox *mailbox, struct mail *mail);

struct mailbox {
	struct loop_watch watch;
	struct loop *loop;
	mailbox_deliver_fn *deliver;
	pthread_mutex_t lock;
	struct mail_list waiting; /* under lock */
};

/* Opens a mailbox, before another thread knows it. Negative errno of eventfd(2) or epoll_ctl(2). */
int mailbox_open(struct mailbox *mailbox, struct loop *loop, mailbox_deliver_fn *deliver);
/* Delivers the messages that still wait, then closes. Only when no other thread posts any more. */
void mailbox_close(struct mailbox *mailbox);
/* Any thread. Cannot fail. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

#endif
