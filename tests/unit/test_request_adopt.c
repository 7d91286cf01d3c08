/* SPDX-License-Identifier: Apache-2.0 */
/* The part of wire/request that hands interfaces from one engine to the next. */
#include "wire/request.h"

#include <errno.h>
#include <string.h>

#include "request_samples.h"
#include "unit.h"
#include "wire/message.h"

START_TEST(adopted_interfaces_arrive)
{
	struct request request = adopted_sample(), sent = request;
	char out[ADDR_TEXT_MAX];
	size_t len;

	ck_assert_int_eq(encode(&request, &len), 0);
	memset(&request, 0xff, sizeof(request));
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.reply.error, 0);
	ck_assert_uint_eq(request.reply.interface, 12);
	ck_assert_uint_eq(request.reply.ifindex, 40);
	ck_assert_str_eq(request.reply.ifname, "cv0");
	ck_assert(request.reply.adopts);
	ck_assert_str_eq(request.reply.adopted.peer.name, "branch-a");
	ck_assert_uint_eq(request.reply.adopted.mtu, 1500);
	ck_assert(request.reply.adopted.offloads);
	ck_assert(addr_equal(&request.reply.adopted.local4, &sent.reply.adopted.local4));
	ck_assert(addr_equal(&request.reply.adopted.remote6, &sent.reply.adopted.remote6));
	ck_assert_uint_eq(request.reply.route_total, 258);
	ck_assert_uint_eq(request.reply.route_count, 2);
	ck_assert_str_eq(prefix_format(&request.reply.route[0], out), "192.168.10.0/24");
	ck_assert_str_eq(prefix_format(&request.reply.route[1], out), "fd00:10::/48");
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_eq(decode(buffer, cut, &request), -EBADMSG);
	buffer[len] = 0;
	ck_assert_int_eq(decode(buffer, len + 1, &request), -EBADMSG);
	request = sample(REQUEST_REPLY);
	ck_assert_int_eq(encode(&request, &len), 0);
	memset(&request, 0xff, sizeof(request));
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_msg(!request.reply.adopts, "another reply hands over an interface");
	buffer[len - 1] = 2; /* adopts, which is 0 or 1 */
	ck_assert_int_eq(decode(buffer, len, &request), -EINVAL);
}
END_TEST

START_TEST(adopted_interfaces_are_held_to_their_range)
{
	struct request request = adopted_sample();

	request.reply.error = EPERM;
	expect_encodes(&request, false, "an interface beside an error");
	request = adopted_sample();
	request.reply.interface = 0;
	expect_encodes(&request, false, "an interface without a number");
	request = adopted_sample();
	request.reply.ifindex = 0;
	expect_encodes(&request, false, "an interface without an index");
	request = adopted_sample();
	request.reply.ifname[0] = '\0';
	expect_encodes(&request, false, "an interface without a name");
	request = adopted_sample();
	request.reply.adopted.mtu = MESSAGE_MTU_MIN - 1;
	expect_encodes(&request, false, "an mtu too small");
	request = adopted_sample();
	request.reply.adopted.peer.name[0] = '\0';
	expect_encodes(&request, false, "no peer");
	request = adopted_sample();
	request.reply.adopted.remote4.family = AF_UNSPEC;
	expect_encodes(&request, false, "half a pair");
	request.reply.adopted.local4.family = AF_UNSPEC;
	expect_encodes(&request, true, "IPv6 alone");
	request.reply.adopted.local6.family = AF_UNSPEC;
	request.reply.adopted.remote6.family = AF_UNSPEC;
	expect_encodes(&request, false, "no address at all");
}
END_TEST

START_TEST(adopted_routes_are_held_to_their_range)
{
	struct request request = adopted_sample();
	const size_t page = (size_t)REQUEST_PREFIX_MAX * 18; /* family, 16 bytes, length */
	size_t len;

	request.reply.route_total = 2;
	expect_encodes(&request, true, "all of the routes at once");
	request.reply.route_total = 1;
	expect_encodes(&request, false, "more routes than there are");
	request.reply.route_total = 0;
	request.reply.route_count = 0;
	expect_encodes(&request, true, "no route");
	request.reply.route_total = REQUEST_ROUTE_TOTAL_MAX;
	expect_encodes(&request, true, "as many routes as an interface may have");
	request.reply.route_total++;
	expect_encodes(&request, false, "more than that");
	request = adopted_sample();
	request.reply.route[1] = prefix_of("10.0.0.1/8");
	expect_encodes(&request, false, "host bits");
	request.reply.route[1] = prefix_of("10.0.0.0/8");
	request.reply.route[1].len = 33;
	expect_encodes(&request, false, "a length past the address");
	request.reply.route[1].addr.family = AF_UNSPEC;
	expect_encodes(&request, false, "a prefix of no family");
	request.reply.route_total = REQUEST_ROUTE_TOTAL_MAX;
	for (size_t i = 0; i < REQUEST_PREFIX_MAX; i++)
		request.reply.route[i] = prefix_of("fd00::/8");
	request.reply.route_count = REQUEST_PREFIX_MAX + 1;
	expect_encodes(&request, false, "more than fit");
	request.reply.route_count = REQUEST_PREFIX_MAX;
	ck_assert_int_eq(encode(&request, &len), 0);
	ck_assert_uint_le(len, REQUEST_SIZE_MAX);
	buffer[len - page - 1]++; /* the count before them: 256 becomes 257 */
	ck_assert_int_eq(decode(buffer, len, &request), -EINVAL);
}
END_TEST

START_TEST(adopts_tell_which)
{
	struct request request = sample(REQUEST_ADOPT);
	size_t len;

	ck_assert_int_eq(encode(&request, &len), 0);
	memset(&request, 0, sizeof(request));
	ck_assert_int_eq(decode(buffer, len, &request), 0);
	ck_assert_uint_eq(request.adopt.index, 2);
	ck_assert_uint_eq(request.adopt.route_offset, 256);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("request_adopt");

	unit_add(suite, "interface", adopted_interfaces_arrive);
	unit_add(suite, "interface's range", adopted_interfaces_are_held_to_their_range);
	unit_add(suite, "routes' range", adopted_routes_are_held_to_their_range);
	unit_add(suite, "adopt", adopts_tell_which);
	return suite;
}

int main(void)
{
	return unit_run("request_adopt", suite());
}
