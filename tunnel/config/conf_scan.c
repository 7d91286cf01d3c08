/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tokenizer for three callers: the check before libconfig parses, and two functions that find a
 * line for an error. It treats strings and comments as libconfig's scanner does. A string ends at
 * the next quote without a backslash before it and may have several lines. Comments go from # or //
 * to the end of the line, or from slash-star to star-slash. So an @ outside of these can only begin
 * @include, which would let a configuration name files that netd has not been given.
 */
#include "config/conf_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

enum { NAMES_MAX = 128 }; /* keys in all open groups that are checked for repetition */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_SYMBOL, TOKEN_BAD };

/* The reason why a token is bad. */
enum complaint { COMPLAINT_STRING, COMPLAINT_COMMENT, COMPLAINT_NUL, COMPLAINT_INCLUDE };

struct token {
	enum token_kind kind;
	unsigned line;            /* the line where it begins */
	struct view text;         /* WORD: borrowed from the scanned text */
	char symbol;              /* SYMBOL */
	enum complaint complaint; /* BAD */
};

struct scanner {
	struct reader reader;
	unsigned line;
};

struct name {
	struct view text;
	unsigned line;
};

struct frame {
	char opener;
	unsigned line;
	size_t first_name; /* the first name of this group in `names` */
};

struct nesting {
	struct frame frames[CONF_DEPTH_MAX];
	size_t depth;
	struct name names[NAMES_MAX];
	size_t name_count;
};

static void scanner_init(struct scanner *scanner, const char *text, size_t len)
{
	reader_init(&scanner->reader, text, len);
	scanner->line = 1;
}

/* Returns the byte `ahead` positions further, or -1 at the end. */
static int peek(const struct scanner *scanner, size_t ahead)
{
	struct reader copy = scanner->reader;
	struct view view;

	return reader_view(&copy, ahead + 1, &view) < 0 ? -1 : view.data[ahead];
}

static int take(struct scanner *scanner)
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

static bool begins_comment(const struct scanner *scanner)
{
	int byte = peek(scanner, 0);

	return byte == '#' || (byte == '/' && (peek(scanner, 1) == '/' || peek(scanner, 1) == '*'));
}

/* Returns false if the comment is not closed. */
static bool skip_comment(struct scanner *scanner)
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

/* Returns false if the string is not closed. */
static bool skip_string(struct scanner *scanner)
{
	int byte;

	(void)take(scanner);
	while ((byte = take(scanner)) >= 0) {
		if (byte == '"')
			return true;
		if (byte == '\\')
			(void)take(scanner);
	}
	return false;
}

static struct view take_word(struct scanner *scanner)
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

static struct token bad(unsigned line, enum complaint complaint)
{
	return (struct token){ .kind = TOKEN_BAD, .line = line, .complaint = complaint };
}

static struct token next(struct scanner *scanner)
{
	struct token token = { .kind = TOKEN_END };
	int byte;

	while (is_blank(peek(scanner, 0)) || begins_comment(scanner)) {
		token.line = scanner->line;
		if (is_blank(peek(scanner, 0)))
			(void)take(scanner);
		else if (!skip_comment(scanner))
			return bad(token.line, COMPLAINT_COMMENT);
	}
	token.line = scanner->line;
	byte = peek(scanner, 0);
	if (byte < 0)
		return token;
	if (byte == '\0')
		return bad(token.line, COMPLAINT_NUL);
	if (byte == '@')
		return bad(token.line, COMPLAINT_INCLUDE);
	if (byte == '"') {
		token.kind = TOKEN_STRING;
		return skip_string(scanner) ? token : bad(token.line, COMPLAINT_STRING);
	}
	if (is_symbol(byte)) {
		token.kind = TOKEN_SYMBOL;
		token.symbol = (char)take(scanner);
		return token;
	}
	token.kind = TOKEN_WORD;
	token.text = take_word(scanner);
	return token;
}

static const char *complaint_text(enum complaint complaint)
{
	switch (complaint) {
	case COMPLAINT_STRING:
		return "expected a closing \" for the string that begins here, got the end of the "
		       "file";
	case COMPLAINT_COMMENT:
		return "expected a closing */ for the comment that begins here, got the end of the "
		       "file";
	case COMPLAINT_NUL:
		return "expected text, got a NUL byte";
	case COMPLAINT_INCLUDE:
		break;
	}
	return "expected no @include: a configuration is one file; put the settings here";
}

