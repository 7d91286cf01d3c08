/* SPDX-License-Identifier: Apache-2.0 */
#include "client/forward_rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { JUMPS_MAX = 16 }; /* the kernel's own limit: NFT_JUMP_STACK_SIZE */

struct chain {
	const char *family, *table, *name;
	bool base;   /* a base chain of the hook */
	bool policy; /* drop */
	char *rules; /* one a line, ended by NUL; NULL: none */
};

struct rules {
	struct chain *chains;
	size_t count;
	const char *hook;     /* as nft lists it: " hook forward " */
	const char *in, *out; /* of hook forward; else NULL */
	/* a table family that these packets do not pass; NULL: they pass all */
	const char *elsewhere;
	unsigned port; /* hook input: the port of the TCP connection */
	bool unsure;
};

enum outcome { GOES_ON, ACCEPTS, DROPS };

/* ---- words of a rule ---- */

/*
 * Takes the next word: quoted text without its quotes, a set with its braces, or up to a space.
 * NULL: end of the line.
 */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t"), *end;

	if (*word == '\0')
		return NULL;
	if (*word == '"') {
		word++;
		end = strchrnul(word, '"');
	} else if (*word == '{') {
		end = strchrnul(word, '}');
		end += *end != '\0'; /* keep the brace, skip the space after it */
	} else {
		end = word + strcspn(word, " \t");
	}
	*at = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return word;
}

/* Matches one name, with the * that nft allows at its end. */
static bool name_matches(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, FNM_NOESCAPE) == 0;
}

/* `{ "eth0", "cv*" }` */
static bool set_matches(char *set, const char *name)
{
	char *at = set, *word, *rest;

	for (word = strtok_r(at, "{}, \t\"", &rest); word;
		word = strtok_r(NULL, "{}, \t\"", &rest)) {
		if (name_matches(word, name))
			return true;
	}
	return false;
}

/* As far as we parse it. */
struct rule {
	bool excluded;  /* does not apply to these interfaces */
	bool condition; /* has a condition besides the interfaces */
	bool mapped;    /* a map has its verdict (vmap), which we do not read */
	bool old_only;  /* for connections that are established, invalid or translated */
	const char *verdict, *target;
};

/*
 * The value that a rule compares with, and whether "!=" stands before it. NULL: a named set or a map, whose elements are not
 * read; the rule is marked so.
 */
static char *next_value(char **at, bool *ret_negated, struct rule *rule)
{
	char *word = next_word(at);

	*ret_negated = word && strcmp(word, "!=") == 0;
	if (*ret_negated)
		word = next_word(at);
	if (word && word[0] != '@' && strcmp(word, "vmap") != 0)
		return word;
	rule->condition = true;
	rule->mapped = rule->mapped || (word && word[0] == 'v');
	return NULL;
}

/* Reads the operand of iifname or oifname. */
static void read_name(char **at, const char *name, struct rule *rule)
{
	bool negated, matches;
	char *word = next_value(at, &negated, rule);

	if (!word)
		return;
	if (!name) { /* from any interface but this host's own */
		rule->excluded = rule->excluded || (strcmp(word, "lo") == 0 && !negated);
		rule->condition = rule->condition || strcmp(word, "lo") != 0;
		return;
	}
	matches = word[0] == '{' ? set_matches(word, name) : name_matches(word, name);
	rule->excluded = rule->excluded || matches == negated;
}

/* Matches `443`, `1-1023`. A name of /etc/services, which nft -S lists, is no number. */
static bool port_matches(const char *word, unsigned port)
{
	char *end;
	unsigned long first = strtoul(word, &end, 10), last = first;

	if (end == word)
		return false;
	if (*end == '-')
		last = strtoul(end + 1, NULL, 10);
	return port >= first && port <= last;
}

/* Reads the words after tcp, for a connection to the port. */
static void read_tcp(char **at, unsigned port, struct rule *rule)
{
	char *word = next_word(at), *rest;
	bool negated, matches = false;

	if (!word || strcmp(word, "dport") != 0) {
		rule->condition = true;
		return;
	}
	word = next_value(at, &negated, rule);
	if (!word)
		return;
	for (word = strtok_r(word, "{}, \t", &rest); word && !matches;
		word = strtok_r(NULL, "{}, \t", &rest))
		matches = port_matches(word, port);
	rule->excluded = rule->excluded || matches == negated;
}

