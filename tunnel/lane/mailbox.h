/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_MAILBOX_H
#define CULVERT_LANE_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "system/loop.h"

/*
 * How threads talk: a queue of messages that wakes its owner's loop. Any thread posts; the owner's
 * loop delivers, in the order of posting. For control, never for packets: it takes a lock.
 */

struct mail { /* the first member of every message that goes through a mailbox */
	STAILQ_ENTRY(mail) link;
};

STAILQ_HEAD(mail_list, mail);

struct mailbox;
/* Called on the owner's thread; the message is the receiver's to free. */
typedef void mailbox_deliver_fn(struct mailbox *mailbox, struct mail *mail);

struct mailbox {
	struct loop_watch watch;
	struct loop *loop;
	mailbox_deliver_fn *deliver;
	pthread_mutex_t lock;
	struct mail_list waiting; /* under lock */
};

/*
 * Called before any other thread knows the mailbox. Negative errno of eventfd(2) or epoll_ctl(2).
 */
int mailbox_open(struct mailbox *mailbox, struct loop *loop, mailbox_deliver_fn *deliver);
/* Delivers what is still waiting, then closes. Only when no other thread posts any more. */
void mailbox_close(struct mailbox *mailbox);
/* Any thread. Cannot fail. */
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

#endif
