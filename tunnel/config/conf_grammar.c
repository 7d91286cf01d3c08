/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libconfig's grammar as a table of states: what may come after a key, after its sign, after a
 * value, and in a list. Each state names what it expected. A string without its closing quote ends
 * at the next one. So the text behind that is the first that fits nowhere, and the string before it
 * is named.
 */
#include "config/conf_grammar.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "config/conf_scan.h"
#include "config/conf_token.h"

enum {
	RAW_MAX = 64,   /* bytes of a value that a message repeats, with NUL */
	GOT_MAX = 80,   /* "the next key KEY" */
	NUMBER_MAX = 40 /* bytes of a number, with NUL */
};

enum state {
	AT_KEY,    /* in a group, or at the top */
	AT_SIGN,   /* after a key */
	AT_VALUE,  /* after = */
	AFTER,     /* after a value in a group */
	AT_ITEM,   /* in a list, at its begin or after a comma */
	AFTER_ITEM /* in a list, after a value */
};

struct open {
	char opener;
	unsigned line;
	struct view key; /* of the list or group */
};

struct grammar {
	struct conf_scanner scanner;
	struct conf_token before, now, after;
	struct conf_token string; /* the last string */
	struct open open[CONF_DEPTH_MAX];
	size_t depth;
	enum state state;
	struct view key; /* of the value that comes, or that was last */
	const char *end; /* of the text */
	const char *path;
	struct problem *problem;
};

/* ---- what a token is ---- */

static bool is_sign(const struct conf_token *token, const char *signs)
{
	return token->kind == CONF_TOKEN_SYMBOL && strchr(signs, token->symbol);
}

static bool is_opener(const struct conf_token *token)
{
	return is_sign(token, "{[(");
}

static bool begins_key(const struct grammar *grammar)
{
	return grammar->now.kind == CONF_TOKEN_WORD && is_sign(&grammar->after, "=:");
}

static bool is_name(const struct view *word)
{
	for (size_t i = 0; i < word->len; i++) {
		uint8_t c = word->data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '_')))
			return false;
	}
	return word->len > 0;
}

static bool is_number(const char *text)
{
	char *end;

	if (!strchr("+-.0123456789", text[0]))
		return false;
	(void)strtoll(text, &end, 0);
	if (end != text &&
		(*end == '\0' || strcasecmp(end, "L") == 0 || strcasecmp(end, "LL") == 0))
		return true;
	(void)strtod(text, &end);
	return end != text && *end == '\0';
}

static bool is_scalar(const struct view *word)
{
	char text[NUMBER_MAX];

	if (word->len == 0 || word->len >= sizeof(text))
		return false;
	memcpy(text, word->data, word->len);
	text[word->len] = '\0';
	return strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0 || is_number(text);
}

/* ---- messages ---- */

/* The value of these may be a secret, which no message repeats. */
static bool is_secret(const struct grammar *grammar)
{
	static const char *const keys[] = { "key", "proxy" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (grammar->key.len == strlen(keys[i]) &&
			memcmp(grammar->key.data, keys[i], grammar->key.len) == 0)
			return true;
	}
	return false;
}

/* Returns true if the word may belong to the value before it, which is a secret. */
static bool goes_on_with_secret(const struct grammar *grammar)
{
	return is_secret(grammar) &&
		(!begins_key(grammar) || grammar->now.line == grammar->before.line);
}

/* Describes the token that came. */
static const char *got(const struct grammar *grammar, char out[GOT_MAX])
{
	const struct conf_token *token = &grammar->now;
	char word[CONF_WORD_MAX];

	switch (token->kind) {
	case CONF_TOKEN_WORD:
		(void)snprintf(out, GOT_MAX, "%s",
			goes_on_with_secret(grammar) ? "a word"
						     : conf_token_show(&token->text, word));
		break;
	case CONF_TOKEN_STRING:
		(void)snprintf(out, GOT_MAX, "a string");
		break;
	case CONF_TOKEN_SYMBOL:
		(void)snprintf(out, GOT_MAX, "'%c'", token->symbol);
		break;
	default:
		(void)snprintf(out, GOT_MAX, "the end of the file");
		break;
	}
	return out;
}

