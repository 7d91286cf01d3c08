/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/bequest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "wire/field.h"
#include "wire/message.h"
#include "wire/request_field.h"

/* ---- the members, in the order of the bytes ---- */

#define SIZE(type, member) sizeof(((struct type *)NULL)->member)
#define AT(type, member) .offset = offsetof(struct type, member), .size = SIZE(type, member)
#define COUNT(type, member) \
	.count_offset = offsetof(struct type, member), .count_size = SIZE(type, member)
#define ROWS(table) .rows = (table), .row_count = ARRAY_SIZE(table)

static const struct request_field network_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(local_network, link) },
	{ REQUEST_FIELD_PREFIX, AT(local_network, prefix) },
};

static const struct request_field relaxed_rows[] = {
	{ REQUEST_FIELD_TEXT, AT(reverse_path_saved, name) },
	{ REQUEST_FIELD_BYTES, AT(reverse_path_saved, value) },
};

/* A fingerprint is bytes: the writer and the reader are on one host. */
static const struct request_field fixed_rows[] = {
	{ REQUEST_FIELD_TEXT, AT(bequest, name) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, role) },
	{ REQUEST_FIELD_BYTES, AT(bequest, text) },
	{ REQUEST_FIELD_BYTES, AT(bequest, instance) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, numbered) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, table) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, kill_switch_index) },
	{ REQUEST_FIELD_BOOL, AT(bequest, inbound_switched) },
	{ REQUEST_FIELD_BOOL, AT(bequest, outer_in_force) },
	{ REQUEST_FIELD_BOOL, AT(bequest, outer_held) },
	{ REQUEST_FIELD_BOOL, AT(bequest, full_tunnel.in_force) },
	{ REQUEST_FIELD_BOOL, AT(bequest, full_tunnel.without6) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, full_tunnel.number) },
	{ REQUEST_FIELD_BYTES, AT(bequest, full_tunnel.rules) },
	{ REQUEST_FIELD_ADDR, AT(bequest, full_tunnel.peer4) },
	{ REQUEST_FIELD_ADDR, AT(bequest, full_tunnel.peer6) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, full_tunnel.peer_index) },
	{ REQUEST_FIELD_GROUP, AT(bequest, full_tunnel.routed[0]), LOCAL_BRIDGES_NETWORKS_MAX,
		COUNT(bequest, full_tunnel.routed_count), ROWS(network_rows) },
	{ REQUEST_FIELD_GROUP, AT(bequest, full_tunnel.relaxed[0]), BEQUEST_RELAXED_MAX,
		COUNT(bequest, full_tunnel.relaxed_count), ROWS(relaxed_rows) },
	{ REQUEST_FIELD_BOOL, AT(bequest, full_tunnel.guarded_by_rules) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, full_tunnel.guard_index) },
	{ REQUEST_FIELD_ADDR, AT(bequest, full_tunnel.guard4) },
	{ REQUEST_FIELD_ADDR, AT(bequest, full_tunnel.guard6) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, dns.way) },
	{ REQUEST_FIELD_BOOL, AT(bequest, dns.waiting) },
	{ REQUEST_FIELD_NUMBER, AT(bequest, dns.index) },
	{ REQUEST_FIELD_TEXT, AT(bequest, dns.interface) },
	{ REQUEST_FIELD_ADDR, AT(bequest, dns.nameservers.server[0]), NAMESERVERS_MAX,
		COUNT(bequest, dns.nameservers.server_count) },
	{ REQUEST_FIELD_TEXT, AT(bequest, dns.nameservers.domain[0]), NAMESERVERS_DOMAINS_MAX,
		COUNT(bequest, dns.nameservers.domain_count) },
	{ REQUEST_FIELD_ADDR, AT(bequest, dns.before.items[0]), RESOLVERS_MAX,
		COUNT(bequest, dns.before.count) },
	{ REQUEST_FIELD_TEXT, AT(bequest, dns.entry) },
	{ REQUEST_FIELD_BYTES, AT(bequest, dns.entry_sum) },
};

