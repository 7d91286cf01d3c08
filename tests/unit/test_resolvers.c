/* SPDX-License-Identifier: Apache-2.0 */
/* Which resolvers a file names. */
#include "netd/resolvers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

static struct resolvers resolvers;

static void take(const char *text)
{
	char path[] = "/tmp/culvert-resolvers-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	resolvers_add_file(&resolvers, path);
	unlink(path);
}

static bool has(const char *text)
{
	struct addr addr;

	addr = addr_of(text);
	return resolvers_have(&resolvers, &addr);
}

START_TEST(what_a_file_names_is_taken_once)
{
	resolvers = (struct resolvers){ .count = 0 };
	take("# nameserver 192.0.2.1\nsearch nameserver\nnameserver 10.1.1.1\nnameserver\t fd00::53 \n"
	     "nameserver 10.1.1.1\nnameserver fe80::1%eth0\nnameservers 192.0.2.2\nnameserver\n"
	     "nameserver 10.1.1.2");
	ck_assert_uint_eq(resolvers.count, 3);
	ck_assert(has("10.1.1.1"));
	ck_assert(has("fd00::53"));
	ck_assert(has("10.1.1.2"));
}
END_TEST

START_TEST(what_is_kept_for_later_counts)
{
	resolvers = (struct resolvers){ .count = 0 };
	take("# Written by Culvert\nnameserver 10.213.0.1\n#kept file 644\n#|nameserver 192.0.2.53\n"
	     "#|options edns0\n");
	ck_assert_uint_eq(resolvers.count, 2);
	ck_assert(has("10.213.0.1"));
	ck_assert(has("192.0.2.53"));
}
END_TEST

START_TEST(what_is_no_such_file_names_none)
{
	char long_line[4096];

	resolvers = (struct resolvers){ .count = 0 };
	resolvers_add_file(&resolvers, "/no/such/file");
	resolvers_add_file(&resolvers, "/dev/null");
	resolvers_add_file(&resolvers, "/");
	memset(long_line, 'x', sizeof(long_line));
	long_line[sizeof(long_line) - 1] = '\0';
	take(long_line);
	ck_assert_uint_eq(resolvers.count, 0);
}
END_TEST

START_TEST(more_than_there_is_room_for_are_forgotten)
{
	char text[64];

	resolvers = (struct resolvers){ .count = 0 };
	for (int i = 0; i < RESOLVERS_MAX + 5; i++) {
		(void)snprintf(text, sizeof(text), "nameserver 10.0.0.%d\n", i);
		take(text);
	}
	ck_assert_uint_eq(resolvers.count, RESOLVERS_MAX);
	ck_assert(has("10.0.0.0"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { what_a_file_names_is_taken_once,
		what_is_kept_for_later_counts, what_is_no_such_file_names_none,
		more_than_there_is_room_for_are_forgotten };

	return unit_run("resolvers", unit_suite("resolvers", NULL, NULL, tests, ARRAY_SIZE(tests)));
}
