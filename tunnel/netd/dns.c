/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/dns.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "base/log.h"
#include "netd/bequest.h"
#include "netd/desired_state.h"
#include "netd/resolv_conf.h"
#include "system/tool.h"
#include "system/socket.h"

static const struct endpoint stub = { { AF_INET, { 127, 0, 0, 53 } }, 53 };

/* The name of an interface's entry at resolvconf(8), which sorts "tun." among the first. */
#define ENTRY_PREFIX "tun."
#define ENTRY_SUFFIX ".culvert"
enum { ENTRY_MAX = sizeof(ENTRY_PREFIX) + REQUEST_IFNAME_MAX + sizeof(ENTRY_SUFFIX) };

static int run(const char *const *argv, const char *input, struct problem *problem)
{
	return tool_run(argv, input, strlen(input), DURATION_S(DNS_TOOL_S), problem);
}

/* ---- systemd-resolved ---- */

/*
 * The systemd-resolved of this network namespace must answer. It knows interfaces by their number,
 * and in another namespace the number would be another interface's.
 */
static bool resolved_is_there(char program[static TOOL_PATH_MAX])
{
	return tool_find("resolvectl", program) == 0 && socket_answers(&stub);
}

static bool asks_for_everything(const struct dns *dns, const struct nameservers *nameservers)
{
	return dns->full_tunnel || nameservers->domain_count == 0;
}

static int resolved_set(const struct dns *dns, const char *program, const char *interface,
	const struct nameservers *nameservers, struct problem *problem)
{
	bool all = asks_for_everything(dns, nameservers);
	char servers[NAMESERVERS_MAX][ADDR_TEXT_MAX];
	const char *dns_argv[4 + NAMESERVERS_MAX + 1] = { program, "dns", "--", interface };
	const char *domain_argv[4 + NAMESERVERS_DOMAINS_MAX + 2] = { program, "domain", "--",
		interface };
	const char *route_argv[] = { program, "default-route", "--", interface, all ? "yes" : "no",
		NULL };
	int r;

	for (size_t i = 0; i < nameservers->server_count; i++)
		dns_argv[4 + i] = addr_format(&nameservers->server[i], servers[i]);
	for (size_t i = 0; i < nameservers->domain_count; i++)
		domain_argv[4 + i] = nameservers->domain[i];
	if (all)
		domain_argv[4 + nameservers->domain_count] = "~.";
	r = run(dns_argv, "", problem);
	if (r == 0)
		r = run(domain_argv, "", problem);
	if (r == 0)
		r = run(route_argv, "", problem);
	return r;
}

static int resolved_revert(const char *program, const char *interface, struct problem *problem)
{
	const char *argv[] = { program, "revert", "--", interface, NULL };

	return run(argv, "", problem);
}

/* ---- resolvconf ---- */

/*
 * Where resolvconf is a link to systemd's resolvectl, it is of use only where systemd-resolved is.
 */
static bool resolvconf_is_there(char program[static TOOL_PATH_MAX])
{
	char *real;
	bool own;

	if (tool_find("resolvconf", program) < 0 ||
		!resolv_conf_mentions(RESOLV_CONF_PATH, "resolvconf"))
		return false;
	real = realpath(program, NULL);
	own = real && !strstr(real, "resolvectl");
	free(real);
	return own;
}

static int resolvconf_set(const char *program, const char *interface,
	const struct nameservers *nameservers, struct problem *problem)
{
	char entry[ENTRY_MAX], *text = NULL;
	const char *argv[] = { program, "-a", entry, NULL };
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out)
		return -ENOMEM;
	resolv_conf_put(out, nameservers);
	r = fclose(out) != 0 ? -ENOMEM : 0;
	(void)snprintf(entry, sizeof(entry), ENTRY_PREFIX "%s" ENTRY_SUFFIX, interface);
	if (r == 0)
		r = run(argv, text, problem);
	free(text);
	return r;
}

