/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/checksum.h"

#include "random.h"
#include "segment_model.h"
#include "unit.h"

START_TEST(folds)
{
	ck_assert_uint_eq(checksum_fold(UINT32_MAX), 0xffff);
	ck_assert_uint_eq(checksum_fold(0x1fffe), 0xffff);
	ck_assert_uint_eq(checksum_fold(0x1ffff), 1);
}
END_TEST

/* RFC 1624, 4: where an older equation gave 0xffff. */
START_TEST(a_change_is_that_of_rfc_1624)
{
	ck_assert_uint_eq(checksum_replace(0xdd2f, 0x5555, 0x3285), 0x0000);
}
END_TEST

START_TEST(changes_are_followed_as_if_made_anew)
{
	struct random random = { 1624 };
	uint8_t header[60];

	for (int i = 0; i < unit_rounds(100000); i++) {
		size_t len = 20 + 4 * random_below(&random, 11);
		size_t at = 2 * random_below(&random, len / 2);
		uint16_t value = (uint16_t)random_next(&random);
		bool partial = i % 2 == 0;

		random_fill(&random, header, len);
		/* The words at the edges are where the one's complement errs. */
		if (random_below(&random, 4) == 0)
			value = random_below(&random, 2) == 0 ? 0 : 0xffff;
		if (at == 10)
			continue;
		model_put16(header + 10, 0);
		model_put16(header + 10,
			partial ? model_sum(0, header, len) : 0xffff - model_sum(0, header, len));
		if (partial)
			checksum_sum_put(header, at, value, 10);
		else
			checksum_put(header, at, value, 10);
		ck_assert_uint_eq(model_get16(header + at), value);
		value = (uint16_t)model_get16(header + 10);
		model_put16(header + 10, 0);
		ck_assert_uint_eq(value,
			partial ? model_sum(0, header, len) : 0xffff - model_sum(0, header, len));
	}
}
END_TEST

START_TEST(sums_as_the_model_does)
{
	struct random random = { 1071 };
	uint8_t data[200];

	for (int i = 0; i < unit_rounds(20000); i++) {
		size_t at = random_below(&random, 8), len = random_below(&random, sizeof(data) - 8);

		if (i % 3 == 0)
			memset(data, i % 2 == 0 ? 0xff : 0, sizeof(data));
		else
			random_fill(&random, data, sizeof(data));
		ck_assert_uint_eq(checksum_sum(&data[at], len), model_sum(0, &data[at], len));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("checksum");

	unit_add(suite, "fold", folds);
	unit_add(suite, "rfc 1624", a_change_is_that_of_rfc_1624);
	unit_add(suite, "random", changes_are_followed_as_if_made_anew);
	unit_add(suite, "sum", sums_as_the_model_does);
	return suite;
}

int main(void)
{
	return unit_run("checksum", suite());
}
