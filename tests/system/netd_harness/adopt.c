/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/netd_harness/adopt.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/array.h"
#include "base/log.h"
#include "tests/system/netd_harness/talk.h"

static void log_result(const char *scenario, bool good)
{
	if (good)
		log_info("%s: as expected", scenario);
	else
		log_error("%s: UNEXPECTED", scenario);
}

static const struct request_reply *adopt(uint32_t index, uint32_t route_offset)
{
	struct request request = { .type = REQUEST_ADOPT };

	request.adopt.index = index;
	request.adopt.route_offset = route_offset;
	return talk_ask_keeping(&request);
}

static uint32_t make(struct request wanted)
{
	const struct request_reply *reply;

	wanted.interface.offloads = true;
	reply = talk_ask(&wanted);
	if (reply->error != 0)
		talk_die(reply->text);
	return reply->interface;
}

static void add_routes(struct request *request)
{
	const struct request_reply *reply = talk_ask(request);

	if (reply->error != 0)
		talk_die(reply->text);
	for (uint16_t i = 0; i < reply->count; i++) {
		if (reply->verdicts[i].verdict != ROUTE_ACCEPTED)
			talk_die(route_verdict_text(reply->verdicts[i].verdict));
	}
}

static void log_instance(const char *scenario)
{
	char hex[2 * REQUEST_INSTANCE_SIZE + 1];

	for (size_t i = 0; i < REQUEST_INSTANCE_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", talk.configure.instance[i]);
	log_info("%s: instance %s", scenario, hex);
}

/* True if the descriptor belongs to that interface and can be written to. */
static bool is_queue_of(int fd, const char *name)
{
	struct ifreq request;
	static const uint8_t nothing[1];

	memset(&request, 0, sizeof(request));
	return ioctl(fd, TUNGETIFF, &request) == 0 && strcmp(request.ifr_name, name) == 0 &&
		write(fd, nothing, sizeof(nothing)) < 0 && errno == EINVAL;
}

static bool same_addresses(const struct request_interface *a, const struct request_interface *b)
{
	return addr_equal(&a->local4, &b->local4) && addr_equal(&a->remote4, &b->remote4) &&
		addr_equal(&a->local6, &b->local6) && addr_equal(&a->remote6, &b->remote6);
}

/* ---- one interface with two routes ---- */

static bool has_route(const struct request_reply *reply, const struct request *route)
{
	for (uint16_t i = 0; i < reply->route_count; i++) {
		if (prefix_equal(&reply->route[i], &route->routes.prefix[0]))
			return true;
	}
	return false;
}

static void adopt_one(const char *scenario, const struct request *wanted)
{
	struct request one = talk_route(1, "10.20.1.0/24"), two = talk_route(1, "10.20.2.0/24");
	struct request again = *wanted;
	const struct request_reply *reply;
	uint32_t index;
	bool good;

	log_instance(scenario);
	if (talk.configure.adopt_count == 0) {
		talk_ready();
		one.routes.interface = two.routes.interface = make(*wanted);
		add_routes(&one);
		add_routes(&two);
		log_info("%s: made", scenario);
		return;
	}
	reply = adopt(0, 0);
	good = talk.configure.adopt_count == 1 && reply->error == 0 && reply->adopts &&
		strcmp(reply->ifname, "cv0") == 0 &&
		identity_equal(&reply->adopted.peer, &wanted->interface.peer) &&
		reply->adopted.mtu == 1500 && reply->adopted.offloads &&
		same_addresses(&reply->adopted, &wanted->interface) && reply->route_total == 2 &&
		reply->route_count == 2 && has_route(reply, &one) && has_route(reply, &two) &&
		talk.fd_count == 1 && is_queue_of(talk.fds[0], "cv0");
	index = reply->interface;
	talk_close();
	/* A further page comes without the descriptor. */
	reply = adopt(0, 1);
	good = good && reply->adopts && reply->interface == index && talk.fd_count == 0 &&
		reply->route_total == 2 && reply->route_count == 1;
	talk_ready();
	/* This engine now controls the adopted interface. The test has seen it unchanged before. */
	if (!talk_wait(scenario))
		return;
	good = good && make(again) == index;
	two.type = REQUEST_ROUTE_DELETE;
	two.routes.interface = index;
	add_routes(&two);
	log_result(scenario, good);
}

void adopt_server(const char *scenario)
{
	struct request wanted = talk_sound();

	adopt_one(scenario, &wanted);
}

void adopt_client(const char *scenario)
{
	struct request wanted = talk_interface("hub", "10.99.0.7", "10.99.0.1");

	adopt_one(scenario, &wanted);
}

/* ---- many routes ---- */

enum { PAGES_NET = 128, PAGES_BITS = 27, PAGES_HOSTS = 32 };

/* The i-th route, out of 10.20.128.0/17. */
static struct prefix page_route(size_t i)
{
	size_t at = i * PAGES_HOSTS;

	return (struct prefix){
		.addr = { .family = AF_INET,
			.bytes = { 10, 20, (uint8_t)(PAGES_NET + at / 256), (uint8_t)(at % 256) } },
		.len = PAGES_BITS,
	};
}

static void make_pages(uint32_t index)
{
	struct request request = { .type = REQUEST_ROUTE_ADD };

	for (size_t i = 0; i < ADOPT_PAGES_ROUTES; i++) {
		request.routes.interface = index;
		request.routes.prefix[request.routes.count++] = page_route(i);
		if (request.routes.count == REQUEST_PREFIX_MAX || i == ADOPT_PAGES_ROUTES - 1) {
			add_routes(&request);
			request.routes.count = 0;
		}
	}
}

/* False: it is not one of these routes, or came before. */
static bool mark_seen(bool seen[static ADOPT_PAGES_ROUTES], const struct prefix *prefix)
{
	for (size_t i = 0; i < ADOPT_PAGES_ROUTES; i++) {
		struct prefix route = page_route(i);

		if (prefix_equal(&route, prefix) && !seen[i]) {
			seen[i] = true;
			return true;
		}
	}
	return false;
}

void adopt_pages(const char *scenario)
{
	bool seen[ADOPT_PAGES_ROUTES] = { false };
	uint32_t have = 0, pages = 0;
	bool good = true;

	if (talk.configure.adopt_count == 0) {
		talk_ready();
		make_pages(make(talk_sound()));
		log_info("%s: made", scenario);
		return;
	}
	while (good && have < ADOPT_PAGES_ROUTES) {
		const struct request_reply *reply = adopt(0, have);

		good = reply->adopts && reply->route_total == ADOPT_PAGES_ROUTES &&
			reply->route_count > 0 && talk.fd_count == (have == 0 ? 1 : 0);
		for (uint16_t i = 0; good && i < reply->route_count; i++)
			good = mark_seen(seen, &reply->route[i]);
		have += reply->route_count;
		pages++;
		talk_close();
	}
	/* After the last route there is an empty page. */
	good = good && adopt(0, have)->route_count == 0 && talk.in.reply.adopts;
	talk_ready();
	log_result(scenario, good && pages == 3);
}

/* ---- requests that netd must refuse ---- */

void adopt_beyond(const char *scenario)
{
	static const struct request_adopt beyond[] = { { 1, 0 }, { UINT32_MAX, 0 }, { 0, 1 },
		{ 0, UINT32_MAX } };
	struct request request = { .type = REQUEST_ADOPT };

	if (talk.configure.adopt_count == 0) {
		talk_expect_refused(scenario, &request);
		talk_ready();
		(void)make(talk_sound());
		log_info("%s: made", scenario);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		request.adopt = beyond[i];
		talk_expect_refused(scenario, &request);
	}
	talk_ready();
	log_info("%s: all were refused", scenario);
}

void adopt_when_ready(const char *scenario)
{
	struct request request = { .type = REQUEST_ADOPT, .id = 2 };

	(void)scenario;
	talk_ready();
	talk_send(talk.buffer, talk_encode(&request), NULL, 0);
}

void adopt_after_garbage(const char *scenario)
{
	bool good;

	if (talk.configure.adopt_count == 0) {
		talk_ready();
		(void)make(talk_sound());
		talk_send("?", 1, NULL, 0);
		return;
	}
	good = adopt(0, 0)->adopts;
	talk_ready();
	log_result(scenario, good);
}

void adopt_never(const char *scenario)
{
	if (talk.configure.adopt_count > 0)
		exit(42);
	talk_ready();
	(void)make(talk_sound());
	log_info("%s: made", scenario);
}
