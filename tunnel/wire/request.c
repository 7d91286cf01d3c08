/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is its type (u16), its id (u32) and a body of fixed order. A table of rows names the
 * members of each body; encoder and decoder walk the same rows. Both call a check of the members'
 * values.
 */
#include "wire/request.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/array.h"
#include "wire/field.h"
#include "wire/message.h"
#include "wire/request_field.h"

static bool prefix_is_valid(const struct prefix *prefix)
{
	size_t size = addr_size(&prefix->addr);

	return size > 0 && prefix->len <= size * 8;
}

/* True if no prefix has bits past its length. */
static bool are_networks(const struct prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!prefix_is_valid(&prefixes[i]) || prefix_has_host_bits(&prefixes[i]))
			return false;
	}
	return true;
}

static bool pair_is_valid(uint8_t family, const struct addr *local, const struct addr *remote)
{
	if (!addr_is_set(local) && !addr_is_set(remote))
		return true;
	return local->family == family && remote->family == family;
}

static bool number_is_valid(uint32_t interface)
{
	return interface > 0 && interface <= INT32_MAX;
}

/* ---- members, in the order of the bytes ---- */

#define SIZE(type, member) sizeof(((struct type *)NULL)->member)
#define AT(type, member) .offset = offsetof(struct type, member), .size = SIZE(type, member)
#define COUNT(type, member) \
	.count_offset = offsetof(struct type, member), .count_size = SIZE(type, member)
#define ROWS(table) .rows = (table), .row_count = ARRAY_SIZE(table)

static const struct request_field load_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request_load, number) },
	{ REQUEST_FIELD_NUMBER, AT(request_load, at_s) },
	{ REQUEST_FIELD_TEXT, AT(request_load, changed) },
};

static const struct request_field configure_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, configure.version) },
	{ REQUEST_FIELD_NUMBER, AT(request, configure.generation) },
	{ REQUEST_FIELD_NUMBER, AT(request, configure.adopt_count) },
	{ REQUEST_FIELD_BOOL, AT(request, configure.held) },
	{ REQUEST_FIELD_BYTES, AT(request, configure.instance) },
	{ REQUEST_FIELD_NUMBER, AT(request, configure.fd_kind[0]), REQUEST_FDS_MAX,
		COUNT(request, configure.fd_count) },
	{ REQUEST_FIELD_TEXT, AT(request, configure.path) },
	{ REQUEST_FIELD_GROUP, AT(request, configure.load), ROWS(load_rows) },
};

static const struct request_field reconfigure_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, reconfigure.fd_kind[0]), REQUEST_FDS_MAX,
		COUNT(request, reconfigure.fd_count) },
	{ REQUEST_FIELD_GROUP, AT(request, reconfigure.load), ROWS(load_rows) },
};

static const struct request_field reload_rows[] = {
	{ REQUEST_FIELD_BOOL, AT(request, reload.only_check) },
};

static const struct request_field reconfigured_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, reconfigured.number) },
	{ REQUEST_FIELD_NUMBER, AT(request, reconfigured.error) },
	{ REQUEST_FIELD_TEXT, AT(request, reconfigured.text) },
};

static const struct request_field wanted_rows[] = {
	{ REQUEST_FIELD_TEXT, AT(request_interface, peer.name) },
	{ REQUEST_FIELD_NUMBER, AT(request_interface, mtu) },
	{ REQUEST_FIELD_NUMBER, AT(request_interface, queues) },
	{ REQUEST_FIELD_BOOL, AT(request_interface, offloads) },
	{ REQUEST_FIELD_ADDR, AT(request_interface, local4) },
	{ REQUEST_FIELD_ADDR, AT(request_interface, remote4) },
	{ REQUEST_FIELD_ADDR, AT(request_interface, local6) },
	{ REQUEST_FIELD_ADDR, AT(request_interface, remote6) },
	{ REQUEST_FIELD_ADDR, AT(request_interface, outer.addr) },
	{ REQUEST_FIELD_NUMBER, AT(request_interface, outer.port) },
};

static const struct request_field interface_rows[] = {
	{ REQUEST_FIELD_GROUP, AT(request, interface), ROWS(wanted_rows) },
};

static const struct request_field interface_delete_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, interface_delete.interface) },
};

/* An accepted prefix has no reason text. */
static const struct request_field verdict_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request_verdict, verdict), .gate = true },
	{ REQUEST_FIELD_TEXT, AT(request_verdict, reason) },
};

static_assert(ROUTE_ACCEPTED == 0, "a gate that is 0 leaves out the rest");

