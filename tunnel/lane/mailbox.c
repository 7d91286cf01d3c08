/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/container.h"

/*
 * The eventfd is written only when the queue was empty, and read before the queue is taken. So a
 * message posted in between costs one wake-up too many, never one too few.
 */

static void deliver_all(struct mailbox *mailbox)
{
	struct mail_list taken = STAILQ_HEAD_INITIALIZER(taken);

	pthread_mutex_lock(&mailbox->lock);
	STAILQ_CONCAT(&taken, &mailbox->waiting);
	pthread_mutex_unlock(&mailbox->lock);
	while (!STAILQ_EMPTY(&taken)) {
		struct mail *mail = STAILQ_FIRST(&taken);
		STAILQ_REMOVE_HEAD(&taken, link);
		mailbox->deliver(mailbox, mail);
	}
}

static void mailbox_ready(struct loop_watch *watch, uint32_t events)
{
	struct mailbox *mailbox = container_of(watch, struct mailbox, watch);
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) < 0)
		return; /* EAGAIN: an earlier round has taken it */
	deliver_all(mailbox);
}

int mailbox_open(struct mailbox *mailbox, struct loop *loop, mailbox_deliver_fn *deliver)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	*mailbox = (struct mailbox){ .loop = loop, .deliver = deliver };
	STAILQ_INIT(&mailbox->waiting);
	int r = loop_watch_add(loop, &mailbox->watch, fd, EPOLLIN, mailbox_ready);
	if (r < 0) {
		close(fd);
		mailbox->deliver = NULL; /* for mailbox_close() */
		return r;
	}
	pthread_mutex_init(&mailbox->lock, NULL);
	return 0;
}

void mailbox_close(struct mailbox *mailbox)
{
	if (!mailbox->deliver)
		return;
	int fd = mailbox->watch.fd;
	deliver_all(mailbox);
	loop_watch_remove(mailbox->loop, &mailbox->watch);
	close(fd);
	pthread_mutex_destroy(&mailbox->lock);
	mailbox->deliver = NULL;
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
	static const uint64_t one = 1;

	pthread_mutex_lock(&mailbox->lock);
	bool was_empty = STAILQ_EMPTY(&mailbox->waiting);
	STAILQ_INSERT_TAIL(&mailbox->waiting, mail, link);
	/* Under the lock: the owner may close the mailbox as soon as it has this message. */
	if (was_empty) {
		ssize_t n = write(mailbox->watch.fd, &one, sizeof(one));
		(void)n; /* fails only at a count of 2^64 */
	}
	pthread_mutex_unlock(&mailbox->lock);
}
