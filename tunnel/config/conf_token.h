/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_TOKEN_H
#define CULVERT_CONFIG_CONF_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum {
	CONF_WORD_MAX = 64, /* bytes of a word in a message, with its NUL */
	CONF_KEY_RUN = 12,  /* as many base64 characters in a row may be part of a key */
};

/*
 * The words, strings and signs of a configuration's text, as libconfig's scanner has them. Private
 * to config/conf. Any thread.
 */

enum conf_token_kind {
	CONF_TOKEN_END,
	CONF_TOKEN_WORD,
	CONF_TOKEN_STRING,
	CONF_TOKEN_SYMBOL,
	CONF_TOKEN_BAD
};

/* The reason why a token is bad; no token follows it. */
enum conf_complaint {
	CONF_COMPLAINT_STRING,
	CONF_COMPLAINT_COMMENT,
	CONF_COMPLAINT_NUL,
	CONF_COMPLAINT_INCLUDE
};

struct conf_token {
	enum conf_token_kind kind;
	unsigned line;    /* the line where it begins */
	struct view text; /* WORD, or STRING without its quotes: borrowed from the scanned text */
	char symbol;      /* SYMBOL */
	enum conf_complaint complaint; /* BAD */
};

struct conf_scanner {
	struct reader reader;
	unsigned line;
};

/* The text must stay as long as the scanner and the words of its tokens. */
void conf_scanner_init(struct conf_scanner *scanner, const char *text, size_t len);
struct conf_token conf_token_next(struct conf_scanner *scanner);
/*
 * Returns true if the word may be a part of a private key, or of a proxy's address, which has a
 * password before its @. A profile may hold both, and a misplaced quote makes words of them. No
 * message repeats such a word.
 */
bool conf_token_may_be_secret(const struct view *word);
/* Writes the word for a message, or that it may be a secret. Returns `out`. */
const char *conf_token_show(const struct view *word, char out[CONF_WORD_MAX]);
/* Returns the line of the first NUL byte, also inside a string or comment; 0: there is none. */
unsigned conf_token_nul_line(const char *text, size_t len);

#endif
