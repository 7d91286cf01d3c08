/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/forwarding.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/log.h"
#include "netd/forwarding_check.h"
#include "system/netlink_nft.h"

/* Tables of Culvert itself begin so. */
#define FORWARDING_OWN_TABLES "culvert"

/*
 * netd first writes the file with the changes that it will make, then makes them. So whenever it is
 * killed, the file has every former value.
 */

/* ---- planned changes ---- */

static int add_change(struct forwarding *forwarding, const char *key, int before, int wanted)
{
	struct forwarding_change *change, *changes;

	changes = array_grow(
		forwarding->changes, forwarding->count, &forwarding->capacity, sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	forwarding->changes = changes;
	change = &forwarding->changes[forwarding->count++];
	*change = (struct forwarding_change){ .before = before, .wanted = wanted };
	(void)snprintf(change->key, sizeof(change->key), "%s", key);
	return 0;
}

/* -ENOENT: the key does not exist. */
static int want(struct forwarding *forwarding, const char *key, int wanted)
{
	int before;
	int r = sysctl_read(forwarding->root, key, &before);

	if (r < 0 || before == wanted)
		return r;
	return add_change(forwarding, key, before, wanted);
}

/* Plans the changes for one interface of `ipv6/conf`, before all interfaces become a router's. */
static int prepare_router(struct forwarding *forwarding, const char *name)
{
	char key[SYSCTL_KEY_MAX];
	int forwards = 0, accepts = 0, r = 0;

	if (strlen(name) > SETTINGS_IFNAME_MAX)
		return 0; /* not an interface's name */
	(void)snprintf(key, sizeof(key), "ipv6/conf/%.15s/forwarding", name);
	(void)sysctl_read(forwarding->root, key, &forwards);
	/*
	 * Restoring "all" will set it to 0 with the others; this change sets it to 1 again
	 * afterwards.
	 */
	if (forwards != 0)
		return add_change(forwarding, key, forwards, forwards);
	(void)snprintf(key, sizeof(key), "ipv6/conf/%.15s/accept_ra", name);
	(void)sysctl_read(forwarding->root, key, &accepts);
	if (accepts == 1)
		r = add_change(forwarding, key, accepts, 2);
	return r;
}

static int want_router(struct forwarding *forwarding)
{
	char path[PATH_MAX];
	struct dirent **entries;
	int all = 0, count, r;

	r = sysctl_read(forwarding->root, "ipv6/conf/all/forwarding", &all);
	if (r < 0 || all != 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/ipv6/conf", forwarding->root);
	count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (r == 0 && name[0] != '.' && strcmp(name, "all") != 0 && strcmp(name, "lo") != 0)
			r = prepare_router(forwarding, name);
		free(entries[i]);
	}
	free(entries);
	return r < 0 ? r : want(forwarding, "ipv6/conf/all/forwarding", 1);
}

/* Returns true if this kernel can forward IPv6 for single interfaces. */
static bool has_force(const struct forwarding *forwarding)
{
	int value;

	return sysctl_read(forwarding->root, "ipv6/conf/default/force_forwarding", &value) == 0;
}

/* Finds the interfaces that lead to all prefixes announced now, configured or tracked. */
static int find_links(const struct forwarding *forwarding, int family,
	struct forwarding_links *ret_links, struct problem *problem)
{
	const struct tracked *tracked = forwarding->tracked;
	struct prefix_list announced = { .items = NULL };
	const struct prefix_list *own = &forwarding->settings->announced_own;
	int r = settings_stated(forwarding->settings, &announced);

	if (r == 0)
		r = prefix_list_append(&announced, own->items, own->count);
	if (r == 0 && tracked)
		r = prefix_list_append(&announced, tracked->items, tracked->count);
	if (r == 0)
		r = forwarding_find_links(
			forwarding->netlink, &announced, family, ret_links, problem);
	if (r == 0)
		ret_links->between = settings_is_between(forwarding->settings, family);
	prefix_list_free(&announced);
	return r;
}

static int want_links(struct forwarding *forwarding, int family, struct problem *problem)
{
	struct forwarding_links links = { .count = 0 };
	char key[SYSCTL_KEY_MAX];
	int r = find_links(forwarding, family, &links, problem);

	if (r < 0)
		return r;
	forwarding->complete = forwarding->complete && links.lost == 0 &&
		(links.uplinks || !links.anywhere);
	if (family == AF_INET6 && (links.behind > 0 || links.anywhere || links.between) &&
		!has_force(forwarding))
		return want_router(forwarding);
	for (size_t i = 0; i < links.count && r == 0; i++) {
		(void)snprintf(key, sizeof(key), "%s/conf/%s/%s",
			family == AF_INET ? "ipv4" : "ipv6", links.names[i],
			family == AF_INET ? "forwarding" : "force_forwarding");
		r = want(forwarding, key, 1);
	}
	return r;
}

/* ---- the file ---- */

static void make_path(const struct settings *settings, char path[static PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s%s", settings->control_socket, FORWARDING_SUFFIX);
}

/* Replaces the content of `path` by `data`. */
static int replace_file(char path[static PATH_MAX], const void *data, size_t len)
{
	char *slash = strrchr(path, '/'); /* the path is absolute: CONF_PATH */
	int fd, r;

	*slash = '\0';
	fd = open(path[0] != '\0' ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : file_replace_at(fd, slash + 1, data, len);
	if (fd >= 0)
		close(fd);
	*slash = '/';
	return r;
}

/* Writes a line for each change: the key, a space, the former value. */
static int save(const struct forwarding *forwarding)
{
	char path[PATH_MAX], *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < forwarding->count; i++)
		(void)fprintf(
			out, "%s %d\n", forwarding->changes[i].key, forwarding->changes[i].before);
	r = fclose(out) != 0 ? -ENOMEM : 0;
	make_path(forwarding->settings, path);
	if (r == 0)
		r = replace_file(path, text, len);
	free(text);
	return r;
}

/*
 * Returns true if another program has decided about the value since. Then the value is no longer
 * ours, or "all" was switched on, which makes every interface forward. A value that was as wanted
 * before is always written again, because "all" may just have changed it. A missing key is left to
 * the write, which reports it.
 */
static bool is_changed(const char *root, const char *key, int before)
{
	char all[SYSCTL_KEY_MAX];
	const char *leaf = strrchr(key, '/');
	int wanted = strcmp(leaf, "/accept_ra") == 0 ? 2 : 1;
	int now, everywhere = 0;

	if (before == wanted || sysctl_read(root, key, &now) < 0 || now == before)
		return false;
	if (now != wanted)
		return true;
	(void)snprintf(all, sizeof(all), "%.10sall%s", key, leaf);
	return wanted == 1 && strcmp(all, key) != 0 && sysctl_read(root, all, &everywhere) == 0 &&
		everywhere != 0;
}

static void restore_value(const char *root, const char *key, int before)
{
	int r;

	if (is_changed(root, key, before)) {
		log_info(
			"forwarding: %s keeps its value, because another program changed it meanwhile",
			key);
		return;
	}
	r = sysctl_write(root, key, before);
	if (r == 0)
		log_info("forwarding: %s is restored to %d", key, before);
	else if (r != -ENOENT) /* otherwise the interface is gone, and its values with it */
		log_warning("forwarding: cannot restore %s to %d: %s", key, before, error_text(r));
}

/* Parses "key value"; returns false for any other line. */
static bool parse_line(const char *line, char key[static SYSCTL_KEY_MAX], int *ret_before)
{
	const char *space = strchr(line, ' ');
	char *end;
	long before;

	if (!space || space == line || (size_t)(space - line) >= SYSCTL_KEY_MAX ||
		(strncmp(line, "ipv4/conf/", 10) != 0 && strncmp(line, "ipv6/conf/", 10) != 0))
		return false;
	before = strtol(&space[1], &end, 10);
	if (end == &space[1] || *end != '\0' || before < 0 || before > 2)
		return false;
	memcpy(key, line, (size_t)(space - line));
	key[space - line] = '\0';
	*ret_before = (int)before;
	return true;
}

/* Restores the last change first: later ones may depend on earlier ones. */
static void restore_lines(const char *root, const char *path, char *text)
{
	char key[SYSCTL_KEY_MAX];
	int before;

	while (text[0] != '\0') {
		char *line;

		if (text[strlen(text) - 1] == '\n')
			text[strlen(text) - 1] = '\0';
		line = strrchr(text, '\n');
		line = line ? line + 1 : text;
		if (parse_line(line, key, &before))
			restore_value(root, key, before);
		else
			log_warning("%s: skipped a line that cannot be read", path);
		*line = '\0';
	}
}

/* Restores the leftovers of a killed netd. */
static void restore_file(const struct settings *settings, const char *root)
{
	struct problem problem;
	char path[PATH_MAX], *text;
	size_t len;
	int r;

	make_path(settings, path);
	r = file_read(path, FILE_PRIVATE, &text, &len, &problem);
	if (r == -ENOENT)
		return;
	if (r < 0) {
		log_warning("cannot restore forwarding: %s", problem.text);
		return;
	}
	log_notice("forwarding: restoring values that an earlier run left");
	restore_lines(root, path, text);
	free(text);
	(void)unlink(path);
}

/* ---- the desired state ---- */

/* Calls `visit` with each key that has to be on, until it returns an error. */
static int visit_keys(const struct forwarding *forwarding,
	int (*visit)(const char *root, const char *key, int wanted, void *context), void *context)
{
	const struct interface *interface = forwarding->interfaces ? forwarding->interfaces->first
								   : NULL;
	int r = 0;

	for (size_t i = 0; i < forwarding->count && r == 0; i++)
		r = visit(forwarding->root, forwarding->changes[i].key,
			forwarding->changes[i].wanted, context);
	for (; interface && r == 0; interface = interface->next) {
		char key[SYSCTL_KEY_MAX];

		if (interface->netns.inode != 0)
			continue;
		(void)snprintf(key, sizeof(key), "ipv4/conf/%s/forwarding", interface->name);
		r = visit(forwarding->root, key, 1, context);
		(void)snprintf(key, sizeof(key), "ipv6/conf/%s/force_forwarding", interface->name);
		if (r == 0)
			r = visit(forwarding->root, key, 1, context);
	}
	return r;
}

/* Returns 1 at a key that has another value; *context gets it as text. */
static int look_at_key(const char *root, const char *key, int wanted, void *context)
{
	struct desired_sight *sight = context;
	int value;

	if (sysctl_read(root, key, &value) < 0 || value == wanted)
		return 0;
	(void)snprintf(sight->what, sizeof(sight->what), "net/%s = %d", key, value);
	return 1;
}

/* A key that is gone with its interface is no failure. */
static int set_key(const char *root, const char *key, int wanted, void *context)
{
	int value, r = sysctl_read(root, key, &value);

	if (r == 0 && value != wanted)
		r = sysctl_write(root, key, wanted);
	if (r < 0 && r != -ENOENT)
		problem_set(context, "%s: %s", key, error_text(r));
	return r == -ENOENT ? 0 : r;
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct forwarding *forwarding = container_of(item, struct forwarding, item);

	if (!forwarding->root)
		return DESIRED_UNWANTED;
	return visit_keys(forwarding, look_at_key, sight) == 0 ? DESIRED_IN_PLACE : DESIRED_LOST;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	return visit_keys(container_of(item, struct forwarding, item), set_key, problem);
}

/* ---- start and stop ---- */

/* Makes the changes from position `from` on. */
static void apply(const struct forwarding *forwarding, size_t from)
{
	for (size_t i = from; i < forwarding->count; i++) {
		const struct forwarding_change *change = &forwarding->changes[i];
		int r = 0;

		if (change->wanted != change->before)
			r = sysctl_write(forwarding->root, change->key, change->wanted);
		if (r < 0)
			log_warning("forwarding: cannot set %s to %d: %s", change->key,
				change->wanted, error_text(r));
		else if (change->wanted != change->before)
			log_info("forwarding: %s is %d now; it was %d", change->key, change->wanted,
				change->before);
	}
}

static void switch_on(struct forwarding *forwarding)
{
	struct problem problem = { .text = "" };
	size_t from = forwarding->count;
	int r;

	forwarding->complete = true;
	r = want_links(forwarding, AF_INET, &problem);
	if (r == 0)
		r = want_links(forwarding, AF_INET6, &problem);
	if (r == 0 && forwarding->count > from)
		r = save(forwarding);
	if (r == 0) {
		apply(forwarding, from);
		return;
	}
	forwarding->count = from; /* nothing was changed */
	log_warning("forwarding is not switched on: %s",
		problem.text[0] != '\0' ? problem.text : error_text(r));
}

static void warn(const struct forwarding *forwarding, const char *root)
{
	struct problem ignored;
	static const int families[] = { AF_INET, AF_INET6 };
	struct findings findings = { .count = 0 };
	struct forwarding_links links;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (find_links(forwarding, families[i], &links, &ignored) != 0)
			continue;
		links.anywhere = links.anywhere && !forwarding->settings->nat; /* netd/nat warns */
		forwarding_check(root, &links, families[i], NULL, 0, &findings);
	}
	for (size_t i = 0; i < findings.count; i++) {
		const struct finding *finding = &findings.items[i];

		if (finding->level == FINDING_PROBLEM)
			log_warning("%s; fix it: %s", finding->text.text, finding->cure);
	}
	findings_free(&findings);
}

/* True: packets have to pass through this host. */
static bool has_to_forward(const struct forwarding *forwarding)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct forwarding_links links;
	struct problem ignored;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (find_links(forwarding, families[i], &links, &ignored) == 0 &&
			(links.behind > 0 || links.anywhere || links.between))
			return true;
	}
	return false;
}

