/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "tests/unit/json_read.h"
#include "tests/unit/unit.h"

/* The writer over a memory stream; written() gives the text without the spaces that are only for
 * people. */
struct sink {
	struct json json;
	FILE *out;
	char *text;
	size_t len;
};

static void sink_open(struct sink *sink)
{
	sink->text = NULL;
	sink->out = open_memstream(&sink->text, &sink->len);
	ck_assert_ptr_nonnull(sink->out);
	json_init(&sink->json, sink->out);
}

static const char *written(struct sink *sink)
{
	bool quoted = false, escaped = false;
	size_t to = 0;

	ck_assert_int_eq(fclose(sink->out), 0);
	for (size_t i = 0; i < sink->len; i++) {
		char byte = sink->text[i];

		if (byte == '"' && !escaped)
			quoted = !quoted;
		escaped = byte == '\\' && !escaped;
		if (quoted || (byte != ' ' && byte != '\n'))
			sink->text[to++] = byte;
	}
	sink->text[to] = '\0';
	return sink->text;
}

START_TEST(structure)
{
	struct sink sink;

	sink_open(&sink);
	json_object_begin(&sink.json, NULL);
	json_object_begin(&sink.json, "empty");
	json_object_end(&sink.json);
	json_array_begin(&sink.json, "none");
	json_array_end(&sink.json);
	json_array_begin(&sink.json, "list");
	json_bool(&sink.json, NULL, true);
	json_bool(&sink.json, NULL, false);
	json_null(&sink.json, NULL);
	json_object_begin(&sink.json, NULL);
	json_string(&sink.json, "a", "b c");
	json_string(&sink.json, "missing", NULL);
	json_object_end(&sink.json);
	json_array_end(&sink.json);
	json_u64(&sink.json, "last", 7);
	json_object_end(&sink.json);
	ck_assert_str_eq(written(&sink),
		"{\"empty\":{},\"none\":[],\"list\":[true,false,null,{\"a\":\"b c\",\"missing\":null}],"
		"\"last\":7}");
	free(sink.text);
}
END_TEST

/* One array with one string in it. */
static const char *string_of(struct sink *sink, const char *text)
{
	sink_open(sink);
	json_array_begin(&sink->json, NULL);
	json_string(&sink->json, NULL, text);
	json_array_end(&sink->json);
	return written(sink);
}

START_TEST(strings)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "[\"\"]" },
		{ "say \"x\"", "[\"say \\\"x\\\"\"]" },
		{ "plain ~", "[\"plain ~\"]" },
		{ "\\x41 \\", "[\"\\\\x41 \\\\\"]" },
		{ "a\nb", "[\"a\\nb\"]" },
		{ "\x01\x1b\x7f", "[\"\\u0001\\u001b\\u007f\"]" },
		{ "\xc3\xa9", "[\"\\u00e9\"]" },                  /* U+00E9 */
		{ "\xe2\x86\x92", "[\"\\u2192\"]" },              /* U+2192 */
		{ "\xf0\x9f\x98\x80!", "[\"\\ud83d\\ude00!\"]" }, /* U+1F600 */
		{ "\xf4\x8f\xbf\xbf", "[\"\\udbff\\udfff\"]" },   /* U+10FFFF, the last */
		{ "\xf4\x90\x80\x80", "[\"\\ufffd\\ufffd\\ufffd\\ufffd\"]" }, /* past the last */
		{ "\xc0\x80", "[\"\\ufffd\\ufffd\"]" },                       /* overlong NUL */
		{ "\xe0\x9f\xbf", "[\"\\ufffd\\ufffd\\ufffd\"]" },            /* overlong */
		{ "\xed\xa0\x80", "[\"\\ufffd\\ufffd\\ufffd\"]" },            /* a surrogate */
		{ "\x80z", "[\"\\ufffdz\"]" },            /* a continuation alone */
		{ "\xe2\x86", "[\"\\ufffd\\ufffd\"]" },   /* cut at the end */
		{ "\xe2\x86z", "[\"\\ufffd\\ufffdz\"]" }, /* cut in between */
		{ "\xff\xfe", "[\"\\ufffd\\ufffd\"]" },
	};
	struct sink sink;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_str_eq(string_of(&sink, cases[i].text), cases[i].json);
		free(sink.text);
	}
}
END_TEST