/* Writes "FILE:LINE: KEY: expected TEXT". Returns the line. */
static unsigned complain(const struct grammar *grammar, unsigned line, const char *text)
{
	char key[CONF_WORD_MAX];

	problem_set(grammar->problem, "%s:%u: %s%sexpected %s", grammar->path, line,
		grammar->key.len > 0 ? conf_token_show(&grammar->key, key) : "",
		grammar->key.len > 0 ? ": " : "", text);
	return line;
}

/* The same with what came instead: "expected TEXT, got '}'CURE". */
static unsigned complain_got(const struct grammar *grammar, const char *text, const char *cure)
{
	char whole[PROBLEM_TEXT_MAX], word[GOT_MAX];

	(void)snprintf(whole, sizeof(whole), "%s, got %s%s", text, got(grammar, word), cure);
	return complain(grammar, grammar->now.line, whole);
}

/* ---- strange characters ---- */

/* Returns the character of the UTF-8 sequence at `text`; a byte that is none stands for itself. */
static uint32_t decode(const uint8_t *text, size_t len)
{
	size_t more = text[0] >= 0xf0 ? 3 : text[0] >= 0xe0 ? 2 : text[0] >= 0xc0 ? 1 : 0;
	uint32_t code = text[0] & (0x3fu >> more);

	if (more == 0 || more >= len)
		return text[0];
	for (size_t i = 1; i <= more; i++)
		code = code << 6 | (text[i] & 0x3f);
	return code;
}

static const char *name_of(uint32_t code)
{
	if ((code >= 0x2018 && code <= 0x201f) || code == 0xab || code == 0xbb)
		return "a quote of a word processor; write a plain \"";
	if (code == 0xa0 || code == 0xfeff || (code >= 0x2000 && code <= 0x200f) ||
		(code >= 0x2028 && code <= 0x202f) || (code >= 0x2060 && code <= 0x2064) ||
		code < ' ' || (code >= 0x7f && code < 0xa0))
		return "an invisible character; delete it, or write a space";
	if (code >= 0x2010 && code <= 0x2015)
		return "a dash of a word processor; write a plain -";
	return "a character that only strings and comments have; text stands in \"double quotes\"";
}

static unsigned check_characters(struct grammar *grammar)
{
	const struct view *word = &grammar->now.text;
	char text[PROBLEM_TEXT_MAX];

	if (grammar->state == AT_KEY)
		grammar->key.len = 0;

	for (size_t i = 0; i < word->len; i++) {
		uint32_t code;

		if (word->data[i] >= ' ' && word->data[i] <= '~')
			continue;
		code = decode(&word->data[i], word->len - i);
		(void)snprintf(text, sizeof(text), "plain characters, got U+%04X, %s",
			(unsigned)code, name_of(code));
		return complain(grammar, grammar->now.line, text);
	}
	return 0;
}

/* ---- quotes ---- */

/* Returns true if the string ends with what comes before another value. */
static bool swallows_a_value(const struct view *string)
{
	size_t end = string->len;

	while (end > 0 && strchr(" \t[({", string->data[end - 1]))
		end--;
	return end > 0 && strchr("=:,", string->data[end - 1]);
}

/* Returns the line of a string before this token whose closing quote is missing, or 0. */
static unsigned check_open_string(const struct grammar *grammar)
{
	char text[PROBLEM_TEXT_MAX];

	if (grammar->before.kind != CONF_TOKEN_STRING || !swallows_a_value(&grammar->string.text))
		return 0;
	if (grammar->now.line == grammar->string.line)
		(void)snprintf(text, sizeof(text),
			"a closing \" after each value, got a string that goes on to the next \"");
	else
		(void)snprintf(text, sizeof(text),
			"a closing \" on this line, got a string that goes on to line %u",
			grammar->now.line);
	return complain(grammar, grammar->string.line, text);
}

/* Writes the value from its first word to the end of its line or the next sign. */
static void raw_value(const struct grammar *grammar, char out[RAW_MAX])
{
	const char *from = (const char *)grammar->now.text.data;
	size_t len = 0;

	while (&from[len] < grammar->end && !strchr(";,\r\n)]}\"", from[len]))
		len++;
	while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
		len--;
	if (len > 1 && from[0] == '\'' && from[len - 1] == '\'') {
		from++;
		len -= 2;
	}
	(void)problem_escape(out, RAW_MAX, from, len);
}

static bool may_be_secret(const char *text)
{
	struct view view = { .data = (const uint8_t *)text, .len = strlen(text) };

	return conf_token_may_be_secret(&view);
}