static void tell_closed(void *context, const struct netlink_nft_place *place)
{
	(void)context;
	if (strncmp(place->table, FORWARDING_OWN_TABLES, strlen(FORWARDING_OWN_TABLES)) == 0)
		return;
	log_notice(
		"chain %s of table %s %s drops packets that this host forwards, unless a rule there accepts them (Docker sets that): if packets do not get through, 'culvert doctor' names the rules to add",
		place->chain, place->family, place->table);
}

/* No rule of ours can let through what another chain drops, so a person has to know. */
static void tell_of_firewall(const struct forwarding *forwarding)
{
	struct netlink_nft *nft;
	struct problem ignored;

	if (settings_is_elsewhere(forwarding->settings) || !has_to_forward(forwarding) ||
		netlink_nft_open(&nft, &ignored) < 0)
		return; /* a kernel without nf_tables has no such chain */
	(void)netlink_nft_closed_forwards(nft, tell_closed, NULL, &ignored); /* doctor asks again */
	netlink_nft_close(nft);
}

/* ---- from one run to the next ---- */

static int take_lines(struct forwarding *forwarding, char *text)
{
	char key[SYSCTL_KEY_MAX], *state = NULL;
	int before, r = 0;

	for (const char *line = strtok_r(text, "\n", &state); line && r == 0;
		line = strtok_r(NULL, "\n", &state)) {
		const char *leaf = strrchr(line, '/');

		if (parse_line(line, key, &before))
			r = add_change(forwarding, key, before,
				leaf && strncmp(leaf, "/accept_ra ", 11) == 0 ? 2 : 1);
	}
	return r;
}