static int resolvconf_delete(const char *program, const char *entry, struct problem *problem)
{
	const char *argv[] = { program, "-d", entry, NULL };

	return run(argv, "", problem);
}

/* ---- the file ---- */

static void file_release(struct dns *dns)
{
	if (dns->held >= 0)
		close(dns->held);
	dns->held = -1;
}

/* ---- all ways ---- */

static const char *way_text(enum dns_way way)
{
	switch (way) {
	case DNS_RESOLVED:
		return "by systemd-resolved";
	case DNS_RESOLVCONF:
		return "by resolvconf";
	case DNS_FILE:
		return "by writing " RESOLV_CONF_PATH;
	case DNS_NONE:
		break;
	}
	return "in no way";
}

static int set_in_some_way(struct dns *dns, const char *interface,
	const struct nameservers *nameservers, struct problem *problem)
{
	char program[TOOL_PATH_MAX];

	/*
	 * Once netd has written the file it keeps to that way, even if another service has started
	 * since.
	 */
	if (dns->way == DNS_FILE)
		return resolv_conf_set(RESOLV_CONF_PATH, nameservers, &dns->held, problem);
	if (resolved_is_there(program)) {
		dns->way = DNS_RESOLVED;
		return resolved_set(dns, program, interface, nameservers, problem);
	}
	if (resolvconf_is_there(program)) {
		dns->way = DNS_RESOLVCONF;
		return resolvconf_set(program, interface, nameservers, problem);
	}
	dns->way = DNS_FILE;
	return resolv_conf_set(RESOLV_CONF_PATH, nameservers, &dns->held, problem);
}

/* ---- the desired state ---- */

/* Where systemd-resolved and resolvconf keep what they were told. The path is "" if nowhere. */
static bool entry_path(const struct dns *dns, size_t at, char path[static DNS_ENTRY_PATH_MAX])
{
	static const char *const directories[] = { "/run/resolvconf/interface",
		"/run/resolvconf/interfaces", "/run/resolvconf/keys" };

	if (dns->way == DNS_RESOLVED && at == 0)
		(void)snprintf(
			path, DNS_ENTRY_PATH_MAX, "/run/systemd/resolve/netif/%u", dns->index);
	else if (dns->way == DNS_RESOLVCONF && at < ARRAY_SIZE(directories))
		(void)snprintf(path, DNS_ENTRY_PATH_MAX, "%s/" ENTRY_PREFIX "%s" ENTRY_SUFFIX,
			directories[at], dns->interface);
	else
		return false;
	return true;
}

/*
 * Returns the fingerprint of a file's text; 0: there is no such file. systemd-resolved's own user
 * can put a FIFO there, which file_read() does not wait for.
 */
static uint64_t sum_of(const char *path)
{
	uint64_t sum;
	size_t len;
	char *text;

	if (file_read(path, FILE_PUBLIC, &text, &len, NULL) < 0)
		return 0;
	sum = fingerprint_add(FINGERPRINT_OF_NOTHING, text, len);
	free(text);
	return sum | 1;
}

/*
 * Remembers what the program has noted just now. A version that notes nothing, or elsewhere, cannot
 * be followed.
 */
static void remember_entry(struct dns *dns)
{
	dns->entry_sum = 0;
	for (size_t i = 0; dns->entry_sum == 0 && entry_path(dns, i, dns->entry); i++)
		dns->entry_sum = sum_of(dns->entry);
	/* The two programs make no events, and a look at a small file costs little. */
	dns->item.polled = dns->entry_sum != 0 || (dns->way == DNS_FILE && dns->watch.fd < 0);
}

static enum desired_look look_at_file(const struct dns *dns, struct desired_sight *sight)
{
	enum resolv_conf_owner owner;
	struct problem ignored;
	int r = resolv_conf_owner(RESOLV_CONF_PATH, &owner, &ignored);

