/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three callers of the tokenizer: the check before libconfig parses, and two functions that find a
 * line for an error.
 */
#include "config/conf_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "config/conf_token.h"

/*
 * Keys in all open groups. No table has so many, and libconfig compares each with all before it.
 */
enum { NAMES_MAX = 128 };

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

static const char *complaint_text(enum conf_complaint complaint)
{
	switch (complaint) {
	case CONF_COMPLAINT_STRING:
		return "expected a closing \" for the string that begins here, got the end of the "
		       "file";
	case CONF_COMPLAINT_COMMENT:
		return "expected a closing */ for the comment that begins here, got the end of the "
		       "file";
	case CONF_COMPLAINT_NUL:
		return "expected text, got a NUL byte";
	case CONF_COMPLAINT_INCLUDE:
		break;
	}
	return "expected no @include: a configuration is one file; put the settings here";
}

static char closer_of(char opener)
{
	return opener == '{' ? '}' : opener == '[' ? ']' : ')';
}

static int check_opening(struct nesting *nesting, const struct conf_token *token, const char *path,
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

static int check_closing(struct nesting *nesting, const struct conf_token *token, const char *path,
	struct problem *problem)
{
	const struct frame *frame;

	if (nesting->depth == 0) {
		problem_set(problem, "%s:%u: expected KEY = VALUE;, got '%c' without its opening",
			path, token->line, token->symbol);
		return -EBADMSG;
	}
	frame = &nesting->frames[nesting->depth - 1];
	if (token->symbol != closer_of(frame->opener)) {
		problem_set(problem, "%s:%u: expected '%c' to close the '%c' of line %u, got '%c'",
			path, token->line, closer_of(frame->opener), frame->opener, frame->line,
			token->symbol);
		return -EBADMSG;
	}
	nesting->name_count = frame->first_name;
	nesting->depth--;
	return 0;
}

static int check_name(struct nesting *nesting, const struct conf_token *word, const char *path,
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
			path, word->line, conf_token_show(&word->text, text), name->line);
		return -EINVAL;
	}
	if (nesting->name_count == NAMES_MAX) {
		problem_set(problem, "%s:%u: expected at most %d keys, got more", path, word->line,
			NAMES_MAX);
		return -EINVAL;
	}
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
static bool is_stray_string(const struct conf_token *before, const struct conf_token *token)
{
	bool may_follow = before->kind == CONF_TOKEN_STRING ||
		(before->kind == CONF_TOKEN_SYMBOL && strchr("=:,([", before->symbol));

	return token->kind == CONF_TOKEN_STRING && !may_follow;
}

static int check_token(struct nesting *nesting, const struct conf_token *before,
	const struct conf_token *token, const char *path, struct problem *problem)
{
	char text[CONF_WORD_MAX];

	if (token->kind == CONF_TOKEN_BAD) {
		problem_set(
			problem, "%s:%u: %s", path, token->line, complaint_text(token->complaint));
		return token->complaint == CONF_COMPLAINT_STRING ? -EBADMSG : -EINVAL;
	}
	if (token->kind == CONF_TOKEN_WORD && is_cut_number(&token->text)) {
		problem_set(problem,
			"%s:%u: expected a number of 32 bits, or a larger one with an L at its end, got %s",
			path, token->line, conf_token_show(&token->text, text));
		return -EINVAL;
	}
	if (is_stray_string(before, token)) {
		problem_set(problem,
			"%s:%u: expected KEY = VALUE;, got a string without = before "
			"it",
			path, token->line);
		return -EBADMSG;
	}
	if (token->kind != CONF_TOKEN_SYMBOL)
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
		if (before->kind == CONF_TOKEN_WORD)
			return check_name(nesting, before, path, problem);
		return 0;
	default:
		return 0;
	}
}

static bool is_utf16(const char *text, size_t len)
{
	return len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}

int conf_scan(const char *text, size_t len, const char *path, struct problem *problem)
{
	struct conf_token token = { .kind = CONF_TOKEN_END }, before;
	struct nesting nesting = { .depth = 0 };
	const struct frame *open;
	struct conf_scanner scanner;
	unsigned line;
	int r;

	/* Also inside strings and comments, because libconfig's text would end there. */
	line = conf_token_nul_line(text, len);
	if (line != 0) {
		problem_set(problem, "%s:%u: %s", path, line,
			is_utf16(text, len)
				? "expected plain text, got UTF-16, as some editors call Unicode; save the file as UTF-8"
				: complaint_text(CONF_COMPLAINT_NUL));
		return -EINVAL;
	}
	conf_scanner_init(&scanner, text, len);
	do {
		before = token;
		token = conf_token_next(&scanner);
		r = check_token(&nesting, &before, &token, path, problem);
		if (r < 0)
			return r;
	} while (token.kind != CONF_TOKEN_END);
	if (nesting.depth == 0)
		return 0;
	open = &nesting.frames[nesting.depth - 1];
	problem_set(problem,
		"%s:%u: expected '%c' to close the '%c' that begins here, got the end "
		"of the file",
		path, open->line, closer_of(open->opener), open->opener);
	return -EBADMSG;
}

unsigned conf_scan_value_line(const char *text, size_t len, size_t ordinal)
{
	struct conf_token token, after;
	bool in_string = false; /* adjacent strings are one value */
	struct conf_scanner scanner;

	conf_scanner_init(&scanner, text, len);
	for (after = conf_token_next(&scanner); after.kind != CONF_TOKEN_END;
		in_string = token.kind == CONF_TOKEN_STRING) {
		bool is_name, is_value;

		token = after;
		after = conf_token_next(&scanner);
		if (token.kind == CONF_TOKEN_BAD || after.kind == CONF_TOKEN_BAD)
			break;
		is_name = token.kind == CONF_TOKEN_WORD && after.kind == CONF_TOKEN_SYMBOL &&
			(after.symbol == '=' || after.symbol == ':');
		is_value = (token.kind == CONF_TOKEN_WORD && !is_name) ||
			(token.kind == CONF_TOKEN_STRING && !in_string);
		if (is_value && ordinal-- == 0)
			return token.line;
	}
	return 0;
}

unsigned conf_scan_last_line(const char *text, size_t len)
{
	struct conf_scanner scanner;
	struct conf_token token;
	unsigned line = 1;

	conf_scanner_init(&scanner, text, len);
	for (token = conf_token_next(&scanner);
		token.kind != CONF_TOKEN_END && token.kind != CONF_TOKEN_BAD;
		token = conf_token_next(&scanner))
		line = token.line;
	return line;
}

const char *conf_scan_near(const char *text, size_t len, unsigned line, char out[CONF_WORD_MAX])
{
	struct view word = { .len = 0 };
	struct conf_scanner scanner;
	struct conf_token token;

	conf_scanner_init(&scanner, text, len);
	for (token = conf_token_next(&scanner);
		token.kind != CONF_TOKEN_END && token.kind != CONF_TOKEN_BAD && token.line <= line;
		token = conf_token_next(&scanner)) {
		if (token.kind == CONF_TOKEN_WORD)
			word = token.text;
	}
	return conf_token_show(&word, out);
}