static const struct request_field reply_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, reply.error) },
	{ REQUEST_FIELD_TEXT, AT(request, reply.text) },
	{ REQUEST_FIELD_NUMBER, AT(request, reply.interface) },
	{ REQUEST_FIELD_NUMBER, AT(request, reply.ifindex) },
	{ REQUEST_FIELD_TEXT, AT(request, reply.ifname) },
	{ REQUEST_FIELD_GROUP, AT(request, reply.verdicts[0]), REQUEST_PREFIX_MAX,
		COUNT(request, reply.count), ROWS(verdict_rows) },
	{ REQUEST_FIELD_BOOL, AT(request, reply.adopts), .gate = true },
	{ REQUEST_FIELD_GROUP, AT(request, reply.adopted), ROWS(wanted_rows) },
	{ REQUEST_FIELD_NUMBER, AT(request, reply.route_total) },
	{ REQUEST_FIELD_PREFIX, AT(request, reply.route[0]), REQUEST_PREFIX_MAX,
		COUNT(request, reply.route_count) },
};

static const struct request_field ready_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, ready.generation) },
};

static const struct request_field socket_rows[] = {
	{ REQUEST_FIELD_FAMILY, AT(request, socket.family) },
};

static const struct request_field routes_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, routes.interface) },
	{ REQUEST_FIELD_PREFIX, AT(request, routes.prefix[0]), REQUEST_PREFIX_MAX,
		COUNT(request, routes.count) },
};

static const struct request_field dns_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, dns.interface) },
	{ REQUEST_FIELD_ADDR, AT(request, dns.nameservers.server[0]), NAMESERVERS_MAX,
		COUNT(request, dns.nameservers.server_count) },
	{ REQUEST_FIELD_TEXT, AT(request, dns.nameservers.domain[0]), NAMESERVERS_DOMAINS_MAX,
		COUNT(request, dns.nameservers.domain_count) },
};

static const struct request_field tracked_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, tracked.total) },
	{ REQUEST_FIELD_NUMBER, AT(request, tracked.offset) },
	{ REQUEST_FIELD_PREFIX, AT(request, tracked.prefix[0]), REQUEST_PREFIX_MAX,
		COUNT(request, tracked.count) },
};

static const struct request_field lack_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, lack.interface) },
	{ REQUEST_FIELD_BOOL, AT(request, lack.link) },
	{ REQUEST_FIELD_BOOL, AT(request, lack.local4) },
	{ REQUEST_FIELD_BOOL, AT(request, lack.local6) },
	{ REQUEST_FIELD_TEXT, AT(request, lack.text) },
	{ REQUEST_FIELD_NUMBER, AT(request, lack.total) },
	{ REQUEST_FIELD_NUMBER, AT(request, lack.offset) },
	{ REQUEST_FIELD_PREFIX, AT(request, lack.prefix[0]), REQUEST_PREFIX_MAX,
		COUNT(request, lack.count) },
};

static const struct request_field judged_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, judged.interface) },
	{ REQUEST_FIELD_PREFIX, AT(request, judged.prefix) },
	{ REQUEST_FIELD_GROUP, AT(request, judged.verdict), ROWS(verdict_rows) },
};

static const struct request_field held_item_rows[] = {
	{ REQUEST_FIELD_TEXT, AT(request_held_item, name) },
	{ REQUEST_FIELD_BOOL, AT(request_held_item, in_place) },
	{ REQUEST_FIELD_NUMBER, AT(request_held_item, changes) },
	{ REQUEST_FIELD_TEXT, AT(request_held_item, what) },
	{ REQUEST_FIELD_TEXT, AT(request_held_item, writer) },
	{ REQUEST_FIELD_TEXT, AT(request_held_item, why) },
};

static const struct request_field held_rows[] = {
	{ REQUEST_FIELD_GROUP, AT(request, held.items[0]), REQUEST_HELD_MAX,
		COUNT(request, held.count), ROWS(held_item_rows) },
};

static const struct request_field carrier_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, carrier.interface) },
	{ REQUEST_FIELD_BOOL, AT(request, carrier.on) },
};

static const struct request_field silent_rows[] = {
	{ REQUEST_FIELD_ADDR, AT(request, silent.local) },
};

static const struct request_field probe_rows[] = {
	{ REQUEST_FIELD_PREFIX, AT(request, probe.prefix) },
};

static const struct request_field adopt_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, adopt.index) },
	{ REQUEST_FIELD_NUMBER, AT(request, adopt.route_offset) },
};

static const struct request_field exit_rows[] = {
	{ REQUEST_FIELD_NUMBER, AT(request, exit.code) },
	{ REQUEST_FIELD_TEXT, AT(request, exit.text) },
};

/* ---- checks of the members' values ---- */

static bool kinds_are_valid(const uint8_t *kinds, size_t count)
{
	if (count > REQUEST_FDS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (kinds[i] < REQUEST_FD_CONFIG || kinds[i] >= REQUEST_FD_KIND_COUNT)
			return false;
	}
	return true;
}