	/* What is no file, or is too large, is not ours; any other failure says nothing about it. */
	if (r < 0 && r != -EINVAL && r != -EFBIG)
		return DESIRED_UNKNOWN;
	(void)snprintf(sight->what, sizeof(sight->what), RESOLV_CONF_PATH);
	if (r < 0)
		return DESIRED_LOST;
	if (owner == RESOLV_CONF_OURS)
		return dns->way == DNS_FILE ? DESIRED_IN_PLACE : DESIRED_LOST;
	resolv_conf_writer(RESOLV_CONF_PATH, sight->writer, sizeof(sight->writer));
	return DESIRED_LOST;
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct dns *dns = container_of(item, struct dns, item);

	if (dns->way == DNS_FILE || dns->waiting)
		return look_at_file(dns, sight);
	if (dns->way == DNS_NONE)
		return DESIRED_UNWANTED;
	(void)snprintf(sight->what, sizeof(sight->what), "%s",
		dns->way == DNS_RESOLVED ? "by systemd-resolved" : "by resolvconf");
	return dns->entry_sum == 0 || sum_of(dns->entry) == dns->entry_sum ? DESIRED_IN_PLACE
									   : DESIRED_LOST;
}

/*
 * A text of netd's that was edited belongs to the person who did it: netd leaves it alone, and
 * resolv_conf_set() says so.
 */
static int repair(struct desired_item *item, struct problem *problem)
{
	struct dns *dns = container_of(item, struct dns, item);
	enum resolv_conf_owner owner = RESOLV_CONF_OTHERS;
	struct problem ignored;
	int r;

	(void)resolv_conf_owner(RESOLV_CONF_PATH, &owner, &ignored);
	if (dns->way == DNS_FILE && owner == RESOLV_CONF_OTHERS)
		file_release(dns); /* the lock is the old file's */
	r = set_in_some_way(dns, dns->interface, &dns->nameservers, problem);
	if (r == 0)
		dns->waiting = false;
	remember_entry(dns);
	return r;
}

static void watch_end(struct dns *dns)
{
	if (dns->loop)
		loop_watch_remove(dns->loop, &dns->ready);
	file_watch_close(&dns->watch);
}

static void file_touched(struct loop_watch *ready, uint32_t events)
{
	struct dns *dns = container_of(ready, struct dns, ready);
	bool changed = false;

	(void)events;
	if (file_watch_read(&dns->watch, &changed) < 0) {
		watch_end(dns);
		remember_entry(dns);
	}
	if (changed)
		desired_item_touched(&dns->item);
}

void dns_init(struct dns *dns, bool full_tunnel)
{
	*dns = (struct dns){
		.full_tunnel = full_tunnel,
		.held = -1,
		.watch.fd = -1,
		.ready.fd = -1,
		.item = { .name = "resolvers",
			.settle = DURATION_MS(DNS_SETTLE_MS),
			.look = look,
			.repair = repair,
			.meanwhile = full_tunnel ? "lookups past the tunnel are refused"
						 : "lookups may go past the tunnel" },
	};
}

void dns_run_in(struct dns *dns, struct loop *loop)
{
	int r = file_watch_open(&dns->watch, RESOLV_CONF_PATH);

	dns->loop = loop;
	if (r == 0)
		r = loop_watch_add(loop, &dns->ready, dns->watch.fd, EPOLLIN, file_touched);
	if (r == 0)
		return;
	file_watch_close(&dns->watch);
	log_warning("netd gets no notice of changes of " RESOLV_CONF_PATH
		    ": %s; it looks at the file every second instead%s",
		error_text(r),
		r == -EMFILE || r == -ENOSPC
			? "; raise fs.inotify.max_user_instances or max_user_watches"
			: "");
}

/*
 * New resolvers could not be set, for example because the disk is full: removes those of the last
 * server, too.
 */
static void end_file(void)
{
	enum resolv_conf_owner owner;
	struct problem problem;

	if (resolv_conf_owner(RESOLV_CONF_PATH, &owner, &problem) == 0 &&
		owner == RESOLV_CONF_OURS && resolv_conf_restore(RESOLV_CONF_PATH, &problem) < 0)
		log_warning("cannot restore the resolvers from before: %s", problem.text);
}

