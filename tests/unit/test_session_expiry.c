/* SPDX-License-Identifier: Apache-2.0 */
/* When to look again whether a certificate has ended, by a wall clock that jumps. */
#include "base/array.h"
#include "tests/unit/unit.h"

#include "engine/session_internal.h"

enum { NOW = 1800000000 };

START_TEST(waits)
{
	static const struct {
		int64_t until, wait;
	} cases[] = {
		{ 0, SESSION_EXPIRY_LOOK_S }, /* it never ends */
		{ NOW + 86400L * 365 * 100, SESSION_EXPIRY_LOOK_S },
		{ NOW + SESSION_EXPIRY_LOOK_S + 1, SESSION_EXPIRY_LOOK_S },
		{ NOW + SESSION_EXPIRY_LOOK_S, SESSION_EXPIRY_LOOK_S },
		{ NOW + 1, 1 },
		{ NOW, 0 }, /* as a handshake judges: that second is too late */
		{ NOW - 1, 0 },
		{ 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(
			session_expiry_wait(cases[i].until, NOW).ns == DURATION_S(cases[i].wait).ns,
			"case %zu", i);
}
END_TEST

/* The clock is set: forward, it has ended; back, it has not. */
START_TEST(jumps)
{
	int64_t until = NOW + 3600;

	ck_assert_int_gt(session_expiry_wait(until, NOW).ns, 0);
	ck_assert_int_eq(session_expiry_wait(until, NOW + 7200).ns, 0);
	ck_assert_int_gt(session_expiry_wait(until, 0).ns, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session_expiry");

	unit_add(s, "waits", waits);
	unit_add(s, "jumps", jumps);
	return s;
}

int main(void)
{
	return unit_run("session_expiry", suite());
}
