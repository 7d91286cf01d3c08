/* SPDX-License-Identifier: Apache-2.0 */
/* check: own-process */
/* What an engine's requests for routes do in the kernel. */
#include "tests/unit/requests_kernel_fixture.h"

static struct request routes_for(enum request_type type, const char *const *texts, uint16_t count)
{
	struct request request = { .type = type, .routes = { .interface = 1, .count = count } };

	for (uint16_t i = 0; i < count; i++)
		request.routes.prefix[i] = prefix_of(texts[i]);
	return request;
}

static void verdict_is(uint16_t at, enum route_verdict verdict, const char *words)
{
	ck_assert_uint_lt(at, reply.reply.count);
	ck_assert_msg(reply.reply.verdicts[at].verdict == verdict, "%u: %s",
		reply.reply.verdicts[at].verdict, reply.reply.verdicts[at].reason);
	ck_assert_msg(strstr(reply.reply.verdicts[at].reason, words) != NULL, "%s",
		reply.reply.verdicts[at].reason);
}

START_TEST(routes_have_verdicts)
{
	static const char *const texts[] = { "10.1.0.0/16", "172.16.0.0/12", "10.77.0.0/24",
		"10.2.0.0/16", "10.3.0.0/16", "fd01::/64" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 6);
	struct interface *a, *b;
	struct prefix one = prefix_of("10.1.0.0/16"), taken = prefix_of("10.3.0.0/16");
	struct netlink_route others = { .prefix = taken };

	is_denied(&request, "a change of interface 1");
	a = bring("a", "10.99.0.1", "fd99::1");
	b = bring("b", "10.99.0.1", NULL);
	a->off6 = true;
	others.index = b->index;
	others.priority = a->metric;
	ck_assert_int_eq(netlink_route_add(interfaces.netlink, &others, &problem), 0);
	log_forget();
	done(&request);
	ck_assert_uint_eq(reply.reply.count, 6);
	verdict_is(0, ROUTE_ACCEPTED, "");
	verdict_is(1, ROUTE_NOT_ALLOWED, "");
	ck_assert_str_eq(reply.reply.verdicts[1].reason, "");
	verdict_is(2, ROUTE_LOCAL, "10.77.0.0/24");
	verdict_is(3, ROUTE_ACCEPTED, "");
	verdict_is(4, ROUTE_TAKEN, "10.3.0.0/16");
	verdict_is(5, ROUTE_FAILED, "cv0 has no IPv6");
	ck_assert(interface_has_route(a, &one));
	ck_assert(!interface_has_route(a, &taken));
	ck_assert_uint_eq(a->route_count, 2);
	ck_assert(log_has("engine asked for route 172.16.0.0/12 to a: "));
	ck_assert(log_has("engine asked for route 10.77.0.0/24 to a: "));
	ck_assert(log_has("a: cv1 of another Culvert has 10.3.0.0/16"));
	ck_assert(!log_has("fd01::"));
	request = routes_for(REQUEST_ROUTE_DELETE, texts, 2);
	log_forget();
	done(&request);
	ck_assert(!log_has("warning"));
	ck_assert_uint_eq(reply.reply.count, 2);
	verdict_is(0, ROUTE_ACCEPTED, "");
	verdict_is(1, ROUTE_ACCEPTED, "");
	ck_assert_uint_eq(a->route_count, 1);
	request.routes.interface = 3;
	is_denied(&request, "a change of interface 3");
}
END_TEST

START_TEST(as_many_routes_as_a_request_holds)
{
	struct request request = { .type = REQUEST_ROUTE_ADD,
		.routes = { .interface = 1, .count = REQUEST_PREFIX_MAX } };
	struct interface *interface = bring("a", "10.99.0.1", NULL);

	for (size_t i = 0; i < REQUEST_PREFIX_MAX; i++) {
		request.routes.prefix[i] = prefix_of("10.5.0.0/24");
		request.routes.prefix[i].addr.bytes[2] = (uint8_t)i;
	}
	done(&request);
	ck_assert_uint_eq(reply.reply.count, REQUEST_PREFIX_MAX);
	ck_assert_uint_eq(interface->route_count, REQUEST_PREFIX_MAX);
	request.type = REQUEST_ROUTE_DELETE;
	done(&request);
	ck_assert_uint_eq(interface->route_count, 0);
}
END_TEST