static bool check_configure(const struct request *request)
{
	return kinds_are_valid(request->configure.fd_kind, request->configure.fd_count);
}

static bool check_reconfigure(const struct request *request)
{
	return kinds_are_valid(request->reconfigure.fd_kind, request->reconfigure.fd_count);
}

static bool check_reconfigured(const struct request *request)
{
	return request->reconfigured.error <= REQUEST_ERROR_MAX;
}

static bool check_wanted(const struct request_interface *body)
{
	struct identity valid;

	return identity_set(&valid, body->peer.name,
		       strnlen(body->peer.name, sizeof(body->peer.name))) == 0 &&
		body->mtu >= MESSAGE_MTU_MIN && body->mtu <= MESSAGE_MTU_MAX && body->queues >= 1 &&
		body->queues <= REQUEST_QUEUES_MAX &&
		pair_is_valid(AF_INET, &body->local4, &body->remote4) &&
		pair_is_valid(AF_INET6, &body->local6, &body->remote6) &&
		(addr_is_set(&body->local4) || addr_is_set(&body->local6)) &&
		addr_is_set(&body->outer.addr) == (body->outer.port != 0);
}

static bool check_interface(const struct request *request)
{
	return check_wanted(&request->interface);
}

static bool check_interface_delete(const struct request *request)
{
	return number_is_valid(request->interface_delete.interface);
}

static bool check_adopted(const struct request_reply *body)
{
	if (body->error != 0 || !number_is_valid(body->interface) ||
		!number_is_valid(body->ifindex) || body->ifname[0] == '\0' ||
		!check_wanted(&body->adopted) || body->route_total > REQUEST_ROUTE_TOTAL_MAX ||
		body->route_count > REQUEST_PREFIX_MAX || body->route_count > body->route_total)
		return false;
	return are_networks(body->route, body->route_count);
}

static bool check_reply(const struct request *request)
{
	const struct request_reply *body = &request->reply;

	if (body->error > REQUEST_ERROR_MAX || body->interface > INT32_MAX ||
		body->ifindex > INT32_MAX || body->count > REQUEST_PREFIX_MAX)
		return false;
	for (size_t i = 0; i < sizeof(body->ifname) && body->ifname[i] != '\0'; i++) {
		if (body->ifname[i] <= ' ' || body->ifname[i] > '~' || body->ifname[i] == '/')
			return false;
	}
	for (size_t i = 0; i < body->count; i++) {
		if (body->verdicts[i].verdict >= ROUTE_VERDICT_COUNT)
			return false;
	}
	return !body->adopts || check_adopted(body);
}

static bool check_socket(const struct request *request)
{
	return request->socket.family == AF_INET || request->socket.family == AF_INET6;
}

static bool check_routes(const struct request *request)
{
	const struct request_routes *body = &request->routes;

	if (!number_is_valid(body->interface) || body->count < 1 ||
		body->count > REQUEST_PREFIX_MAX)
		return false;
	for (size_t i = 0; i < body->count; i++) {
		if (!prefix_is_valid(&body->prefix[i]))
			return false;
	}
	return true;
}

static bool check_dns(const struct request *request)
{
	return number_is_valid(request->dns.interface) &&
		nameservers_are_valid(&request->dns.nameservers);
}

static bool check_tracked(const struct request *request)
{
	const struct request_tracked *body = &request->tracked;

	return body->total <= REQUEST_TRACKED_MAX && body->count <= REQUEST_PREFIX_MAX &&
		body->offset <= body->total && body->count <= body->total - body->offset &&
		are_networks(body->prefix, body->count);
}

static bool check_lack(const struct request *request)
{
	const struct request_lack *body = &request->lack;

	return number_is_valid(body->interface) && body->total <= REQUEST_ROUTE_TOTAL_MAX &&
		body->count <= REQUEST_PREFIX_MAX && body->offset <= body->total &&
		body->count <= body->total - body->offset &&
		are_networks(body->prefix, body->count);
}

static bool check_judged(const struct request *request)
{
	const struct request_judged *body = &request->judged;

	return number_is_valid(body->interface) && are_networks(&body->prefix, 1) &&
		body->verdict.verdict != ROUTE_ACCEPTED &&
		body->verdict.verdict < ROUTE_VERDICT_COUNT;
}

static bool check_held(const struct request *request)
{
	const struct request_held *body = &request->held;

	if (body->count > REQUEST_HELD_MAX)
		return false;
	for (size_t i = 0; i < body->count; i++) {
		if (body->items[i].name[0] == '\0')
			return false;
	}
	return true;
}

static bool check_carrier(const struct request *request)
{
	return number_is_valid(request->carrier.interface);
}

static bool check_silent(const struct request *request)
{
	return addr_is_set(&request->silent.local);
}

static bool check_probe(const struct request *request)
{
	return are_networks(&request->probe.prefix, 1);
}

/* ---- by type ---- */

