/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which entry of `peers` a certificate meets. An entry without `identity` is met by the plain name,
 * one with it by exactly that name. Both are looked up in sorted arrays, so that a hub with many
 * thousand peers needs no walk over them, whatever the certificate has in it.
 *
 * A certificate may have many names, and each may be one of another entry. So the first match is
 * not taken: a second one refuses the certificate.
 */
#include "config/settings.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_SHOWN = 200 }; /* bytes of a certificate's names in a message */

/* What an entry expects, in the form of base/peer_names.h. */
struct expectation {
	char *identity; /* owned */
	char *issuer;   /* owned; NULL: any */
	const struct settings_peer *peer;
};

struct settings_index {
	const struct settings_peer **by_name; /* every entry */
	size_t count;
	struct expectation *by_identity; /* the entries that have one */
	size_t expected;
	char **issuers; /* of each entry, in the order of the settings; owned; NULL: any */
};

/* ---- the index ---- */

static int order_names(const void *a, const void *b)
{
	const struct settings_peer *const *one = a, *const *other = b;

	return strcmp((*one)->name.name, (*other)->name.name);
}

static int order_expectations(const void *a, const void *b)
{
	const struct expectation *one = a, *other = b;

	return strcmp(one->identity, other->identity);
}

void settings_index_free(struct settings *settings)
{
	struct settings_index *index = settings->index;

	if (!index)
		return;
	for (size_t i = 0; i < index->expected; i++)
		free(index->by_identity[i].identity);
	for (size_t i = 0; i < index->count; i++)
		free(index->issuers[i]);
	free(index->by_identity);
	free(index->by_name);
	free(index->issuers);
	free(index);
	settings->index = NULL;
}

static int parse(const struct settings *settings, size_t i, const char *key, const char *text,
	char **ret_text, struct problem *problem)
{
	int r = peer_names_parse(text, strcmp(key, "issuer") == 0, ret_text, problem);

	if (r == -EINVAL)
		problem_prepend(
			problem, "peers.[%zu].%s (%s)", i, key, settings->peers[i].name.name);
	return r;
}

static int index_peer(struct settings *settings, size_t i, struct problem *problem)
{
	const struct settings_peer *peer = &settings->peers[i];
	struct settings_index *index = settings->index;
	struct expectation *next = &index->by_identity[index->expected];
	int r = 0;

	index->by_name[i] = peer;
	if (peer->issuer)
		r = parse(settings, i, "issuer", peer->issuer, &index->issuers[i], problem);
	if (r < 0 || !peer->identity)
		return r;
	r = parse(settings, i, "identity", peer->identity, &next->identity, problem);
	if (r < 0)
		return r;
	next->issuer = index->issuers[i];
	next->peer = peer;
	index->expected++;
	return 0;
}

static int make_index(struct settings *settings, struct problem *problem)
{
	size_t count = settings->peer_count;
	struct settings_index *index = calloc(1, sizeof(*index));
	int r = 0;

	settings->index = index;
	if (!index)
		return -ENOMEM;
	index->by_name = calloc(count + 1, sizeof(const struct settings_peer *));
	index->by_identity = calloc(count + 1, sizeof(*index->by_identity));
	index->issuers = calloc(count + 1, sizeof(char *));
	if (!index->by_name || !index->by_identity || !index->issuers)
		return -ENOMEM;
	index->count = count;
	for (size_t i = 0; i < count && r == 0; i++)
		r = index_peer(settings, i, problem);
	if (r < 0)
		return r;
	qsort(index->by_name, count, sizeof(const struct settings_peer *), order_names);
	qsort(index->by_identity, index->expected, sizeof(*index->by_identity), order_expectations);
	return 0;
}

