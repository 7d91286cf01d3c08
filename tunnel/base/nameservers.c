/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nameservers.h"

#include <string.h>

static bool is_of_a_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '-';
}

bool nameservers_domain_is_valid(const char *text, size_t len)
{
	bool begins = true; /* a label */

	if (len == 0 || len > NAMESERVERS_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' ? begins : !is_of_a_name(text[i]) || (begins && text[i] == '-'))
			return false;
		begins = text[i] == '.';
	}
	return !begins;
}

bool nameservers_server_is_valid(const struct addr *addr)
{
	return addr_is_host(addr) && !addr_is_link_local(addr);
}

bool nameservers_are_valid(const struct nameservers *nameservers)
{
	if (nameservers->server_count > NAMESERVERS_MAX ||
		nameservers->domain_count > NAMESERVERS_DOMAINS_MAX)
		return false;
	for (size_t i = 0; i < nameservers->server_count; i++) {
		if (!nameservers_server_is_valid(&nameservers->server[i]))
			return false;
	}
	for (size_t i = 0; i < nameservers->domain_count; i++) {
		const char *domain = nameservers->domain[i];

		if (!nameservers_domain_is_valid(
			    domain, strnlen(domain, NAMESERVERS_DOMAIN_MAX + 1)))
			return false;
	}
	return true;
}

bool nameservers_equal(const struct nameservers *a, const struct nameservers *b)
{
	if (a->server_count != b->server_count || a->domain_count != b->domain_count)
		return false;
	for (size_t i = 0; i < a->server_count; i++) {
		if (!addr_equal(&a->server[i], &b->server[i]))
			return false;
	}
	for (size_t i = 0; i < a->domain_count; i++) {
		if (strcmp(a->domain[i], b->domain[i]) != 0)
			return false;
	}
	return true;
}
