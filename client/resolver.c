/* SPDX-License-Identifier: Apache-2.0 */
#include "client/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/error_text.h"

/* While the thread runs it owns `answer`; the mailbox hands it over. */

static void add_endpoint(struct resolver_answer *answer, const struct addrinfo *info)
{
	struct endpoint endpoint;

	if (answer->count < RESOLVER_ADDRESSES_MAX &&
		endpoint_from_sockaddr(info->ai_addr, info->ai_addrlen, &endpoint) == 0)
		answer->endpoints[answer->count++] = endpoint;
}

static const char *explain(int error)
{
	switch (error) {
	case 0:
		return "it has no address";
	case EAI_SYSTEM:
		return error_text(errno);
	case EAI_AGAIN:
		return "no resolver answers; check this host's network, and the resolvers in /etc/resolv.conf";
	case EAI_NONAME:
		return "no such name; check how it is written";
	default:
		return gai_strerror(error);
	}
}

static void *run(void *argument)
{
	struct resolver *resolver = argument;
	struct resolver_answer *answer = &resolver->answer;
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV,
	};
	struct addrinfo *list = NULL;
	char port[8];

	snprintf(port, sizeof(port), "%u", resolver->port);
	int r = getaddrinfo(resolver->host, port, &hints, &list);
	if (r == 0) {
		for (const struct addrinfo *info = list; info; info = info->ai_next)
			add_endpoint(answer, info);
		freeaddrinfo(list);
	}
	if (answer->count == 0)
		problem_set(&answer->problem, "cannot resolve %s: %s", resolver->host, explain(r));
	mailbox_post(&resolver->mailbox, &answer->mail);
	return NULL;
}

static void deliver(struct mailbox *mailbox, struct mail *mail)
{
	struct resolver *resolver = container_of(mailbox, struct resolver, mailbox);

	(void)mail; /* the answer is a member of the resolver */
	if (resolver->threaded)
		/* Posting this was the thread's last action. */
		pthread_join(resolver->thread, NULL);
	resolver->threaded = false;
	resolver->busy = false;
	if (resolver->answered)
		resolver->answered(resolver);
}

int resolver_init(
	struct resolver *resolver, struct loop *loop, void (*answered)(struct resolver *resolver))
{
	*resolver = (struct resolver){ .answered = answered };
	return mailbox_open(&resolver->mailbox, loop, deliver);
}

int resolver_ask(struct resolver *resolver, const char *host, uint16_t port)
{
	struct addr addr;

	if (resolver->busy)
		return -EBUSY;
	if (strlen(host) >= sizeof(resolver->host))
		return -ENAMETOOLONG;
	snprintf(resolver->host, sizeof(resolver->host), "%s", host);
	resolver->port = port;
	resolver->answer = (struct resolver_answer){ 0 };
	if (addr_parse(host, &addr) == 0) {
		resolver->answer.endpoints[0] = (struct endpoint){ .addr = addr, .port = port };
		resolver->answer.count = 1;
		resolver->busy = true;
		mailbox_post(&resolver->mailbox, &resolver->answer.mail);
		return 0;
	}
	int r = -pthread_create(&resolver->thread, NULL, run, resolver);
	resolver->threaded = r == 0;
	resolver->busy = r == 0;
	return r;
}

void resolver_free(struct resolver *resolver)
{
	if (resolver->threaded)
		pthread_join(resolver->thread, NULL);
	resolver->threaded = false;
	resolver->answered = NULL;
	mailbox_close(&resolver->mailbox);
}
