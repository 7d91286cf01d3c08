/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error_text.h"
#include "base/exit_code.h"

#include <errno.h>

#include "unit.h"

START_TEST(what_clears_by_itself)
{
	static const int errors[] = { ENOMEM, EMFILE, ENFILE, ENOBUFS, EAGAIN, EBUSY, ENETDOWN,
		ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE, ENODEV, ENOSPC, EIO, ETIMEDOUT, EROFS };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		ck_assert_msg(error_is_passing(-errors[i]), "%s", error_text(errors[i]));
		ck_assert_int_eq(
			exit_code_of_error(-errors[i], EXIT_CODE_CONFIG), EXIT_CODE_FAILURE);
	}
}
END_TEST

START_TEST(what_a_person_mends)
{
	static const int errors[] = { EINVAL, ENOENT, EACCES, EPERM, EFBIG, EISDIR, ELOOP, ENOTDIR,
		EEXIST, ENAMETOOLONG, ENOTTY, ECANCELED, ENOEXEC };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		ck_assert_msg(!error_is_passing(-errors[i]), "%s", error_text(errors[i]));
		ck_assert_int_eq(
			exit_code_of_error(-errors[i], EXIT_CODE_CONFIG), EXIT_CODE_CONFIG);
	}
	ck_assert(!error_is_passing(0));
	ck_assert(!error_is_passing(ENOMEM)); /* not negative: no error of ours */
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("exit_code");

	unit_add(s, "passing", what_clears_by_itself);
	unit_add(s, "lasting", what_a_person_mends);
	return s;
}

int main(void)
{
	return unit_run("exit_code", suite());
}
