/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/announced.h"

#include <errno.h>

#include "base/route_rule.h"

/*
 * A change by a command is all or nothing: all prefixes are judged before the first one is added.
 */

static bool is_listed(const struct prefix *prefixes, size_t count, const struct prefix *prefix)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_equal(&prefixes[i], prefix))
			return true;
	}
	return false;
}

/* Makes `all` from the lists. -ENOMEM: it stays unchanged. */
static int combine(struct announced *announced)
{
	struct prefix_list both = { .items = NULL };
	int r = prefix_list_append(&both, announced->stated.items, announced->stated.count);

	if (r == 0)
		r = prefix_list_append(&both, announced->tracked.items, announced->tracked.count);
	if (r == 0 && announced->own)
		r = prefix_list_append(&both, announced->own->items, announced->own->count);
	if (r < 0) {
		prefix_list_free(&both);
		return r;
	}
	prefix_list_sort(&both);
	prefix_list_free(&announced->all);
	announced->all = both;
	return 0;
}

int announced_configure(struct announced *announced, const struct settings *settings)
{
	if (settings_stated(settings, &announced->stated) < 0)
		return -ENOMEM;
	announced->own = &settings->announced_own;
	return combine(announced);
}

void announced_withhold(struct announced *announced, struct prefix_list *withheld)
{
	prefix_list_free(&announced->withheld);
	announced->withheld = *withheld;
	*withheld = (struct prefix_list){ .items = NULL };
}

