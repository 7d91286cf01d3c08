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
 * The rows of that table are used to parse and to check, for the defaults and for the
 * documentation, so that these cannot differ. A row says where in the caller's struct its value is
 * stored.
 *
 * Called by one thread while a configuration is loaded; never on a packet's path.
 */

/* The type of a value, and of its field in the target. */
enum conf_type {
	CONF_BOOL,     /* bool */
	CONF_UINT,     /* uint32_t, min..max */
	CONF_DURATION, /* struct duration, min..max in seconds: 5, 0.25, "250ms", "15s", "2min", "1h" */
	CONF_STRING,    /* char[max + 1], min..max bytes of printable ASCII without space */
	CONF_PATH,      /* char[max + 1], begins with a slash */
	CONF_NAME,      /* char[IDENTITY_MAX + 1], a valid identity */
	CONF_IFNAME,    /* char[max + 1], a name for an interface, or a template with one %d */
	CONF_MATERIAL,  /* char *, allocated: a path, or PEM text */
	CONF_TEXT,      /* char *, allocated: min..max bytes of anything a string can hold */
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
 * How many values an option has. A list is written [ a, b ] or ( a, b ); a list with one value may
 * omit the brackets. It has at most `limit` values, and their number is stored in the size_t at
 * count_offset.
 */
enum conf_shape {
	CONF_ONE,
	CONF_ARRAY,     /* a list in an array that is part of the target */
	CONF_ALLOCATED, /* a list in allocated memory, whose pointer is part of the target */
};

struct conf_table;

/* When a changed value takes effect in a program that reads its configuration again. */
enum conf_applies {
	CONF_APPLIES_UNSET, /* of a file that no running program has */
	CONF_LIVE,          /* at once, also for sessions that are up */
	CONF_NEXT,          /* with the next connection or session */
	CONF_RESTART,       /* only with a restart: a reload that changes it is refused */
};

/* A name for a number; the list ends with a NULL. */
struct conf_name {
	const char *name;
	uint32_t value;
};

struct conf_option {
	const char *key;
	const char *help;
	enum conf_applies applies;
	enum conf_type type;
	enum conf_shape shape;
	size_t offset, count_offset, limit;
	size_t given_offset; /* of a bool that is set if the file has the key; 0: none */
	double min, max;
	bool or_zero;       /* UINT: 0 is allowed, too; ENDPOINT: an address alone has port 0 */
	bool required;      /* must be in the file */
	uint8_t family;     /* ADDR, PREFIX: AF_INET or AF_INET6; AF_UNSPEC: either */
	bool host_bits;     /* PREFIX: an interface's address with the length of its network */
	const char *preset; /* the default, written as in the file; NULL: none */
	/* describes a default that the caller makes, for the documentation */
	const char *preset_note;
	const struct conf_table *table; /* GROUP */
	/*
	 * GROUP: a plain value in the list means a group in which this key has that value and all
	 * else is zero. A list that has both is written ( "a", { KEY = VALUE; } ), because
	 * libconfig's [ ] holds values of one type.
	 */
	const char *shorthand;
	const struct conf_name *names; /* NAMED */
	/*
	 * A string beside the values of the type, such as "@all" in a list of names. It is stored as
	 * zeros, so that no value of the type may be all zeros.
	 */
	const char *keyword;
	/*
	 * Not an option: includes the options of this table, which fill the same struct. All other
	 * fields are zero.
	 */
	const struct conf_table *also;
};

struct conf_table {
	const struct conf_option *options;
	size_t count;
	size_t size;        /* of the struct that it fills */
	const char *manual; /* the page that lists its keys; NULL: docs/configuration.md */
};

/*
 * Walks over the options of a table in their order, and over those of an `also` in its position:
 *
 *	struct conf_walk walk = { .table = table };
 *	while ((option = conf_next(&walk)) != NULL)
 */
struct conf_walk {
	const struct conf_table *table;
	const struct conf_table *also; /* the table whose options come now; NULL: `table` itself */
	size_t at, also_at;
};

/* Returns the next option, or NULL after the last one. The table of an `also` has no `also`. */
const struct conf_option *conf_next(struct conf_walk *walk);

/* Returns the option with that key, or NULL. */
const struct conf_option *conf_find(const struct conf_table *table, const char *key);

/*
 * Parses `len` bytes (no terminator needed) by the table into `target`, which is the table's struct
 * and all zero. `path` is for messages only: conf_load() reads nothing from it and refuses
 * @include.
 *
 * Allocated values belong to the target, on failure as well; the caller frees them in the same way
 * in both cases. -EINVAL: syntax, unknown key, a key twice, wrong type, out of range, or a required
 * key is missing; -EFBIG: larger than FILE_SIZE_MAX; -ENOMEM. On failure *problem says why, as
 * "FILE:LINE: KEY: expected ..., got ...".
 */
int conf_load(const char *text, size_t len, const char *path, const struct conf_table *table,
	void *target, struct problem *problem);

/*
 * Returns 1 if the text has this key at its top level, with any value, or 0. It shows which program
 * a file is for. The text need fit no table, but must have libconfig's syntax: -EINVAL; -EFBIG,
 * -ENOMEM.
 */
int conf_has_key(const char *text, size_t len, const char *key);

/*
 * Adds the line to an error that the caller has found across options after conf_load(). `problem`
 * begins with an option's path ("pool4: ...", "peers.[0].name ..."). The result begins with
 * "FILE:LINE: ", or with "FILE: " where the text does not have the option. `text` is the one that
 * conf_load() has parsed.
 */
void conf_locate(const char *text, size_t len, const char *path, struct problem *problem);

/* Prints the table as Markdown; docs/configuration.md has this output. -EIO. */
int conf_describe(const struct conf_table *table, FILE *out);

#endif
