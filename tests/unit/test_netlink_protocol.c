/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_protocol.h"

#include "unit.h"

START_TEST(programs_are_named_by_their_number)
{
	ck_assert_str_eq(netlink_protocol_name(12), "bird");
	ck_assert_str_eq(netlink_protocol_name(16), "a DHCP client");
	ck_assert_str_eq(netlink_protocol_name(67), "culvert");
	ck_assert_ptr_null(netlink_protocol_name(0));
	ck_assert_ptr_null(netlink_protocol_name(99 + 1));
	ck_assert_ptr_null(netlink_protocol_name(255));
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("netlink_protocol");

	unit_add(suite, "names", programs_are_named_by_their_number);
	return suite;
}

int main(void)
{
	return unit_run("netlink_protocol", suite());
}