const struct settings_peer *settings_find_peer(
	const struct settings *settings, const struct identity *name)
{
	const struct settings_index *index = settings->index;
	const struct settings_peer wanted = { .name = *name }, *key = &wanted;
	const struct settings_peer **found;

	if (index) {
		found = bsearch(&key, index->by_name, index->count,
			sizeof(const struct settings_peer *), order_names);
		return found ? *found : NULL;
	}
	for (size_t i = 0; i < settings->peer_count; i++) { /* a client has one */
		if (identity_equal(&settings->peers[i].name, name))
			return &settings->peers[i];
	}
	return NULL;
}

static const struct expectation *find_expected(
	const struct settings_index *index, const char *identity);

/* Returns the entry of `now` that expects this name, or is called so, or NULL. */
static const struct settings_peer *find_by_text(const struct settings *now, const char *text)
{
	const struct expectation *expected = NULL;
	const struct settings_peer *entry;
	struct identity plain;
	char *canonical = NULL;

	if (now->index && peer_names_parse(text, false, &canonical, NULL) == 0)
		expected = find_expected(now->index, canonical);
	free(canonical);
	if (expected)
		return expected->peer;
	if (strncmp(text, "dns:", 4) != 0 && strncmp(text, "cn:", 3) != 0)
		return NULL;
	text = strchr(text, ':') + 1;
	if (identity_set(&plain, text, strlen(text)) < 0)
		return NULL;
	entry = settings_find_peer(now, &plain);
	return entry && !entry->identity ? entry : NULL;
}

const struct settings_peer *settings_find_renamed(
	const struct settings *before, const struct settings *now, const struct identity *name)
{
	const struct settings_peer *old = settings_find_peer(before, name), *new = NULL;
	char text[IDENTITY_MAX + 8];

	if (!old || settings_find_peer(now, name))
		return NULL;
	if (old->identity)
		new = find_by_text(now, old->identity);
	for (int i = 0; i < 2 && !old->identity && !new; i++) {
		(void)snprintf(text, sizeof(text), "%s:%s", i == 0 ? "dns" : "cn", name->name);
		new = find_by_text(now, text);
	}
	return new && !settings_find_peer(before, &new->name) ? new : NULL;
}

static const char *issuer_of(const struct settings *settings, const struct settings_peer *peer)
{
	return settings->index ? settings->index->issuers[peer - settings->peers] : NULL;
}

/* Returns the first of the expectations with that identity, or NULL. */
static const struct expectation *find_expected(
	const struct settings_index *index, const char *identity)
{
	size_t low = 0, high = index->expected;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->by_identity[middle].identity, identity) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == index->expected || strcmp(index->by_identity[low].identity, identity) != 0)
		return NULL;
	return &index->by_identity[low];
}

static bool is_end(const struct settings_index *index, const struct expectation *at)
{
	return at == &index->by_identity[index->expected];
}

/* ---- entries that one certificate would meet ---- */

/* True if one certificate may have both issuers above it, as far as the texts tell. */
static bool may_be_one(const char *one, const char *other)
{
	return !one || !other || strcmp(one, other) == 0;
}

static int complain(const struct settings *settings, const struct settings_peer *peer,
	const struct settings_peer *other, const char *identity, struct problem *problem)
{
	bool in_order = other < peer;
	const struct settings_peer *first = in_order ? other : peer;
	const struct settings_peer *second = in_order ? peer : other;
	char shown[NAMES_SHOWN];

	problem_escape_rest(shown, sizeof(shown), identity, strlen(identity));
	problem_set(problem,
		"peers.[%td].%s (%s): a certificate with \"%s\" also meets peers.[%td] (%s), and so would be refused; give one of them another identity, or pin different issuers",
		second - settings->peers, second->identity ? "identity" : "name", second->name.name,
		shown, first - settings->peers, first->name.name);
	return -EINVAL;
}

