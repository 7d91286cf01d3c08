/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_NAMESERVERS_H
#define CULVERT_BASE_NAMESERVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/*
 * What a server may push about DNS: resolvers and domains, data for a client's host and nothing
 * else. Pure functions; any thread.
 */

enum {
	NAMESERVERS_MAX = 4,
	NAMESERVERS_DOMAINS_MAX = 8,
	NAMESERVERS_DOMAIN_MAX =
		253, /* characters: RFC 1035, section 2.3.4, without the last dot */
};

struct nameservers {
	struct addr server[NAMESERVERS_MAX];
	size_t server_count;
	char domain[NAMESERVERS_DOMAINS_MAX][NAMESERVERS_DOMAIN_MAX + 1];
	size_t domain_count;
};

/*
 * 1 to NAMESERVERS_DOMAIN_MAX of A-Z a-z 0-9 . _ -, no part of it empty or beginning with -: nothing
 * that a file, a program's arguments or a shell would take for more than a word.
 */
bool nameservers_domain_is_valid(const char *text, size_t len);

/* A host's address, and not a link-local one, which says nothing without its link. */
bool nameservers_server_is_valid(const struct addr *addr);

/* Counts within their bounds, and each of them valid. */
bool nameservers_are_valid(const struct nameservers *nameservers);

bool nameservers_equal(const struct nameservers *a, const struct nameservers *b);

#endif
