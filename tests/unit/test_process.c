/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system/process: capabilities of the running process. Spawning is the system tests' and tests/assumptions' business.
 *
 * check: own-process
 */
#include "system/process.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit.h"

static void set_effective(uint32_t effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
	data[0].effective = effective;
	data[1].effective = 0;
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

START_TEST(what_is_permitted_comes_into_effect)
{
	set_effective(0);
	ck_assert(!process_has_capability(CAP_NET_ADMIN));
	ck_assert_int_eq(process_use_permitted(), 0);
	ck_assert(process_has_capability(CAP_NET_ADMIN));
}
END_TEST

START_TEST(what_is_given_up_does_not_come_back)
{
	static const int kept[] = { CAP_NET_ADMIN };

	ck_assert_int_eq(process_keep_capabilities(kept, 1), 0);
	ck_assert_int_eq(process_use_permitted(), 0);
	ck_assert(process_has_capability(CAP_NET_ADMIN));
	ck_assert(!process_has_capability(CAP_SETUID));
}
END_TEST

START_TEST(nobody_has_nothing_to_use)
{
	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(process_use_permitted(), 0);
	ck_assert(!process_has_capability(CAP_NET_ADMIN));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("process");

	/* A process without capabilities cannot give any up. */
	if (process_has_capability(CAP_NET_ADMIN) && process_has_capability(CAP_SETUID)) {
		unit_add(suite, "permitted", what_is_permitted_comes_into_effect);
		unit_add(suite, "given up", what_is_given_up_does_not_come_back);
	}
	if (geteuid() == 0)
		unit_add(suite, "nobody", nobody_has_nothing_to_use);
	return unit_run("process", suite);
}
