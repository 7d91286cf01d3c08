/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_TOKEN_H
#define CULVERT_CONFIG_CONF_TOKEN_H

#include <stddef.h>

#include "base/bytes.h"

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
/* Returns the line of the first NUL byte, also inside a string or comment; 0: there is none. */
unsigned conf_token_nul_line(const char *text, size_t len);

#endif
