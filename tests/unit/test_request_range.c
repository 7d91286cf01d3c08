/* SPDX-License-Identifier: Apache-2.0 */
/* Both the sender and the receiver of a request check the range of each member. */
#include "wire/request.h"

#include <errno.h>
#include <string.h>

#include "request_samples.h"
#include "unit.h"
#include "wire/message.h"

START_TEST(resolvers_that_cannot_be_are_refused)
{
	static const char *const domains[] = { "", "a b", "a\nnameserver 192.0.2.1", "$(id)", "-x",
		".", "a..b", "a.", "~.", "a/b" };
	struct request request = sample(REQUEST_DNS);

	request.dns.nameservers.server[1] = addr_of("127.0.0.1");
	expect_encodes(&request, false, "a loopback resolver");
	request.dns.nameservers.server[1] = addr_of("fe80::1");
	expect_encodes(&request, false, "a link-local resolver");
	request.dns.nameservers.server_count = NAMESERVERS_MAX + 1;
	expect_encodes(&request, false, "a resolver too many");
	for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
		request = sample(REQUEST_DNS);
		set_text(request.dns.nameservers.domain[0],
			sizeof(request.dns.nameservers.domain[0]), domains[i]);
		expect_encodes(&request, false, domains[i]);
	}
	request = sample(REQUEST_DNS);
	request.dns.nameservers = (struct nameservers){ .server_count = 0 };
	expect_encodes(&request, true, "none any more");
	request = sample(REQUEST_INTERFACE);
	request.interface.outer.port = 0;
	expect_encodes(&request, false, "an outer address without its port");
}
END_TEST

START_TEST(configures_are_held_to_their_range)
{
	struct request request = sample(REQUEST_CONFIGURE);
	size_t len;

	memset(request.configure.fd_kind, REQUEST_FD_LISTENER, sizeof(request.configure.fd_kind));
	request.configure.fd_count = REQUEST_FDS_MAX;
	expect_encodes(&request, true, "as many descriptors as there may be");
	ck_assert_int_eq(encode(&request, &len), 0);
	/* type 2, id 4, version 4, generation 4, adopt_count 4, held 1, instance 16, count 2 */
	buffer[36] = REQUEST_FDS_MAX + 1;
	ck_assert_int_eq(decode(buffer, len, &request), -EINVAL);
	request.configure.fd_count = REQUEST_FDS_MAX + 1;
	expect_encodes(&request, false, "a descriptor too many");
	request = sample(REQUEST_CONFIGURE);
	request.configure.fd_kind[0] = 0;
	expect_encodes(&request, false, "a descriptor of no kind");
	request.configure.fd_kind[0] = REQUEST_FD_KIND_COUNT;
	expect_encodes(&request, false, "a descriptor of an unknown kind");
	request = sample(REQUEST_CONFIGURE);
	memset(request.configure.path, 'a', sizeof(request.configure.path));
	expect_encodes(&request, false, "a path without its end");
	request.configure.path[REQUEST_PATH_MAX] = '\0';
	expect_encodes(&request, true, "the longest path");
}
END_TEST

START_TEST(replies_are_held_to_their_range)
{
	static const char *const bad[] = { "a b", "a/b", "a\n", "\xc3\xa4" };
	struct request request = sample(REQUEST_REPLY);

	request.reply.error = REQUEST_ERROR_MAX;
	expect_encodes(&request, true, "the largest error");
	request.reply.error++;
	expect_encodes(&request, false, "an error that is none");
	request = sample(REQUEST_REPLY);
	request.reply.interface = (uint32_t)INT32_MAX + 1;
	expect_encodes(&request, false, "an interface that is none");
	request = sample(REQUEST_REPLY);
	request.reply.ifindex = (uint32_t)INT32_MAX + 1;
	expect_encodes(&request, false, "an index that is none");
	request = sample(REQUEST_REPLY);
	request.reply.verdicts[0].verdict = ROUTE_VERDICT_COUNT;
	expect_encodes(&request, false, "an unknown verdict");
	request = sample(REQUEST_REPLY);
	request.reply.count = REQUEST_PREFIX_MAX;
	expect_encodes(&request, true, "as many verdicts as there may be");
	request.reply.count++;
	expect_encodes(&request, false, "a verdict too many");
	request = sample(REQUEST_REPLY);
	memset(request.reply.ifname, 'a', sizeof(request.reply.ifname));
	expect_encodes(&request, false, "an interface name without its end");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		set_text(request.reply.ifname, sizeof(request.reply.ifname), bad[i]);
		expect_encodes(&request, false, bad[i]);
	}
	request = sample(REQUEST_REPLY);
	memset(request.reply.text, 'a', sizeof(request.reply.text));
	expect_encodes(&request, false, "a text without its end");
}
END_TEST

