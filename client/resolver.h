/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_RESOLVER_H
#define CULVERT_CLIENT_RESOLVER_H

#include <pthread.h>
#include <stdbool.h>

#include "base/addr.h"
#include "base/problem.h"
#include "lane/mailbox.h"

/*
 * Resolves names without blocking the loop: getaddrinfo(3) runs in a thread of its own, and the
 * answer comes by mailbox. One question at a time. An address as text needs no thread, but its
 * answer also comes by mailbox, so that the caller has only one case. Main thread only.
 */

enum { RESOLVER_ADDRESSES_MAX = 16 };

struct resolver;

struct resolver_answer {
	struct mail mail;
	struct problem problem;                            /* set if there is no address */
	struct endpoint endpoints[RESOLVER_ADDRESSES_MAX]; /* in the order to try them */
	size_t count;
};

struct resolver {
	struct mailbox mailbox;
	void (*answered)(struct resolver *resolver);
	struct resolver_answer answer; /* valid from answered() until the next question */
	char host[256];
	uint16_t port;
	bool busy;
	bool threaded; /* the thread must be joined */
	pthread_t thread;
};

int resolver_init(
	struct resolver *resolver, struct loop *loop, void (*answered)(struct resolver *resolver));
/* Asks a question; allowed only when not busy. -EBUSY; -EAGAIN: no thread; -ENAMETOOLONG. */
int resolver_ask(struct resolver *resolver, const char *host, uint16_t port);
/* Waits for a running question first. */
void resolver_free(struct resolver *resolver);

#endif