int dns_set(struct dns *dns, const struct interface *interface,
	const struct nameservers *nameservers, struct problem *problem)
{
	bool was_file = dns->way == DNS_FILE;
	int r;

	if (nameservers->server_count == 0) {
		dns_lift(dns);
		return 0;
	}
	if (dns->way != DNS_NONE && dns->index == interface->index &&
		nameservers_equal(&dns->nameservers, nameservers))
		return 0;
	if (!was_file) /* the file is replaced at once */
		dns_lift(dns);
	dns->index = interface->index;
	memcpy(dns->interface, interface->name, sizeof(dns->interface));
	dns->nameservers = *nameservers;
	dns->waiting = false;
	r = set_in_some_way(dns, interface->name, nameservers, problem);
	if (r < 0) {
		problem_prepend(problem, "the server's resolvers are not used");
		if (dns->way != DNS_FILE)
			dns_lift(dns);
		if (was_file)
			end_file();
		file_release(dns);
		/* Another Culvert has the file: it is this one's turn when that ends. */
		dns->waiting = r == -EBUSY && dns->way == DNS_FILE;
		dns->way = DNS_NONE;
		remember_entry(dns);
		return r;
	}
	remember_entry(dns);
	log_notice("%s: %zu resolvers and %zu domains set %s", interface->now.peer.name,
		nameservers->server_count, nameservers->domain_count, way_text(dns->way));
	return 0;
}

static bool is_pushed(const struct nameservers *nameservers, const struct addr *addr)
{
	for (size_t i = 0; i < nameservers->server_count; i++) {
		if (addr_equal(&nameservers->server[i], addr))
			return true;
	}
	return false;
}

bool dns_is_asked(struct dns *dns, const struct addr *addr)
{
	struct resolvers now = { .count = 0 };

	resolvers_add_all(&now);
	if (dns->way == DNS_NONE)
		dns->before = now;
	return resolvers_have(&dns->before, addr) ||
		(resolvers_have(&now, addr) && !is_pushed(&dns->nameservers, addr));
}

static int lift(struct dns *dns, struct problem *problem)
{
	char program[TOOL_PATH_MAX], entry[ENTRY_MAX];

	switch (dns->way) {
	case DNS_RESOLVED:
		/* systemd-resolved forgets the setting with the interface. */
		if (if_nametoindex(dns->interface) != dns->index ||
			tool_find("resolvectl", program) < 0)
			return 0;
		return resolved_revert(program, dns->interface, problem);
	case DNS_RESOLVCONF:
		if (tool_find("resolvconf", program) < 0)
			return 0;
		(void)snprintf(
			entry, sizeof(entry), ENTRY_PREFIX "%s" ENTRY_SUFFIX, dns->interface);
		return resolvconf_delete(program, entry, problem);
	case DNS_FILE:
		return resolv_conf_restore(RESOLV_CONF_PATH, problem);
	case DNS_NONE:
		break;
	}
	return 0;
}

void dns_lift(struct dns *dns)
{
	struct problem problem;

	dns->waiting = false;
	if (dns->way == DNS_NONE)
		return;
	if (lift(dns, &problem) < 0)
		log_warning("cannot restore the resolvers from before: %s", problem.text);
	else
		log_info("the resolvers from before are restored");
	file_release(dns);
	dns->way = DNS_NONE;
}

void dns_close(struct dns *dns)
{
	watch_end(dns);
	dns->loop = NULL;
}

/* ---- from one run to the next ---- */

void dns_bequeath(const struct dns *dns, struct bequest_dns *ret_bequest)
{
	*ret_bequest = (struct bequest_dns){ .way = (uint8_t)dns->way,
		.waiting = dns->waiting,
		.index = dns->index,
		.nameservers = dns->nameservers,
		.before = dns->before,
		.entry_sum = dns->entry_sum };
	memcpy(ret_bequest->interface, dns->interface, sizeof(dns->interface));
	memcpy(ret_bequest->entry, dns->entry, sizeof(dns->entry));
}