static const char *boolean_of(const char *text)
{
	static const struct {
		const char *word, *meant;
	} words[] = { { "yes", "true" }, { "on", "true" }, { "no", "false" }, { "off", "false" } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(words[i].word, text) == 0)
			return words[i].meant;
	}
	return NULL;
}

static unsigned check_word(const struct grammar *grammar)
{
	char text[PROBLEM_TEXT_MAX], raw[RAW_MAX];
	const char *meant;

	if (is_scalar(&grammar->now.text))
		return 0;
	raw_value(grammar, raw);
	if (is_secret(grammar) || may_be_secret(raw))
		return complain(grammar, grammar->now.line,
			"text in \"double quotes\", got some without them");
	meant = boolean_of(raw);
	if (meant)
		(void)snprintf(text, sizeof(text),
			"true or false, or text in \"double quotes\", got %s; write %s", raw,
			meant);
	else
		(void)snprintf(text, sizeof(text),
			"a number, true, false, or text in \"double quotes\", got %s; write \"%s\"",
			raw, raw);
	return complain(grammar, grammar->now.line, text);
}

/* ---- states ---- */

static void push(struct grammar *grammar)
{
	if (grammar->depth < CONF_DEPTH_MAX)
		grammar->open[grammar->depth++] = (struct open){ grammar->now.symbol,
			grammar->now.line, grammar->key };
	grammar->state = grammar->now.symbol == '{' ? AT_KEY : AT_ITEM;
}

static void after_value(struct grammar *grammar)
{
	bool in_list = grammar->depth > 0 && grammar->open[grammar->depth - 1].opener != '{';

	grammar->state = in_list ? AFTER_ITEM : AFTER;
}

static void pop(struct grammar *grammar)
{
	if (grammar->depth > 0)
		grammar->key = grammar->open[--grammar->depth].key;
	after_value(grammar);
}

static unsigned at_key(struct grammar *grammar)
{
	struct view none = { .len = 0 };

	if (is_sign(&grammar->now, "}")) {
		pop(grammar);
		return 0;
	}
	if (grammar->now.kind == CONF_TOKEN_WORD && is_name(&grammar->now.text)) {
		grammar->key = grammar->now.text;
		grammar->state = AT_SIGN;
		return 0;
	}
	grammar->key = none;
	if (grammar->now.kind == CONF_TOKEN_WORD)
		return complain_got(grammar, "a key of letters, digits, - and _", "");
	if (is_sign(&grammar->now, ";,"))
		return complain_got(grammar, "KEY = VALUE;", " with nothing before it; delete it");
	if (is_sign(&grammar->now, "=:"))
		return complain_got(grammar, "a key", " without one before it");
	if (is_opener(&grammar->now))
		return complain_got(grammar, "KEY =", " without that before it");
	return 0;
}

static unsigned at_sign(struct grammar *grammar)
{
	if (is_sign(&grammar->now, "=:")) {
		grammar->state = AT_VALUE;
		return 0;
	}
	return complain_got(grammar, "= and a value after the key", "; write KEY = VALUE;");
}

/* A value of a key or in a list. */
static unsigned take_value(struct grammar *grammar)
{
	if (is_opener(&grammar->now)) {
		push(grammar);
		return 0;
	}
	after_value(grammar);
	return grammar->now.kind == CONF_TOKEN_WORD ? check_word(grammar) : 0;
}

static unsigned at_value(struct grammar *grammar)
{
	if (begins_key(grammar) && grammar->now.line > grammar->before.line)
		return complain_got(grammar, "a value after =", ", which is the next key");
	if (grammar->now.kind == CONF_TOKEN_END || is_sign(&grammar->now, ";,})]=:"))
		return complain_got(grammar, "a value after =", "");
	return take_value(grammar);
}

static unsigned after(struct grammar *grammar)
{
	unsigned line;

	if (is_sign(&grammar->now, ";,")) {
		grammar->state = AT_KEY;
		return 0;
	}
	if (is_sign(&grammar->now, "}")) {
		pop(grammar);
		return 0;
	}
	/* Strings side by side are one, and a semicolon may be left out before the next key. */
	if (grammar->now.kind == CONF_TOKEN_STRING && grammar->before.kind == CONF_TOKEN_STRING)
		return 0;
	if (begins_key(grammar) && is_name(&grammar->now.text) && !goes_on_with_secret(grammar)) {
		grammar->state = AT_KEY;
		return at_key(grammar);
	}
	line = check_open_string(grammar);
	return line != 0 ? line : complain_got(grammar, "; after the value", "");
}

