/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses are kept as the bytes of the wire, so both families are compared and masked alike. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct addr addr_v4(const void *four_bytes)
{
	struct addr addr = { .family = AF_INET };

	memcpy(addr.bytes, four_bytes, 4);
	return addr;
}

struct addr addr_v6(const void *sixteen_bytes)
{
	struct addr addr = { .family = AF_INET6 };

	memcpy(addr.bytes, sixteen_bytes, 16);
	return addr;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, addr_size(a));
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

int addr_parse(const char *text, struct addr *ret_addr)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*ret_addr = addr_v4(bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*ret_addr = addr_v6(bytes);
	else
		return -EINVAL;
	return 0;
}

const char *addr_format(const struct addr *addr, char out[static ADDR_TEXT_MAX])
{
	if (!addr_is_set(addr) || !inet_ntop(addr->family, addr->bytes, out, ADDR_TEXT_MAX))
		(void)snprintf(out, ADDR_TEXT_MAX, "none");
	return out;
}

int addr_add(const struct addr *addr, uint64_t offset, struct addr *ret_addr)
{
	struct addr sum = *addr;

	for (size_t i = addr_size(addr); i > 0; i--) {
		uint64_t low = (offset & 0xff) + sum.bytes[i - 1];

		sum.bytes[i - 1] = (uint8_t)low;
		offset = (offset >> 8) + (low >> 8);
	}
	if (offset != 0)
		return -ERANGE;
	*ret_addr = sum;
	return 0;
}

bool addr_is_loopback(const struct addr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (addr->family == AF_INET)
		return addr->bytes[0] == 127;
	return addr->family == AF_INET6 && memcmp(addr->bytes, one, 16) == 0;
}

bool addr_is_multicast(const struct addr *addr)
{
	if (addr->family == AF_INET)
		return (addr->bytes[0] & 0xf0) == 0xe0;
	return addr->family == AF_INET6 && addr->bytes[0] == 0xff;
}

bool addr_is_link_local(const struct addr *addr)
{
	if (addr->family == AF_INET)
		return addr->bytes[0] == 169 && addr->bytes[1] == 254;
	return addr->family == AF_INET6 && addr->bytes[0] == 0xfe &&
		(addr->bytes[1] & 0xc0) == 0x80;
}

bool addr_is_host(const struct addr *addr)
{
	static const uint8_t zeros[16], ones[4] = { 255, 255, 255, 255 };
	size_t size = addr_size(addr);

	if (size == 0 || memcmp(addr->bytes, zeros, size) == 0)
		return false;
	if (addr->family == AF_INET && memcmp(addr->bytes, ones, size) == 0)
		return false;
	return !addr_is_loopback(addr) && !addr_is_multicast(addr);
}

/* Parses decimal digits up to `max`; refuses signs, spaces and leading zeros. */
static int parse_number(const char *text, unsigned long max, unsigned long *ret_value)
{
	unsigned long value = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (unsigned long)(*text - '0');
		if (value > max)
			return -EINVAL;
	}
	*ret_value = value;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t host_len = slash ? (size_t)(slash - text) : strlen(text);
	char host[ADDR_TEXT_MAX];
	struct addr addr;
	unsigned long len;

	if (host_len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (addr_parse(host, &addr) < 0)
		return -EINVAL;
	len = addr_size(&addr) * 8;
	if (slash && parse_number(slash + 1, len, &len) < 0)
		return -EINVAL;
	*ret_prefix = (struct prefix){ .addr = addr, .len = (uint8_t)len };
	return 0;
}

const char *prefix_format(const struct prefix *prefix, char out[static ADDR_TEXT_MAX])
{
	char addr[ADDR_TEXT_MAX];

	if (!addr_is_set(&prefix->addr))
		return addr_format(&prefix->addr, out);
	/*
	 * inet_ntop() writes a dotted end only for ::a.b.c.d and ::ffff:a.b.c.d, which have at most
	 * 22 characters. So the longest IPv6 text has 39, not 45, and 4 more for the length.
	 */
	(void)snprintf(
		out, ADDR_TEXT_MAX, "%.43s/%u", addr_format(&prefix->addr, addr), prefix->len);
	return out;
}

/* The bits of byte `index` that belong to a prefix of `len` bits. */
static uint8_t mask_byte(uint8_t len, size_t index)
{
	size_t before = index * 8;

	if (len >= before + 8)
		return 0xff;
	if (len <= before)
		return 0;
	return (uint8_t)(0xff00u >> (len - before));
}

bool prefix_has_host_bits(const struct prefix *prefix)
{
	for (size_t i = 0; i < addr_size(&prefix->addr); i++) {
		if ((prefix->addr.bytes[i] & ~mask_byte(prefix->len, i)) != 0)
			return true;
	}
	return false;
}

struct prefix prefix_network(const struct prefix *prefix)
{
	struct prefix network = *prefix;

	for (size_t i = 0; i < addr_size(&network.addr); i++)
		network.addr.bytes[i] &= mask_byte(network.len, i);
	return network;
}

