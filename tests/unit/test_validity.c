/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a certificate or a list, and when a person is told. */
#include "config/validity.h"

#include <string.h>

#include "base/array.h"
#include "tests/unit/unit.h"

enum { NOW = 1800000000, HOUR = 3600, DAY = 86400 };

START_TEST(stages)
{
	static const struct {
		int64_t from, until; /* seconds from now */
		enum validity_stage stage;
	} rows[] = {
		/* A year: 30, 7 and 1 days ahead. */
		{ -300L * DAY, 31L * DAY, VALIDITY_GOOD },
		{ -300L * DAY, 30L * DAY, VALIDITY_MONTH },
		{ -300L * DAY, 7L * DAY + 1, VALIDITY_MONTH },
		{ -300L * DAY, 7L * DAY, VALIDITY_WEEK },
		{ -300L * DAY, 1L * DAY + 1, VALIDITY_WEEK },
		{ -300L * DAY, 1L * DAY, VALIDITY_DAY },
		{ -300L * DAY, 1, VALIDITY_DAY },
		{ -300L * DAY, 0, VALIDITY_ENDED },
		{ -300L * DAY, -1, VALIDITY_ENDED },
		/* Thirty days: what renews it has begun to when a third is left. */
		{ -5L * DAY, 25L * DAY, VALIDITY_GOOD },
		{ -19L * DAY, 11L * DAY, VALIDITY_GOOD },
		{ -20L * DAY, 10L * DAY, VALIDITY_MONTH },
		{ -23L * DAY, 7L * DAY, VALIDITY_WEEK },
		/* Seven days. */
		{ -4L * DAY, 3L * DAY, VALIDITY_GOOD },
		{ -5L * DAY, 2L * DAY, VALIDITY_WEEK },
		{ -6L * DAY, 1L * DAY, VALIDITY_DAY },
		/* A day: in the last sixth. */
		{ -19L * HOUR, 5L * HOUR, VALIDITY_GOOD },
		{ -20L * HOUR, 4L * HOUR, VALIDITY_DAY },
		/* To come, by a clock that is behind. */
		{ 1, 300L * DAY, VALIDITY_TO_COME },
		{ 0, 300L * DAY, VALIDITY_GOOD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_msg(validity_judge(NOW + rows[i].from, NOW + rows[i].until, NOW) ==
				rows[i].stage,
			"row %zu", i);
	ck_assert_int_eq(
		validity_judge(NOW - DAY, 0, NOW), VALIDITY_GOOD); /* a list without an end */
	ck_assert_int_eq(validity_judge(NOW + DAY, 0, NOW), VALIDITY_TO_COME);
}
END_TEST

static const char *explained(enum tls_term_kind kind, int64_t left, bool current)
{
	static struct problem text;
	struct tls_term term = {
		.kind = kind, .name = "hub", .from = NOW - 300L * DAY, .until = NOW + left
	};

	validity_explain(&term, NOW, current, &text);
	return text.text;
}

START_TEST(words)
{
	ck_assert_str_eq(explained(TLS_TERM_CA, 40L * DAY, false), "");
	ck_assert_str_eq(explained(TLS_TERM_CERTIFICATE, 2L * DAY + HOUR, false),
		"certificate: that of hub ends in less than 3 days, on 2027-01-17 09:00 UTC: renew it, for example with culvert-pki renew");
	ck_assert_ptr_nonnull(strstr(explained(TLS_TERM_CERTIFICATE, 90, false),
		"that of hub ends in less than 1 hours, on 2027-01-15 08:01 UTC"));
	ck_assert_str_eq(explained(TLS_TERM_CA, -HOUR, false),
		"ca: the certificate of hub expired on 2027-01-15 07:00 UTC, or this host's clock is wrong: what it has issued is refused; replace it (culvert-pki rollover)");
	ck_assert_ptr_nonnull(strstr(explained(TLS_TERM_LIST, -HOUR, false), "it stays in force"));
	ck_assert_ptr_nonnull(strstr(
		explained(TLS_TERM_LIST, -HOUR, true), "each certificate of that CA is refused"));
	ck_assert_str_eq(validity_stage_text(VALIDITY_TO_COME), "not yet");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { stages, words };

	return unit_run("validity", unit_suite("validity", NULL, NULL, tests, ARRAY_SIZE(tests)));
}
