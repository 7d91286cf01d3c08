/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* valgrind keeps RLIMIT_NOFILE to itself, so that the kernel holds nothing to it. */
/* The last descriptors stay free, however many newcomers take the place of others. */
#include "system/spare.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit.h"

static void limit_to(rlim_t count)
{
	const struct rlimit limit = { .rlim_cur = count, .rlim_max = count };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(the_last_ones_are_spare)
{
	limit_to(400);
	ck_assert(!spare_has(335));
	ck_assert(spare_has(336));
	ck_assert(spare_has(399));
	limit_to(100); /* a quarter */
	ck_assert(!spare_has(74));
	ck_assert(spare_has(75));
}
END_TEST

/* One goes for each that comes once the spare ones are touched: none of them is taken for long. */
START_TEST(newcomers_do_not_fill_them)
{
	int held[400], count = 0, fd;

	limit_to(400);
	for (int i = 0; i < 5000; i++) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		if (spare_has(fd)) {
			close(held[i % count]);
			fd = spare_leave(fd);
			held[i % count] = fd;
		} else {
			held[count++] = fd;
		}
		ck_assert(!spare_has(fd));
	}
	ck_assert_int_gt(count, 300);
}
END_TEST

START_TEST(a_low_one_stays)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(spare_leave(fd), fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("spare");

	unit_add(suite, "limit", the_last_ones_are_spare);
	unit_add(suite, "newcomers", newcomers_do_not_fill_them);
	unit_add(suite, "low", a_low_one_stays);
	return suite;
}

int main(void)
{
	return unit_run("spare", suite());
}