void dns_leave(struct dns *dns)
{
	file_release(dns);
	dns->way = DNS_NONE;
	dns->waiting = false;
}

void dns_inherit(struct dns *dns, const struct bequest_dns *bequest, int held)
{
	dns->way = (enum dns_way)bequest->way;
	dns->waiting = bequest->waiting;
	dns->index = bequest->index;
	dns->nameservers = bequest->nameservers;
	dns->before = bequest->before;
	dns->entry_sum = bequest->entry_sum;
	memcpy(dns->interface, bequest->interface, sizeof(dns->interface));
	memcpy(dns->entry, bequest->entry, sizeof(dns->entry));
	dns->held = held;
	dns->item.polled = dns->entry_sum != 0 || (dns->way == DNS_FILE && dns->watch.fd < 0);
}

/* ---- leftovers ---- */

/*
 * Deletes our entries whose interface is gone from the directory of one of the two resolvconfs.
 * `only_count`: counts them.
 */
static int sweep_entries(
	const char *directory_path, const char *program, bool only_count, struct problem *problem)
{
	DIR *directory = opendir(directory_path);
	const struct dirent *entry;
	int swept = 0, r = 0;

	if (!directory)
		return 0;
	while (r == 0 && (entry = readdir(directory))) {
		char name[ENTRY_MAX], *suffix;
		const char *interface = &name[sizeof(ENTRY_PREFIX) - 1];

		if (snprintf(name, sizeof(name), "%s", entry->d_name) >= (int)sizeof(name) ||
			strncmp(name, ENTRY_PREFIX, sizeof(ENTRY_PREFIX) - 1) != 0)
			continue;
		suffix = strstr(name, ENTRY_SUFFIX);
		if (!suffix || strcmp(suffix, ENTRY_SUFFIX) != 0)
			continue;
		*suffix = '\0';
		if (if_nametoindex(interface) != 0)
			continue;
		*suffix = ENTRY_SUFFIX[0];
		if (!only_count)
			r = resolvconf_delete(program, name, problem);
		swept++;
	}
	closedir(directory);
	return r < 0 ? r : swept;
}

static int sweep_resolvconf(bool only_count, struct problem *problem)
{
	static const char *const directories[] = { "/run/resolvconf/interface",
		"/run/resolvconf/interfaces", "/run/resolvconf/keys" };
	char program[TOOL_PATH_MAX];
	int swept = 0;

	if (!resolvconf_is_there(program))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		int r = sweep_entries(directories[i], program, only_count, problem);

		if (r < 0)
			return r;
		swept += r;
	}
	return swept;
}

static int sweep_file(struct problem *problem)
{
	enum resolv_conf_owner owner;
	int r = resolv_conf_owner(RESOLV_CONF_PATH, &owner, problem);

	/* A file that cannot be read is none of ours. */
	if (r < 0 || owner == RESOLV_CONF_OTHERS || resolv_conf_is_held(RESOLV_CONF_PATH))
		return 0;
	r = resolv_conf_restore(RESOLV_CONF_PATH, problem);
	return r < 0 ? r : 1;
}

int dns_sweep(struct problem *problem)
{
	int entries = sweep_resolvconf(false, problem), files;

	if (entries < 0)
		return entries;
	files = sweep_file(problem);
	return files < 0 ? files : entries + files;
}

int dns_find_left(const char **ret_where, struct problem *problem)
{
	enum resolv_conf_owner owner;
	int entries = sweep_resolvconf(true, problem);

	if (entries < 0)
		return entries;
	*ret_where = entries > 0 ? "resolvconf" : NULL;
	/*
	 * A file that another program has changed since is not ours any more, and a sweep leaves
	 * it.
	 */
	if (resolv_conf_owner(RESOLV_CONF_PATH, &owner, problem) == 0 &&
		owner == RESOLV_CONF_OURS && !resolv_conf_is_held(RESOLV_CONF_PATH))
		*ret_where = RESOLV_CONF_PATH;
	return 0;
}
