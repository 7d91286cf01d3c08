/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/netd_harness/queues.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "system/tun.h"
#include "tests/system/netd_harness/talk.h"

enum {
	VNET = 10,
	IP_HEADER = 20,
	UDP_HEADER = 8,
	PACKET = IP_HEADER + UDP_HEADER,
	FLOWS = 16,
	PORT = 7000, /* this end's port of the first flow */
	THEIR_PORT = 9000,
	NONE = -1,
};

static struct {
	int fds[REQUEST_QUEUES_MAX];
	size_t count;
	uint32_t index;
	struct addr local, remote;
} queues;

/* Keeps the reply's queues. False: the reply is not as expected. */
static bool take(const struct request_reply *reply, size_t count)
{
	if (reply->error != 0)
		talk_die(reply->text);
	memcpy(queues.fds, talk.fds, talk.fd_count * sizeof(talk.fds[0]));
	queues.count = talk.fd_count;
	queues.index = reply->interface;
	talk.fd_count = 0;
	return queues.count == count;
}

static short flags_of(int fd)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	if (ioctl(fd, TUNGETIFF, &request) < 0 || strcmp(request.ifr_name, "cv0") != 0)
		talk_die("a descriptor is no queue of cv0");
	return request.ifr_flags;
}

static size_t detached_count(void)
{
	size_t count = 0;

	for (size_t i = 0; i < queues.count; i++)
		count += (flags_of(queues.fds[i]) & IFF_DETACH_QUEUE) != 0;
	return count;
}

static void attach(size_t queue, bool attached)
{
	int r = tun_queue_attach(queues.fds[queue], attached);

	errno = -r;
	if (r < 0)
		talk_die("a queue is not attached or detached");
}

/* ---- flows: from our port PORT + n to THEIR_PORT ---- */

static struct sockaddr_in socket_address(const struct addr *addr, int port)
{
	struct sockaddr_in out = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	memcpy(&out.sin_addr, addr->bytes, sizeof(out.sin_addr));
	return out;
}

static void send_on(int flow)
{
	struct sockaddr_in local = socket_address(&queues.local, PORT + flow);
	struct sockaddr_in remote = socket_address(&queues.remote, THEIR_PORT);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&local, sizeof(local)) < 0)
		talk_die("the flow's socket");
	/* If no queue is attached the kernel may report an error. */
	(void)sendto(fd, "", 0, 0, (const struct sockaddr *)&remote, sizeof(remote));
	close(fd);
}

/* True if the packet is of that flow. Others are the kernel's own (IPv6's). */
static bool is_flow(const uint8_t *packet, ssize_t len, int flow)
{
	uint16_t port = htons((uint16_t)(PORT + flow));

	return len >= VNET + PACKET && packet[VNET] >> 4 == 4 && packet[VNET + 9] == IPPROTO_UDP &&
		memcmp(packet + VNET + IP_HEADER, &port, sizeof(port)) == 0;
}

/* The queue from which the flow's packet comes; NONE: none. All queues are empty then. */
static int sent_to(int flow)
{
	uint8_t packet[2048];
	int found = NONE;
	ssize_t len;

	send_on(flow);
	for (size_t i = 0; i < queues.count; i++) {
		while ((len = read(queues.fds[i], packet, sizeof(packet))) >= 0) {
			if (is_flow(packet, len, flow))
				found = (int)i;
		}
	}
	return found;
}

/* Their side of the flow comes in by this queue. No program needs to receive it. */
static void come_by(size_t queue, int flow)
{
	uint8_t packet[VNET + PACKET] = { 0 };
	uint8_t *ip = packet + VNET;
	uint16_t ports[] = { htons(THEIR_PORT), htons((uint16_t)(PORT + flow)) };

	ip[0] = 0x45;
	ip[3] = PACKET;
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, queues.remote.bytes, 4);
	memcpy(ip + 16, queues.local.bytes, 4);
	memcpy(ip + IP_HEADER, ports, sizeof(ports));
	ip[IP_HEADER + 5] = UDP_HEADER;
	if (write(queues.fds[queue], packet, sizeof(packet)) != (ssize_t)sizeof(packet))
		talk_die("a queue takes no packet");
}

