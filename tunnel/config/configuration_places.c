/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds places that another program has: ports, names of interfaces, the state directory. What an
 * instance of this same configuration holds is no finding; it is found by its control socket.
 */
#include "config/configuration_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error_text.h"
#include "config/descriptors.h"
#include "system/port_holder.h"
#include "system/process.h"

/* ---- ports ---- */

static void find_taken(const struct configuration *configuration, struct findings *findings,
	size_t number, pid_t instance)
{
	const struct endpoint *endpoint = &configuration->settings->listen[number];
	char text[ENDPOINT_TEXT_MAX];
	struct port_holder holder;
	struct problem problem = { 0 };

	port_holder_find(endpoint->port, instance, &holder);
	/* The holder cannot be seen: it is the running instance, most likely. */
	if (instance != 0 && (holder.pid == 0 || holder.pid == instance))
		return;
	if (holder.pid > 0)
		problem_set(&problem,
			"listen.[%zu]: %s (process %d) listens on %s already, so the server would not start; end that program, or set another port",
			number, holder.name, (int)holder.pid, endpoint_format(endpoint, text));
	else
		problem_set(&problem,
			"listen.[%zu]: another program listens on %s already, so the server would not start; `ss -ltnp` as root shows which; end it, or set another port",
			number, endpoint_format(endpoint, text));
	configuration_find(configuration, findings, FINDING_WARNING, "listen", &problem);
}

static void examine_listen(const struct configuration *configuration, struct findings *findings,
	size_t number, pid_t instance)
{
	const struct endpoint *endpoint = &configuration->settings->listen[number];
	char text[ENDPOINT_TEXT_MAX];
	struct problem problem = { 0 };
	int r = port_holder_try(endpoint);

	switch (r) {
	case -EADDRINUSE:
		find_taken(configuration, findings, number, instance);
		return;
	case -EADDRNOTAVAIL:
		problem_set(&problem,
			"listen.[%zu]: no interface of this host has the address of %s now; the server starts all the same, and takes connections there when one has it",
			number, endpoint_format(endpoint, text));
		break;
	case -EAFNOSUPPORT:
		problem_set(&problem,
			"listen.[%zu]: this kernel has no IPv6, so the server cannot listen on %s; start it without ipv6.disable=1, or listen on IPv4 addresses only",
			number, endpoint_format(endpoint, text));
		break;
	default: /* a user that only checks may not have the right to listen there */
		return;
	}
	configuration_find(configuration, findings, FINDING_WARNING, "listen", &problem);
}

/* ---- names of interfaces ---- */

static void examine_name(const struct configuration *configuration, struct findings *findings,
	const char *key, const char *name)
{
	struct problem problem = { 0 };

	if (!name[0] || strchr(name, '%') || if_nametoindex(name) == 0)
		return;
	problem_set(&problem,
		"%s: this host has an interface %s already, so the tunnel cannot be made; choose another name, or remove that one (ip link del %s)",
		key, name, name);
	configuration_find(configuration, findings, FINDING_WARNING, "interface", &problem);
}

static void examine_names(const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	char key[64];

	examine_name(configuration, findings, "interface", settings->interface);
	for (size_t i = 0; i < settings->peer_count; i++) {
		if (settings->peers[i].netns[0] || settings->role != SETTINGS_SERVER)
			continue;
		(void)snprintf(key, sizeof(key), "peers.[%zu].interface (%.20s)", i,
			settings->peers[i].name.name);
		examine_name(configuration, findings, key, settings->peers[i].interface);
	}
}

/* ---- the state directory ---- */

/* netd gives a directory of root's, or one that is open to nobody else, to the engine's user. */
static bool would_be_given(const struct stat *st)
{
	return st->st_uid == 0 || (st->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static int examine_state_dir(const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	const char *path = settings->state_dir;
	struct problem problem = { 0 };
	struct process_user user;
	struct stat st;

	if (geteuid() != 0 || process_find_user(settings->user, &user, NULL) < 0 ||
		lstat(path, &st) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		problem_set(&problem,
			"state_dir: %s is no directory, which the leases need; remove it, or set another path",
			path);
	else if (st.st_uid != user.uid && !would_be_given(&st))
		problem_set(&problem,
			"state_dir: %s belongs to uid %u and is open to others, while the engine runs as %s (uid %u); if it is Culvert's, run: chown -R %u %s",
			path, (unsigned)st.st_uid, settings->user, (unsigned)user.uid,
			(unsigned)user.uid, path);
	else
		return 0;
	configuration_find(configuration, findings, FINDING_ERROR, "state_dir", &problem);
	return -EPERM;
}

/* ---- descriptors ---- */

/*
 * The limit of a start is not known here: a unit has LimitNOFILE=, and a shell its own. So only
 * the hard limit is a warning, over which no start from here gets.
 */
static void examine_descriptors(
	const struct configuration *configuration, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned workers = settings->workers ? settings->workers : cores > 0 ? (unsigned)cores : 1;
	uint64_t needed = descriptors_needed(settings, workers);
	struct problem problem = { 0 };
	struct rlimit limit;
	bool is_hard;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
		needed <= limit.rlim_cur)
		return;
	is_hard = limit.rlim_max != RLIM_INFINITY && needed > limit.rlim_max;
	problem_set(&problem,
		"max_sessions: %" PRIu32 " sessions with max_handshakes = %" PRIu32 " need %" PRIu64
		" open files, and the limit here is %" PRIu64
		"; a start from here admits fewer: %s, or lower max_sessions",
		settings->max_sessions, settings->max_handshakes, needed,
		(uint64_t)(is_hard ? limit.rlim_max : limit.rlim_cur),
		is_hard ? "raise LimitNOFILE= of the unit, or the hard limit"
			: "the unit has LimitNOFILE= for that, a shell has ulimit -n");
	configuration_find(configuration, findings, is_hard ? FINDING_WARNING : FINDING_NOTE,
		"descriptors", &problem);
}

int configuration_examine_places(const struct configuration *configuration,
	enum configuration_purpose purpose, struct findings *findings)
{
	const struct settings *settings = configuration->settings;
	pid_t instance = port_holder_of_socket(settings->control_socket);
	int r = 0;

	if (instance == 0)
		examine_names(configuration, findings);
	if (settings->role != SETTINGS_SERVER)
		return 0;
	r = examine_state_dir(configuration, findings);
	if (purpose == CONFIGURATION_START)
		return r;
	examine_descriptors(configuration, findings);
	for (size_t i = 0; i < settings->listen_count; i++)
		examine_listen(configuration, findings, i, instance);
	return r;
}