static const char *show_word(const struct view *word, char out[CONF_WORD_MAX])
{
	return problem_escape(out, CONF_WORD_MAX, word->data, word->len);
}

static char closer_of(char opener)
{
	return opener == '{' ? '}' : opener == '[' ? ']' : ')';
}

static int check_opening(struct nesting *nesting, const struct token *token, const char *path,
	struct problem *problem)
{
	if (nesting->depth == CONF_DEPTH_MAX) {
		problem_set(problem,
			"%s:%u: expected at most %d brackets inside each other, got "
			"more",
			path, token->line, CONF_DEPTH_MAX);
		return -EINVAL;
	}
	if (token->symbol == '{' && nesting->depth > 0 &&
		nesting->frames[nesting->depth - 1].opener == '[') {
		problem_set(problem,
			"%s:%u: expected ( ) around a list that holds groups, got [ ], which holds "
			"plain values of one type",
			path, token->line);
		return -EINVAL;
	}
	nesting->frames[nesting->depth++] = (struct frame){
		.opener = token->symbol,
		.line = token->line,
		.first_name = nesting->name_count,
	};
	return 0;
}

static int check_closing(struct nesting *nesting, const struct token *token, const char *path,
	struct problem *problem)
{
	const struct frame *frame;

	if (nesting->depth == 0) {
		problem_set(problem, "%s:%u: expected KEY = VALUE;, got '%c' without its opening",
			path, token->line, token->symbol);
		return -EINVAL;
	}
	frame = &nesting->frames[nesting->depth - 1];
	if (token->symbol != closer_of(frame->opener)) {
		problem_set(problem, "%s:%u: expected '%c' to close the '%c' of line %u, got '%c'",
			path, token->line, closer_of(frame->opener), frame->opener, frame->line,
			token->symbol);
		return -EINVAL;
	}
	nesting->name_count = frame->first_name;
	nesting->depth--;
	return 0;
}

static int check_name(struct nesting *nesting, const struct token *word, const char *path,
	struct problem *problem)
{
	size_t first = nesting->depth == 0 ? 0 : nesting->frames[nesting->depth - 1].first_name;
	char text[CONF_WORD_MAX];

	for (size_t i = first; i < nesting->name_count; i++) {
		const struct name *name = &nesting->names[i];

		if (name->text.len != word->text.len ||
			memcmp(name->text.data, word->text.data, word->text.len) != 0)
			continue;
		problem_set(problem, "%s:%u: %s: expected once, got it again (first on line %u)",
			path, word->line, show_word(&word->text, text), name->line);
		return -EINVAL;
	}
	/* No table has so many names, so an unknown key will be reported instead. */
	if (nesting->name_count < NAMES_MAX)
		nesting->names[nesting->name_count++] = (struct name){ word->text, word->line };
	return 0;
}

/* Counts the digits of the set at the end of the word, after `from` and leading zeros. */
static size_t significant(const struct view *word, size_t from, const char *set, size_t *ret_first)
{
	size_t first = from;

	for (size_t i = from; i < word->len; i++) {
		if (!strchr(set, word->data[i]))
			return 0;
		if (i == first && word->data[i] == '0')
			first++;
	}
	*ret_first = first;
	return word->len - first;
}

/* libconfig 1.5 keeps 32 bits of a number that does not end with L, and drops the rest. */
static bool is_cut_number(const struct view *word)
{
	static const char longest[] = "2147483647";
	size_t digits, first = 0;

	if (word->len > 2 && word->data[0] == '0' && (word->data[1] | 0x20) == 'x')
		return significant(word, 2, "0123456789abcdefABCDEF", &first) > 8;
	digits = significant(
		word, word->data[0] == '-' || word->data[0] == '+', "0123456789", &first);
	return digits > sizeof(longest) - 1 ||
		(digits == sizeof(longest) - 1 && memcmp(&word->data[first], longest, digits) > 0);
}

/*
 * A misplaced string is a syntax error for libconfig as well, but version 1.5 does not free such a
 * string.
 */
static bool is_stray_string(const struct token *before, const struct token *token)
{
	bool may_follow = before->kind == TOKEN_STRING ||
		(before->kind == TOKEN_SYMBOL && strchr("=:,([", before->symbol));

	return token->kind == TOKEN_STRING && !may_follow;
}