struct prefix prefix_host(const struct addr *addr)
{
	return (struct prefix){ .addr = *addr, .len = (uint8_t)(addr_size(addr) * 8) };
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return prefix_compare(a, b) == 0;
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order = addr_compare(&a->addr, &b->addr);

	return order != 0 ? order : a->len - b->len;
}

bool prefix_contains_addr(const struct prefix *prefix, const struct addr *addr)
{
	if (!addr_is_set(addr) || prefix->addr.family != addr->family)
		return false;
	for (size_t i = 0; i < addr_size(addr); i++) {
		if (((prefix->addr.bytes[i] ^ addr->bytes[i]) & mask_byte(prefix->len, i)) != 0)
			return false;
	}
	return true;
}

bool prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains_addr(outer, &inner->addr);
}

/* The positions of host and port in an endpoint's text. `port` is NULL if the text has none. */
struct endpoint_parts {
	const char *host;
	size_t host_len;
	const char *port;
};

static int find_parts(const char *text, struct endpoint_parts *ret_parts)
{
	struct endpoint_parts parts = { .host = text, .host_len = strlen(text) };
	const char *end;

	if (text[0] == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return -EINVAL;
		parts.host = text + 1;
		parts.host_len = (size_t)(end - parts.host);
		parts.port = end[1] == ':' ? end + 2 : NULL;
	} else {
		/* Two colons: an IPv6 address without brackets, which can have no port. */
		end = strchr(text, ':');
		if (end && !strchr(end + 1, ':')) {
			parts.host_len = (size_t)(end - text);
			parts.port = end + 1;
		}
	}
	if (parts.host_len == 0)
		return -EINVAL;
	*ret_parts = parts;
	return 0;
}

int endpoint_split(const char *text, uint16_t default_port, char *ret_host, size_t host_size,
	uint16_t *ret_port)
{
	unsigned long port = default_port;
	struct endpoint_parts parts;

	if (find_parts(text, &parts) < 0)
		return -EINVAL;
	if (parts.port && parse_number(parts.port, UINT16_MAX, &port) < 0)
		return -EINVAL;
	if (port == 0)
		return -EINVAL;
	if (parts.host_len >= host_size)
		return -ENAMETOOLONG;
	memcpy(ret_host, parts.host, parts.host_len);
	ret_host[parts.host_len] = '\0';
	*ret_port = (uint16_t)port;
	return 0;
}

int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret_endpoint)
{
	char host[ADDR_TEXT_MAX];
	struct addr addr;
	uint16_t port;

	if (endpoint_split(text, default_port, host, sizeof(host), &port) < 0)
		return -EINVAL;
	if (addr_parse(host, &addr) < 0)
		return -EINVAL;
	if (text[0] == '[' && addr.family != AF_INET6)
		return -EINVAL;
	*ret_endpoint = (struct endpoint){ .addr = addr, .port = port };
	return 0;
}

int endpoint_parse_host(const char *host, uint16_t port, struct endpoint *ret_endpoint)
{
	struct endpoint endpoint = { .port = port };
	struct sockaddr_storage sa;

	if (addr_parse(host, &endpoint.addr) < 0)
		return -EINVAL;
	return endpoint_from_sockaddr(
		(struct sockaddr *)&sa, endpoint_to_sockaddr(&endpoint, &sa), ret_endpoint);
}

const char *endpoint_format(const struct endpoint *endpoint, char out[static ENDPOINT_TEXT_MAX])
{
	bool v6 = endpoint->addr.family == AF_INET6;
	char addr[ADDR_TEXT_MAX];

	(void)snprintf(out, ENDPOINT_TEXT_MAX, "%s%s%s:%u", v6 ? "[" : "",
		addr_format(&endpoint->addr, addr), v6 ? "]" : "", endpoint->port);
	return out;
}

int endpoint_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct endpoint *ret_endpoint)
{
	if (len >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		*ret_endpoint = (struct endpoint){
			.addr = addr_v4(&in.sin_addr),
			.port = ntohs(in.sin_port),
		};
		return 0;
	}
	if (len >= sizeof(struct sockaddr_in6) && sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		bool mapped;

		memcpy(&in6, sa, sizeof(in6));
		mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
		*ret_endpoint = (struct endpoint){
			.addr = mapped ? addr_v4(&in6.sin6_addr.s6_addr[12])
				       : addr_v6(&in6.sin6_addr),
			.port = ntohs(in6.sin6_port),
		};
		return 0;
	}
	return -EAFNOSUPPORT;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *out)
{
	*out = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
	if (endpoint->addr.family == AF_INET) {
		struct sockaddr_in in = { .sin_family = AF_INET,
			.sin_port = htons(endpoint->port) };

		memcpy(&in.sin_addr, endpoint->addr.bytes, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (endpoint->addr.family == AF_INET6) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
			.sin6_port = htons(endpoint->port) };

		memcpy(&in6.sin6_addr, endpoint->addr.bytes, 16);
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}
