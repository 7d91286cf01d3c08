/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/issue.h"

#include <errno.h>
#include <string.h>

static int write_text(struct writer *writer, const char *text, size_t len)
{
	int r = writer_u16(writer, len);

	return r < 0 ? r : writer_copy(writer, text, len);
}

/* A text without NUL. -EINVAL: it has one, or does not fit. */
static int read_text(struct reader *reader, char *ret_text, size_t size)
{
	struct view view;
	uint16_t len;

	if (reader_u16(reader, &len) < 0 || reader_view(reader, len, &view) < 0)
		return -EBADMSG;
	if (len >= size || (len > 0 && memchr(view.data, 0, len)))
		return -EINVAL;
	if (len > 0)
		memcpy(ret_text, view.data, len);
	ret_text[len] = '\0';
	return 0;
}

/* All bytes that are left. */
static void read_rest(struct reader *reader, struct view *ret_view)
{
	(void)reader_view(reader, reader_left(reader), ret_view);
}

int issue_request_encode(struct writer *writer, const struct issue_request *request)
{
	struct writer attempt = *writer;
	int r = 0;

	if (request->number == 0 || request->request.len == 0 ||
		request->request.len > MESSAGE_SIGN_MAX)
		return -EINVAL;
	r = writer_u32(&attempt, request->number);
	if (r == 0)
		r = write_text(&attempt, request->name.name, strlen(request->name.name));
	if (r == 0)
		r = writer_copy(&attempt, request->request.data, request->request.len);
	if (r == 0)
		*writer = attempt;
	return r;
}

int issue_request_decode(const void *data, size_t len, struct issue_request *ret_request)
{
	struct issue_request request = { .number = 0 };
	char name[IDENTITY_MAX + 1];
	struct reader reader;
	int r;

	reader_init(&reader, data, len);
	if (reader_u32(&reader, &request.number) < 0)
		return -EBADMSG;
	r = read_text(&reader, name, sizeof(name));
	if (r < 0)
		return r;
	read_rest(&reader, &request.request);
	if (request.number == 0 || identity_set(&request.name, name, strlen(name)) < 0 ||
		request.request.len == 0 || request.request.len > MESSAGE_SIGN_MAX)
		return -EINVAL;
	*ret_request = request;
	return 0;
}

/* An issued certificate has no text, and a refusal has no certificate. */
static bool answer_is_valid(const struct issue_answer *answer)
{
	bool issued = answer->verdict == MESSAGE_VERDICT_ISSUED;

	return answer->number != 0 && answer->verdict <= MESSAGE_VERDICT_LATER &&
		answer->retry_after_ms <= MESSAGE_LIFETIME_MS_MAX &&
		(answer->certificate.len > 0) == issued &&
		answer->certificate.len <= MESSAGE_ISSUED_MAX;
}

int issue_answer_encode(struct writer *writer, const struct issue_answer *answer)
{
	struct writer attempt = *writer;
	int r;

	if (!answer_is_valid(answer))
		return -EINVAL;
	r = writer_u32(&attempt, answer->number);
	if (r == 0)
		r = writer_u8(&attempt, answer->verdict);
	if (r == 0)
		r = writer_u32(&attempt, answer->retry_after_ms);
	if (r == 0)
		r = write_text(&attempt, answer->text, strnlen(answer->text, MESSAGE_TEXT_MAX));
	if (r == 0)
		r = writer_copy(&attempt, answer->certificate.data, answer->certificate.len);
	if (r == 0)
		*writer = attempt;
	return r;
}

int issue_answer_decode(const void *data, size_t len, struct issue_answer *ret_answer)
{
	struct issue_answer answer = { .number = 0 };
	struct reader reader;
	int r;

	reader_init(&reader, data, len);
	if (reader_u32(&reader, &answer.number) < 0 || reader_u8(&reader, &answer.verdict) < 0 ||
		reader_u32(&reader, &answer.retry_after_ms) < 0)
		return -EBADMSG;
	r = read_text(&reader, answer.text, sizeof(answer.text));
	if (r < 0)
		return r;
	read_rest(&reader, &answer.certificate);
	if (!answer_is_valid(&answer))
		return -EINVAL;
	*ret_answer = answer;
	return 0;
}
