/* SPDX-License-Identifier: Apache-2.0 */
/* What may be pushed, and which program netd gives it to. */
#include "base/nameservers.h"

#include <errno.h>
#include <string.h>

#include "netd/policy.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

START_TEST(domains)
{
	static const char *const good[] = { "a", "corp.example", "_msdcs.corp", "x-1.example",
		"1.2" };
	static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "-a", "a.-b", "a b", "a\n",
		"a;b", "$(id)", "~.", "a/b", "\xc3\xa4" };
	char longest[NAMESERVERS_DOMAIN_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_msg(nameservers_domain_is_valid(good[i], strlen(good[i])), "%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!nameservers_domain_is_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
	ck_assert(!nameservers_domain_is_valid("a\0b", 3));
	memset(longest, 'a', sizeof(longest));
	ck_assert(nameservers_domain_is_valid(longest, NAMESERVERS_DOMAIN_MAX));
	ck_assert(!nameservers_domain_is_valid(longest, NAMESERVERS_DOMAIN_MAX + 1));
}
END_TEST

START_TEST(servers)
{
	static const char *const good[] = { "10.9.0.1", "8.8.8.8", "fd00::53" };
	static const char *const bad[] = { "0.0.0.0", "127.0.0.53", "::1", "224.0.0.1",
		"255.255.255.255", "169.254.1.1", "fe80::1" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct addr addr = addr_of(good[i]);

		ck_assert_msg(nameservers_server_is_valid(&addr), "%s", good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct addr addr = addr_of(bad[i]);

		ck_assert_msg(!nameservers_server_is_valid(&addr), "%s", bad[i]);
	}
}
END_TEST

START_TEST(equal_ones)
{
	struct nameservers a = { .server_count = 1, .domain_count = 1 }, b;

	a.server[0] = addr_of("10.9.0.1");
	unit_text(a.domain[0], "corp.example");
	b = a;
	ck_assert(nameservers_equal(&a, &b));
	unit_text(b.domain[0], "corp.example.org");
	ck_assert(!nameservers_equal(&a, &b));
	b = a;
	b.server[0] = addr_of("10.9.0.2");
	ck_assert(!nameservers_equal(&a, &b));
	b = a;
	b.domain_count = 0;
	ck_assert(!nameservers_equal(&a, &b));
}
END_TEST

START_TEST(for_a_client_that_uses_them)
{
	struct request_dns wanted = { .interface = 7, .nameservers = { .server_count = 1 } };
	struct settings *settings;
	struct problem problem;

	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &settings), 0);
	wanted.nameservers.server[0] = addr_of("10.99.0.1");
	settings->use_dns = true;
	ck_assert_int_eq(policy_dns(settings, &wanted, &problem), -EPERM);
	settings->role = SETTINGS_CLIENT;
	ck_assert_int_eq(policy_dns(settings, &wanted, &problem), 0);
	unit_text(wanted.nameservers.domain[0], "a b");
	wanted.nameservers.domain_count = 1;
	ck_assert_int_eq(policy_dns(settings, &wanted, &problem), -EPERM);
	wanted.nameservers.domain_count = 0;
	settings->use_dns = false;
	ck_assert_int_eq(policy_dns(settings, &wanted, &problem), -EPERM);
	settings_free(settings);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("nameservers");

	unit_add(suite, "domains", domains);
	unit_add(suite, "servers", servers);
	unit_add(suite, "equal", equal_ones);
	unit_add(suite, "policy", for_a_client_that_uses_them);
	return suite;
}

int main(void)
{
	return unit_run("nameservers", suite());
}
