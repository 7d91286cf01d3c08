/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/ipc.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

static struct bequest *bequest, *read_back;
static struct problem problem;

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	ck_assert_int_eq(prefix_parse(text, &prefix), 0);
	return prefix;
}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	ck_assert_int_eq(addr_parse(text, &addr), 0);
	return addr;
}

/* A pipe's end: each is a file of its own. */
static int new_fd(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	close(fds[1]);
	return fds[0];
}

static size_t open_count(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void add_interface(const char *peer, uint32_t number, uint8_t queues, size_t routes)
{
	struct bequest_interface *interface = &bequest->interfaces[bequest->interface_count++];

	*interface = (struct bequest_interface){
		.now = { .mtu = 1400 + number,
			.queues = queues,
			.offloads = true,
			.local4 = addr_of("10.0.0.1"),
			.remote4 = addr_of("10.0.0.2"),
			.outer = { addr_of("192.0.2.1"), 443 } },
		.number = number,
		.index = 100 + number,
		.metric = 1024,
		.netns = { 4, UINT64_C(0x123456789abc) },
		.idle = number == 2,
		.off6 = true,
	};
	ck_assert_int_eq(identity_set(&interface->now.peer, peer, strlen(peer)), 0);
	(void)snprintf(interface->name, sizeof(interface->name), "cv%u", number);
	for (size_t i = 0; i < queues; i++)
		interface->queues[i] = new_fd();
	for (size_t i = 0; i < routes; i++) {
		struct prefix prefix = prefix_of("10.0.0.0/24");

		prefix.addr.bytes[1] = (uint8_t)(i >> 8);
		prefix.addr.bytes[2] = (uint8_t)i;
		ck_assert_int_eq(prefix_list_append(&interface->routes, &prefix, 1), 0);
	}
	if (interface->idle) {
		struct prefix prefix = prefix_of("2001:db8::/32");

		ck_assert_int_eq(prefix_list_append(&interface->held, &prefix, 1), 0);
	}
}

static void set_up(void)
{
	bequest = bequest_new();
	ck_assert_ptr_nonnull(bequest);
	unit_text(bequest->name, "gw-a");
	bequest->role = SETTINGS_CLIENT;
	bequest->text = UINT64_C(0x0123456789abcdef);
	memset(bequest->instance, 7, sizeof(bequest->instance));
	bequest->numbered = 40;
	bequest->table = 25462;
	bequest->outer_held = true;
	bequest->full_tunnel = (struct bequest_full_tunnel){ .in_force = true,
		.number = 3,
		.rules = 99,
		.peer4 = addr_of("10.0.0.2"),
		.routed_count = 1,
		.relaxed_count = 1,
		.relaxed = { { "eth0", '2' } } };
	bequest->full_tunnel.routed[0] = (struct local_network){ 5, prefix_of("172.17.0.0/16") };
	bequest->dns = (struct bequest_dns){ .way = DNS_FILE,
		.index = 101,
		.interface = "cv1",
		.nameservers = { .server = { addr_of("10.0.0.53") },
			.server_count = 1,
			.domain = { "corp.example" },
			.domain_count = 1 },
		.entry_sum = UINT64_MAX };
	bequest->interfaces = calloc(4, sizeof(bequest->interfaces[0]));
	ck_assert_ptr_nonnull(bequest->interfaces);
	add_interface("spoke", 1, 1, 3);
	add_interface("other", 2, 4, 0);
	bequest->listeners[bequest->listener_count++] = new_fd();
	bequest->listeners[bequest->listener_count++] = new_fd();
	bequest->fds[BEQUEST_NAT] = new_fd();
	bequest->fds[BEQUEST_RESOLV_CONF] = new_fd();
	read_back = NULL;
}

static void tear_down(void)
{
	bequest_close_fds(bequest);
	bequest_free(bequest);
	if (read_back)
		bequest_close_fds(read_back);
	bequest_free(read_back);
}

static bool same_file(int a, int b)
{
	struct stat st_a, st_b;

	ck_assert_int_eq(fstat(a, &st_a), 0);
	ck_assert_int_eq(fstat(b, &st_b), 0);
	return st_a.st_ino == st_b.st_ino;
}

static void check_interface(size_t at)
{
	const struct bequest_interface *a = &bequest->interfaces[at],
				       *b = &read_back->interfaces[at];

	ck_assert_str_eq(a->now.peer.name, b->now.peer.name);
	ck_assert_uint_eq(a->now.mtu, b->now.mtu);
	ck_assert_uint_eq(a->now.queues, b->now.queues);
	ck_assert(addr_equal(&a->now.local4, &b->now.local4));
	ck_assert_uint_eq(a->now.outer.port, b->now.outer.port);
	ck_assert_uint_eq(a->number, b->number);
	ck_assert_uint_eq(a->index, b->index);
	ck_assert(netns_id_equal(&a->netns, &b->netns));
	ck_assert_str_eq(a->name, b->name);
	ck_assert_int_eq(a->idle, b->idle);
	ck_assert_int_eq(a->off4, b->off4);
	ck_assert_int_eq(a->off6, b->off6);
	for (size_t i = 0; i < a->now.queues; i++)
		ck_assert(same_file(a->queues[i], b->queues[i]));
	ck_assert_uint_eq(a->routes.count, b->routes.count);
	for (size_t i = 0; i < a->routes.count; i++)
		ck_assert(prefix_equal(&a->routes.items[i], &b->routes.items[i]));
	ck_assert_uint_eq(a->held.count, b->held.count);
}

static void check_same(void)
{
	ck_assert_str_eq(bequest->name, read_back->name);
	ck_assert_uint_eq(bequest->text, read_back->text);
	ck_assert_mem_eq(bequest->instance, read_back->instance, sizeof(bequest->instance));
	ck_assert_uint_eq(bequest->numbered, read_back->numbered);
	ck_assert(read_back->outer_held && !read_back->outer_in_force);
	ck_assert_uint_eq(read_back->full_tunnel.number, 3);
	ck_assert_uint_eq(read_back->full_tunnel.rules, 99);
	ck_assert_str_eq(read_back->full_tunnel.relaxed[0].name, "eth0");
	ck_assert_int_eq(read_back->full_tunnel.relaxed[0].value, '2');
	ck_assert_uint_eq(read_back->full_tunnel.routed[0].link, 5);
	ck_assert_uint_eq(read_back->dns.entry_sum, UINT64_MAX);
	ck_assert(nameservers_equal(&bequest->dns.nameservers, &read_back->dns.nameservers));
	ck_assert_uint_eq(bequest->interface_count, read_back->interface_count);
	for (size_t i = 0; i < bequest->interface_count; i++)
		check_interface(i);
	ck_assert_uint_eq(read_back->listener_count, 2);
	ck_assert(same_file(bequest->listeners[1], read_back->listeners[1]));
	for (size_t i = 0; i < BEQUEST_FDS; i++) {
		ck_assert_int_eq(bequest->fds[i] >= 0, read_back->fds[i] >= 0);
		if (bequest->fds[i] >= 0)
			ck_assert(same_file(bequest->fds[i], read_back->fds[i]));
	}
}

START_TEST(comes_as_it_went)
{
	size_t before = open_count();
	int parcel;

	ck_assert_int_eq(handover_pack(bequest, &parcel, &problem), 0);
	ck_assert_uint_eq(open_count(), before + 1); /* all is in the one descriptor */
	ck_assert_int_eq(handover_unpack(parcel, &read_back, &problem), 0);
	check_same();
	ck_assert_int_ne(fcntl(read_back->interfaces[1].queues[3], F_GETFD) & FD_CLOEXEC, 0);
	/* It is unpacked once. */
	{
		struct bequest *again = NULL;

		ck_assert_int_eq(handover_unpack(parcel, &again, &problem), -ENODATA);
	}
	close(parcel);
}
END_TEST

START_TEST(more_descriptors_than_a_datagram_takes)
{
	int parcel;

	bequest->interfaces = reallocarray(bequest->interfaces, 40, sizeof(bequest->interfaces[0]));
	ck_assert_ptr_nonnull(bequest->interfaces);
	for (uint32_t i = 3; i < 20; i++)
		add_interface("more", i, REQUEST_QUEUES_MAX, 300);
	ck_assert_uint_gt(bequest_count_fds(bequest), 200);
	ck_assert_int_eq(handover_pack(bequest, &parcel, &problem), 0);
	ck_assert_int_eq(handover_unpack(parcel, &read_back, &problem), 0);
	close(parcel);
	check_same();
}
END_TEST

START_TEST(a_closed_parcel_closes_all)
{
	int parcel, fds[2];
	char byte;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	close(bequest->fds[BEQUEST_NAT]);
	bequest->fds[BEQUEST_NAT] = fds[1];
	ck_assert_int_eq(handover_pack(bequest, &parcel, &problem), 0);
	close(fds[1]);
	bequest->fds[BEQUEST_NAT] = -1;
	ck_assert_int_eq(read(fds[0], &byte, 1), -1); /* the parcel still has the other end */
	ck_assert_int_eq(errno, EAGAIN);
	close(parcel);
	ck_assert_int_eq(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}
END_TEST

/* ---- what a stranger might write ---- */

static int read_bytes(const uint8_t *data, size_t len)
{
	size_t count = bequest_count_fds(bequest);
	int *fds = calloc(count + 1, sizeof(*fds)), r;

	ck_assert_ptr_nonnull(fds);
	bequest_list_fds(bequest, fds);
	r = bequest_read(data, len, fds, count, &read_back, &problem);
	free(fds);
	if (r == 0) { /* the descriptors are the first one's */
		bequest_free(read_back);
		read_back = NULL;
	}
	return r;
}

START_TEST(another_version_is_refused)
{
	uint8_t *data;
	size_t len;

	ck_assert_int_eq(bequest_write(bequest, &data, &len), 0);
	ck_assert_int_eq(read_bytes(data, len), 0);
	data[3]++;
	ck_assert_int_eq(read_bytes(data, len), -EPROTONOSUPPORT);
	ck_assert_str_eq(problem.text, "it is one of version 2, and this program's is 1");
	free(data);
}
END_TEST

START_TEST(a_truncated_one_is_refused)
{
	uint8_t *data;
	size_t len;

	ck_assert_int_eq(bequest_write(bequest, &data, &len), 0);
	for (size_t shorter = 0; shorter < len; shorter++)
		ck_assert_int_lt(read_bytes(data, shorter), 0);
	free(data);
}
END_TEST

/* Whatever the bytes are, reading ends, and frees all. */
START_TEST(random_changes_do_no_harm)
{
	struct random random = { 1 };
	size_t before = open_count(), len;
	uint8_t *data;

	ck_assert_int_eq(bequest_write(bequest, &data, &len), 0);
	for (int i = 0; i < unit_rounds(20000); i++) {
		size_t at = 4 + random_below(&random, len - 4);
		uint8_t was = data[at];

		data[at] = (uint8_t)random_next(&random);
		(void)read_bytes(data, len);
		data[at] = was;
	}
	ck_assert_uint_eq(open_count(), before);
	free(data);
}
END_TEST

static void refused(void)
{
	uint8_t *data;
	size_t len;

	ck_assert_int_eq(bequest_write(bequest, &data, &len), 0);
	ck_assert_int_eq(read_bytes(data, len), -EINVAL);
	free(data);
}

START_TEST(values_that_cannot_be_are_refused)
{
	struct bequest_interface *interface = &bequest->interfaces[0];

	interface->now.mtu = 10;
	refused();
	interface->now.mtu = 1400;
	interface->number = 41; /* was never given */
	refused();
	interface->number = 1;
	interface->index = 0;
	refused();
	interface->index = 101;
	unit_text(interface->name, "../x");
	refused();
	unit_text(interface->name, "cv1");
	interface->routes.items[0].addr.bytes[3] = 1; /* a bit past the prefix's length */
	refused();
	interface->routes.items[0].addr.bytes[3] = 0;
	unit_text(bequest->full_tunnel.relaxed[0].name, "a/b");
	refused();
	unit_text(bequest->full_tunnel.relaxed[0].name, "eth0");
	bequest->full_tunnel.relaxed[0].value = '\n';
	refused();
	bequest->full_tunnel.relaxed[0].value = '1';
	unit_text(bequest->dns.nameservers.domain[0], "a b");
	refused();
	unit_text(bequest->dns.nameservers.domain[0], "a.b");
	bequest->dns.way = 9;
	refused();
}
END_TEST

START_TEST(a_parcel_that_is_none_is_refused)
{
	size_t before = open_count();
	uint32_t count = 0;
	int pair[2], memfd;

	ck_assert_int_eq(ipc_pair(pair), 0);
	/* Its memory is not sealed. */
	memfd = new_fd();
	ck_assert_int_eq(ipc_send(pair[1], &count, sizeof(count), &memfd, 1), 0);
	ck_assert_int_eq(handover_unpack(pair[0], &read_back, &problem), -EINVAL);
	/* Descriptors are missing. */
	count = 2;
	ck_assert_int_eq(ipc_send(pair[1], &count, sizeof(count), &memfd, 1), 0);
	ck_assert_int_eq(handover_unpack(pair[0], &read_back, &problem), -EINVAL);
	/* There is no memory. */
	ck_assert_int_eq(ipc_send(pair[1], &count, sizeof(count), NULL, 0), 0);
	ck_assert_int_eq(handover_unpack(pair[0], &read_back, &problem), -EINVAL);
	close(memfd);
	close(pair[0]);
	close(pair[1]);
	ck_assert_uint_eq(open_count(), before);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { comes_as_it_went, more_descriptors_than_a_datagram_takes,
		a_closed_parcel_closes_all, another_version_is_refused, a_truncated_one_is_refused,
		random_changes_do_no_harm, values_that_cannot_be_are_refused,
		a_parcel_that_is_none_is_refused };

	return unit_suite("bequest", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("bequest", suite());
}
