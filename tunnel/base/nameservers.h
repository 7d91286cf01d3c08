/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_NAMESERVERS_H
#define CULVERT_BASE_NAMESERVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/*
 * What a server may push about DNS: resolvers and domains, which are data for a client's host and
 * nothing else. Pure functions; any thread.
 */

enum {
	NAMESERVERS_MAX = 4,
	NAMESERVERS_DOMAINS_MAX = 8,
	/* Characters: RFC 1035, section 2.3.4, without the last dot. */
	NAMESERVERS_DOMAIN_MAX = 253,
};

struct nameservers {
	struct addr server[NAMESERVERS_MAX];
	size_t server_count;
	char domain[NAMESERVERS_DOMAINS_MAX][NAMESERVERS_DOMAIN_MAX + 1];
	size_t domain_count;
};

/*
 * True for 1 to NAMESERVERS_DOMAIN_MAX characters of A-Z a-z 0-9 . _ - in which no label is empty
 * or begins with a hyphen. So a file, a program's arguments or a shell take the domain for one
 * plain word.
 */
bool nameservers_domain_is_valid(const char *text, size_t len);

/*
 * True for a host's address, unless it is link-local: such an address means nothing without its
 * link.
 */
bool nameservers_server_is_valid(const struct addr *addr);

/* True if both counts are within their limits and each item is valid. */
bool nameservers_are_valid(const struct nameservers *nameservers);

bool nameservers_equal(const struct nameservers *a, const struct nameservers *b);

#endif
