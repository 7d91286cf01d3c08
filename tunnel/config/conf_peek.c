/* SPDX-License-Identifier: Apache-2.0 */
#include "config/conf_peek.h"

#include <string.h>

/* Splits the text into words, strings and single characters, and needs no further grammar. */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_SIGN };

struct token {
	enum token_kind kind;
	size_t begin, len; /* of the word, or between the quotes */
};

struct scanner {
	const char *text;
	size_t len, at;
};

static char look(const struct scanner *scanner, size_t ahead)
{
	size_t left = scanner->len - scanner->at;

	return ahead < left ? scanner->text[scanner->at + ahead] : '\0';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("_-*.+", c));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static void skip_line(struct scanner *scanner)
{
	while (scanner->at < scanner->len && look(scanner, 0) != '\n')
		scanner->at++;
}

static void skip_block(struct scanner *scanner)
{
	scanner->at += 2;
	while (scanner->at < scanner->len && !(look(scanner, 0) == '*' && look(scanner, 1) == '/'))
		scanner->at++;
	scanner->at += scanner->at < scanner->len ? 2 : 0;
}

static void skip_blanks(struct scanner *scanner)
{
	while (scanner->at < scanner->len) {
		char c = look(scanner, 0);

		if (is_space(c))
			scanner->at++;
		else if (c == '#' || (c == '/' && look(scanner, 1) == '/'))
			skip_line(scanner);
		else if (c == '/' && look(scanner, 1) == '*')
			skip_block(scanner);
		else
			return;
	}
}

static struct token next_string(struct scanner *scanner)
{
	struct token token = { .kind = TOKEN_STRING, .begin = ++scanner->at };

	while (scanner->at < scanner->len && look(scanner, 0) != '"')
		scanner->at += look(scanner, 0) == '\\' && scanner->len - scanner->at > 1 ? 2 : 1;
	if (scanner->at == scanner->len)
		return (struct token){ .kind = TOKEN_END };
	token.len = scanner->at - token.begin;
	scanner->at++;
	return token;
}

static struct token next(struct scanner *scanner)
{
	struct token token;

	skip_blanks(scanner);
	if (scanner->at == scanner->len)
		return (struct token){ .kind = TOKEN_END };
	if (look(scanner, 0) == '"')
		return next_string(scanner);
	token = (struct token){ .kind = TOKEN_WORD, .begin = scanner->at };
	while (is_word(look(scanner, 0)))
		scanner->at++;
	token.len = scanner->at - token.begin;
	if (token.len > 0)
		return token;
	scanner->at++;
	return (struct token){ .kind = TOKEN_SIGN, .begin = token.begin, .len = 1 };
}

static bool is_sign(const struct scanner *scanner, const struct token *token, const char *signs)
{
	return token->kind == TOKEN_SIGN && scanner->text[token->begin] != '\0' &&
		strchr(signs, scanner->text[token->begin]);
}

static bool is_key(const struct scanner *scanner, const struct token *token, const char *key)
{
	return token->kind == TOKEN_WORD && token->len == strlen(key) &&
		memcmp(&scanner->text[token->begin], key, token->len) == 0;
}

static bool is_value(const struct token *token, size_t size)
{
	return (token->kind == TOKEN_WORD || token->kind == TOKEN_STRING) && token->len < size;
}

bool conf_peek(const char *text, size_t len, const char *key, char *out, size_t size)
{
	struct scanner scanner = { .text = text, .len = len };
	struct token token = next(&scanner);
	bool found = false;

	while (token.kind != TOKEN_END) {
		bool ours = is_key(&scanner, &token, key);

		token = next(&scanner);
		if (!ours || !is_sign(&scanner, &token, "=:"))
			continue;
		token = next(&scanner);
		if (!is_value(&token, size))
			continue;
		memcpy(out, &text[token.begin], token.len);
		out[token.len] = '\0';
		found = true;
	}
	return found;
}
