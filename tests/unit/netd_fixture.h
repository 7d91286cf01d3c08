/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated netd: it keeps each request until the test answers it. A file that includes this has
 * the functions of engine/netd_link.h, and tun_*() of system/tun.h, from here.
 */
#ifndef CULVERT_TESTS_UNIT_NETD_FIXTURE_H
#define CULVERT_TESTS_UNIT_NETD_FIXTURE_H

#include "engine/netd_link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "system/tun.h"
#include "tests/unit/unit.h"

enum { NETD_ASKED_MAX = 8, NETD_TOLD_MAX = 32 };

static struct netd_fixture {
	struct netd_call *call[NETD_ASKED_MAX]; /* asked and not answered, the oldest first */
	struct request asked[NETD_ASKED_MAX];
	size_t asked_count;
	struct request told[NETD_TOLD_MAX];
	size_t told_count;
	int ask_error, tell_error, tun_error;
	bool attached[1024];   /* by descriptor */
	uint32_t tun_offloads; /* that the kernel takes */
	int tun_fd;            /* whose were set last */
} netd;

int netd_link_ask(struct netd_link *link, struct netd_call *call, struct request *request,
	void (*done)(struct netd_call *, const struct request_reply *, const int *, size_t))
{
	(void)link;
	if (call->pending)
		return -EBUSY;
	if (netd.ask_error)
		return netd.ask_error;
	ck_assert_uint_lt(netd.asked_count, NETD_ASKED_MAX);
	call->pending = true;
	call->done = done;
	netd.call[netd.asked_count] = call;
	netd.asked[netd.asked_count++] = *request;
	return 0;
}

int netd_link_send(struct netd_link *link, struct request *request)
{
	(void)link;
	if (netd.tell_error)
		return netd.tell_error;
	ck_assert_uint_lt(netd.told_count, NETD_TOLD_MAX);
	netd.told[netd.told_count++] = *request;
	return 0;
}

void netd_link_close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(close(fds[i]), 0);
}

int tun_queue_attach(int fd, bool attach)
{
	if (attach && netd.tun_error)
		return netd.tun_error;
	netd.attached[fd] = attach;
	return 0;
}

int tun_set_offloads(int fd, uint32_t offloads, uint32_t *ret_offloads)
{
	if (netd.tun_error)
		return netd.tun_error;
	netd.tun_fd = fd;
	*ret_offloads = offloads & netd.tun_offloads;
	return 0;
}

uint32_t tun_kernel_offloads(void)
{
	return netd.tun_offloads;
}

static inline int netd_fd(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline bool netd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* What netd was asked for first and has not answered; it has to be of that type. */
static inline const struct request *netd_next(enum request_type type)
{
	ck_assert_uint_gt(netd.asked_count, 0);
	ck_assert_int_eq(netd.asked[0].type, type);
	return &netd.asked[0];
}

static inline void netd_answer(const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct netd_call *call = netd.call[0];

	ck_assert_uint_gt(netd.asked_count, 0);
	netd.asked_count--;
	memmove(&netd.call[0], &netd.call[1], netd.asked_count * sizeof(netd.call[0]));
	memmove(&netd.asked[0], &netd.asked[1], netd.asked_count * sizeof(netd.asked[0]));
	call->pending = false;
	call->done(call, reply, fds, fd_count);
}

/* The interface is there, with so many queues; their descriptors are left in `ret_fds`. */
static inline void netd_make(uint32_t number, size_t queues, int *ret_fds)
{
	struct request_reply reply = {
		.interface = number,
		.ifindex = 100 + number,
		.adopts = true,
		.adopted = netd_next(REQUEST_INTERFACE)->interface,
	};

	snprintf(reply.ifname, sizeof(reply.ifname), "cv%u", number);
	for (size_t i = 0; i < queues; i++)
		ret_fds[i] = netd_fd();
	netd_answer(&reply, ret_fds, queues);
}

static inline void netd_refuse(int error, const char *text)
{
	struct request_reply reply = { .error = (uint32_t)error };

	unit_text(reply.text, text);
	netd_answer(&reply, NULL, 0);
}

/* How often netd was told that, and the last of it. */
static inline size_t netd_count_told(enum request_type type, const struct request **ret_last)
{
	size_t count = 0;

	for (size_t i = 0; i < netd.told_count; i++) {
		if (netd.told[i].type != type)
			continue;
		count++;
		if (ret_last)
			*ret_last = &netd.told[i];
	}
	return count;
}

#endif
