/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_UNIT_REQUEST_SAMPLES_H
#define CULVERT_TESTS_UNIT_REQUEST_SAMPLES_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "unit.h"
#include "wire/request.h"

/*
 * Good requests, and the way there and back, for the tests of wire/request. Each program has a
 * buffer of its own.
 */

static uint8_t buffer[REQUEST_SIZE_MAX + 16];

static inline void set_text(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text);
}

/* False: a number that is reserved for a type to come. */
static inline bool has_type(int type)
{
	return strcmp(request_type_name((enum request_type)type), "unknown") != 0;
}

/* One good request of each type, with every member set. */
static inline struct request sample(enum request_type type)
{
	struct request request;

	memset(&request, 0, sizeof(request));
	request.type = type;
	request.id = type > REQUEST_STOP && type != REQUEST_NETWORK && type != REQUEST_TRACKED &&
			type != REQUEST_LACK && type != REQUEST_JUDGED && type != REQUEST_PLACES &&
			type != REQUEST_HELD && type != REQUEST_RECONFIGURE
		? 0x01020304
		: 0;
	switch (type) {
	case REQUEST_CONFIGURE:
		request.configure.version = REQUEST_VERSION;
		request.configure.generation = 7;
		request.configure.adopt_count = 3;
		request.configure.held = true;
		for (size_t i = 0; i < REQUEST_INSTANCE_SIZE; i++)
			request.configure.instance[i] = (uint8_t)(0xf0 + i);
		request.configure.fd_count = 3;
		request.configure.fd_kind[0] = REQUEST_FD_CONFIG;
		request.configure.fd_kind[1] = REQUEST_FD_LISTENER;
		request.configure.fd_kind[2] = REQUEST_FD_LISTENER;
		set_text(request.configure.path, sizeof(request.configure.path),
			"/etc/culvert/culvertd.conf");
		request.configure.load.number = 2;
		request.configure.load.at_s = 5;
		set_text(request.configure.load.changed, sizeof(request.configure.load.changed),
			"mtu");
		break;
	case REQUEST_RECONFIGURE:
		request.reconfigure.fd_count = 2;
		request.reconfigure.fd_kind[0] = REQUEST_FD_CONFIG;
		request.reconfigure.fd_kind[1] = REQUEST_FD_KEY;
		request.reconfigure.load.number = 8;
		request.reconfigure.load.at_s = 0x01020304;
		set_text(request.reconfigure.load.changed, sizeof(request.reconfigure.load.changed),
			"linger, peers.berlin (new)");
		break;
	case REQUEST_RELOAD:
		request.reload.only_check = true;
		break;
	case REQUEST_RECONFIGURED:
		request.reconfigured.number = 8;
		request.reconfigured.error = EINVAL;
		set_text(request.reconfigured.text, sizeof(request.reconfigured.text),
			"the key does not fit");
		break;
	case REQUEST_REPLY:
		request.reply.error = EBUSY;
		set_text(request.reply.text, sizeof(request.reply.text), "the interface is taken");
		request.reply.interface = 12;
		request.reply.ifindex = 40;
		set_text(request.reply.ifname, sizeof(request.reply.ifname), "cv0");
		request.reply.count = 2;
		request.reply.verdicts[1].verdict = ROUTE_TAKEN;
		set_text(request.reply.verdicts[1].reason, sizeof(request.reply.verdicts[1].reason),
			"cv1 has it");
		break;
	case REQUEST_LACK:
		request.lack.interface = 12;
		request.lack.local6 = true;
		set_text(request.lack.text, sizeof(request.lack.text), "wan0 has it");
		request.lack.total = 3;
		request.lack.offset = 1;
		request.lack.count = 1;
		request.lack.prefix[0] = (struct prefix){ { AF_INET, { 10, 2 } }, 16 };
		break;
	case REQUEST_JUDGED:
		request.judged.interface = 12;
		request.judged.prefix = prefix_of("192.168.10.0/24");
		request.judged.verdict.verdict = ROUTE_LOCAL;
		set_text(request.judged.verdict.reason, sizeof(request.judged.verdict.reason),
			"wlan0 has it");
		break;
	case REQUEST_HELD:
		request.held.count = 2;
		set_text(request.held.items[0].name, sizeof(request.held.items[0].name),
			"resolvers");
		request.held.items[0].in_place = true;
		set_text(request.held.items[1].name, sizeof(request.held.items[1].name),
			"policy rules");
		request.held.items[1].changes = 3;
		set_text(request.held.items[1].what, sizeof(request.held.items[1].what),
			"rule 25463");
		set_text(
			request.held.items[1].writer, sizeof(request.held.items[1].writer), "bird");
		set_text(request.held.items[1].why, sizeof(request.held.items[1].why), "no memory");
		break;
	case REQUEST_TRACKED:
		request.tracked.total = 7;
		request.tracked.offset = 5;
		request.tracked.count = 2;
		request.tracked.prefix[0] = prefix_of("10.3.0.0/24");
		request.tracked.prefix[1] = prefix_of("fd00:3::/64");
		break;
	case REQUEST_CARRIER:
		request.carrier.interface = 12;
		request.carrier.on = true;
		break;
	case REQUEST_READY:
		request.ready.generation = 7;
		break;
	case REQUEST_SOCKET:
		request.socket.family = AF_INET6;
		break;
	case REQUEST_INTERFACE:
		set_text(request.interface.peer.name, sizeof(request.interface.peer.name),
			"branch-a");
		request.interface.mtu = 1500;
		request.interface.queues = 4;
		request.interface.offloads = true;
		request.interface.local4 = addr_of("10.99.0.1");
		request.interface.remote4 = addr_of("10.99.0.2");
		request.interface.local6 = addr_of("fd99::1");
		request.interface.remote6 = addr_of("fd99::2");
		request.interface.outer = (struct endpoint){ addr_of("192.0.2.1"), 443 };
		break;
	case REQUEST_INTERFACE_DELETE:
		request.interface_delete.interface = 12;
		break;
	case REQUEST_ROUTE_ADD:
	case REQUEST_ROUTE_DELETE:
		request.routes.interface = 12;
		request.routes.count = 2;
		request.routes.prefix[0] = prefix_of("192.168.10.0/24");
		request.routes.prefix[1] = prefix_of("fd00:10::/48");
		break;
	case REQUEST_ADOPT:
		request.adopt.index = 2;
		request.adopt.route_offset = 256;
		break;
	case REQUEST_UP:
	case REQUEST_DNS:
		request.dns.interface = 12;
		request.dns.nameservers.server_count = 2;
		request.dns.nameservers.server[0] = addr_of("10.99.0.1");
		request.dns.nameservers.server[1] = addr_of("fd99::1");
		request.dns.nameservers.domain_count = 1;
		set_text(request.dns.nameservers.domain[0],
			sizeof(request.dns.nameservers.domain[0]), "corp.example");
		break;
	case REQUEST_PROBE:
		request.probe.prefix = prefix_of("10.1.0.0/24");
		break;
	case REQUEST_SILENT:
		request.silent.local = addr_of("192.0.2.1");
		break;
	case REQUEST_EXIT:
		request.exit.code = 3;
		set_text(request.exit.text, sizeof(request.exit.text),
			"the certificate has expired");
		break;
	default:
		break;
	}
	return request;
}

