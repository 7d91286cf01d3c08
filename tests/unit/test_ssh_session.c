/* SPDX-License-Identifier: Apache-2.0 */
/* Which SSH session a profile cuts off, and what `culvert up` says about it. */
#include "client/ssh_session.h"

#include <string.h>

#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

#define FROM "203.0.113.5 50123 192.0.2.1 22"

static struct settings settings;
static struct problem warning;

static void setup(void)
{
	settings = (struct settings){ .role = SETTINGS_CLIENT, .full_tunnel = true };
}

static void teardown(void)
{
	free(settings.bypass.items);
}

static bool is_cut(const char *connection)
{
	return ssh_session_is_cut(&settings, connection, &warning);
}

START_TEST(a_caller_is_named_with_the_cures)
{
	ck_assert(is_cut(FROM));
	ck_assert_ptr_nonnull(strstr(warning.text, "SSH from 203.0.113.5, which the full tunnel"));
	ck_assert_ptr_nonnull(strstr(warning.text, "answer_inbound = true;"));
	ck_assert_ptr_nonnull(strstr(warning.text, "bypass = [ \"203.0.113.5/32\" ];"));
	ck_assert(is_cut("fe80::1%eth0 50123 fe80::2%eth0 22"));
	ck_assert_ptr_nonnull(strstr(warning.text, "from fe80::1,"));
	settings.kill_switch = true;
	ck_assert(is_cut(FROM));
	ck_assert_ptr_nonnull(strstr(warning.text, "which the kill switch cuts off"));
	ck_assert_ptr_null(strstr(warning.text, "bypass"));
}
END_TEST

START_TEST(a_caller_that_is_answered_is_none)
{
	prefix_list_add(&settings.bypass, "203.0.113.0/24");
	ck_assert(!is_cut(FROM));
	settings.kill_switch = true;
	ck_assert_msg(is_cut(FROM), "a kill switch knows no bypass");
	settings.answer_inbound = true;
	ck_assert(!is_cut(FROM));
	settings = (struct settings){ .role = SETTINGS_CLIENT, .bypass = settings.bypass };
	ck_assert_msg(!is_cut(FROM), "a split tunnel");
}
END_TEST

START_TEST(no_session_is_no_warning)
{
	static const char *const texts[] = { NULL, "", " ", "nonsense 1 2 3",
		"127.0.0.1 1 127.0.0.1 22", "::1 1 ::1 22",
		"1111111111111111111111111111111111111111111111111111111111111111111111111 1" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_msg(!is_cut(texts[i]), "%s", texts[i] ? texts[i] : "NULL");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { a_caller_is_named_with_the_cures,
		a_caller_that_is_answered_is_none, no_session_is_no_warning };

	return unit_run("ssh_session",
		unit_suite("ssh_session", setup, teardown, tests, ARRAY_SIZE(tests)));
}
