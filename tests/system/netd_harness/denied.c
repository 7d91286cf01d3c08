/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/netd_harness/denied.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "tests/system/netd_harness/talk.h"
#include "wire/request.h"

enum { MANY_COUNT = 300 };

struct denied {
	const char *scenario, *peer, *local, *remote;
};

void denied_interface(const char *scenario)
{
	static const struct denied table[] = {
		{ "unknown-peer", "stranger", "10.99.0.1", "10.99.0.7" },
		{ "outside-pool", "branch-a", "10.99.0.1", "10.98.0.7" },
		{ "server-address", "branch-a", "10.99.0.1", "10.99.0.1" },
		{ "wrong-local", "branch-a", "10.99.0.2", "10.99.0.7" },
		{ "anothers-address", "branch-a", "10.99.0.1", "10.99.0.50" },
		{ "fixed-ignored", "branch-b", "10.99.0.1", "10.99.0.51" },
		{ "client-loopback", "hub", "127.0.0.1", "10.99.0.1" },
		{ "client-multicast", "hub", "10.99.0.7", "224.0.0.1" },
		{ "client-remote", "hub", "10.99.0.7", "192.0.2.1" },
		{ "client-foreign", "hub", "10.99.0.7", "8.8.8.8" },
		{ "client-stranger", "other", "10.99.0.7", "10.99.0.1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct request request = talk_interface(
			table[i].peer, table[i].local, table[i].remote);

		if (strcmp(scenario, table[i].scenario) == 0)
			talk_expect_refused(scenario, &request);
	}
}

void denied_foreign_index(const char *scenario)
{
	struct request route = talk_route(1, "10.20.1.0/24");
	struct request removal = { .type = REQUEST_INTERFACE_DELETE };

	talk_expect_refused(scenario, &route);
	route.type = REQUEST_ROUTE_DELETE;
	talk_expect_refused(scenario, &route);
	removal.interface_delete.interface = 1;
	talk_expect_refused(scenario, &removal);
}

void denied_socket(const char *scenario)
{
	struct request request = { .type = REQUEST_SOCKET };

	request.socket.family = AF_INET;
	talk_expect_refused(scenario, &request);
}

void denied_exit_code(const char *scenario)
{
	struct request request = { .type = REQUEST_EXIT };

	request.exit.code = 77;
	talk_expect_refused(scenario, &request);
	request.exit.code = EXIT_CODE_REFUSED;
	(void)snprintf(
		request.exit.text, sizeof(request.exit.text), "the other end said no\n\x1b[31m");
	(void)talk_ask(&request);
}

void denied_many_interfaces(const char *scenario)
{
	const struct request_reply *reply = NULL;
	unsigned made = 0;

	for (int i = 0; i < MANY_COUNT; i++) {
		char peer[32], remote[32];
		struct request request;

		(void)snprintf(peer, sizeof(peer), "spoke-%d", i);
		(void)snprintf(remote, sizeof(remote), "10.99.0.%d", 100 + i % 100);
		request = talk_interface(peer, "10.99.0.1", remote);
		reply = talk_ask(&request);
		made += reply->error == 0;
	}
	log_info("%s: %u interfaces were made", scenario, made);
	talk_expect(scenario, made == 8 && reply->error == EPERM, reply);
}

void denied_routes(const char *scenario)
{
	static const struct {
		const char *prefix;
		enum route_verdict verdict;
	} table[] = {
		{ "10.20.1.0/24", ROUTE_ACCEPTED },
		{ "10.21.0.0/16", ROUTE_NOT_ALLOWED },
		{ "0.0.0.0/0", ROUTE_DEFAULT },
		{ "::/0", ROUTE_DEFAULT },
		{ "10.20.0.1/16", ROUTE_HOST_BITS },
		{ "127.0.0.0/8", ROUTE_LOOPBACK },
		{ "224.0.0.0/4", ROUTE_MULTICAST },
		{ "10.99.0.0/16", ROUTE_TUNNEL },
		{ "10.20.30.0/24", ROUTE_LOCAL },
		{ "10.20.40.0/24", ROUTE_LOCAL },
		{ "10.20.2.0/24", ROUTE_ACCEPTED },
		{ "2001:db8:20::/48", ROUTE_ACCEPTED },
		{ "10.20.3.0/24", ROUTE_LIMIT },
		{ "10.20.2.0/24", ROUTE_ACCEPTED },
	};
	uint32_t index = talk_make_sound();

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct request request = talk_route(index, table[i].prefix);
		const struct request_reply *reply = talk_ask(&request);

		if (reply->error != 0 || reply->verdicts[0].verdict != table[i].verdict)
			log_error("%s: UNEXPECTED: %s: %s", scenario, table[i].prefix,
				route_verdict_text(reply->verdicts[0].verdict));
	}
	log_info("%s: as expected", scenario);
}
