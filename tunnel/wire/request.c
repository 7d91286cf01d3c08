/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is its type (u16), its id (u32) and a body of fixed order; integers are big-endian,
 * texts and identities have their length (u16) in front, addresses their family (0: none, 4 or 6:
 * one byte). Each body has put_, get_ and check_ side by side: put_ and get_ go on after an error,
 * which the first one to happen names, and check_ says for both directions what the members may be.
 */
#include "wire/request.h"

#include <errno.h>
#include <string.h>

#include "wire/message.h"

struct output {
	struct writer writer;
	int error; /* 0, or that of the first write that failed */
};

struct input {
	struct reader reader;
	int error; /* 0, or that of the first read that failed; all later reads give zero */
};

/* ---- scalars ---- */

static void put_number(struct output *out, size_t size, uint64_t value)
{
	int r = size == 1   ? writer_u8(&out->writer, value)
		: size == 2 ? writer_u16(&out->writer, value)
			    : writer_u32(&out->writer, value);

	if (out->error == 0)
		out->error = r;
}

static uint8_t get_u8(struct input *in)
{
	uint8_t value = 0;

	if (in->error == 0)
		in->error = reader_u8(&in->reader, &value);
	return value;
}

static uint16_t get_u16(struct input *in)
{
	uint16_t value = 0;

	if (in->error == 0)
		in->error = reader_u16(&in->reader, &value);
	return value;
}

static uint32_t get_u32(struct input *in)
{
	uint32_t value = 0;

	if (in->error == 0)
		in->error = reader_u32(&in->reader, &value);
	return value;
}

/* An array's length: past its bound there is no place for what follows. */
static uint16_t get_count(struct input *in, uint16_t max)
{
	uint16_t count = get_u16(in);

	if (in->error == 0 && count > max)
		in->error = -EINVAL;
	return in->error == 0 ? count : 0;
}

/* ---- texts ---- */

/* `size` is that of the array, so that the text has at most size - 1 bytes. */
static void put_text(struct output *out, const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	int r = len == size ? -EINVAL : 0;

	put_number(out, 2, len);
	if (r == 0)
		r = writer_copy(&out->writer, text, len);
	if (out->error == 0)
		out->error = r;
}

static void get_text(struct input *in, char *text, size_t size)
{
	uint16_t len = get_count(in, (uint16_t)(size - 1));

	if (in->error == 0)
		in->error = reader_copy(&in->reader, text, len);
	if (in->error == 0 && memchr(text, 0, len) != NULL)
		in->error = -EINVAL;
	text[len] = '\0';
}

/* ---- addresses ---- */

static uint8_t wire_family(uint8_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0;
}

static uint8_t get_family(struct input *in)
{
	uint8_t family = get_u8(in);

	if (in->error == 0 && family != 0 && family != 4 && family != 6)
		in->error = -EINVAL;
	return family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
}

static void put_addr(struct output *out, const struct addr *addr)
{
	int r;

	put_number(out, 1, wire_family(addr->family));
	r = writer_copy(&out->writer, addr->bytes, addr_size(addr));
	if (out->error == 0)
		out->error = r;
}

static void get_addr(struct input *in, struct addr *addr)
{
	*addr = (struct addr){ .family = get_family(in) };
	if (in->error == 0)
		in->error = reader_copy(&in->reader, addr->bytes, addr_size(addr));
}

static bool pair_is_valid(uint8_t family, const struct addr *local, const struct addr *remote)
{
	if (!addr_is_set(local) && !addr_is_set(remote))
		return true;
	return local->family == family && remote->family == family;
}

static bool ifindex_is_valid(uint32_t interface)
{
	return interface > 0 && interface <= INT32_MAX;
}

/* ---- configure ---- */

static void put_configure(struct output *out, const struct request *request)
{
	const struct request_configure *body = &request->configure;

	put_number(out, 4, body->version);
	put_number(out, 4, body->generation);
	put_number(out, 2, body->fd_count);
	for (size_t i = 0; i < body->fd_count; i++)
		put_number(out, 1, body->fd_kind[i]);
	put_text(out, body->path, sizeof(body->path));
}

