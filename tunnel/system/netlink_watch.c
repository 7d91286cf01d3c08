/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_watch.h"

#include <errno.h>
#include <netlink/errno.h>
#include <sys/socket.h>

#include "system/netlink_internal.h"

enum {
	DATAGRAMS_MAX = 64, /* in one read, so that a flood does not delay other work */
	/*
	 * libnl's 32 KiB hold the events of one interface that is made and removed. A program that
	 * falls behind by more must assume that everything has changed.
	 */
	BUFFER_BYTES = 1 << 20,
};

/* With less buffer more events may be lost, which is noticed: no reason to go without them all. */
static void enlarge_buffer(struct nl_sock *sock)
{
	const int bytes = BUFFER_BYTES;

	/* Without CAP_NET_ADMIN the kernel grants net.core.rmem_max. */
	if (setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) <
		0)
		(void)nl_socket_set_buffer_size(sock, BUFFER_BYTES, 0);
}

static int subscribe(struct nl_sock *sock, const struct netlink_watch_kind *kind)
{
	int r;

	nl_socket_disable_seq_check(sock);
	r = nl_connect(sock, kind->protocol);
	if (r == 0)
		r = nl_socket_set_nonblocking(sock);
	if (r == 0)
		enlarge_buffer(sock);
	for (const int *group = kind->groups; r == 0 && *group != 0; group++)
		r = nl_socket_add_membership(sock, *group);
	if (r == 0 && kind->optional != 0)
		(void)nl_socket_add_membership(sock, kind->optional);
	return r;
}

int netlink_watch_open(struct netlink_watch *watch, const struct netlink_watch_kind *kind,
	void *context, struct problem *problem)
{
	struct nl_sock *sock = nl_socket_alloc();
	int r;

	if (!sock) {
		problem_set(problem, "cannot watch %s: out of memory", kind->what);
		return -ENOMEM;
	}
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, kind->on_event, context);
	r = subscribe(sock, kind);
	if (r < 0) {
		problem_set(problem, "cannot watch %s: %s", kind->what, nl_geterror(r));
		nl_socket_free(sock);
		return netlink_errno(r);
	}
	watch->sock = sock;
	return 0;
}

void netlink_watch_close(struct netlink_watch *watch)
{
	nl_socket_free(watch->sock);
}

int netlink_watch_read(struct netlink_watch *watch, bool *ret_changed)
{
	int r = 0;

	watch->changed = false;
	for (int i = 0; i < DATAGRAMS_MAX && r >= 0; i++) {
		r = nl_recvmsgs_default(watch->sock);
		/*
		 * libnl reports ENOBUFS, the overrun, as NLE_NOMEM. The next receive continues
		 * after the gap.
		 */
		if (r == -NLE_NOMEM) {
			watch->overrun = watch->lost = true;
			r = 0;
		}
	}
	/*
	 * After an overrun the kernel drops all events, without another word, until the buffer is
	 * empty (NETLINK_S_CONGESTED). Only then does it make sense to look at everything again.
	 */
	if (r == -NLE_AGAIN && watch->overrun) {
		watch->overrun = false;
		watch->changed = true;
	}
	if (r < 0 && r != -NLE_AGAIN)
		return netlink_errno(r);
	*ret_changed = watch->changed;
	return 0;
}