static unsigned at_item(struct grammar *grammar)
{
	if (is_sign(&grammar->now, ")]")) {
		if (is_sign(&grammar->before, ","))
			return complain_got(
				grammar, "a value after the comma", "; delete the comma");
		pop(grammar);
		return 0;
	}
	if (begins_key(grammar))
		return complain_got(grammar, "{ } around KEY = VALUE; in a list", "");
	if (grammar->now.kind == CONF_TOKEN_END || is_sign(&grammar->now, ";,}=:"))
		return complain_got(grammar, "a value in the list", "");
	return take_value(grammar);
}

/* The list has no closing bracket where the next key comes, or the semicolon before that. */
static unsigned complain_open_list(const struct grammar *grammar)
{
	const struct open *open = &grammar->open[grammar->depth - 1];
	char text[PROBLEM_TEXT_MAX], word[GOT_MAX];

	(void)snprintf(text, sizeof(text), "'%c' to close the '%c' of line %u, got %s",
		open->opener == '[' ? ']' : ')', open->opener, open->line, got(grammar, word));
	return complain(grammar, grammar->now.line, text);
}

static unsigned after_item(struct grammar *grammar)
{
	unsigned line;

	if (is_sign(&grammar->now, ",")) {
		grammar->state = AT_ITEM;
		return 0;
	}
	if (is_sign(&grammar->now, ")]")) {
		pop(grammar);
		return 0;
	}
	if (grammar->now.kind == CONF_TOKEN_STRING && grammar->before.kind == CONF_TOKEN_STRING)
		return 0;
	line = check_open_string(grammar);
	if (line != 0)
		return line;
	if (grammar->depth > 0 &&
		(begins_key(grammar) ||
			(is_sign(&grammar->now, ";") &&
				(grammar->after.kind == CONF_TOKEN_WORD ||
					grammar->after.kind == CONF_TOKEN_END))))
		return complain_open_list(grammar);
	return complain_got(grammar, "a comma between the values of the list", "");
}

static unsigned step(struct grammar *grammar)
{
	static unsigned (*const states[])(struct grammar * grammar) = {
		[AT_KEY] = at_key,
		[AT_SIGN] = at_sign,
		[AT_VALUE] = at_value,
		[AFTER] = after,
		[AT_ITEM] = at_item,
		[AFTER_ITEM] = after_item,
	};
	unsigned line = 0;

	if (grammar->now.kind == CONF_TOKEN_WORD)
		line = check_characters(grammar);
	return line != 0 ? line : states[grammar->state](grammar);
}

/* Returns true for a closing bracket whose opening one is another, or missing. */
static bool is_wrong_closer(const struct grammar *grammar)
{
	char opener = grammar->depth > 0 ? grammar->open[grammar->depth - 1].opener : '\0';

	return (is_sign(&grammar->now, "}") && opener != '{') ||
		(is_sign(&grammar->now, "]") && opener != '[') ||
		(is_sign(&grammar->now, ")") && opener != '(');
}

/* At the end of the text only a value may be missing; conf_scan() finds an open bracket. */
static bool goes_on(const struct grammar *grammar)
{
	if (grammar->now.kind == CONF_TOKEN_BAD)
		return false;
	/* After a = the value is what is missing. */
	if (is_wrong_closer(grammar) && grammar->state != AT_VALUE)
		return false;
	return grammar->now.kind != CONF_TOKEN_END || grammar->state == AT_SIGN ||
		grammar->state == AT_VALUE;
}

unsigned conf_grammar(const char *text, size_t len, const char *path, struct problem *problem)
{
	struct grammar grammar = {
		.state = AT_KEY, .end = &text[len], .path = path, .problem = problem
	};
	unsigned line = 0;

	conf_scanner_init(&grammar.scanner, text, len);
	grammar.now = conf_token_next(&grammar.scanner);
	while (line == 0 && goes_on(&grammar)) {
		bool last = grammar.now.kind == CONF_TOKEN_END;

		if (!last)
			grammar.after = conf_token_next(&grammar.scanner);
		line = step(&grammar);
		if (last)
			break;
		if (grammar.now.kind == CONF_TOKEN_STRING)
			grammar.string = grammar.now;
		grammar.before = grammar.now;
		grammar.now = grammar.after;
	}
	return line;
}