static void get_configure(struct input *in, struct request *request)
{
	struct request_configure *body = &request->configure;

	body->version = get_u32(in);
	body->generation = get_u32(in);
	body->fd_count = (uint8_t)get_count(in, REQUEST_FDS_MAX);
	for (size_t i = 0; i < body->fd_count; i++)
		body->fd_kind[i] = get_u8(in);
	get_text(in, body->path, sizeof(body->path));
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

/* ---- reply ---- */

static void put_reply(struct output *out, const struct request *request)
{
	const struct request_reply *body = &request->reply;

	put_number(out, 4, body->error);
	put_text(out, body->text, sizeof(body->text));
	put_number(out, 4, body->interface);
	put_text(out, body->ifname, sizeof(body->ifname));
	put_number(out, 2, body->count);
	for (size_t i = 0; i < body->count; i++)
		put_number(out, 1, body->verdict[i]);
}

static void get_reply(struct input *in, struct request *request)
{
	struct request_reply *body = &request->reply;

	body->error = get_u32(in);
	get_text(in, body->text, sizeof(body->text));
	body->interface = get_u32(in);
	get_text(in, body->ifname, sizeof(body->ifname));
	body->count = get_count(in, REQUEST_PREFIX_MAX);
	for (size_t i = 0; i < body->count; i++)
		body->verdict[i] = get_u8(in);
}

static bool check_reply(const struct request *request)
{
	const struct request_reply *body = &request->reply;

	if (body->error > REQUEST_ERROR_MAX || body->interface > INT32_MAX ||
		body->count > REQUEST_PREFIX_MAX)
		return false;
	for (size_t i = 0; i < sizeof(body->ifname) && body->ifname[i] != '\0'; i++) {
		if (body->ifname[i] <= ' ' || body->ifname[i] > '~' || body->ifname[i] == '/')
			return false;
	}
	for (size_t i = 0; i < body->count; i++) {
		if (body->verdict[i] >= ROUTE_VERDICT_COUNT)
			return false;
	}
	return true;
}

/* ---- ready, socket ---- */

static void put_ready(struct output *out, const struct request *request)
{
	put_number(out, 4, request->ready.generation);
}

static void get_ready(struct input *in, struct request *request)
{
	request->ready.generation = get_u32(in);
}

static void put_socket(struct output *out, const struct request *request)
{
	put_number(out, 1, wire_family(request->socket.family));
}

static void get_socket(struct input *in, struct request *request)
{
	request->socket.family = get_family(in);
}

static bool check_socket(const struct request *request)
{
	return request->socket.family == AF_INET || request->socket.family == AF_INET6;
}

/* ---- interface ---- */

static void put_interface(struct output *out, const struct request *request)
{
	const struct request_interface *body = &request->interface;

	put_text(out, body->peer.name, sizeof(body->peer.name));
	put_number(out, 4, body->mtu);
	put_number(out, 1, body->offloads);
	put_addr(out, &body->local4);
	put_addr(out, &body->remote4);
	put_addr(out, &body->local6);
	put_addr(out, &body->remote6);
}

static void get_interface(struct input *in, struct request *request)
{
	struct request_interface *body = &request->interface;
	uint8_t offloads;

	get_text(in, body->peer.name, sizeof(body->peer.name));
	body->mtu = get_u32(in);
	offloads = get_u8(in);
	if (in->error == 0 && offloads > 1)
		in->error = -EINVAL;
	body->offloads = offloads == 1;
	get_addr(in, &body->local4);
	get_addr(in, &body->remote4);
	get_addr(in, &body->local6);
	get_addr(in, &body->remote6);
}

static bool check_interface(const struct request *request)
{
	const struct request_interface *body = &request->interface;
	struct identity valid;

	return identity_set(&valid, body->peer.name,
		       strnlen(body->peer.name, sizeof(body->peer.name))) == 0 &&
		body->mtu >= MESSAGE_MTU_MIN && body->mtu <= MESSAGE_MTU_MAX &&
		pair_is_valid(AF_INET, &body->local4, &body->remote4) &&
		pair_is_valid(AF_INET6, &body->local6, &body->remote6) &&
		(addr_is_set(&body->local4) || addr_is_set(&body->local6));
}

static void put_interface_delete(struct output *out, const struct request *request)
{
	put_number(out, 4, request->interface_delete.interface);
}

static void get_interface_delete(struct input *in, struct request *request)
{
	request->interface_delete.interface = get_u32(in);
}

static bool check_interface_delete(const struct request *request)
{
	return ifindex_is_valid(request->interface_delete.interface);
}

/* ---- routes ---- */

static void put_routes(struct output *out, const struct request *request)
{
	const struct request_routes *body = &request->routes;

	put_number(out, 4, body->interface);
	put_number(out, 2, body->count);
	for (size_t i = 0; i < body->count; i++) {
		put_addr(out, &body->prefix[i].addr);
		put_number(out, 1, body->prefix[i].len);
	}
}

static void get_routes(struct input *in, struct request *request)
{
	struct request_routes *body = &request->routes;

	body->interface = get_u32(in);
	body->count = get_count(in, REQUEST_PREFIX_MAX);
	for (size_t i = 0; i < body->count; i++) {
		get_addr(in, &body->prefix[i].addr);
		body->prefix[i].len = get_u8(in);
	}
}

static bool check_routes(const struct request *request)
{
	const struct request_routes *body = &request->routes;

	if (!ifindex_is_valid(body->interface) || body->count < 1 ||
		body->count > REQUEST_PREFIX_MAX)
		return false;
	for (size_t i = 0; i < body->count; i++) {
		size_t size = addr_size(&body->prefix[i].addr);

		if (size == 0 || body->prefix[i].len > size * 8)
			return false;
	}
	return true;
}

/* ---- exit ---- */

static void put_exit(struct output *out, const struct request *request)
{
	put_number(out, 1, request->exit.code);
	put_text(out, request->exit.text, sizeof(request->exit.text));
}

static void get_exit(struct input *in, struct request *request)
{
	request->exit.code = get_u8(in);
	get_text(in, request->exit.text, sizeof(request->exit.text));
}

/* ---- by type ---- */

struct codec {
	const char *name;
	bool without_id;                                                /* its id is 0 */
	void (*put)(struct output *out, const struct request *request); /* NULL: no body */
	void (*get)(struct input *in, struct request *request);
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
	struct output out = { .writer = *writer };

	if (codec == NULL || !request_is_valid(codec, request))
		return -EINVAL;
	put_number(&out, 2, request->type);
	put_number(&out, 4, request->id);
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
	struct input in = { .error = 0 };
	uint16_t type;

	if (len > REQUEST_SIZE_MAX)
		return -EBADMSG;
	reader_init(&in.reader, data, len);
	memset(&request, 0, sizeof(request));
	type = get_u16(&in);
	request.id = get_u32(&in);
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