static const struct request_field interface_rows[] = {
	{ REQUEST_FIELD_TEXT, AT(bequest_interface, now.peer.name) },
	{ REQUEST_FIELD_NUMBER, AT(bequest_interface, now.mtu) },
	{ REQUEST_FIELD_NUMBER, AT(bequest_interface, now.queues) },
	{ REQUEST_FIELD_BOOL, AT(bequest_interface, now.offloads) },
	{ REQUEST_FIELD_ADDR, AT(bequest_interface, now.local4) },
	{ REQUEST_FIELD_ADDR, AT(bequest_interface, now.remote4) },
	{ REQUEST_FIELD_ADDR, AT(bequest_interface, now.local6) },
	{ REQUEST_FIELD_ADDR, AT(bequest_interface, now.remote6) },
	{ REQUEST_FIELD_ADDR, AT(bequest_interface, now.outer.addr) },
	{ REQUEST_FIELD_NUMBER, AT(bequest_interface, now.outer.port) },
	{ REQUEST_FIELD_NUMBER, AT(bequest_interface, number) },
	{ REQUEST_FIELD_NUMBER, AT(bequest_interface, index) },
	{ REQUEST_FIELD_NUMBER, AT(bequest_interface, metric) },
	{ REQUEST_FIELD_BYTES, AT(bequest_interface, netns.device) },
	{ REQUEST_FIELD_BYTES, AT(bequest_interface, netns.inode) },
	{ REQUEST_FIELD_TEXT, AT(bequest_interface, name) },
	{ REQUEST_FIELD_BOOL, AT(bequest_interface, idle) },
	{ REQUEST_FIELD_BOOL, AT(bequest_interface, off4) },
	{ REQUEST_FIELD_BOOL, AT(bequest_interface, off6) },
};

/* ---- memory and descriptors ---- */

struct bequest *bequest_new(void)
{
	struct bequest *bequest = calloc(1, sizeof(*bequest));

	for (size_t i = 0; bequest && i < BEQUEST_FDS; i++)
		bequest->fds[i] = -1;
	return bequest;
}

void bequest_free(struct bequest *bequest)
{
	if (!bequest)
		return;
	for (size_t i = 0; i < bequest->interface_count; i++) {
		prefix_list_free(&bequest->interfaces[i].routes);
		prefix_list_free(&bequest->interfaces[i].held);
	}
	free(bequest->interfaces);
	free(bequest);
}

/* Calls visit() with each descriptor of the bequest, in the order of the bytes. */
static void visit_fds(struct bequest *bequest, void (*visit)(void *context, int *fd), void *context)
{
	for (size_t i = 0; i < bequest->listener_count; i++)
		visit(context, &bequest->listeners[i]);
	for (size_t i = 0; i < BEQUEST_FDS; i++) {
		if (bequest->fds[i] >= 0)
			visit(context, &bequest->fds[i]);
	}
	for (size_t i = 0; i < bequest->interface_count; i++) {
		for (size_t q = 0; q < bequest->interfaces[i].now.queues; q++)
			visit(context, &bequest->interfaces[i].queues[q]);
	}
}