/* The interface is gone, and the namespace with it. */
START_TEST(routes_of_an_interface_that_cannot_be_reached)
{
	static const char *const texts[] = { "10.1.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);
	struct interface *interface = bring("a", "10.99.0.1", NULL);
	int tun = interface->queues[0];

	interface->netns.inode = 5;
	interface->queues[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(interface->queues[0], 0);
	ask(&request);
	ck_assert_uint_ne(reply.reply.error, 0);
	ck_assert_uint_eq(reply.reply.count, 0);
	ck_assert(log_has("cannot find its network namespace"));
	close(interface->queues[0]);
	interface->queues[0] = tun;
	interface->netns.inode = 0;
}
END_TEST

START_TEST(an_ipv4_that_is_off_takes_no_routes)
{
	static const char *const texts[] = { "10.1.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);

	bring("a", "10.99.0.1", "fd99::1")->off4 = true;
	done(&request);
	verdict_is(0, ROUTE_FAILED, "cv0 has no IPv4");
}
END_TEST

START_TEST(a_route_that_the_kernel_does_not_delete)
{
	static const char *const texts[] = { "10.1.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);
	struct interface *interface = bring("a", "10.99.0.1", NULL);

	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
	request.type = REQUEST_ROUTE_DELETE;
	ck_assert_int_eq(process_keep_capabilities(NULL, 0), 0);
	log_forget();
	done(&request);
	verdict_is(0, ROUTE_FAILED, "");
	ck_assert_uint_eq(interface->route_count, 1);
	ck_assert(log_has("10.1.0.0/16"));
	request.type = REQUEST_ROUTE_ADD;
	request.routes.prefix[0] = prefix_of("10.2.0.0/16");
	done(&request);
	verdict_is(0, ROUTE_FAILED, "10.2.0.0/16");
	ck_assert_uint_eq(interface->route_count, 1);
}
END_TEST

/* The server's own address, and the resolver that finds it by name. */
START_TEST(a_route_over_what_the_tunnel_needs)
{
	static const char *const texts[] = { "192.0.2.0/24", "10.1.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 2);

	unit_text(settings->remotes[0].host, "vpn.example");
	bring("hub", "10.50.0.2", NULL);
	done(&request);
	verdict_is(0, ROUTE_OUTER, "192.0.2.53 is a resolver of this host");
	verdict_is(1, ROUTE_ACCEPTED, "");
	ck_assert(!log_has("may take the path"));
	/* One that the tunnel itself has brought may be inside of it. */
	dns.nameservers.server_count = 1;
	dns.nameservers.server[0] = addr_of("192.0.2.53");
	done(&request);
	verdict_is(0, ROUTE_OUTER, "192.0.2.53 is a resolver of this host");
	dns.way = DNS_RESOLVCONF;
	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
	dns.way = DNS_NONE;
	request.type = REQUEST_ROUTE_DELETE;
	done(&request);
	request.type = REQUEST_ROUTE_ADD;
	/* A full tunnel leaves it alone, by its mark. */
	interfaces.table = FULL_TUNNEL_FIRST;
	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
}
END_TEST

/* The tunnel's own path is here, so that no route of another namespace can take it. */
START_TEST(a_route_elsewhere_takes_nothing_from_the_tunnel)
{
	static const char *const texts[] = { "192.0.2.0/24" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);
	pid_t child = start_elsewhere();

	bring("hub", "10.50.0.2", NULL);
	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
	end_elsewhere(child);
}
END_TEST

START_TEST(needs_that_cannot_be_found_out_are_told_once)
{
	static const char *const texts[] = { "10.1.0.0/16", "10.2.0.0/16" };
	struct request request = routes_for(REQUEST_ROUTE_ADD, texts, 1);
	struct rlimit before, none;

	bring("hub", "10.50.0.2", NULL);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	done(&request);
	verdict_is(0, ROUTE_ACCEPTED, "");
	ck_assert(log_has("; a route may take the path that a tunnel itself needs"));
	log_forget();
	request.routes.prefix[0] = prefix_of(texts[1]);
	done(&request);
	ck_assert(!log_has("may take the path"));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

START_TEST(warnings_have_a_limit)
{
	struct request request = { .type = REQUEST_CARRIER, .carrier = { 9, false } };
	char text[64];

	for (uint32_t i = 0; i < 30; i++) {
		request.carrier.interface = 100 + i; /* the log counts what is the same */
		ask(&request);
		ck_assert_uint_eq(reply.reply.error, EPERM);
	}
	ck_assert(log_has("a change of interface 100,"));
	ck_assert(log_has("a change of interface 119,"));
	(void)snprintf(text, sizeof(text), "a change of interface %d,", 129);
	ck_assert(!log_has(text));
}
END_TEST

int main(void)
{
	const TTest *const routes[] = { routes_have_verdicts, an_ipv4_that_is_off_takes_no_routes,
		as_many_routes_as_a_request_holds, routes_of_an_interface_that_cannot_be_reached,
		a_route_that_the_kernel_does_not_delete };
	const TTest *const needed[] = { a_route_over_what_the_tunnel_needs,
		a_route_elsewhere_takes_nothing_from_the_tunnel,
		needs_that_cannot_be_found_out_are_told_once };
	const TTest *const limits[] = { warnings_have_a_limit };
	Suite *suite;

	if (!may_make()) {
		(void)printf("requests_kernel_routes: left out: it needs root and /dev/net/tun\n");
		return EXIT_SUCCESS;
	}
	suite = suite_create("requests_kernel_routes");
	ADD(suite, "routes", routes, set_up_server);
	ADD(suite, "needs", needed, set_up_client);
	ADD(suite, "limits", limits, set_up_server);
	return unit_run("requests_kernel_routes", suite);
}
