/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_ADDR_H
#define CULVERT_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * IP addresses, prefixes and endpoints as plain values that callers compare, copy and print. They
 * own no memory. Any thread. Text forms are those of inet_pton(3) and inet_ntop(3).
 */

enum {
	ADDR_TEXT_MAX = 48,     /* longest text with its NUL, with room for a prefix length */
	ENDPOINT_TEXT_MAX = 64, /* "[v6]:port" with its NUL */
};

struct addr {
	uint8_t family;    /* AF_INET, AF_INET6, or AF_UNSPEC: no address */
	uint8_t bytes[16]; /* network order; IPv4 uses the first four, the others are zero */
};

struct prefix {
	struct addr addr; /* bits past `len` are zero unless a function says otherwise */
	uint8_t len;
};

struct endpoint {
	struct addr addr;
	uint16_t port; /* host order */
};

static inline bool addr_is_set(const struct addr *addr)
{
	return addr->family != AF_UNSPEC;
}

/* The address's size in bytes: 4 or 16, or 0 for AF_UNSPEC. */
static inline size_t addr_size(const struct addr *addr)
{
	return addr->family == AF_INET ? 4 : addr->family == AF_INET6 ? 16 : 0;
}

struct addr addr_v4(const void *four_bytes);
struct addr addr_v6(const void *sixteen_bytes);

/* Orders by family, then by bytes. Returns less than 0, 0, or more than 0. */
int addr_compare(const struct addr *a, const struct addr *b);
bool addr_equal(const struct addr *a, const struct addr *b);

/* Parses an address without a scope ("%eth0"). -EINVAL: not an address. */
int addr_parse(const char *text, struct addr *ret_addr);
/* Writes the address, or "none" for AF_UNSPEC, to `out` and returns `out`. */
const char *addr_format(const struct addr *addr, char out[static ADDR_TEXT_MAX]);

/*
 * Adds `offset` to the address as to a big-endian number. -ERANGE: past the family's last address.
 */
int addr_add(const struct addr *addr, uint64_t offset, struct addr *ret_addr);

bool addr_is_loopback(const struct addr *addr);
bool addr_is_multicast(const struct addr *addr);  /* 224/4, ff00::/8 */
bool addr_is_link_local(const struct addr *addr); /* 169.254/16, fe80::/10 */
/*
 * True for an address that one host can have: not unspecified, loopback, multicast or IPv4's
 * broadcast.
 */
bool addr_is_host(const struct addr *addr);

/*
 * Parses "10.0.0.0/8"; a bare address is a host prefix. Keeps bits past the length:
 * prefix_has_host_bits() finds them. -EINVAL: not a prefix, or its length is out of range.
 */
int prefix_parse(const char *text, struct prefix *ret_prefix);
const char *prefix_format(const struct prefix *prefix, char out[static ADDR_TEXT_MAX]);
bool prefix_has_host_bits(const struct prefix *prefix);
struct prefix prefix_network(const struct prefix *prefix); /* without its host bits */
struct prefix prefix_host(const struct addr *addr);        /* /32 or /128 */
bool prefix_equal(const struct prefix *a, const struct prefix *b);
/* Orders by address, then by length, shorter first. */
int prefix_compare(const struct prefix *a, const struct prefix *b);
bool prefix_contains_addr(const struct prefix *prefix, const struct addr *addr);
/* True also if they are equal. */
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
static inline bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, b) || prefix_contains(b, a);
}

/*
 * Parses "192.0.2.1:443" or "[2001:db8::1]:443". The text may omit the port if default_port is not
 * 0. Host names need endpoint_split(). -EINVAL: not an endpoint.
 */
int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret_endpoint);
/*
 * Makes an endpoint of a port and an address without brackets. An IPv4-mapped address becomes the
 * IPv4 one, as packets have it. -EINVAL: not an address, such as a name.
 */
int endpoint_parse_host(const char *host, uint16_t port, struct endpoint *ret_endpoint);
const char *endpoint_format(const struct endpoint *endpoint, char out[static ENDPOINT_TEXT_MAX]);
/*
 * Splits "host:port", "[v6]:port" or "host" into the host (without brackets) and the port. -EINVAL:
 * the text has none of these forms, or the port is 0. -ENAMETOOLONG: *ret_host is too small.
 */
int endpoint_split(const char *text, uint16_t default_port, char *ret_host, size_t host_size,
	uint16_t *ret_port);

/* An IPv4-mapped IPv6 address becomes the IPv4 one. -EAFNOSUPPORT: not AF_INET or AF_INET6. */
int endpoint_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct endpoint *ret_endpoint);
socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *out);

#endif