/* The reply to an ADOPT: the second page of an interface's routes. */
static inline struct request adopted_sample(void)
{
	struct request request = sample(REQUEST_REPLY);

	request.reply.error = 0;
	request.reply.text[0] = '\0';
	request.reply.count = 0;
	request.reply.adopts = true;
	request.reply.adopted = sample(REQUEST_INTERFACE).interface;
	request.reply.route_total = 258;
	request.reply.route_count = 2;
	request.reply.route[0] = prefix_of("192.168.10.0/24");
	request.reply.route[1] = prefix_of("fd00:10::/48");
	return request;
}

static inline int encode(const struct request *request, size_t *ret_len)
{
	struct writer writer;
	int r;

	writer_init(&writer, buffer, sizeof(buffer));
	r = request_encode(&writer, request);
	ck_assert(r == 0 || writer.len == 0);
	*ret_len = writer.len;
	return r;
}

/* Decodes from a copy of exactly that size, so that reading past it is noticed. */
static inline int decode(const void *data, size_t len, struct request *request)
{
	uint8_t *copy = malloc(len + 1);
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, len);
	r = request_decode(copy, len, request);
	free(copy);
	return r;
}

static inline void expect_encodes(const struct request *request, bool valid, const char *what)
{
	size_t len;

	ck_assert_msg(encode(request, &len) == (valid ? 0 : -EINVAL), "%s", what);
}

#endif
