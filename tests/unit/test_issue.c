/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/issue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static uint8_t bytes[ISSUE_SIZE_MAX];
static struct writer writer;

static const struct issue_request asked = {
	.number = 9,
	.name = { .name = "branch-a" },
	.request = { .data = (const uint8_t *)"request", .len = 7 },
};

static const struct issue_answer issued = {
	.number = 9,
	.certificate = { .data = (const uint8_t *)"-----BEGIN", .len = 10 },
};

static const struct issue_answer refused = {
	.number = 9,
	.verdict = MESSAGE_VERDICT_LATER,
	.retry_after_ms = 60000,
	.text = "too many",
};

static void setup(void)
{
	writer_init(&writer, bytes, sizeof(bytes));
}

START_TEST(requests_come_back_as_they_were)
{
	struct issue_request back;

	ck_assert_int_eq(issue_request_encode(&writer, &asked), 0);
	ck_assert_int_eq(issue_request_decode(bytes, writer.len, &back), 0);
	ck_assert_uint_eq(back.number, 9);
	ck_assert_str_eq(back.name.name, "branch-a");
	ck_assert_uint_eq(back.request.len, 7);
	ck_assert_mem_eq(back.request.data, "request", 7);
	for (size_t room = 0; room < writer.len; room++) {
		struct writer small;

		writer_init(&small, bytes, room);
		ck_assert_int_eq(issue_request_encode(&small, &asked), -ENOBUFS);
		ck_assert_uint_eq(small.len, 0);
	}
}
END_TEST

START_TEST(answers_come_back_as_they_were)
{
	struct issue_answer back;

	ck_assert_int_eq(issue_answer_encode(&writer, &issued), 0);
	ck_assert_int_eq(issue_answer_decode(bytes, writer.len, &back), 0);
	ck_assert_uint_eq(back.verdict, MESSAGE_VERDICT_ISSUED);
	ck_assert_mem_eq(back.certificate.data, "-----BEGIN", 10);
	writer_init(&writer, bytes, sizeof(bytes));
	ck_assert_int_eq(issue_answer_encode(&writer, &refused), 0);
	ck_assert_int_eq(issue_answer_decode(bytes, writer.len, &back), 0);
	ck_assert_str_eq(back.text, "too many");
	ck_assert_uint_eq(back.retry_after_ms, 60000);
	ck_assert_uint_eq(back.certificate.len, 0);
}
END_TEST

START_TEST(odd_values_are_refused)
{
	struct issue_request request = asked;
	struct issue_answer answer = issued;

	request.number = 0;
	ck_assert_int_eq(issue_request_encode(&writer, &request), -EINVAL);
	request = asked;
	request.request.len = 0;
	ck_assert_int_eq(issue_request_encode(&writer, &request), -EINVAL);
	answer.verdict = MESSAGE_VERDICT_REFUSED;
	ck_assert_int_eq(issue_answer_encode(&writer, &answer), -EINVAL);
	answer = refused;
	answer.verdict = MESSAGE_VERDICT_ISSUED;
	ck_assert_int_eq(issue_answer_encode(&writer, &answer), -EINVAL);
	answer = refused;
	answer.verdict = MESSAGE_VERDICT_LATER + 1;
	ck_assert_int_eq(issue_answer_encode(&writer, &answer), -EINVAL);
	ck_assert_int_eq(issue_request_encode(&writer, &asked), 0);
	bytes[6] = ' '; /* the name's first letter */
	ck_assert_int_eq(issue_request_decode(bytes, writer.len, &request), -EINVAL);
}
END_TEST

/* Whatever the bytes are, nothing past their end is read, and what is taken encodes again. */
START_TEST(random_bytes_never_lead_astray)
{
	unsigned seed = 1;

	for (int round = 0; round < unit_rounds(20000); round++) {
		size_t len = (size_t)rand_r(&seed) % 64;
		uint8_t *exact = malloc(len + 1);
		struct issue_request request;
		struct issue_answer answer;

		setup();
		if (round % 2)
			ck_assert_int_eq(issue_request_encode(&writer, &asked), 0);
		else
			ck_assert_int_eq(issue_answer_encode(&writer, &refused), 0);
		len = len < writer.len ? len : writer.len;
		memcpy(exact, bytes, len);
		for (int i = 0; i < 3 && len > 0; i++)
			exact[(size_t)rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		setup();
		if (issue_request_decode(exact, len, &request) == 0)
			ck_assert_int_eq(issue_request_encode(&writer, &request), 0);
		if (issue_answer_decode(exact, len, &answer) == 0)
			ck_assert_int_eq(issue_answer_encode(&writer, &answer), 0);
		free(exact);
	}
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { requests_come_back_as_they_were,
		answers_come_back_as_they_were, odd_values_are_refused,
		random_bytes_never_lead_astray };

	return unit_suite("issue", setup, NULL, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("issue", suite());
}