START_TEST(sockets_are_of_a_family)
{
	struct request request = sample(REQUEST_SOCKET);

	request.socket.family = AF_INET;
	expect_encodes(&request, true, "IPv4");
	request.socket.family = AF_UNSPEC;
	expect_encodes(&request, false, "no family");
	request.socket.family = AF_UNIX;
	expect_encodes(&request, false, "another family");
	for (unsigned family = 0; family < 256; family++) {
		uint8_t bytes[] = { 0, REQUEST_SOCKET, 0, 0, 0, 1, (uint8_t)family };

		ck_assert_int_eq(decode(bytes, sizeof(bytes), &request),
			family == 4 || family == 6 ? 0 : -EINVAL);
	}
}
END_TEST

START_TEST(interfaces_are_held_to_their_range)
{
	struct addr none = { .family = AF_UNSPEC };
	struct request request = sample(REQUEST_INTERFACE);
	size_t len;

	request.interface.mtu = MESSAGE_MTU_MIN - 1;
	expect_encodes(&request, false, "an mtu too small");
	request.interface.mtu = MESSAGE_MTU_MAX + 1;
	expect_encodes(&request, false, "an mtu too large");
	request = sample(REQUEST_INTERFACE);
	request.interface.queues = 0;
	expect_encodes(&request, false, "no queue");
	request.interface.queues = REQUEST_QUEUES_MAX + 1;
	expect_encodes(&request, false, "too many queues");
	request = sample(REQUEST_INTERFACE);
	set_text(request.interface.peer.name, sizeof(request.interface.peer.name), "../x");
	expect_encodes(&request, false, "an odd peer");
	request.interface.peer.name[0] = '\0';
	expect_encodes(&request, false, "no peer");
	request = sample(REQUEST_INTERFACE);
	request.interface.remote4 = none;
	expect_encodes(&request, false, "half a pair");
	request.interface.local4 = none;
	expect_encodes(&request, true, "IPv6 alone");
	request.interface.local6 = none;
	expect_encodes(&request, false, "half a pair");
	request.interface.remote6 = none;
	expect_encodes(&request, false, "no address at all");
	request.interface = sample(REQUEST_INTERFACE).interface;
	request.interface.local4 = request.interface.local6;
	expect_encodes(&request, false, "an IPv6 address as IPv4");
	request = sample(REQUEST_INTERFACE);
	ck_assert_int_eq(encode(&request, &len), 0);
	buffer[2 + 4 + 2 + 8 + 4 + 1] = 2; /* offloads, which is 0 or 1 */
	ck_assert_int_eq(decode(buffer, len, &request), -EINVAL);
}
END_TEST

START_TEST(routes_are_held_to_their_range)
{
	static const uint32_t interfaces[] = { 0, (uint32_t)INT32_MAX + 1, UINT32_MAX };
	struct request request = sample(REQUEST_ROUTE_ADD);
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
		request.routes.interface = interfaces[i];
		expect_encodes(&request, false, "an interface that is none");
	}
	request = sample(REQUEST_INTERFACE_DELETE);
	request.interface_delete.interface = 0;
	expect_encodes(&request, false, "no interface to delete");
	request = sample(REQUEST_ROUTE_DELETE);
	request.routes.count = 0;
	expect_encodes(&request, false, "no route");
	for (size_t i = 0; i < REQUEST_PREFIX_MAX; i++)
		request.routes.prefix[i] = prefix_of("fd00::/8");
	request.routes.count = REQUEST_PREFIX_MAX;
	expect_encodes(&request, true, "as many routes as there may be");
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_uint_le(len, REQUEST_SIZE_MAX);
	buffer[11]++; /* type 2, id 4, interface 4, count 2: 256 becomes 257 */
	ck_assert_int_eq(decode(buffer, len, &request), -EINVAL);
	request.routes.count = REQUEST_PREFIX_MAX + 1;
	expect_encodes(&request, false, "a route too many");
	request = sample(REQUEST_ROUTE_ADD);
	request.routes.prefix[0].len = 33;
	expect_encodes(&request, false, "a length past the address");
	request.routes.prefix[0].addr.family = AF_UNSPEC;
	expect_encodes(&request, false, "a prefix of no family");
	request.routes.prefix[0] = prefix_of("10.0.0.1/8");
	expect_encodes(&request, true, "host bits, which netd judges");
}
END_TEST