struct codec {
	const char *name;
	bool without_id;                              /* the id is 0 */
	bool (*check)(const struct request *request); /* NULL: every value is valid */
	const struct request_field *rows;             /* NULL: no body */
	size_t row_count;
};

static const struct codec codecs[REQUEST_TYPE_COUNT] = {
	[REQUEST_CONFIGURE] = { "configure", true, check_configure, ROWS(configure_rows) },
	[REQUEST_STOP] = { .name = "stop", .without_id = true },
	[REQUEST_REPLY] = { "reply", false, check_reply, ROWS(reply_rows) },
	[REQUEST_READY] = { "ready", false, NULL, ROWS(ready_rows) },
	[REQUEST_SOCKET] = { "socket", false, check_socket, ROWS(socket_rows) },
	[REQUEST_INTERFACE] = { "interface", false, check_interface, ROWS(interface_rows) },
	[REQUEST_INTERFACE_DELETE] = { "interface-delete", false, check_interface_delete,
		ROWS(interface_delete_rows) },
	[REQUEST_ROUTE_ADD] = { "route-add", false, check_routes, ROWS(routes_rows) },
	[REQUEST_ROUTE_DELETE] = { "route-delete", false, check_routes, ROWS(routes_rows) },
	[REQUEST_EXIT] = { "exit", false, NULL, ROWS(exit_rows) },
	[REQUEST_ADOPT] = { "adopt", false, NULL, ROWS(adopt_rows) },
	[REQUEST_NETWORK] = { .name = "network", .without_id = true },
	[REQUEST_UP] = { "up", false, check_dns, ROWS(dns_rows) },
	[REQUEST_DNS] = { "dns", false, check_dns, ROWS(dns_rows) },
	[REQUEST_REEXEC] = { .name = "reexec" },
	[REQUEST_TRACKED] = { "tracked", true, check_tracked, ROWS(tracked_rows) },
	[REQUEST_CARRIER] = { "carrier", false, check_carrier, ROWS(carrier_rows) },
	[REQUEST_SILENT] = { "silent", false, check_silent, ROWS(silent_rows) },
	[REQUEST_PROBE] = { "probe", false, check_probe, ROWS(probe_rows) },
	[REQUEST_JUDGED] = { "judged", true, check_judged, ROWS(judged_rows) },
	[REQUEST_PLACES] = { .name = "places", .without_id = true },
	[REQUEST_HELD] = { "held", true, check_held, ROWS(held_rows) },
	[REQUEST_LACK] = { "lack", true, check_lack, ROWS(lack_rows) },
	[REQUEST_RELOAD] = { "reload", false, NULL, ROWS(reload_rows) },
	[REQUEST_RECONFIGURE] = { "reconfigure", true, check_reconfigure, ROWS(reconfigure_rows) },
	[REQUEST_RECONFIGURED] = { "reconfigured", false, check_reconfigured,
		ROWS(reconfigured_rows) },
};

static const struct codec *find_codec(unsigned type)
{
	/* A number in between may have no type. */
	return type < REQUEST_TYPE_COUNT && codecs[type].name ? &codecs[type] : NULL;
}

static bool request_is_valid(const struct codec *codec, const struct request *request)
{
	if (codec->without_id && request->id != 0)
		return false;
	return !codec->check || codec->check(request);
}

int request_encode(struct writer *writer, const struct request *request)
{
	const struct codec *codec = find_codec(request->type);
	struct field_writer out = { .writer = *writer };

	if (!codec || !request_is_valid(codec, request))
		return -EINVAL;
	field_put_number(&out, 2, request->type);
	field_put_number(&out, 4, request->id);
	request_field_put(&out, codec->rows, codec->row_count, request);
	if (out.error == 0)
		*writer = out.writer;
	return out.error;
}

int request_decode(const void *data, size_t len, struct request *ret_request)
{
	const struct codec *codec;
	struct request request;
	struct field_reader in = { .error = 0 };
	uint16_t type;

	if (len > REQUEST_SIZE_MAX)
		return -EBADMSG;
	reader_init(&in.reader, data, len);
	memset(&request, 0, sizeof(request));
	type = field_get_u16(&in);
	request.id = field_get_u32(&in);
	if (in.error != 0)
		return in.error;
	codec = find_codec(type);
	if (!codec)
		return -EPROTONOSUPPORT;
	request.type = (enum request_type)type;
	request_field_get(&in, codec->rows, codec->row_count, &request);
	if (in.error != 0)
		return in.error;
	if (reader_left(&in.reader) > 0)
		return -EBADMSG;
	if (!request_is_valid(codec, &request))
		return -EINVAL;
	*ret_request = request;
	return 0;
}

const char *request_type_name(enum request_type type)
{
	const struct codec *codec = find_codec(type);

	return codec ? codec->name : "unknown";
}