static void close_one(void *context, int *fd)
{
	(void)context;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void bequest_close_fds(struct bequest *bequest)
{
	visit_fds(bequest, close_one, NULL);
}

size_t bequest_count_fds(const struct bequest *bequest)
{
	size_t count = bequest->listener_count;

	for (size_t i = 0; i < BEQUEST_FDS; i++)
		count += bequest->fds[i] >= 0;
	for (size_t i = 0; i < bequest->interface_count; i++)
		count += bequest->interfaces[i].now.queues;
	return count;
}

static void list_one(void *context, int *fd)
{
	int **next = context;

	*(*next)++ = *fd;
}

void bequest_list_fds(const struct bequest *bequest, int *fds)
{
	/* list_one() changes nothing in it. */
	visit_fds((struct bequest *)(uintptr_t)bequest, list_one, &fds);
}

/* ---- writing ---- */

static void put_prefixes(struct field_writer *out, const struct prefix_list *list)
{
	field_put_number(out, 4, list->count);
	for (size_t i = 0; i < list->count; i++) {
		field_put_addr(out, &list->items[i].addr);
		field_put_number(out, 1, list->items[i].len);
	}
}

static void put_all(struct field_writer *out, const struct bequest *bequest)
{
	field_put_number(out, 4, BEQUEST_VERSION);
	request_field_put(out, fixed_rows, ARRAY_SIZE(fixed_rows), bequest);
	field_put_number(out, 2, bequest->listener_count);
	for (size_t i = 0; i < BEQUEST_FDS; i++)
		field_put_number(out, 1, bequest->fds[i] >= 0);
	field_put_number(out, 4, bequest->interface_count);
	for (size_t i = 0; i < bequest->interface_count; i++) {
		const struct bequest_interface *interface = &bequest->interfaces[i];

		request_field_put(out, interface_rows, ARRAY_SIZE(interface_rows), interface);
		put_prefixes(out, &interface->routes);
		put_prefixes(out, &interface->held);
	}
}

/* Returns more than the bytes can be. */
static size_t room_for(const struct bequest *bequest)
{
	size_t room = 2 * sizeof(*bequest) + 64;

	for (size_t i = 0; i < bequest->interface_count; i++)
		room += 2 * sizeof(bequest->interfaces[i]) +
			sizeof(struct prefix) *
				(bequest->interfaces[i].routes.count +
					bequest->interfaces[i].held.count);
	return room;
}

int bequest_write(const struct bequest *bequest, uint8_t **ret_data, size_t *ret_len)
{
	size_t room = room_for(bequest);
	struct field_writer out = { .error = 0 };
	uint8_t *data;

	if (bequest->interface_count > BEQUEST_INTERFACES_MAX)
		return -EINVAL;
	data = malloc(room);
	if (!data)
		return -ENOMEM;
	writer_init(&out.writer, data, room);
	put_all(&out, bequest);
	if (out.error < 0) {
		free(data);
		return out.error;
	}
	*ret_data = data;
	*ret_len = out.writer.len;
	return 0;
}

/* ---- reading ---- */

static bool prefix_is_valid(const struct prefix *prefix)
{
	size_t size = addr_size(&prefix->addr);

	return size > 0 && prefix->len <= size * 8 && !prefix_has_host_bits(prefix);
}

static bool pair_is_valid(uint8_t family, const struct addr *local, const struct addr *remote)
{
	if (!addr_is_set(local) && !addr_is_set(remote))
		return true;
	return local->family == family && remote->family == family;
}

static bool text_is_name(const char *name)
{
	return name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 &&
		strcmp(name, "..") != 0;
}

static bool interface_is_valid(
	const struct bequest *bequest, const struct bequest_interface *interface)
{
	const struct request_interface *now = &interface->now;
	struct identity checked;

	return identity_set(&checked, now->peer.name, strlen(now->peer.name)) == 0 &&
		now->mtu >= MESSAGE_MTU_MIN && now->mtu <= MESSAGE_MTU_MAX && now->queues >= 1 &&
		now->queues <= REQUEST_QUEUES_MAX &&
		pair_is_valid(AF_INET, &now->local4, &now->remote4) &&
		pair_is_valid(AF_INET6, &now->local6, &now->remote6) && interface->number >= 1 &&
		interface->number <= bequest->numbered && interface->index >= 1 &&
		interface->index <= INT32_MAX && interface->metric > 0 &&
		text_is_name(interface->name);
}

static bool fixed_is_valid(const struct bequest *bequest)
{
	const struct bequest_full_tunnel *full_tunnel = &bequest->full_tunnel;

	for (size_t i = 0; i < full_tunnel->routed_count; i++) {
		if (!prefix_is_valid(&full_tunnel->routed[i].prefix))
			return false;
	}
	for (size_t i = 0; i < full_tunnel->relaxed_count; i++) {
		const struct reverse_path_saved *saved = &full_tunnel->relaxed[i];

		if (!text_is_name(saved->name) || saved->value < '0' || saved->value > '2')
			return false;
	}
	return text_is_name(bequest->name) && bequest->numbered <= INT32_MAX &&
		pair_is_valid(AF_INET, &full_tunnel->peer4, &full_tunnel->peer4) &&
		pair_is_valid(AF_INET6, &full_tunnel->peer6, &full_tunnel->peer6) &&
		pair_is_valid(AF_INET, &full_tunnel->guard4, &full_tunnel->guard4) &&
		pair_is_valid(AF_INET6, &full_tunnel->guard6, &full_tunnel->guard6) &&
		bequest->dns.way <= DNS_FILE &&
		(bequest->dns.way == DNS_NONE || text_is_name(bequest->dns.interface)) &&
		nameservers_are_valid(&bequest->dns.nameservers);
}

static void get_prefixes(struct field_reader *in, struct prefix_list *list)
{
	uint32_t count = field_get_u32(in);

	if (in->error == 0 && count > 2 * REQUEST_ROUTE_TOTAL_MAX)
		in->error = -EINVAL;
	for (uint32_t i = 0; i < count && in->error == 0; i++) {
		struct prefix prefix = { .len = 0 };

		field_get_addr(in, &prefix.addr);
		prefix.len = field_get_u8(in);
		if (in->error == 0 && !prefix_is_valid(&prefix))
			in->error = -EINVAL;
		if (in->error == 0)
			in->error = prefix_list_append(list, &prefix, 1);
	}
}

static void get_interfaces(struct field_reader *in, struct bequest *bequest)
{
	uint32_t count = field_get_u32(in);

	if (in->error == 0 && count > BEQUEST_INTERFACES_MAX)
		in->error = -EINVAL;
	if (in->error < 0 || count == 0)
		return;
	bequest->interfaces = calloc(count, sizeof(bequest->interfaces[0]));
	if (!bequest->interfaces) {
		in->error = -ENOMEM;
		return;
	}
	for (uint32_t i = 0; i < count && in->error == 0; i++) {
		struct bequest_interface *interface = &bequest->interfaces[i];

		bequest->interface_count++;
		request_field_get(in, interface_rows, ARRAY_SIZE(interface_rows), interface);
		get_prefixes(in, &interface->routes);
		get_prefixes(in, &interface->held);
		if (in->error == 0 && !interface_is_valid(bequest, interface))
			in->error = -EINVAL;
	}
}

static void get_all(struct field_reader *in, struct bequest *bequest)
{
	request_field_get(in, fixed_rows, ARRAY_SIZE(fixed_rows), bequest);
	bequest->listener_count = field_get_count(in, SETTINGS_LISTEN_MAX);
	/* A number shows that there is one; take_fds() puts the descriptor in its place. */
	for (size_t i = 0; i < BEQUEST_FDS; i++)
		bequest->fds[i] = field_get_bool(in) ? 0 : -1;
	get_interfaces(in, bequest);
	if (in->error == 0 && (reader_left(&in->reader) > 0 || !fixed_is_valid(bequest)))
		in->error = -EINVAL;
}

static void take_one(void *context, int *fd)
{
	const int **next = context;

	*fd = *(*next)++;
}

int bequest_read(const void *data, size_t len, const int *fds, size_t fd_count,
	struct bequest **ret_bequest, struct problem *problem)
{
	struct field_reader in = { .error = 0 };
	struct bequest *bequest = bequest_new();
	uint32_t version;

	if (!bequest) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	reader_init(&in.reader, data, len);
	version = field_get_u32(&in);
	if (in.error == 0 && version != BEQUEST_VERSION)
		in.error = -EPROTONOSUPPORT;
	if (in.error == 0)
		get_all(&in, bequest);
	if (in.error == 0 && bequest_count_fds(bequest) != fd_count)
		in.error = -EINVAL;
	if (in.error < 0) {
		if (in.error == -EPROTONOSUPPORT)
			problem_set(problem, "it is one of version %u, and this program's is %d",
				version, BEQUEST_VERSION);
		else
			problem_set(problem, "it cannot be read: %s", error_text(in.error));
		bequest_free(bequest);
		return in.error;
	}
	visit_fds(bequest, take_one, &fds);
	*ret_bequest = bequest;
	return 0;
}
