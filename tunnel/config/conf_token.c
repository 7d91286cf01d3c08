/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Treats strings and comments as libconfig's scanner does. A string ends at the next quote without
 * a backslash before it and may have several lines. Comments go from # or // to the end of the
 * line, or from slash-star to star-slash. So an @ outside of these can only begin @include, which
 * would let a configuration name files that netd has not been given.
 */
#include "config/conf_token.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/problem.h"

void conf_scanner_init(struct conf_scanner *scanner, const char *text, size_t len)
{
	reader_init(&scanner->reader, text, len);
	scanner->line = 1;
}

/* Returns the byte `ahead` positions further, or -1 at the end. */
static int peek(const struct conf_scanner *scanner, size_t ahead)
{
	struct reader copy = scanner->reader;
	struct view view;

	return reader_view(&copy, ahead + 1, &view) < 0 ? -1 : view.data[ahead];
}

static int take(struct conf_scanner *scanner)
{
	uint8_t byte;

	if (reader_u8(&scanner->reader, &byte) < 0)
		return -1;
	if (byte == '\n')
		scanner->line++;
	return byte;
}

static bool is_blank(int byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
}

static bool is_symbol(int byte)
{
	return byte > 0 && strchr("{}[]()=:;,", byte);
}

static bool begins_comment(const struct conf_scanner *scanner)
{
	int byte = peek(scanner, 0);

	return byte == '#' || (byte == '/' && (peek(scanner, 1) == '/' || peek(scanner, 1) == '*'));
}

/* Returns false if the comment is not closed. */
static bool skip_comment(struct conf_scanner *scanner)
{
	bool is_block = peek(scanner, 0) == '/' && peek(scanner, 1) == '*';
	int byte;

	(void)take(scanner);
	if (is_block)
		(void)take(scanner);
	while ((byte = peek(scanner, 0)) >= 0) {
		if (!is_block && byte == '\n')
			return true;
		(void)take(scanner);
		if (is_block && byte == '*' && peek(scanner, 0) == '/') {
			(void)take(scanner);
			return true;
		}
	}
	return !is_block;
}

/* Returns false if the string is not closed. Sets *ret_text to what is between the quotes. */
static bool take_string(struct conf_scanner *scanner, struct view *ret_text)
{
	struct reader start;
	size_t len = 0;
	int byte;

	(void)take(scanner);
	start = scanner->reader;
	while ((byte = take(scanner)) >= 0) {
		if (byte == '"')
			return reader_view(&start, len, ret_text) == 0;
		len++;
		if (byte == '\\' && take(scanner) >= 0)
			len++;
	}
	return false;
}

static struct view take_word(struct conf_scanner *scanner)
{
	struct reader start = scanner->reader;
	struct view view = { .len = 0 };
	size_t len = 0;

	while (peek(scanner, 0) > 0 && !is_blank(peek(scanner, 0)) &&
		!is_symbol(peek(scanner, 0)) && peek(scanner, 0) != '"' &&
		!begins_comment(scanner)) {
		(void)take(scanner);
		len++;
	}
	(void)reader_view(&start, len, &view);
	return view;
}

static struct conf_token bad(unsigned line, enum conf_complaint complaint)
{
	return (struct conf_token){ .kind = CONF_TOKEN_BAD, .line = line, .complaint = complaint };
}

struct conf_token conf_token_next(struct conf_scanner *scanner)
{
	struct conf_token token = { .kind = CONF_TOKEN_END };
	int byte;

	while (is_blank(peek(scanner, 0)) || begins_comment(scanner)) {
		token.line = scanner->line;
		if (is_blank(peek(scanner, 0)))
			(void)take(scanner);
		else if (!skip_comment(scanner))
			return bad(token.line, CONF_COMPLAINT_COMMENT);
	}
	token.line = scanner->line;
	byte = peek(scanner, 0);
	if (byte < 0)
		return token;
	if (byte == '\0')
		return bad(token.line, CONF_COMPLAINT_NUL);
	if (byte == '@')
		return bad(token.line, CONF_COMPLAINT_INCLUDE);
	if (byte == '"') {
		token.kind = CONF_TOKEN_STRING;
		return take_string(scanner, &token.text) ? token
							 : bad(token.line, CONF_COMPLAINT_STRING);
	}
	if (is_symbol(byte)) {
		token.kind = CONF_TOKEN_SYMBOL;
		token.symbol = (char)take(scanner);
		return token;
	}
	token.kind = CONF_TOKEN_WORD;
	token.text = take_word(scanner);
	return token;
}

/* Without /, which paths have as well. */
static bool is_base64(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
		(byte >= 'a' && byte <= 'z') || byte == '+';
}

bool conf_token_may_be_secret(const struct view *word)
{
	bool upper = false, lower = false;
	size_t run = 0;

	for (size_t i = 0; i < word->len; i++) {
		uint8_t byte = word->data[i];

		if (byte == '@')
			return true;
		run = is_base64(byte) ? run + 1 : 0;
		upper = run > 0 && (upper || (byte >= 'A' && byte <= 'Z'));
		lower = run > 0 && (lower || (byte >= 'a' && byte <= 'z'));
		if (run >= CONF_KEY_RUN && upper && lower)
			return true;
	}
	return false;
}

const char *conf_token_show(const struct view *word, char out[CONF_WORD_MAX])
{
	if (!conf_token_may_be_secret(word))
		return problem_escape(out, CONF_WORD_MAX, word->data, word->len);
	(void)snprintf(out, CONF_WORD_MAX, "(%zu bytes that may be a secret)", word->len);
	return out;
}

unsigned conf_token_nul_line(const char *text, size_t len)
{
	struct conf_scanner scanner;

	conf_scanner_init(&scanner, text, len);
	while (peek(&scanner, 0) > 0)
		(void)take(&scanner);
	return peek(&scanner, 0) == 0 ? scanner.line : 0;
}
