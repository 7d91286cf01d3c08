/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/netd_harness/network.h"

#include "tests/system/netd_harness/talk.h"
#include "wire/request.h"

enum { ROUNDS = 3 };

static struct request own_interface(const char *local4, uint32_t mtu)
{
	struct request request = talk_interface("hub", local4, "10.99.0.1");

	request.interface.local6 = talk_address("fd99::7");
	request.interface.remote6 = talk_address("fd99::1");
	request.interface.mtu = mtu;
	return request;
}

void network_own_changes(const char *scenario)
{
	struct request made = own_interface("10.99.0.7", 1500);
	struct request moved = own_interface("10.99.0.8", 1400);
	bool good = true;

	for (int i = 0; i < ROUNDS && good; i++) {
		uint32_t index = talk_ask(&made)->interface;
		struct request route = talk_route(index, "10.20.1.0/24");
		struct request route6 = talk_route(index, "2001:db8:20:1::/64");
		struct request gone = { .type = REQUEST_INTERFACE_DELETE };

		good = index != 0 && talk_ask(&route)->verdicts[0].verdict == ROUTE_ACCEPTED &&
			talk_ask(&route6)->verdicts[0].verdict == ROUTE_ACCEPTED &&
			talk_ask(&moved)->error == 0;
		route.type = REQUEST_ROUTE_DELETE;
		good = good && talk_ask(&route)->verdicts[0].verdict == ROUTE_ACCEPTED;
		gone.interface_delete.interface = index;
		good = good && talk_ask(&gone)->error == 0;
	}
	good = good && talk_ask(&made)->error == 0;
	talk_expect(scenario, good, &talk.in.reply);
}