static int check_same(const struct settings *settings, struct problem *problem)
{
	const struct settings_index *index = settings->index;

	for (size_t i = 0; i < index->expected; i++) {
		const struct expectation *one = &index->by_identity[i], *other = one + 1;

		for (; !is_end(index, other) && strcmp(one->identity, other->identity) == 0;
			other++) {
			if (may_be_one(one->issuer, other->issuer))
				return complain(
					settings, one->peer, other->peer, one->identity, problem);
		}
	}
	return 0;
}

/* A certificate whose only name is that of an entry without `identity` has it as dns: or cn:. */
static int check_plain(const struct settings *settings, const struct settings_peer *peer,
	enum peer_name_kind kind, struct problem *problem)
{
	const struct settings_index *index = settings->index;
	struct peer_name_list list = { .bytes = NULL };
	const struct expectation *at;
	int r = peer_names_add(&list, kind, peer->name.name, strlen(peer->name.name));

	at = r == 0 && list.bytes ? find_expected(index, list.bytes) : NULL;
	for (; r == 0 && at && !is_end(index, at) && strcmp(at->identity, list.bytes) == 0; at++) {
		if (may_be_one(at->issuer, issuer_of(settings, peer)))
			r = complain(settings, at->peer, peer, at->identity, problem);
	}
	free(list.bytes);
	return r;
}

static int check_meetings(const struct settings *settings, struct problem *problem)
{
	int r = check_same(settings, problem);

	for (size_t i = 0; i < settings->peer_count && r == 0 && settings->index->expected > 0;
		i++) {
		const struct settings_peer *peer = &settings->peers[i];

		if (peer->identity)
			continue;
		r = check_plain(settings, peer, PEER_NAME_DNS, problem);
		if (r == 0)
			r = check_plain(settings, peer, PEER_NAME_CN, problem);
	}
	return r;
}

int settings_index(struct settings *settings, struct problem *problem)
{
	int r = make_index(settings, problem);

	if (r == 0)
		r = check_meetings(settings, problem);
	if (r == -ENOMEM)
		problem_set(problem, "not enough memory for the peers");
	return r;
}

/* ---- a certificate ---- */

static bool has_issuer(const struct settings *settings, const struct settings_peer *peer,
	const struct peer_names *names)
{
	const char *issuer = issuer_of(settings, peer);

	return !issuer || peer_names_have(&names->above, issuer);
}

/* The entries that a certificate meets; more than two need no name. */
struct meeting {
	const struct settings_peer *first, *second;
};

static void meet(struct meeting *meeting, const struct settings_peer *peer)
{
	if (!meeting->first)
		meeting->first = peer;
	else if (meeting->first != peer && !meeting->second)
		meeting->second = peer;
}

static void find_meetings(
	const struct settings *settings, const struct peer_names *names, struct meeting *meeting)
{
	const struct settings_index *index = settings->index;
	const struct settings_peer *plain = NULL;
	const char *name = NULL;

	if (names->plain.name[0] != '\0')
		plain = settings_find_peer(settings, &names->plain);
	if (plain && !plain->identity && has_issuer(settings, plain, names))
		meet(meeting, plain);
	while (index && (name = peer_names_next(&names->own, name))) {
		const struct expectation *at = find_expected(index, name);

		for (; at && !is_end(index, at) && strcmp(at->identity, name) == 0; at++) {
			if (has_issuer(settings, at->peer, names))
				meet(meeting, at->peer);
		}
	}
}

void settings_explain(const struct settings *settings, const struct settings_peer *peer,
	const struct peer_names *names, struct problem *ret_reason)
{
	bool by_name = !peer->identity;
	char *identity = NULL;
	char shown[NAMES_SHOWN];

	if (!by_name && peer_names_parse(peer->identity, false, &identity, NULL) < 0)
		identity = NULL;
	if (by_name && names->plain.name[0] == '\0')
		problem_set(ret_reason,
			"it has no identity, so the certificate's own name counts: %s",
			names->fault ? names->fault : "it has none");
	else if (by_name && !identity_equal(&peer->name, &names->plain))
		problem_set(ret_reason,
			"it has no identity, so the certificate's own name counts, and that is %s",
			names->plain.name);
	else if (!by_name && (!identity || !peer_names_have(&names->own, identity)))
		problem_set(ret_reason, "its identity \"%s\" is none of the certificate's names",
			problem_escape_rest(
				shown, sizeof(shown), peer->identity, strlen(peer->identity)));
	else if (!has_issuer(settings, peer, names))
		problem_set(ret_reason, "its issuer \"%s\" is not above the certificate",
			problem_escape_rest(
				shown, sizeof(shown), peer->issuer, strlen(peer->issuer)));
	else
		problem_set(ret_reason, "it is met");
	free(identity);
}

