/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses this host's tunnels need outside of any tunnel: connections with the mark, remotes, resolvers. */
#include "netd/needs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/netlink_diag.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

enum { MAX = 4, OTHER_MARK = 0x1234 };

static size_t parse(const char *text, struct addr *out, bool *ret_local)
{
	return needs_parse_resolvers(text, out, MAX, ret_local);
}

START_TEST(resolvers_of_a_plain_file)
{
	struct addr out[MAX];
	char text[ADDR_TEXT_MAX];
	bool local;

	ck_assert_uint_eq(
		parse("search example.org\n# nameserver 10.0.0.9\nnameserver 10.1.1.1\n"
		      "nameserver\tfe80::1%eth0\nnameserverx 10.0.0.8\nnameserver nonsense\n"
		      "nameserver 2001:db8::53 # with words behind it",
			out, &local),
		3);
	ck_assert_str_eq(addr_format(&out[0], text), "10.1.1.1");
	ck_assert_str_eq(addr_format(&out[1], text), "fe80::1");
	ck_assert_str_eq(addr_format(&out[2], text), "2001:db8::53");
	ck_assert(!local);
}
END_TEST

START_TEST(a_local_resolver_asks_others)
{
	struct addr out[MAX];
	bool local;

	ck_assert_uint_eq(parse("nameserver 127.0.0.53\noptions edns0\n", out, &local), 0);
	ck_assert(local);
	ck_assert_uint_eq(parse("nameserver ::1\nnameserver 10.1.1.1\n", out, &local), 1);
	ck_assert(local);
	ck_assert_uint_eq(parse("", out, &local), 0);
	ck_assert(!local);
}
END_TEST

/* While a tunnel has brought its own, those from before are the ones that look up `remotes`. */
START_TEST(a_file_of_ours_keeps_those_from_before)
{
	struct addr out[MAX];
	char text[ADDR_TEXT_MAX];
	bool local;

	ck_assert_uint_eq(
		parse("# Written by Culvert, which puts back what is kept below. Checksum: "
		      "0123456789abcdef\n"
		      "nameserver 10.213.0.1\n#kept file 644\n#|nameserver 192.0.2.53\n#|search x\n",
			out, &local),
		1);
	ck_assert_str_eq(addr_format(&out[0], text), "192.0.2.53");
}
END_TEST

START_TEST(no_more_than_there_is_room_for)
{
	struct addr out[MAX];
	bool local;

	ck_assert_uint_eq(parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n"
				"nameserver 10.0.0.4\nnameserver 10.0.0.5\n",
				  out, &local),
		MAX);
}
END_TEST

/* A connection from 127.0.0.1 to 127.0.0.N; the client's end has the mark. */
struct connection {
	int listener, client, server;
};

static void connect_marked(struct connection *connection, uint8_t last, uint32_t mark)
{
	struct endpoint to = { .addr = addr_v4((uint8_t[]){ 127, 0, 0, last }) };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&to, &sa);

	connection->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	connection->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(connection->listener, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(listen(connection->listener, 1), 0);
	ck_assert_int_eq(getsockname(connection->listener, (struct sockaddr *)&sa, &len), 0);
	ck_assert_int_eq(
		setsockopt(connection->client, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	ck_assert_int_eq(connect(connection->client, (struct sockaddr *)&sa, len), 0);
	connection->server = accept4(connection->listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(connection->server, 0);
}

static void disconnect(const struct connection *connection)
{
	close(connection->client);
	close(connection->server);
	close(connection->listener);
}

static const struct need *find(const struct needs *needs, const char *text)
{
	struct prefix prefix;
	size_t at = 0;

	prefix = prefix_of(text);
	return needs_next(needs, &prefix, &at);
}

START_TEST(connections_with_a_mark_are_needed)
{
	struct settings *settings;
	struct connection plain, culvert, own;
	struct problem problem;
	struct needs needs;

	if (geteuid() != 0)
		return; /* neither to set a mark nor to see one */
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &settings), 0);
	settings->mark = OTHER_MARK;
	connect_marked(&plain, 91, 0);
	connect_marked(&culvert, 92, SETTINGS_MARK_PLAIN);
	connect_marked(&own, 93, OTHER_MARK);
	needs_gather(settings, NULL, &needs, &problem);
	if (problem.text[0] == '\0') { /* a kernel without sock_diag */
		ck_assert_ptr_null(find(&needs, "127.0.0.91/32"));
		ck_assert_ptr_nonnull(find(&needs, "127.0.0.92/32"));
		ck_assert_int_eq(find(&needs, "127.0.0.92/32")->kind, NEED_CONNECTION);
		ck_assert_ptr_nonnull(find(&needs, "127.0.0.93/32"));
	}
	needs_free(&needs);
	disconnect(&plain);
	disconnect(&culvert);
	disconnect(&own);
	settings_free(settings);
}
END_TEST

START_TEST(remotes_and_the_proxy_are_needed)
{
	struct settings *settings;
	struct problem problem;
	struct needs needs;

	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &settings), 0);
	settings->remote_count = 1;
	unit_text(settings->remotes[0].host, "198.51.100.7");
	needs_gather(settings, NULL, &needs, &problem);
	ck_assert_ptr_nonnull(find(&needs, "198.51.100.0/24"));
	ck_assert_int_eq(find(&needs, "198.51.100.0/24")->kind, NEED_REMOTE);
	ck_assert_ptr_null(find(&needs, "203.0.113.0/24"));
	needs_free(&needs);
	settings->proxy = (struct proxy){ .kind = PROXY_HTTP, .host = "203.0.113.9", .port = 80 };
	needs_gather(settings, NULL, &needs, &problem);
	ck_assert_ptr_null(find(&needs, "198.51.100.0/24"));
	ck_assert_ptr_nonnull(find(&needs, "203.0.113.0/24"));
	needs_free(&needs);
	settings_free(settings);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { resolvers_of_a_plain_file, a_local_resolver_asks_others,
		a_file_of_ours_keeps_those_from_before, no_more_than_there_is_room_for,
		connections_with_a_mark_are_needed, remotes_and_the_proxy_are_needed };

	return unit_suite("needs", NULL, NULL, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("needs", suite());
}