static int check_token(struct nesting *nesting, const struct token *before,
	const struct token *token, const char *path, struct problem *problem)
{
	char text[CONF_WORD_MAX];

	if (token->kind == TOKEN_BAD) {
		problem_set(
			problem, "%s:%u: %s", path, token->line, complaint_text(token->complaint));
		return -EINVAL;
	}
	if (token->kind == TOKEN_WORD && is_cut_number(&token->text)) {
		problem_set(problem,
			"%s:%u: expected a number of 32 bits, or a larger one with an L at its end, got %s",
			path, token->line, show_word(&token->text, text));
		return -EINVAL;
	}
	if (is_stray_string(before, token)) {
		problem_set(problem,
			"%s:%u: expected KEY = VALUE;, got a string without = before "
			"it",
			path, token->line);
		return -EINVAL;
	}
	if (token->kind != TOKEN_SYMBOL)
		return 0;
	switch (token->symbol) {
	case '{':
	case '[':
	case '(':
		return check_opening(nesting, token, path, problem);
	case '}':
	case ']':
	case ')':
		return check_closing(nesting, token, path, problem);
	case '=':
	case ':':
		if (before->kind == TOKEN_WORD)
			return check_name(nesting, before, path, problem);
		return 0;
	default:
		return 0;
	}
}

int conf_scan(const char *text, size_t len, const char *path, struct problem *problem)
{
	struct token token = { .kind = TOKEN_END }, before;
	struct nesting nesting = { .depth = 0 };
	const struct frame *open;
	struct scanner scanner;
	int r;

	/* Also inside strings and comments, because libconfig's text would end there. */
	scanner_init(&scanner, text, len);
	while (peek(&scanner, 0) > 0)
		(void)take(&scanner);
	if (peek(&scanner, 0) == 0) {
		problem_set(
			problem, "%s:%u: %s", path, scanner.line, complaint_text(COMPLAINT_NUL));
		return -EINVAL;
	}
	scanner_init(&scanner, text, len);
	do {
		before = token;
		token = next(&scanner);
		r = check_token(&nesting, &before, &token, path, problem);
		if (r < 0)
			return r;
	} while (token.kind != TOKEN_END);
	if (nesting.depth == 0)
		return 0;
	open = &nesting.frames[nesting.depth - 1];
	problem_set(problem,
		"%s:%u: expected '%c' to close the '%c' that begins here, got the end "
		"of the file",
		path, open->line, closer_of(open->opener), open->opener);
	return -EINVAL;
}

unsigned conf_scan_value_line(const char *text, size_t len, size_t ordinal)
{
	struct token token, after;
	bool in_string = false; /* adjacent strings are one value */
	struct scanner scanner;

	scanner_init(&scanner, text, len);
	for (after = next(&scanner); after.kind != TOKEN_END;
		in_string = token.kind == TOKEN_STRING) {
		bool is_name, is_value;

		token = after;
		after = next(&scanner);
		if (token.kind == TOKEN_BAD || after.kind == TOKEN_BAD)
			break;
		is_name = token.kind == TOKEN_WORD && after.kind == TOKEN_SYMBOL &&
			(after.symbol == '=' || after.symbol == ':');
		is_value = (token.kind == TOKEN_WORD && !is_name) ||
			(token.kind == TOKEN_STRING && !in_string);
		if (is_value && ordinal-- == 0)
			return token.line;
	}
	return 0;
}

unsigned conf_scan_last_line(const char *text, size_t len)
{
	struct scanner scanner;
	struct token token;
	unsigned line = 1;

	scanner_init(&scanner, text, len);
	for (token = next(&scanner); token.kind != TOKEN_END && token.kind != TOKEN_BAD;
		token = next(&scanner))
		line = token.line;
	return line;
}

const char *conf_scan_near(const char *text, size_t len, unsigned line, char out[CONF_WORD_MAX])
{
	struct view word = { .len = 0 };
	struct scanner scanner;
	struct token token;

	scanner_init(&scanner, text, len);
	for (token = next(&scanner);
		token.kind != TOKEN_END && token.kind != TOKEN_BAD && token.line <= line;
		token = next(&scanner)) {
		if (token.kind == TOKEN_WORD)
			word = token.text;
	}
	return show_word(&word, out);
}