/* Returns false when the file cannot be taken over, and its values are to be restored. */
static bool take_file(struct forwarding *forwarding)
{
	char path[PATH_MAX], *text;
	size_t len;
	int r;

	make_path(forwarding->settings, path);
	r = file_read(path, FILE_PRIVATE, &text, &len, NULL);
	if (r < 0)
		return r == -ENOENT;
	r = take_lines(forwarding, text);
	free(text);
	if (r < 0)
		forwarding->count = 0;
	return r == 0;
}

void forwarding_leave(struct forwarding *forwarding)
{
	free(forwarding->changes);
	*forwarding = (struct forwarding){ .root = NULL };
}

static void start(struct forwarding *forwarding, const struct settings *settings,
	const struct tracked *tracked, struct netlink *netlink, const char *root, bool take)
{
	*forwarding = (struct forwarding){ .settings = settings,
		.tracked = tracked,
		.netlink = netlink,
		.item = { .name = "settings of forwarding",
			.meanwhile = "packets may not get through this host",
			.look = look,
			.repair = repair } };
	if (!take || !settings->forwarding || !take_file(forwarding))
		restore_file(settings, root);
	tell_of_firewall(forwarding);
	if (!settings->forwarding) {
		if (!settings_is_elsewhere(settings))
			warn(forwarding, root);
		return;
	}
	forwarding->root = root;
	switch_on(forwarding);
}