/* ---- the scenarios ---- */

/* Packets go only to attached queues. */
static bool follows_attachment(void)
{
	bool seen[QUEUES_LANES] = { false };
	bool good = detached_count() == QUEUES_LANES && sent_to(0) == NONE;

	attach(2, true);
	for (int flow = 0; flow < FLOWS; flow++)
		good = good && sent_to(flow) == 2;
	attach(0, true);
	for (int flow = 0; flow < FLOWS; flow++) {
		int queue = sent_to(flow);

		good = good && (queue == 0 || queue == 2);
		if (good)
			seen[queue] = true;
	}
	good = good && seen[0] && seen[2];
	for (size_t i = 0; i < queues.count; i++)
		attach(i, true);
	return good && detached_count() == 0;
}

/* Our packets leave by the queue by which their packets come in. */
static bool learns(void)
{
	bool good = true;

	for (int flow = 0; flow < FLOWS; flow++) {
		come_by((size_t)flow % QUEUES_LANES, flow);
		good = good && sent_to(flow) == flow % QUEUES_LANES;
	}
	return good;
}

/* Our packets leave by one queue, whichever queue their packets come in by. */
static bool is_steered(void)
{
	bool good = true;

	for (int flow = 0; flow < FLOWS; flow++) {
		int queue = sent_to(flow);

		for (size_t i = 0; i < queues.count; i++) {
			come_by(i, flow);
			good = good && queue != NONE && sent_to(flow) == queue;
		}
	}
	return good;
}

static void log_result(const char *scenario, bool good)
{
	if (good)
		log_info("%s: as expected", scenario);
	else
		log_error("%s: UNEXPECTED", scenario);
}

static void make(const char *scenario, struct request *wanted, bool (*spreads)(void))
{
	bool good;

	talk_ready();
	good = take(talk_ask_keeping(wanted), QUEUES_LANES) && follows_attachment() && spreads();
	if (good)
		log_info("%s: made", scenario);
	else
		log_error("%s: UNEXPECTED", scenario);
}

static void adopt(const char *scenario, struct request *wanted, bool (*spreads)(void))
{
	struct request request = { .type = REQUEST_ADOPT };
	const struct request_reply *reply = talk_ask_keeping(&request);
	bool good = reply->adopts && reply->adopted.queues == QUEUES_LANES &&
		take(reply, QUEUES_LANES) && follows_attachment() && spreads();
	uint32_t index = queues.index;

	talk_ready();
	/* The interface keeps its queues, unchanged, whatever is requested now. */
	wanted->interface.queues = 2;
	good = good && take(talk_ask_keeping(wanted), QUEUES_LANES) && queues.index == index &&
		detached_count() == 0;
	log_result(scenario, good);
}

static void play(const char *scenario, struct request *wanted, bool (*spreads)(void))
{
	queues.local = wanted->interface.local4;
	queues.remote = wanted->interface.remote4;
	wanted->interface.queues = QUEUES_LANES;
	if (talk.configure.adopt_count == 0)
		make(scenario, wanted, spreads);
	else
		adopt(scenario, wanted, spreads);
}

void queues_server(const char *scenario)
{
	struct request wanted = talk_sound();

	play(scenario, &wanted, learns);
}

void queues_client(const char *scenario)
{
	struct request wanted = talk_interface("hub", "10.99.0.7", "10.99.0.1");

	play(scenario, &wanted, is_steered);
}

void queues_refused(const char *scenario)
{
	struct request wanted = talk_sound();

	wanted.interface.queues = QUEUES_LANES + 1;
	talk_expect_refused(scenario, &wanted);
}

void queues_single(const char *scenario)
{
	struct request wanted = talk_interface("hub", "10.99.0.7", "10.99.0.1");

	queues.local = wanted.interface.local4;
	queues.remote = wanted.interface.remote4;
	wanted.interface.queues = QUEUES_LANES;
	log_result(scenario,
		take(talk_ask_keeping(&wanted), 1) &&
			(flags_of(queues.fds[0]) & IFF_MULTI_QUEUE) == 0 && sent_to(0) == 0);
}
