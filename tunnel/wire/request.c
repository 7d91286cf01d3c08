/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is its type (u16), its id (u32) and a body of fixed order, made of the fields of
 * wire/field.h. Each body has put_, get_ and check_ side by side: put_ and get_ go on after an
 * error, which the first one to happen names, and check_ says for both directions what the members
 * may be.
 */
#include "wire/request.h"

#include <errno.h>
#include <string.h>

#include "wire/field.h"
#include "wire/message.h"

static bool prefix_is_valid(const struct prefix *prefix)
{
	size_t size = addr_size(&prefix->addr);

	return size > 0 && prefix->len <= size * 8;
}

/* None of them has bits past its length. */
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

/* ---- configure ---- */

static void put_configure(struct field_writer *out, const struct request *request)
{
	const struct request_configure *body = &request->configure;

	field_put_number(out, 4, body->version);
	field_put_number(out, 4, body->generation);
	field_put_number(out, 4, body->adopt_count);
	field_put_number(out, 1, body->held);
	field_put_bytes(out, body->instance, sizeof(body->instance));
	field_put_number(out, 2, body->fd_count);
	for (size_t i = 0; i < body->fd_count; i++)
		field_put_number(out, 1, body->fd_kind[i]);
	field_put_text(out, body->path, sizeof(body->path));
}

static void get_configure(struct field_reader *in, struct request *request)
{
	struct request_configure *body = &request->configure;

	body->version = field_get_u32(in);
	body->generation = field_get_u32(in);
	body->adopt_count = field_get_u32(in);
	body->held = field_get_bool(in);
	field_get_bytes(in, body->instance, sizeof(body->instance));
	body->fd_count = (uint8_t)field_get_count(in, REQUEST_FDS_MAX);
	for (size_t i = 0; i < body->fd_count; i++)
		body->fd_kind[i] = field_get_u8(in);
	field_get_text(in, body->path, sizeof(body->path));
}

static bool check_configure(const struct request *request)
{
	const struct request_configure *body = &request->configure;

	if (body->fd_count > REQUEST_FDS_MAX)
		return false;
	for (size_t i = 0; i < body->fd_count; i++) {
		if (body->fd_kind[i] < REQUEST_FD_CONFIG ||
			body->fd_kind[i] >= REQUEST_FD_KIND_COUNT)
			return false;
	}
	return true;
}

/* ---- interface ---- */

static void put_wanted(struct field_writer *out, const struct request_interface *body)
{
	field_put_text(out, body->peer.name, sizeof(body->peer.name));
	field_put_number(out, 4, body->mtu);
	field_put_number(out, 1, body->queues);
	field_put_number(out, 1, body->offloads);
	field_put_addr(out, &body->local4);
	field_put_addr(out, &body->remote4);
	field_put_addr(out, &body->local6);
	field_put_addr(out, &body->remote6);
	field_put_addr(out, &body->outer.addr);
	field_put_number(out, 2, body->outer.port);
}

static void get_wanted(struct field_reader *in, struct request_interface *body)
{
	field_get_text(in, body->peer.name, sizeof(body->peer.name));
	body->mtu = field_get_u32(in);
	body->queues = field_get_u8(in);
	body->offloads = field_get_bool(in);
	field_get_addr(in, &body->local4);
	field_get_addr(in, &body->remote4);
	field_get_addr(in, &body->local6);
	field_get_addr(in, &body->remote6);
	field_get_addr(in, &body->outer.addr);
	body->outer.port = field_get_u16(in);
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

static void put_interface(struct field_writer *out, const struct request *request)
{
	put_wanted(out, &request->interface);
}

static void get_interface(struct field_reader *in, struct request *request)
{
	get_wanted(in, &request->interface);
}

static bool check_interface(const struct request *request)
{
	return check_wanted(&request->interface);
}

static void put_interface_delete(struct field_writer *out, const struct request *request)
{
	field_put_number(out, 4, request->interface_delete.interface);
}

static void get_interface_delete(struct field_reader *in, struct request *request)
{
	request->interface_delete.interface = field_get_u32(in);
}

static bool check_interface_delete(const struct request *request)
{
	return number_is_valid(request->interface_delete.interface);
}

/* ---- reply ---- */

static void put_reply(struct field_writer *out, const struct request *request)
{
	const struct request_reply *body = &request->reply;

	field_put_number(out, 4, body->error);
	field_put_text(out, body->text, sizeof(body->text));
	field_put_number(out, 4, body->interface);
	field_put_number(out, 4, body->ifindex);
	field_put_text(out, body->ifname, sizeof(body->ifname));
	field_put_number(out, 2, body->count);
	for (size_t i = 0; i < body->count; i++) {
		field_put_number(out, 1, body->verdict[i]);
		if (body->verdict[i] != ROUTE_ACCEPTED)
			field_put_text(out, body->words[i], sizeof(body->words[i]));
	}
	field_put_number(out, 1, body->adopts);
	if (body->adopts) {
		put_wanted(out, &body->adopted);
		field_put_number(out, 4, body->route_total);
		field_put_prefixes(out, body->route, body->route_count);
	}
}

static void get_reply(struct field_reader *in, struct request *request)
{
	struct request_reply *body = &request->reply;

	body->error = field_get_u32(in);
	field_get_text(in, body->text, sizeof(body->text));
	body->interface = field_get_u32(in);
	body->ifindex = field_get_u32(in);
	field_get_text(in, body->ifname, sizeof(body->ifname));
	body->count = field_get_count(in, REQUEST_PREFIX_MAX);
	for (size_t i = 0; i < body->count; i++) {
		body->verdict[i] = field_get_u8(in);
		if (body->verdict[i] != ROUTE_ACCEPTED)
			field_get_text(in, body->words[i], sizeof(body->words[i]));
	}
	body->adopts = field_get_bool(in);
	if (body->adopts) {
		get_wanted(in, &body->adopted);
		body->route_total = field_get_u32(in);
		body->route_count = field_get_prefixes(in, body->route, REQUEST_PREFIX_MAX);
	}
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
		if (body->verdict[i] >= ROUTE_VERDICT_COUNT)
			return false;
	}
	return !body->adopts || check_adopted(body);
}