/* Removes what is withheld from the list, from position `first` on. */
static void drop_withheld(const struct announced *announced, struct prefix_list *list, size_t first)
{
	size_t kept = first;

	if (announced->withheld.count == 0)
		return;
	for (size_t i = first; i < list->count; i++) {
		if (!prefix_list_has(&announced->withheld, &list->items[i]))
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

/* Appends the prefixes of `from` that `without` lacks. */
static int append_without(
	struct prefix_list *list, const struct prefix_list *from, const struct prefix_list *without)
{
	int r = 0;

	for (size_t i = 0; i < from->count && r == 0; i++) {
		if (!is_listed(without->items, without->count, &from->items[i]))
			r = prefix_list_append(list, &from->items[i], 1);
	}
	return r;
}

/*
 * Of the new configuration's prefixes those stay away that a command has withdrawn: they were in
 * the old one and are not stated now.
 */
int announced_follow(
	struct announced *announced, const struct settings *before, const struct settings *now)
{
	struct prefix_list old = { .items = NULL }, new = old, withdrawn = old, stated = old,
			   past = announced->stated;
	int r = settings_stated(before, &old);

	if (r == 0)
		r = settings_stated(now, &new);
	if (r == 0)
		r = append_without(&withdrawn, &old, &past);
	if (r == 0)
		r = append_without(&stated, &new, &withdrawn);
	/* What a command has added, and the new configuration does not name. */
	for (size_t i = 0; i < past.count && r == 0; i++) {
		if (!is_listed(old.items, old.count, &past.items[i]) &&
			!is_listed(new.items, new.count, &past.items[i]))
			r = prefix_list_append(&stated, &past.items[i], 1);
	}
	if (r == 0) {
		announced->stated = stated;
		announced->own = &now->announced_own;
		r = combine(announced);
		stated = r == 0 ? past : stated;
		if (r < 0)
			announced->stated = past;
	}
	prefix_list_free(&old);
	prefix_list_free(&new);
	prefix_list_free(&withdrawn);
	prefix_list_free(&stated);
	return r;
}

int announced_append(const struct announced *announced, const struct settings_peer *peer,
	struct prefix_list *list)
{
	size_t first = list->count;
	int r = settings_stated_to(peer, list);

	if (r == 0 && settings_gets_common(peer)) {
		r = prefix_list_append(list, announced->stated.items, announced->stated.count);
		if (r == 0)
			r = prefix_list_append(
				list, announced->tracked.items, announced->tracked.count);
	}
	drop_withheld(announced, list, first);
	return r;
}

void announced_free(struct announced *announced)
{
	prefix_list_free(&announced->all);
	prefix_list_free(&announced->stated);
	prefix_list_free(&announced->tracked);
	prefix_list_free(&announced->pages);
	prefix_list_free(&announced->withheld);
}

bool announced_is_common(const struct announced *announced, const struct prefix *prefix)
{
	return is_listed(announced->stated.items, announced->stated.count, prefix) ||
		prefix_list_has(&announced->tracked, prefix);
}

static int judge(const struct announced *announced, enum settings_role role,
	const struct prefix *prefixes, size_t at, struct problem *problem)
{
	const struct prefix_list *stated = &announced->stated;
	enum route_verdict verdict = route_rule_form(&prefixes[at]);
	char text[ADDR_TEXT_MAX];

	prefix_format(&prefixes[at], text);
	if (verdict == ROUTE_DEFAULT && role == SETTINGS_SERVER)
		verdict = ROUTE_ACCEPTED;
	if (verdict != ROUTE_ACCEPTED) {
		problem_set(
			problem, "%s cannot be announced: %s", text, route_verdict_text(verdict));
		return -EINVAL;
	}
	if (is_listed(stated->items, stated->count, &prefixes[at])) {
		problem_set(problem, "%s is announced already", text);
		return -EEXIST;
	}
	if (is_listed(prefixes, at, &prefixes[at])) {
		problem_set(problem, "%s is named twice", text);
		return -EEXIST;
	}
	if (stated->count + at >= SETTINGS_PREFIX_MAX) {
		problem_set(problem,
			"cannot announce %s: the limit of %d announced prefixes is reached", text,
			SETTINGS_PREFIX_MAX);
		return -ENOSPC;
	}
	return 0;
}

int announced_add(struct announced *announced, enum settings_role role,
	const struct prefix *prefixes, size_t count, struct problem *problem)
{
	struct prefix_list *stated = &announced->stated;
	size_t before = stated->count;
	int r;

	for (size_t i = 0; i < count; i++) {
		r = judge(announced, role, prefixes, i, problem);
		if (r < 0)
			return r;
	}
	r = prefix_list_append(stated, prefixes, count);
	if (r == 0)
		r = combine(announced);
	if (r < 0) {
		stated->count = before;
		problem_set(problem, "out of memory");
		return r;
	}
	return 0;
}

/* Why a prefix that is not stated cannot be withdrawn. */
static const char *unstated_text(const struct announced *announced, const struct prefix *prefix)
{
	if (prefix_list_has(&announced->tracked, prefix))
		return "tracked: this end announces it as long as this host has it";
	if (announced->own && prefix_list_has(announced->own, prefix))
		return "announced to single peers only: take it from `announce` in their entries and reload";
	return "not announced";
}

static int judge_withdrawal(const struct announced *announced, const struct prefix *prefixes,
	size_t at, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	prefix_format(&prefixes[at], text);
	if (!is_listed(announced->stated.items, announced->stated.count, &prefixes[at])) {
		problem_set(problem, "%s is %s", text, unstated_text(announced, &prefixes[at]));
		return -ENOENT;
	}
	if (is_listed(prefixes, at, &prefixes[at])) {
		problem_set(problem, "%s is named twice", text);
		return -EEXIST;
	}
	return 0;
}

int announced_withdraw(struct announced *announced, const struct prefix *prefixes, size_t count,
	struct problem *problem)
{
	struct prefix_list *stated = &announced->stated, left = { .items = NULL }, before = *stated;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		r = judge_withdrawal(announced, prefixes, i, problem);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < stated->count && r == 0; i++) {
		if (!is_listed(prefixes, count, &stated->items[i]))
			r = prefix_list_append(&left, &stated->items[i], 1);
	}
	if (r == 0) {
		*stated = left;
		r = combine(announced);
	}
	if (r < 0) {
		*stated = before;
		prefix_list_free(&left);
		problem_set(problem, "out of memory");
		return r;
	}
	prefix_list_free(&before);
	return 0;
}

int announced_track(struct announced *announced, const struct request_tracked *page)
{
	struct prefix_list *pages = &announced->pages, before = announced->tracked;
	int r;

	if (page->offset == 0)
		prefix_list_free(pages);
	if (page->offset != pages->count)
		return 0;
	r = prefix_list_append(pages, page->prefix, page->count);
	if (r < 0 || pages->count < page->total)
		return r;
	prefix_list_sort(pages);
	announced->tracked = *pages;
	r = combine(announced);
	if (r < 0) {
		announced->tracked = before;
		return r;
	}
	*pages = (struct prefix_list){ .items = NULL };
	prefix_list_free(&before);
	return 1;
}