/*
 * For a certificate that meets no entry: the plain name becomes the session's, unless it is an entry's. That entry expects
 * something else, and its addresses and its session must not be taken by a name alone.
 */
static int take_unlisted(const struct settings *settings, const struct peer_names *names,
	struct identity *ret_name, struct problem *problem)
{
	const struct settings_peer *namesake = settings_find_peer(settings, &names->plain);
	struct problem reason;

	if (names->plain.name[0] == '\0') {
		problem_set(problem,
			"the certificate meets no entry in peers, and as to its own name, %s",
			names->fault ? names->fault : "it has none");
		return -EINVAL;
	}
	if (namesake) {
		settings_explain(settings, namesake, names, &reason);
		problem_set(problem,
			"the certificate has the name of the entry %s in peers, but does not meet it: %s",
			names->plain.name, reason.text);
		return -EACCES;
	}
	*ret_name = names->plain;
	return 0;
}

int settings_meet(const struct settings *settings, const struct peer_names *names,
	struct identity *ret_name, const struct settings_peer **ret_peer, struct problem *problem)
{
	struct meeting meeting = { .first = NULL };
	char shown[NAMES_SHOWN / 2];

	*ret_peer = NULL;
	find_meetings(settings, names, &meeting);
	if (meeting.second) {
		problem_set(problem,
			"the certificate meets two entries in peers, %s and %s, and must meet one; change the identity of one of them, or issue a certificate without the other's name",
			meeting.first->name.name, meeting.second->name.name);
		return -EEXIST;
	}
	if (meeting.first) {
		*ret_peer = meeting.first;
		*ret_name = meeting.first->name;
		return 0;
	}
	if (settings->unlisted || settings_find_peer(settings, &names->plain))
		return take_unlisted(settings, names, ret_name, problem);
	peer_names_format(&names->own, shown, sizeof(shown));
	if (names->fault)
		problem_set(problem,
			"its certificate is valid, but the server's configuration has no entry in peers for it (its names: %s); as to its own name, %s",
			shown, names->fault);
	else
		problem_set(problem,
			"its certificate is valid, but the server's configuration has no entry in peers for it (its names: %s)",
			shown);
	return -EACCES;
}

/* ---- a server's certificate ---- */

int settings_meet_server(
	const struct settings *settings, const struct peer_names *names, struct problem *problem)
{
	const struct identity *expected = &settings->peers[0].name;
	struct peer_name_list list = { .bytes = NULL };
	char shown[NAMES_SHOWN];
	bool found = identity_equal(&names->plain, expected);
	int r = peer_names_add(&list, PEER_NAME_DNS, expected->name, strlen(expected->name));

	if (r == 0 && list.bytes)
		found = found || peer_names_have(&names->own, list.bytes);
	free(list.bytes);
	if (found)
		return 0;
	if (names->plain.name[0] != '\0')
		problem_set(problem,
			"the server's identity is %s, but server_name in the profile is %s; fix remotes or server_name",
			names->plain.name, expected->name);
	else
		problem_set(problem,
			"the server's certificate is not for server_name \"%s\" of the profile, but for %s; fix remotes or server_name",
			expected->name, peer_names_format(&names->own, shown, sizeof(shown)));
	return -EACCES;
}