/* Reads a word that only matters for a connection to a port. True: it was one. */
static bool read_connection(
	const char *word, char **at, const struct rules *rules, struct rule *rule)
{
	char *next;

	if (rules->port == 0)
		return false;
	if (strcmp(word, "tcp") == 0) {
		read_tcp(at, rules->port, rule);
	} else if (strcmp(word, "udp") == 0 || strcmp(word, "icmp") == 0 ||
		strcmp(word, "icmpv6") == 0) {
		rule->excluded = true;
	} else if (strcmp(word, "l4proto") == 0) {
		next = next_word(at);
		rule->mapped = rule->mapped || (next && strcmp(next, "vmap") == 0);
		rule->excluded = rule->excluded ||
			(!rule->mapped && (!next || !strstr(next, "tcp")));
	} else if (strcmp(word, "ct") == 0) {
		/* The connection is new; rules for other states are excluded as a whole. */
		next = next_word(at);
		rule->condition = rule->condition || !next || strcmp(next, "state") != 0;
		next = next_word(at);
		rule->mapped = rule->mapped || (next && strcmp(next, "vmap") == 0);
	} else {
		return false;
	}
	return true;
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(word, *words) != 0)
		words++;
	return *words != NULL;
}

static void read_word(char *word, char **at, const struct rules *rules, struct rule *rule)
{
	static const char *const verdicts[] = { "accept", "drop", "reject", "return", "queue",
		"jump", "goto", NULL };
	static const char *const passing[] = { "counter", "log", "meta", "continue", NULL };
	static const char *const passing_with_value[] = { "packets", "bytes", "comment", "prefix",
		"level", "group", NULL };

	if (rule->verdict || is_one_of(word, passing))
		return; /* words after a verdict: "with icmpx admin-prohibited", a comment */
	if (is_one_of(word, passing_with_value))
		(void)next_word(at);
	else if (read_connection(word, at, rules, rule))
		return;
	else if (strcmp(word, "iifname") == 0 || strcmp(word, "iif") == 0)
		read_name(at, rules->in, rule);
	else if (strcmp(word, "oifname") == 0 || strcmp(word, "oif") == 0)
		read_name(at, rules->out, rule);
	else if (is_one_of(word, verdicts)) {
		rule->verdict = word;
		if (strcmp(word, "jump") == 0 || strcmp(word, "goto") == 0)
			rule->target = next_word(at);
	} else {
		rule->condition = true;
		rule->mapped = rule->mapped || strcmp(word, "vmap") == 0;
	}
}

static struct rule read_rule(char *line, const struct rules *rules)
{
	bool state = strstr(line, "ct state") || strstr(line, "ctstate");
	bool translated = strstr(line, "ct status dnat") != NULL;
	struct rule rule = { .old_only = translated || (state && !strcasestr(line, "new")) };
	char *at = line, *word;

	while ((word = next_word(&at)))
		read_word(word, &at, rules, &rule);
	return rule;
}

/* ---- the walk ---- */

static const struct chain *find_chain(
	const struct rules *rules, const struct chain *from, const char *name)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct chain *chain = &rules->chains[i];

		if (strcmp(chain->family, from->family) == 0 &&
			strcmp(chain->table, from->table) == 0 && strcmp(chain->name, name) == 0)
			return chain;
	}
	return NULL;
}

static enum outcome walk(struct rules *rules, const struct chain *chain, unsigned depth);

/* *ret_leaves: the chain ends here, without a verdict of its own. */
/* NOLINTNEXTLINE(misc-no-recursion): bounded by JUMPS_MAX, as the kernel's own walk is. */
static enum outcome follow(struct rules *rules, const struct chain *chain, const struct rule *rule,
	unsigned depth, bool *ret_leaves)
{
	const struct chain *target = NULL;
	bool drops;

	*ret_leaves = false;
	if (rule->excluded || rule->old_only)
		return GOES_ON;
	rules->unsure = rules->unsure || rule->mapped;
	if (!rule->verdict)
		return GOES_ON;
	drops = strcmp(rule->verdict, "drop") == 0 || strcmp(rule->verdict, "reject") == 0;
	if (rule->condition) {
		/* Dropping some packets does not count; accepting some may save ours. */
		rules->unsure = rules->unsure || !drops;
		return GOES_ON;
	}
	*ret_leaves = strcmp(rule->verdict, "return") == 0 || strcmp(rule->verdict, "goto") == 0;
	if (strcmp(rule->verdict, "accept") == 0)
		return ACCEPTS;
	if (drops)
		return DROPS;
	if (rule->target)
		target = find_chain(rules, chain, rule->target);
	if (target && depth < JUMPS_MAX)
		return walk(rules, target, depth + 1);
	if (strcmp(rule->verdict, "return") != 0)
		rules->unsure = true;
	return GOES_ON;
}

