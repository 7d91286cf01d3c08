/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_ADDR_H
#define CULVERT_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * IP addresses, prefixes and endpoints as plain values that can be compared, copied and printed.
 * No ownership, any thread. Text forms are those of inet_pton(3) and inet_ntop(3).
 */

enum {
	ADDR_TEXT_MAX = 48,     /* longest text with its NUL, with room for a prefix length */
	ENDPOINT_TEXT_MAX = 64, /* "[v6]:port" with its NUL */
};

struct addr {
	uint8_t family;    /* AF_INET, AF_INET6, or AF_UNSPEC: none */
	uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest are zero */
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

/* 4 or 16; 0 for AF_UNSPEC. */
static inline size_t addr_size(const struct addr *addr)
{
	return addr->family == AF_INET ? 4 : addr->family == AF_INET6 ? 16 : 0;
}

struct addr addr_v4(const void *four_bytes);
struct addr addr_v6(const void *sixteen_bytes);

/* Orders by family, then by bytes. <0, 0, >0. */
int addr_compare(const struct addr *a, const struct addr *b);
bool addr_equal(const struct addr *a, const struct addr *b);

/* -EINVAL: not an address. Scopes ("%eth0") are not taken. */
int addr_parse(const char *text, struct addr *ret_addr);
/* Returns `out`; "none" for AF_UNSPEC. */
const char *addr_format(const struct addr *addr, char out[static ADDR_TEXT_MAX]);

/* The address `offset` after this one, in its own byte order arithmetic. -ERANGE: past the end. */
int addr_add(const struct addr *addr, uint64_t offset, struct addr *ret_addr);

bool addr_is_loopback(const struct addr *addr);
bool addr_is_multicast(const struct addr *addr);  /* 224/4, ff00::/8 */
bool addr_is_link_local(const struct addr *addr); /* 169.254/16, fe80::/10 */
/* One that a single host can have: not unspecified, loopback, multicast or IPv4's broadcast. */
bool addr_is_host(const struct addr *addr);

/* "10.0.0.0/8"; a bare address is a host prefix. -EINVAL: not a prefix or its length is out of
 * range. Bits past the length are kept: prefix_has_host_bits() tells. */
int prefix_parse(const char *text, struct prefix *ret_prefix);
const char *prefix_format(const struct prefix *prefix, char out[static ADDR_TEXT_MAX]);
bool prefix_has_host_bits(const struct prefix *prefix);
struct prefix prefix_host(const struct addr *addr); /* /32 or /128 */
bool prefix_equal(const struct prefix *a, const struct prefix *b);
int prefix_compare(
	const struct prefix *a, const struct prefix *b); /* by address, then shorter first */
bool prefix_contains_addr(const struct prefix *prefix, const struct addr *addr);
bool prefix_contains(const struct prefix *outer, const struct prefix *inner); /* or equal */
static inline bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, b) || prefix_contains(b, a);
}

/* "192.0.2.1:443", "[2001:db8::1]:443"; the port may be left out when default_port is not 0.
 * -EINVAL: neither. Host names are not taken: see endpoint_split(). */
int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret_endpoint);
/* An address without brackets and a port, as packets have them: an IPv4-mapped address is IPv4's. -EINVAL: a name. */
int endpoint_parse_host(const char *host, uint16_t port, struct endpoint *ret_endpoint);
const char *endpoint_format(const struct endpoint *endpoint, char out[static ENDPOINT_TEXT_MAX]);
/*
 * Splits "host:port", "[v6]:port", "host" into host (without brackets) and port. -EINVAL;
 * -ENAMETOOLONG.
 */
int endpoint_split(const char *text, uint16_t default_port, char *ret_host, size_t host_size,
	uint16_t *ret_port);

/* An IPv4-mapped IPv6 address becomes the IPv4 one. -EAFNOSUPPORT: not AF_INET or AF_INET6. */
int endpoint_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct endpoint *ret_endpoint);
socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *out);

#endif