/* ---- ready, socket ---- */

static void put_ready(struct field_writer *out, const struct request *request)
{
	field_put_number(out, 4, request->ready.generation);
}

static void get_ready(struct field_reader *in, struct request *request)
{
	request->ready.generation = field_get_u32(in);
}

static void put_socket(struct field_writer *out, const struct request *request)
{
	field_put_family(out, request->socket.family);
}

static void get_socket(struct field_reader *in, struct request *request)
{
	request->socket.family = field_get_family(in);
}

static bool check_socket(const struct request *request)
{
	return request->socket.family == AF_INET || request->socket.family == AF_INET6;
}

/* ---- routes ---- */

static void put_routes(struct field_writer *out, const struct request *request)
{
	field_put_number(out, 4, request->routes.interface);
	field_put_prefixes(out, request->routes.prefix, request->routes.count);
}

static void get_routes(struct field_reader *in, struct request *request)
{
	request->routes.interface = field_get_u32(in);
	request->routes.count = field_get_prefixes(in, request->routes.prefix, REQUEST_PREFIX_MAX);
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

/* ---- dns ---- */

static void put_dns(struct field_writer *out, const struct request *request)
{
	const struct nameservers *body = &request->dns.nameservers;

	field_put_number(out, 4, request->dns.interface);
	field_put_number(out, 2, body->server_count);
	for (size_t i = 0; i < body->server_count; i++)
		field_put_addr(out, &body->server[i]);
	field_put_number(out, 2, body->domain_count);
	for (size_t i = 0; i < body->domain_count; i++)
		field_put_text(out, body->domain[i], sizeof(body->domain[i]));
}

static void get_dns(struct field_reader *in, struct request *request)
{
	struct nameservers *body = &request->dns.nameservers;

	request->dns.interface = field_get_u32(in);
	body->server_count = field_get_count(in, NAMESERVERS_MAX);
	for (size_t i = 0; i < body->server_count; i++)
		field_get_addr(in, &body->server[i]);
	body->domain_count = field_get_count(in, NAMESERVERS_DOMAINS_MAX);
	for (size_t i = 0; i < body->domain_count; i++)
		field_get_text(in, body->domain[i], sizeof(body->domain[i]));
}

static bool check_dns(const struct request *request)
{
	return number_is_valid(request->dns.interface) &&
		nameservers_are_valid(&request->dns.nameservers);
}

/* ---- tracked ---- */

static void put_tracked(struct field_writer *out, const struct request *request)
{
	const struct request_tracked *body = &request->tracked;

	field_put_number(out, 2, body->total);
	field_put_number(out, 2, body->offset);
	field_put_prefixes(out, body->prefix, body->count);
}

static void get_tracked(struct field_reader *in, struct request *request)
{
	struct request_tracked *body = &request->tracked;

	body->total = field_get_u16(in);
	body->offset = field_get_u16(in);
	body->count = field_get_prefixes(in, body->prefix, REQUEST_PREFIX_MAX);
}

static bool check_tracked(const struct request *request)
{
	const struct request_tracked *body = &request->tracked;

	return body->total <= REQUEST_TRACKED_MAX && body->count <= REQUEST_PREFIX_MAX &&
		body->offset <= body->total && body->count <= body->total - body->offset &&
		are_networks(body->prefix, body->count);
}

/* ---- lack ---- */

static void put_lack(struct field_writer *out, const struct request *request)
{
	const struct request_lack *body = &request->lack;

	field_put_number(out, 4, body->interface);
	field_put_number(out, 1, body->link);
	field_put_number(out, 1, body->local4);
	field_put_number(out, 1, body->local6);
	field_put_text(out, body->text, sizeof(body->text));
	field_put_number(out, 2, body->total);
	field_put_number(out, 2, body->offset);
	field_put_prefixes(out, body->prefix, body->count);
}

static void get_lack(struct field_reader *in, struct request *request)
{
	struct request_lack *body = &request->lack;

	body->interface = field_get_u32(in);
	body->link = field_get_bool(in);
	body->local4 = field_get_bool(in);
	body->local6 = field_get_bool(in);
	field_get_text(in, body->text, sizeof(body->text));
	body->total = field_get_u16(in);
	body->offset = field_get_u16(in);
	body->count = field_get_prefixes(in, body->prefix, REQUEST_PREFIX_MAX);
}

static bool check_lack(const struct request *request)
{
	const struct request_lack *body = &request->lack;

	return number_is_valid(body->interface) && body->total <= REQUEST_ROUTE_TOTAL_MAX &&
		body->count <= REQUEST_PREFIX_MAX && body->offset <= body->total &&
		body->count <= body->total - body->offset &&
		are_networks(body->prefix, body->count);
}

/* ---- carrier ---- */

static void put_carrier(struct field_writer *out, const struct request *request)
{
	field_put_number(out, 4, request->carrier.interface);
	field_put_number(out, 1, request->carrier.on);
}

static void get_carrier(struct field_reader *in, struct request *request)
{
	request->carrier.interface = field_get_u32(in);
	request->carrier.on = field_get_bool(in);
}

static bool check_carrier(const struct request *request)
{
	return number_is_valid(request->carrier.interface);
}

/* ---- adopt ---- */

static void put_adopt(struct field_writer *out, const struct request *request)
{
	field_put_number(out, 4, request->adopt.index);
	field_put_number(out, 4, request->adopt.route_offset);
}

static void get_adopt(struct field_reader *in, struct request *request)
{
	request->adopt.index = field_get_u32(in);
	request->adopt.route_offset = field_get_u32(in);
}

/* ---- exit ---- */

static void put_exit(struct field_writer *out, const struct request *request)
{
	field_put_number(out, 1, request->exit.code);
	field_put_text(out, request->exit.text, sizeof(request->exit.text));
}

static void get_exit(struct field_reader *in, struct request *request)
{
	request->exit.code = field_get_u8(in);
	field_get_text(in, request->exit.text, sizeof(request->exit.text));
}

/* ---- by type ---- */

struct codec {
	const char *name;
	bool without_id;                                                      /* its id is 0 */
	void (*put)(struct field_writer *out, const struct request *request); /* NULL: no body */
	void (*get)(struct field_reader *in, struct request *request);
	bool (*check)(const struct request *request); /* NULL: every value will do */
};

static const struct codec codecs[REQUEST_TYPE_COUNT] = {
	[REQUEST_CONFIGURE] = { "configure", true, put_configure, get_configure, check_configure },
	[REQUEST_STOP] = { "stop", true, NULL, NULL, NULL },
	[REQUEST_REPLY] = { "reply", false, put_reply, get_reply, check_reply },
	[REQUEST_READY] = { "ready", false, put_ready, get_ready, NULL },
	[REQUEST_SOCKET] = { "socket", false, put_socket, get_socket, check_socket },
	[REQUEST_INTERFACE] = { "interface", false, put_interface, get_interface, check_interface },
	[REQUEST_INTERFACE_DELETE] = { "interface-delete", false, put_interface_delete,
		get_interface_delete, check_interface_delete },
	[REQUEST_ROUTE_ADD] = { "route-add", false, put_routes, get_routes, check_routes },
	[REQUEST_ROUTE_DELETE] = { "route-delete", false, put_routes, get_routes, check_routes },
	[REQUEST_EXIT] = { "exit", false, put_exit, get_exit, NULL },
	[REQUEST_ADOPT] = { "adopt", false, put_adopt, get_adopt, NULL },
	[REQUEST_NETWORK] = { "network", true, NULL, NULL, NULL },
	[REQUEST_UP] = { "up", false, put_dns, get_dns, check_dns },
	[REQUEST_DNS] = { "dns", false, put_dns, get_dns, check_dns },
	[REQUEST_REEXEC] = { "reexec", false, NULL, NULL, NULL },
	[REQUEST_TRACKED] = { "tracked", true, put_tracked, get_tracked, check_tracked },
	[REQUEST_CARRIER] = { "carrier", false, put_carrier, get_carrier, check_carrier },
	[REQUEST_LACK] = { "lack", true, put_lack, get_lack, check_lack },
};

static const struct codec *find_codec(unsigned type)
{
	return type > 0 && type < REQUEST_TYPE_COUNT ? &codecs[type] : NULL;
}

static bool request_is_valid(const struct codec *codec, const struct request *request)
{
	if (codec->without_id && request->id != 0)
		return false;
	return codec->check == NULL || codec->check(request);
}

int request_encode(struct writer *writer, const struct request *request)
{
	const struct codec *codec = find_codec(request->type);
	struct field_writer out = { .writer = *writer };

	if (codec == NULL || !request_is_valid(codec, request))
		return -EINVAL;
	field_put_number(&out, 2, request->type);
	field_put_number(&out, 4, request->id);
	if (codec->put != NULL)
		codec->put(&out, request);
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
	if (codec == NULL)
		return -EPROTONOSUPPORT;
	request.type = (enum request_type)type;
	if (codec->get != NULL)
		codec->get(&in, &request);
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

	return codec != NULL ? codec->name : "unknown";
}