/* NOLINTNEXTLINE(misc-no-recursion): see follow(). */
static enum outcome walk(struct rules *rules, const struct chain *chain, unsigned depth)
{
	/* Reading a rule modifies its line, and a chain may be walked again. */
	char *text = chain->rules ? strdup(chain->rules) : NULL, *rest = NULL;
	enum outcome outcome = GOES_ON;
	bool leaves = false;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL;
		line && outcome == GOES_ON && !leaves; line = strtok_r(NULL, "\n", &rest)) {
		struct rule rule = read_rule(line, rules);

		outcome = follow(rules, chain, &rule, depth, &leaves);
	}
	free(text);
	return outcome;
}

/* ---- the listing ---- */

/* Returns the name in "\tchain forward {"; NULL: another line. */
static char *opened(char *line, const char *what)
{
	size_t len = strlen(what);

	if (strncmp(line, what, len) != 0)
		return NULL;
	line[strcspn(line, "{")] = '\0';
	while (strlen(line) > len && line[strlen(line) - 1] == ' ')
		line[strlen(line) - 1] = '\0';
	return &line[len];
}

static bool is_ip(const char *family)
{
	static const char *const families[] = { "ip", "ip6", "inet", NULL };

	return is_one_of(family, families);
}

/*
 * Finds a chain's rules, from its first line to the "\t}" that closes it, which becomes their NUL.
 */
static void read_chain(struct chain *chain, const char *hook, char **at)
{
	char *line;

	while ((line = strsep(at, "\n")) && strcmp(line, "\t}") != 0) {
		if (strncmp(line, "\t\ttype ", 7) == 0) {
			chain->base = strstr(line, hook) != NULL;
			chain->policy = strstr(line, "policy drop") != NULL;
			continue;
		}
		if (!chain->rules)
			chain->rules = line;
		if (*at)
			(*at)[-1] = '\n'; /* restore what strsep() cut */
	}
	if (line && chain->rules)
		line[0] = '\0';
}

static int read_listing(char *text, struct rules *rules)
{
	char *family = NULL, *table = NULL, *line;

	while ((line = strsep(&text, "\n"))) {
		char *name = opened(line, "table ");

		if (name) {
			family = strsep(&name, " ");
			table = name;
			continue;
		}
		name = opened(line, "\tchain ");
		if (!name || !table || !is_ip(family))
			continue;
		if (rules->count == FORWARD_RULES_CHAINS_MAX)
			return -E2BIG;
		rules->chains[rules->count] = (struct chain){
			.family = family, .table = table, .name = name
		};
		read_chain(&rules->chains[rules->count++], rules->hook, &text);
		if (!text)
			break;
	}
	return 0;
}

/* True: the verdict is certain, and so final. */
static bool judge_base(
	struct rules *rules, const struct chain *chain, struct forward_verdict *verdict)
{
	enum outcome outcome;

	rules->unsure = false;
	outcome = walk(rules, chain, 0);
	if (outcome == ACCEPTS || (outcome == GOES_ON && !chain->policy))
		return false;
	if (verdict->drops && rules->unsure)
		return false; /* no better than the verdict so far */
	verdict->drops = true;
	verdict->unsure = rules->unsure;
	(void)snprintf(verdict->family, sizeof(verdict->family), "%s", chain->family);
	(void)snprintf(verdict->table, sizeof(verdict->table), "%s", chain->table);
	(void)snprintf(verdict->chain, sizeof(verdict->chain), "%s", chain->name);
	return !rules->unsure;
}

static int judge(char *text, struct rules *rules, struct forward_verdict *ret_verdict)
{
	struct chain *chains = calloc(FORWARD_RULES_CHAINS_MAX, sizeof(*chains));
	struct forward_verdict verdict = { .drops = false };
	int r;

	if (!chains)
		return -ENOMEM;
	rules->chains = chains;
	r = read_listing(text, rules);
	for (size_t i = 0; r == 0 && i < rules->count; i++) {
		const struct chain *chain = &chains[i];

		if (!chain->base ||
			(rules->elsewhere && strcmp(chain->family, rules->elsewhere) == 0))
			continue;
		if (judge_base(rules, chain, &verdict))
			break;
	}
	free(chains);
	if (r == 0)
		*ret_verdict = verdict;
	return r;
}

int forward_rules_judge(
	char *text, const char *in, const char *out, struct forward_verdict *ret_verdict)
{
	struct rules rules = { .hook = " hook forward ", .in = in, .out = out };

	return judge(text, &rules, ret_verdict);
}

int forward_rules_judge_input(
	char *text, int family, uint16_t port, struct forward_verdict *ret_verdict)
{
	struct rules rules = {
		.hook = " hook input ", .elsewhere = family == AF_INET ? "ip6" : "ip", .port = port
	};

	return judge(text, &rules, ret_verdict);
}