void forwarding_start(struct forwarding *forwarding, const struct settings *settings,
	const struct tracked *tracked, struct netlink *netlink, const char *root)
{
	start(forwarding, settings, tracked, netlink, root, false);
}

void forwarding_take_over(struct forwarding *forwarding, const struct settings *settings,
	const struct tracked *tracked, struct netlink *netlink, const char *root)
{
	start(forwarding, settings, tracked, netlink, root, true);
}

/* -ENOENT: an older kernel, or one without IPv6. */
static void set_own(const struct forwarding *forwarding, const char *key)
{
	int r = sysctl_write(forwarding->root, key, 1);

	if (r < 0 && r != -ENOENT)
		log_warning("forwarding: cannot set %s to 1: %s", key, error_text(r));
}

void forwarding_join(struct forwarding *forwarding, const char *interface)
{
	char key[SYSCTL_KEY_MAX];

	if (!forwarding->root)
		return;
	(void)snprintf(key, sizeof(key), "ipv4/conf/%s/forwarding", interface);
	set_own(forwarding, key);
	(void)snprintf(key, sizeof(key), "ipv6/conf/%s/force_forwarding", interface);
	set_own(forwarding, key);
	if (!forwarding->complete)
		switch_on(forwarding);
}

void forwarding_follow(struct forwarding *forwarding)
{
	if (forwarding->root)
		switch_on(forwarding);
}

void forwarding_stop(struct forwarding *forwarding)
{
	char path[PATH_MAX];

	for (size_t i = forwarding->count; i > 0; i--)
		restore_value(forwarding->root, forwarding->changes[i - 1].key,
			forwarding->changes[i - 1].before);
	if (forwarding->count > 0) {
		make_path(forwarding->settings, path);
		(void)unlink(path);
	}
	free(forwarding->changes);
	*forwarding = (struct forwarding){ .root = NULL };
}
