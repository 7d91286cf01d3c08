/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: their line for a person, and there and back over the control socket. */
#include "base/finding.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static char *printed(const struct finding *finding, void (*print)(const struct finding *, FILE *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	print(finding, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(test_round_trip)
{
	struct findings findings = { .count = 0 };
	char *line;

	finding_cure(findings_add(&findings, FINDING_PROBLEM, "tun", "a\tb\n%d", 7), "do %s", "it");
	line = printed(&findings.items[0], finding_write);
	ck_assert_str_eq(line, "problem\ttun\ta b 7\tdo it");
	ck_assert_int_eq(finding_read(line, &findings), 0);
	ck_assert_uint_eq(findings.count, 2);
	ck_assert_mem_eq(&findings.items[0], &findings.items[1], sizeof(findings.items[0]));
	free(line);
	line = printed(&findings.items[1], finding_print);
	ck_assert_str_eq(line, "problem: tun: a b 7; fix it: do it\n");
	free(line);
	ck_assert(findings_have_problem(&findings));
	findings_free(&findings);
}
END_TEST

START_TEST(test_levels)
{
	struct findings findings = { .count = 0 };

	findings_add(&findings, FINDING_WARNING, "a", "first");
	findings_add(&findings, FINDING_ERROR, "b", "second");
	findings_add(&findings, FINDING_ERROR, "b", "third");
	ck_assert_uint_eq(findings_count(&findings, FINDING_ERROR), 2);
	ck_assert_uint_eq(findings_count(&findings, FINDING_NOTE), 0);
	ck_assert_str_eq(findings_first(&findings, FINDING_ERROR)->text.text, "second");
	ck_assert_ptr_null(findings_first(&findings, FINDING_NOTE));
	ck_assert(!findings_have_problem(&findings));
	ck_assert_str_eq(finding_level_text(FINDING_WARNING), "warning");
	ck_assert_str_eq(finding_level_text(FINDING_ERROR), "error");
	findings_free(&findings);
}
END_TEST

START_TEST(test_without_cure)
{
	struct findings findings = { .count = 0 };
	char *line;

	findings_add(&findings, FINDING_NOTE, "path", "narrow");
	line = printed(&findings.items[0], finding_print);
	ck_assert_str_eq(line, "note: path: narrow\n");
	free(line);
	ck_assert(!findings_have_problem(&findings));
	findings_free(&findings);
}
END_TEST

START_TEST(test_no_finding)
{
	static const char *const lines[] = { "", "ok", "ok\ta", "ok\ta\tb", "fine\ta\tb\tc" };
	struct findings findings = { .count = 0 };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "%s", lines[i]);
		ck_assert_int_eq(finding_read(line, &findings), -EPROTO);
	}
	ck_assert_uint_eq(findings.count, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("finding");

	unit_add(suite, "round_trip", test_round_trip);
	unit_add(suite, "levels", test_levels);
	unit_add(suite, "without_cure", test_without_cure);
	unit_add(suite, "no_finding", test_no_finding);
	return suite;
}

int main(void)
{
	return unit_run("finding", suite());
}
