/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_CONF_H
#define CULVERT_CONFIG_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/problem.h"

/*
 * Configuration files: libconfig's syntax, and one table per program that declares every option.
 * The rows of that table parse, check, give the defaults and print the documentation, so that these
 * cannot differ. A row says where in the caller's struct its value goes.
 *
 * Called where a configuration is loaded, from one thread; never on a packet's path.
 */

/* What a value is, and what its field in the target is. */
enum conf_type {
	CONF_BOOL,     /* bool */
	CONF_UINT,     /* uint32_t, min..max */
	CONF_DURATION, /* struct duration, min..max in seconds: 5, 0.25, "250ms", "15s", "2min", "1h" */
	CONF_STRING,    /* char[max + 1], min..max bytes of printable ASCII without space */
	CONF_PATH,      /* char[max + 1], begins with a slash */
	CONF_NAME,      /* char[IDENTITY_MAX + 1], a valid identity */
	CONF_IFNAME,    /* char[max + 1], a name for an interface, or a template with one %d */
	CONF_MATERIAL,  /* char *, allocated: a path, or PEM text */
	CONF_TEXT,      /* char *, allocated: min..max bytes of whatever a string can hold */
	CONF_LOG_LEVEL, /* enum log_level */
	CONF_ADDR,      /* struct addr of `family` */
	CONF_PREFIX,    /* struct prefix of `family`, without host bits unless `host_bits` */
	CONF_ENDPOINT,  /* struct endpoint */
	CONF_REMOTE,    /* struct settings_remote */
	CONF_PROXY,     /* struct proxy */
	CONF_NAMED,     /* uint32_t, one of `names` or a number, min..max; max 0: no number */
	CONF_GROUP, /* the struct that `table` describes; only in a list, which may be in a group */
};

/*
 * How many values an option has. A list is written [ a, b ] or ( a, b ), and a list of one also
 * without brackets. It holds at most `limit` values; how many it has goes to the size_t at
 * count_offset.
 */
enum conf_shape {
	CONF_ONE,
	CONF_ARRAY,     /* a list in an array that is part of the target */
	CONF_ALLOCATED, /* a list in allocated memory, whose pointer is part of the target */
};

struct conf_table;

struct conf_name { /* what stands for a number; the list ends with a NULL */
	const char *name;
	uint32_t value;
};

struct conf_option {
	const char *key;
	const char *help;
	enum conf_type type;
	enum conf_shape shape;
	size_t offset, count_offset, limit;
	double min, max;
	bool or_zero;       /* UINT: 0 is allowed, too */
	bool required;      /* must be in the file */
	uint8_t family;     /* ADDR, PREFIX: AF_INET or AF_INET6; AF_UNSPEC: either */
	bool host_bits;     /* PREFIX: an interface's address with the length of its network */
	const char *preset; /* the default as it would stand in the file; NULL: none */
	const char
		*preset_note; /* words for the documentation, where the caller makes the default */
	const struct conf_table *table; /* GROUP */
	/*
	 * GROUP: a plain value in the list is a group in which this key has that value and all
	 * else is zero. A list of both is written ( "a", { KEY = VALUE; } ): libconfig's [ ] holds
	 * values of one type.
	 */
	const char *shorthand;
	const struct conf_name *names; /* NAMED */
	/* Not an option: the options of this table, which fill the same struct, stand here. All else is zero. */
	const struct conf_table *also;
};

struct conf_table {
	const struct conf_option *options;
	size_t count;
	size_t size;        /* of the struct that it fills */
	const char *manual; /* the page that lists its keys; NULL: docs/configuration.md */
};

/*
 * The options of a table in their order, those of an `also` in their place:
 *
 *	struct conf_walk walk = { .table = table };
 *	while ((option = conf_next(&walk)) != NULL)
 */
struct conf_walk {
	const struct conf_table *table;
	const struct conf_table *also; /* whose options come just now; NULL: the table's own */
	size_t at, also_at;
};

/* The next option, or NULL after the last one. The table of an `also` has no `also`. */
const struct conf_option *conf_next(struct conf_walk *walk);

/* The option of that key, or NULL. */
const struct conf_option *conf_find(const struct conf_table *table, const char *key);

/*
 * Parses `len` bytes (no terminator needed) by the table into `target`, which is the table's struct
 * and all zero. `path` is for messages only; nothing is read from it, and @include is refused.
 *
 * What is allocated belongs to the target, on failure as well: the caller frees it either way as it
 * frees a finished one. Errors are said in `problem` as "FILE:LINE: KEY: expected ..., got ...":
 * -EINVAL (syntax, unknown key, key given twice, wrong type, out of range, required key missing),
 * -EFBIG (larger than FILE_SIZE_MAX), -ENOMEM.
 */
int conf_load(const char *text, size_t len, const char *path, const struct conf_table *table,
	void *target, struct problem *problem);

/*
 * Does the text give this key at its top level? 1 or 0, whatever the value is; tells which
 * program's a file is. The text need fit no table, but must be of libconfig's syntax: -EINVAL;
 * -EFBIG, -ENOMEM.
 */
int conf_has_key(const char *text, size_t len, const char *key);

/*
 * For checks across options, made after conf_load() by the caller: `problem` begins with an
 * option's path ("pool4: ...", "peers.[0].name ..."). Puts "FILE:LINE: " in front of it, or "FILE:
 * " where the option is not in the text. `text` is what conf_load() has taken.
 */
void conf_locate(const char *text, size_t len, const char *path, struct problem *problem);

/* Prints the table as Markdown: docs/configuration.md holds this output. -EIO. */
int conf_describe(const struct conf_table *table, FILE *out);

#endif
