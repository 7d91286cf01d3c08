/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "request_samples.h"
#include "unit.h"

START_TEST(what_is_said_is_understood)
{
	struct request request = sample((enum request_type)_i), back;
	uint8_t first[1024];
	struct writer writer;
	size_t len, again;

	if (!has_type(_i))
		return;
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_uint_le(len, sizeof(first));
	memcpy(first, buffer, len);
	ck_assert_int_eq(decode(first, len, &back), 0);
	ck_assert_int_eq(back.type, request.type);
	ck_assert_uint_eq(back.id, request.id);
	ck_assert_int_eq(encode(&back, &again), 0);
	ck_assert_uint_eq(again, len);
	ck_assert_mem_eq(buffer, first, len);
	for (size_t room = 0; room < len; room++) {
		writer_init(&writer, buffer, room);
		ck_assert_int_eq(request_encode(&writer, &request), -ENOBUFS);
		ck_assert_uint_eq(writer.len, 0);
	}
}
END_TEST

START_TEST(members_arrive)
{
	struct request request, sent;
	char out[ADDR_TEXT_MAX];
	size_t len;

	request = sample(REQUEST_CONFIGURE);
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.configure.version, REQUEST_VERSION);
	ck_assert_uint_eq(request.configure.generation, 7);
	ck_assert_uint_eq(request.configure.adopt_count, 3);
	ck_assert(request.configure.held);
	ck_assert_uint_eq(request.configure.instance[0], 0xf0);
	ck_assert_uint_eq(request.configure.instance[REQUEST_INSTANCE_SIZE - 1], 0xff);
	ck_assert_uint_eq(request.configure.fd_count, 3);
	ck_assert_uint_eq(request.configure.fd_kind[1], REQUEST_FD_LISTENER);
	ck_assert_str_eq(request.configure.path, "/etc/culvert/culvertd.conf");

	request = sample(REQUEST_REPLY);
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.reply.error, EBUSY);
	ck_assert_str_eq(request.reply.text, "the interface is taken");
	ck_assert_uint_eq(request.reply.interface, 12);
	ck_assert_uint_eq(request.reply.ifindex, 40);
	ck_assert_str_eq(request.reply.ifname, "cv0");
	ck_assert_uint_eq(request.reply.count, 2);
	ck_assert_uint_eq(request.reply.verdicts[0].verdict, ROUTE_ACCEPTED);
	ck_assert_uint_eq(request.reply.verdicts[1].verdict, ROUTE_TAKEN);
	ck_assert_str_eq(request.reply.verdicts[0].reason, "");
	ck_assert_str_eq(request.reply.verdicts[1].reason, "cv1 has it");

	request = sample(REQUEST_INTERFACE);
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_str_eq(request.interface.peer.name, "branch-a");
	ck_assert_uint_eq(request.interface.mtu, 1500);
	ck_assert(request.interface.offloads);
	ck_assert_str_eq(addr_format(&request.interface.remote4, out), "10.99.0.2");
	ck_assert_str_eq(addr_format(&request.interface.local6, out), "fd99::1");
	ck_assert_str_eq(addr_format(&request.interface.outer.addr, out), "192.0.2.1");
	ck_assert_uint_eq(request.interface.outer.port, 443);

	request = sample(REQUEST_ROUTE_ADD);
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.routes.interface, 12);
	ck_assert_uint_eq(request.routes.count, 2);
	ck_assert_str_eq(prefix_format(&request.routes.prefix[1], out), "fd00:10::/48");

	sent = sample(REQUEST_DNS);
	ck_assert_int_eq(encode(&sent, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.dns.interface, 12);
	ck_assert(nameservers_equal(&request.dns.nameservers, &sent.dns.nameservers));

	sent = sample(REQUEST_TRACKED);
	ck_assert_int_eq(encode(&sent, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.tracked.total, 7);
	ck_assert_uint_eq(request.tracked.offset, 5);
	ck_assert_uint_eq(request.tracked.count, 2);
	ck_assert_str_eq(prefix_format(&request.tracked.prefix[0], out), "10.3.0.0/24");

	request = sample(REQUEST_LACK);
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.lack.interface, 12);
	ck_assert(!request.lack.link && !request.lack.local4 && request.lack.local6);
	ck_assert_str_eq(request.lack.text, "wan0 has it");
	ck_assert_uint_eq(request.lack.total, 3);
	ck_assert_uint_eq(request.lack.offset, 1);
	ck_assert_uint_eq(request.lack.count, 1);
	ck_assert_str_eq(prefix_format(&request.lack.prefix[0], out), "10.2.0.0/16");

	request = sample(REQUEST_JUDGED);
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.judged.interface, 12);
	ck_assert_str_eq(prefix_format(&request.judged.prefix, out), "192.168.10.0/24");
	ck_assert_uint_eq(request.judged.verdict.verdict, ROUTE_LOCAL);
	ck_assert_str_eq(request.judged.verdict.reason, "wlan0 has it");

	request = sample(REQUEST_HELD);
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.held.count, 2);
	ck_assert_str_eq(request.held.items[0].name, "resolvers");
	ck_assert(request.held.items[0].in_place && !request.held.items[1].in_place);
	ck_assert_uint_eq(request.held.items[1].changes, 3);
	ck_assert_str_eq(request.held.items[1].what, "rule 25463");
	ck_assert_str_eq(request.held.items[1].writer, "bird");
	ck_assert_str_eq(request.held.items[1].why, "no memory");

	sent = sample(REQUEST_CARRIER);
	ck_assert_int_eq(encode(&sent, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.carrier.interface, 12);
	ck_assert(request.carrier.on);

	sent = sample(REQUEST_SILENT);
	ck_assert_int_eq(encode(&sent, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert(addr_equal(&request.silent.local, &sent.silent.local));

	sent = sample(REQUEST_PROBE);
	ck_assert_int_eq(encode(&sent, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert(prefix_equal(&request.probe.prefix, &sent.probe.prefix));
	sent.probe.prefix.addr.bytes[3] = 1;
	expect_encodes(&sent, false, "a probe of a prefix with host bits");

	request = sample(REQUEST_EXIT);
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.exit.code, 3);
	ck_assert_str_eq(request.exit.text, "the certificate has expired");
}
END_TEST

START_TEST(cut_and_over_long_datagrams_are_refused)
{
	struct request request = sample((enum request_type)_i);
	struct request untouched = { .id = 77 };
	uint8_t bytes[1024];
	size_t len;

	if (!has_type(_i))
		return;
	ck_assert_int_eq(encode(&request, &len), 0);
	memcpy(bytes, buffer, len);
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_eq(decode(bytes, cut, &untouched), -EBADMSG);
	bytes[len] = 0;
	ck_assert_int_eq(decode(bytes, len + 1, &untouched), -EBADMSG);
	ck_assert_uint_eq(untouched.id, 77);
	ck_assert_int_eq(decode(buffer, sizeof(buffer), &untouched), -EBADMSG);
}
END_TEST

START_TEST(unknown_types_are_refused)
{
	static const uint16_t types[] = { 0, REQUEST_TYPE_COUNT, 99, 0x0100, 0xffff };
	struct request request;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		uint8_t bytes[] = { (uint8_t)(types[i] >> 8), (uint8_t)types[i], 0, 0, 0, 1 };

		ck_assert_int_eq(decode(bytes, sizeof(bytes), &request), -EPROTONOSUPPORT);
		memset(&request, 0, sizeof(request));
		request.type = (enum request_type)types[i];
		expect_encodes(&request, false, "an unknown type");
	}
}
END_TEST

START_TEST(ids_are_where_they_belong)
{
	struct request request = sample(REQUEST_STOP);
	uint8_t stop[] = { 0, REQUEST_STOP, 0, 0, 0, 0 };

	ck_assert_int_eq(decode(stop, sizeof(stop), &request), 0);
	stop[5] = 1;
	ck_assert_int_eq(decode(stop, sizeof(stop), &request), -EINVAL);
	request = sample(REQUEST_CONFIGURE);
	request.id = 1;
	expect_encodes(&request, false, "a configure with an id");
}
END_TEST

START_TEST(texts_hold_no_nul)
{
	struct request request = sample(REQUEST_EXIT);
	size_t len = 0;

	ck_assert_int_eq(encode(&request, &len), 0);
	buffer[len - 3] = '\0';
	ck_assert_int_eq(decode(buffer, len, &request), -EINVAL);
}
END_TEST

/* A reply has room for the longest words beside each of its verdicts. */
START_TEST(all_routes_may_be_refused_with_words)
{
	struct request request = sample(REQUEST_REPLY);
	size_t len;

	request.reply.count = REQUEST_PREFIX_MAX;
	for (size_t i = 0; i < REQUEST_PREFIX_MAX; i++) {
		request.reply.verdicts[i].verdict = ROUTE_TAKEN;
		memset(request.reply.verdicts[i].reason, 'w', REQUEST_REASON_MAX);
	}
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(
		strlen(request.reply.verdicts[REQUEST_PREFIX_MAX - 1].reason), REQUEST_REASON_MAX);
}
END_TEST

START_TEST(types_have_names)
{
	for (int type = 1; type < REQUEST_TYPE_COUNT; type++)
		ck_assert(has_type(type));
	ck_assert_str_eq(request_type_name(REQUEST_TYPE_COUNT), "unknown");
}
END_TEST

START_TEST(mutated_requests_never_lead_astray)
{
	const int rounds = unit_rounds(5000);
	struct random random = { (uint64_t)_i };

	if (_i < REQUEST_TYPE_COUNT && !has_type(_i))
		return;
	for (int round = 0; round < rounds; round++) {
		struct request request = _i < REQUEST_TYPE_COUNT ? sample((enum request_type)_i)
								 : adopted_sample();
		struct request back;
		uint8_t bytes[1024];
		size_t len, again;

		ck_assert_int_eq(encode(&request, &len), 0);
		memcpy(bytes, buffer, len);
		for (size_t n = random_below(&random, 4) + 1; n > 0; n--)
			bytes[random_below(&random, len)] = (uint8_t)random_next(&random);
		if (decode(bytes, len, &request) < 0)
			continue;
		/* Whatever decodes can be said again, and means the same. */
		ck_assert_int_eq(encode(&request, &len), 0);
		memcpy(bytes, buffer, len);
		ck_assert_int_eq(decode(bytes, len, &back), 0);
		ck_assert_int_eq(encode(&back, &again), 0);
		ck_assert_uint_eq(again, len);
		ck_assert_mem_eq(buffer, bytes, len);
	}
}
END_TEST

START_TEST(random_datagrams_never_lead_astray)
{
	const int rounds = unit_rounds(50000);
	struct random random = { 5 };

	for (int round = 0; round < rounds; round++) {
		uint8_t bytes[200];
		size_t len = random_below(&random, sizeof(bytes) + 1);
		struct request request;
		int r;

		random_fill(&random, bytes, len);
		if (len > 1) {
			bytes[0] = 0;
			bytes[1] = (uint8_t)random_below(&random, REQUEST_TYPE_COUNT + 1);
		}
		r = decode(bytes, len, &request);
		ck_assert(r == 0 || r == -EBADMSG || r == -EINVAL || r == -EPROTONOSUPPORT);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("request");

	unit_add_loop(suite, "round trip", what_is_said_is_understood, 1, REQUEST_TYPE_COUNT);
	unit_add(suite, "members", members_arrive);
	unit_add_loop(suite, "cut", cut_and_over_long_datagrams_are_refused, 1, REQUEST_TYPE_COUNT);
	unit_add(suite, "types", unknown_types_are_refused);
	unit_add(suite, "ids", ids_are_where_they_belong);
	unit_add(suite, "texts", texts_hold_no_nul);
	unit_add(suite, "routes", all_routes_may_be_refused_with_words);
	unit_add(suite, "names", types_have_names);
	unit_add_loop(
		suite, "mutations", mutated_requests_never_lead_astray, 1, REQUEST_TYPE_COUNT + 1);
	unit_add(suite, "random", random_datagrams_never_lead_astray);
	return suite;
}

int main(void)
{
	return unit_run("request", suite());
}