/* No pair of bytes breaks the syntax or leaves ASCII. */
START_TEST(any_bytes)
{
	const int step = 255 / unit_rounds(255);

	for (int first = 1; first < 256; first += step) {
		char value[32];
		struct sink sink;

		sink_open(&sink);
		json_array_begin(&sink.json, NULL);
		for (int second = 1; second < 256; second++) {
			char text[] = { (char)first, (char)second, '\0' };

			json_string(&sink.json, NULL, text);
		}
		json_array_end(&sink.json);
		ck_assert_int_eq(fclose(sink.out), 0);
		ck_assert_msg(json_is_valid(sink.text), "%02x", (unsigned)first);
		ck_assert_str_ne(json_at(sink.text, "254", value, sizeof(value)), "-");
		ck_assert_str_eq(json_at(sink.text, "255", value, sizeof(value)), "-");
		for (size_t i = 0; i < sink.len; i++)
			ck_assert((sink.text[i] >= 0x20 && sink.text[i] <= 0x7e) ||
				sink.text[i] == '\n');
		free(sink.text);
	}
}
END_TEST

/* What somebody else has written, as JSON or not. */
START_TEST(plain_text)
{
	static const uint8_t seconds[] = { 0x01, 0x1b, 'x', 0x7f, 0x80, 0x9b, 0xae, 0xc2, 0xff };

	const int step = 255 / unit_rounds(255);

	for (int first = 1; first < 256; first += step) {
		for (size_t at = 0; at < sizeof(seconds); at++) {
			char text[] = { '[', '"', (char)first, (char)seconds[at], '"', ']', '\n' };
			bool breaks = memchr("\"\\\n\t", first, 4);
			struct sink sink;

			sink_open(&sink);
			json_put_plain(sink.out, text, sizeof(text));
			ck_assert_int_eq(fclose(sink.out), 0);
			for (size_t i = 0; i < sink.len; i++)
				ck_assert((sink.text[i] >= 0x20 && sink.text[i] <= 0x7e) ||
					sink.text[i] == '\n' || sink.text[i] == '\t');
			ck_assert_msg(breaks || json_is_valid(sink.text), "%s", sink.text);
			free(sink.text);
		}
	}
}
END_TEST

START_TEST(numbers)
{
	struct sink sink;

	sink_open(&sink);
	json_array_begin(&sink.json, NULL);
	json_u64(&sink.json, NULL, UINT64_MAX);
	json_i64(&sink.json, NULL, INT64_MIN);
	json_duration(&sink.json, NULL, DURATION_S(0));
	json_duration(&sink.json, NULL, DURATION_MS(1500));
	json_duration(&sink.json, NULL, DURATION_MS(-250));
	json_duration(&sink.json, NULL, (struct duration){ .ns = 1999 });
	json_duration(&sink.json, NULL, (struct duration){ .ns = INT64_MAX });
	json_array_end(&sink.json);
	ck_assert_str_eq(written(&sink),
		"[18446744073709551615,-9223372036854775808,0.000000,1.500000,-0.250000,0.000001,"
		"9223372036.854775]");
	free(sink.text);
}
END_TEST

START_TEST(too_deep)
{
	struct sink sink;

	sink_open(&sink);
	for (int i = 0; i < JSON_DEPTH_MAX + 5; i++) {
		json_array_begin(&sink.json, NULL);
		json_u64(&sink.json, NULL, 1);
	}
	for (int i = 0; i < JSON_DEPTH_MAX + 5; i++)
		json_array_end(&sink.json);
	json_array_end(&sink.json); /* one too many is ignored */
	ck_assert_int_eq(fclose(sink.out), 0);
	ck_assert(json_is_valid(sink.text));
	free(sink.text);
}
END_TEST

START_TEST(failing_stream)
{
	char room[8];
	FILE *out = fmemopen(room, sizeof(room), "w");
	struct json json;

	ck_assert_ptr_nonnull(out);
	json_init(&json, out);
	json_array_begin(&json, NULL);
	for (int i = 0; i < 100; i++)
		json_string(&json, NULL, "more than fits");
	json_array_end(&json);
	ck_assert(fflush(out) != 0 || ferror(out));
	fclose(out);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("json");

	unit_add(s, "structure", structure);
	unit_add(s, "strings", strings);
	unit_add(s, "any_bytes", any_bytes);
	unit_add(s, "plain_text", plain_text);
	unit_add(s, "numbers", numbers);
	unit_add(s, "too_deep", too_deep);
	unit_add(s, "failing_stream", failing_stream);
	return s;
}

int main(void)
{
	return unit_run("json", suite());
}