START_TEST(resolvers_are_held_to_their_range)
{
	static const char *const bad[] = { "", "a b", "a\n", "a;b", "\xc3\xa4" };
	struct request request = sample(REQUEST_UP);

	request.dns.interface = 0;
	expect_encodes(&request, false, "an interface that is none");
	request = sample(REQUEST_UP);
	request.dns.nameservers.server[0].family = AF_UNSPEC;
	expect_encodes(&request, false, "a resolver that is none");
	request = sample(REQUEST_UP);
	request.dns.nameservers.server_count = NAMESERVERS_MAX + 1;
	expect_encodes(&request, false, "a resolver too many");
	request = sample(REQUEST_UP);
	request.dns.nameservers.server_count = request.dns.nameservers.domain_count = 0;
	expect_encodes(&request, true, "none at all");
	request.dns.nameservers.domain_count = NAMESERVERS_DOMAINS_MAX + 1;
	expect_encodes(&request, false, "a domain too many");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		request = sample(REQUEST_UP);
		set_text(request.dns.nameservers.domain[0],
			sizeof(request.dns.nameservers.domain[0]), bad[i]);
		expect_encodes(&request, false, "a domain that is none");
	}
	memset(request.dns.nameservers.domain[0], 'a', sizeof(request.dns.nameservers.domain[0]));
	expect_encodes(&request, false, "a domain without its end");
}
END_TEST

START_TEST(tracked_pages_are_held_to_their_range)
{
	struct request request = sample(REQUEST_TRACKED);

	request.tracked.total = 6;
	expect_encodes(&request, false, "a page past the whole");
	request.tracked.offset = 7;
	expect_encodes(&request, false, "a page that begins past the whole");
	request = sample(REQUEST_TRACKED);
	request.tracked.total = REQUEST_TRACKED_MAX + 1;
	expect_encodes(&request, false, "more than there may be");
	request = sample(REQUEST_TRACKED);
	request.tracked.prefix[1] = prefix_of("10.0.0.1/8");
	expect_encodes(&request, false, "host bits");
	request.tracked.total = request.tracked.offset = request.tracked.count = 0;
	expect_encodes(&request, true, "nothing at all");
	request = sample(REQUEST_LACK);
	request.lack.interface = 0;
	expect_encodes(&request, false, "what no interface lacks");
	request = sample(REQUEST_LACK);
	request.lack.offset = 3;
	expect_encodes(&request, false, "more routes than in all");
	request = sample(REQUEST_LACK);
	request.lack.total = REQUEST_ROUTE_TOTAL_MAX + 1;
	expect_encodes(&request, false, "more routes than an interface may have");
	request = sample(REQUEST_LACK);
	request.lack.prefix[0].addr.bytes[3] = 1;
	expect_encodes(&request, false, "a missing route with host bits");

	request = sample(REQUEST_CARRIER);
	request.carrier.interface = 0;
	expect_encodes(&request, false, "no interface");

	request = sample(REQUEST_SILENT);
	request.silent.local.family = AF_UNSPEC;
	expect_encodes(&request, false, "no path");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("request_range");

	unit_add(suite, "resolvers", resolvers_that_cannot_be_are_refused);
	unit_add(suite, "configure", configures_are_held_to_their_range);
	unit_add(suite, "reply", replies_are_held_to_their_range);
	unit_add(suite, "socket", sockets_are_of_a_family);
	unit_add(suite, "interface", interfaces_are_held_to_their_range);
	unit_add(suite, "routes", routes_are_held_to_their_range);
	unit_add(suite, "resolvers", resolvers_are_held_to_their_range);
	unit_add(suite, "routes", tracked_pages_are_held_to_their_range);
	return suite;
}

int main(void)
{
	return unit_run("request_range", suite());
}
