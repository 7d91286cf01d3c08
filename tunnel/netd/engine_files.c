/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/engine_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/outer.h"
#include "system/port_holder.h"
#include "system/socket.h"

enum {
	LISTEN_PATIENCE_MS = 2000, /* how long netd waits at its start for a port that is in use */
	LISTEN_PAUSE_MS = 50,
};

void engine_files_init(struct engine_files *files)
{
	*files = (struct engine_files){
		.control = -1, .state = -1, .old_control = -1, .issuer = -1
	};
}

/*
 * The address may be configured after the program starts: by DHCP, when another machine fails
 * (VRRP), or after IPv6's duplicate address detection. With a listener on it already, nothing is
 * missed.
 */
static int listen_early(const struct endpoint *endpoint, struct socket_options *options,
	int *ret_fd, struct problem *problem)
{
	int r = socket_listen(endpoint, options, ret_fd, problem);

	if (r != -EADDRNOTAVAIL || options->absent)
		return r;
	log_warning("%s; netd listens anyway and serves it when it appears", problem->text);
	options->absent = true;
	return socket_listen(endpoint, options, ret_fd, problem);
}

/* Names the program that has the port, if this process may see it. */
static void name_holder(const struct endpoint *endpoint, struct problem *problem)
{
	char text[ENDPOINT_TEXT_MAX];
	struct port_holder holder;

	port_holder_find(endpoint->port, 0, &holder);
	if (holder.pid > 0)
		problem_set(problem,
			"cannot listen on %s: %s (process %d) listens there already; end it, or set another port in `listen`",
			endpoint_format(endpoint, text), holder.name, (int)holder.pid);
}

/*
 * The port's last owner may be about to close it: a killed daemon keeps its listeners until its
 * last thread has ended.
 */
static int listen_patiently(const struct endpoint *endpoint, const struct socket_options *options,
	int *ret_fd, struct problem *problem)
{
	struct socket_options ours = *options;
	struct mono patient = mono_add(mono_now(), DURATION_MS(LISTEN_PATIENCE_MS));
	int r = listen_early(endpoint, &ours, ret_fd, problem);

	if (r == -EADDRINUSE) {
		name_holder(endpoint, problem);
		log_notice(
			"%s; waiting up to %d s for it", problem->text, LISTEN_PATIENCE_MS / 1000);
	}
	while (r == -EADDRINUSE && mono_before(mono_now(), patient)) {
		(void)poll(NULL, 0, LISTEN_PAUSE_MS); /* no loop runs yet */
		r = listen_early(endpoint, &ours, ret_fd, problem);
	}
	if (r == -EADDRINUSE)
		name_holder(endpoint, problem);
	return r;
}

/* ---- from the run before ---- */

void engine_files_inherit_listener(struct engine_files *files, int fd)
{
	if (files->old_listener_count < ARRAY_SIZE(files->old_listeners))
		files->old_listeners[files->old_listener_count++] = fd;
	else
		close(fd);
}

void engine_files_inherit_control(struct engine_files *files, int fd)
{
	files->old_control = fd;
}

/*
 * A predecessor that still lives has the socket, too, so closing it here would not free the address
 * for another one. Should this start fail, the predecessor listens again (netd/listeners).
 */
static void end_old_listeners(struct engine_files *files)
{
	for (size_t i = 0; i < files->old_listener_count; i++) {
		(void)shutdown(files->old_listeners[i], SHUT_RDWR);
		close(files->old_listeners[i]);
	}
	files->old_listener_count = 0;
}

/* Returns the old listener at this address, with the options of now, or -1. */
static int take_old(struct engine_files *files, const struct endpoint *endpoint,
	const struct socket_options *options)
{
	for (size_t i = 0; i < files->old_listener_count; i++) {
		int fd = files->old_listeners[i];

		if (socket_listen_take_over(fd, endpoint, options) < 0)
			continue;
		files->old_listeners[i] = files->old_listeners[--files->old_listener_count];
		return fd;
	}
	return -1;
}

/* Those that are of no use end before others begin, which may want their ports. */
static void take_all_old(struct engine_files *files, const struct settings *settings,
	const struct socket_options *options, int taken[static SETTINGS_LISTEN_MAX])
{
	for (size_t i = 0; i < settings->listen_count; i++)
		taken[i] = take_old(files, &settings->listen[i], options);
	end_old_listeners(files);
}

/* A family that the kernel lacks (ipv6.disable=1) does not keep the other from being served. */
static bool has_other_family(const struct settings *settings, const struct endpoint *lacking)
{
	for (size_t i = 0; i < settings->listen_count; i++) {
		if (settings->listen[i].addr.family != lacking->addr.family)
			return true;
	}
	return false;
}

int engine_files_listen(
	struct engine_files *files, const struct settings *settings, struct problem *problem)
{
	struct socket_options options = outer_options(settings);
	int taken[SETTINGS_LISTEN_MAX];
	bool logged = false;

	if (settings->role != SETTINGS_SERVER) {
		end_old_listeners(files);
		return 0;
	}
	take_all_old(files, settings, &options, taken);
	for (size_t i = 0; i < settings->listen_count; i++) {
		int *listener = &files->listeners[files->listener_count];
		int r = 0;

		*listener = taken[i];
		if (taken[i] < 0)
			r = listen_patiently(&settings->listen[i], &options, listener, problem);
		if (r == -EAFNOSUPPORT && has_other_family(settings, &settings->listen[i])) {
			log_warning("%s; listening without it", problem->text);
			continue;
		}
		if (r == -EAFNOSUPPORT)
			problem_prepend(problem,
				"this kernel supports the family of no address in `listen`; add one of the other family");
		if (r < 0)
			return r;
		outer_log_fallback(settings, *listener, &logged);
		files->at[files->listener_count++] = settings->listen[i];
	}
	return 0;
}

static bool endpoints_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

/* The open listener on that address and port, or -1. */
static int find_listener(const struct engine_files *files, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < files->listener_count; i++) {
		if (endpoints_equal(&files->at[i], endpoint))
			return files->listeners[i];
	}
	return -1;
}

/*
 * The kernel lets nobody listen on one address of a port beside "all addresses" of it. This server
 * keeps what it has until the new configuration is found right, so such a change cannot be made.
 * True: that is why, and *problem says so.
 */
static bool in_own_way(
	const struct engine_files *files, const struct endpoint *endpoint, struct problem *problem)
{
	char wanted[ENDPOINT_TEXT_MAX], held[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < files->listener_count; i++) {
		const struct endpoint *at = &files->at[i];

		if (at->port != endpoint->port || at->addr.family != endpoint->addr.family)
			continue;
		problem_set(problem,
			"%s takes the place of %s, on which this server listens until it has switched, and both cannot be at the same time; restart the program, or reload with another port first",
			endpoint_format(endpoint, wanted), endpoint_format(at, held));
		return true;
	}
	return false;
}

/* Adds the listener of one entry; a family that the kernel lacks is left out. */
static int plan_listener(const struct engine_files *files, const struct settings *settings,
	const struct endpoint *endpoint, struct engine_files_change *change,
	struct problem *problem)
{
	struct socket_options options = outer_options(settings);
	int fd = find_listener(files, endpoint), r = 0;
	bool fresh = fd < 0;

	if (fresh)
		r = listen_early(endpoint, &options, &fd, problem);
	if (r == -EAFNOSUPPORT && has_other_family(settings, endpoint)) {
		log_warning("%s; listening without it", problem->text);
		return 0;
	}
	if (r == -EADDRINUSE && !in_own_way(files, endpoint, problem))
		name_holder(endpoint, problem);
	if (r < 0) {
		problem_prepend(problem, "listen");
		return r;
	}
	change->listeners[change->count] = fd;
	change->at[change->count] = *endpoint;
	change->fresh[change->count++] = fresh;
	return 0;
}

int engine_files_plan_change(const struct engine_files *files, const struct settings *settings,
	struct engine_files_change *ret_change, struct problem *problem)
{
	struct engine_files_change change = { .count = 0 };
	int r = 0;

	if (settings->role != SETTINGS_SERVER)
		return 0;
	for (size_t i = 0; i < settings->listen_count && r == 0; i++)
		r = plan_listener(files, settings, &settings->listen[i], &change, problem);
	if (r < 0) {
		engine_files_drop_change(&change);
		return r;
	}
	*ret_change = change;
	return 0;
}

void engine_files_commit_change(struct engine_files *files, struct engine_files_change *change)
{
	for (size_t i = 0; i < files->listener_count; i++) {
		bool kept = false;

		for (size_t j = 0; j < change->count; j++)
			kept |= change->listeners[j] == files->listeners[i];
		if (!kept)
			close(files->listeners[i]);
	}
	memcpy(files->listeners, change->listeners, sizeof(files->listeners));
	memcpy(files->at, change->at, sizeof(files->at));
	files->listener_count = change->count;
	*change = (struct engine_files_change){ .count = 0 };
}

void engine_files_drop_change(struct engine_files_change *change)
{
	for (size_t i = 0; i < change->count; i++) {
		if (change->fresh[i])
			close(change->listeners[i]);
	}
	*change = (struct engine_files_change){ .count = 0 };
}

int engine_files_open_control(
	struct engine_files *files, const struct settings *settings, struct problem *problem)
{
	int r;

	if (files->old_control >= 0 &&
		socket_control_take_over(files->old_control, settings->control_socket) == 0) {
		files->control = files->old_control;
		files->control_path = settings->control_socket;
		files->old_control = -1;
		return 0;
	}
	if (files->old_control >= 0)
		close(files->old_control);
	files->old_control = -1;
	if (settings->control_socket[0] == '\0')
		return 0;
	r = socket_control(settings->control_socket, &files->control, problem);
	if (r == 0)
		files->control_path = settings->control_socket;
	return r;
}

/*
 * Makes a directory and its parents, as mkdir -p; the last part gets 0700. *ret_made: the last part
 * is new.
 */
static int make_directories(const char *path, bool *ret_made)
{
	char part[SETTINGS_PATH_MAX + 1];
	size_t len = strlen(path);

	for (size_t i = 1; i < len; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	*ret_made = mkdir(path, 0700) == 0;
	return *ret_made || errno == EEXIST ? 0 : -errno;
}

/* A scan of a state directory. */
struct state_files {
	uid_t owner;      /* expected of every file */
	bool foreign;     /* a file there was not written by an engine */
	const uid_t *uid; /* not NULL: the scan gives the files to this user */
	gid_t gid;        /* and to this group */
};

static bool is_state_file(const char *name)
{
	return strncmp(name, STATE_FILE_SERVER, strlen(STATE_FILE_SERVER)) == 0 ||
		strncmp(name, STATE_FILE_CLIENT, strlen(STATE_FILE_CLIENT)) == 0;
}

/*
 * Checks one file, or gives it away. It uses a descriptor, so that the directory's present owner
 * cannot make netd give away another file by exchanging the name. The file must be the owner's, a
 * regular one, and have no second name.
 */
static int scan_state_file(int directory_fd, const char *name, struct state_files *files)
{
	int fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;
	struct stat st;

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0 &&
		(!is_state_file(name) || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
			st.st_uid != files->owner))
		files->foreign = true;
	if (r == 0 && !files->foreign && files->uid &&
		fchownat(fd, "", *files->uid, files->gid, AT_EMPTY_PATH) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

static int scan_state_files(int directory_fd, struct state_files *files)
{
	/* fdopendir() takes over its descriptor and moves the offset, which duplicates share. */
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!directory) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && !files->foreign && (entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = scan_state_file(directory_fd, entry->d_name, files);
	}
	closedir(directory);
	return r;
}

/*
 * Gives a directory of the former `user` to the engine's user, with its files. The directory comes
 * first, so that its former owner can add no more files.
 */
static int give_with_files(int fd, const char *path, const struct stat *st, uid_t uid, gid_t gid)
{
	uid_t owner = st->st_uid;
	struct state_files files = { .owner = owner };
	int r = scan_state_files(fd, &files);

	/*
	 * An engine's directory is open to no other user. One that root owns was made for the
	 * engine.
	 */
	if (r == 0 && (files.foreign || (owner != 0 && (st->st_mode & (S_IRWXG | S_IRWXO)) != 0)))
		r = -EPERM;
	if (r == 0 && fchown(fd, uid, gid) < 0)
		r = -errno;
	files.uid = &uid;
	files.gid = gid;
	if (r == 0)
		r = scan_state_files(fd, &files);
	if (r == 0 && owner != 0)
		log_notice(
			"state directory %s belonged to uid %u; netd gave it to the engine's user, uid %u",
			path, (unsigned)owner, (unsigned)uid);
	return r;
}

/* Gives the open directory to the engine's user, unless other programs might need it as it is. */
static int give_directory(
	int fd, const char *path, uid_t uid, gid_t gid, bool made, struct problem *problem)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != uid && made)
		r = fchown(fd, uid, gid) < 0 ? -errno : 0;
	else if (st.st_uid != uid)
		r = give_with_files(fd, path, &st, uid, gid);
	if (r == -EPERM || r == -EACCES)
		problem_set(problem,
			"state directory %s belongs to uid %u, the engine runs as uid %u; if it is "
			"Culvert's, run: chown -R %u %s",
			path, (unsigned)st.st_uid, (unsigned)uid, (unsigned)uid, path);
	if (r < 0)
		return r;
	return fchmod(fd, 0700) < 0 ? -errno : 0;
}

static int open_state(struct engine_files *files, const struct settings *settings,
	const struct process_user *user, struct problem *problem)
{
	const char *path = settings->state_dir;
	uid_t uid = user ? user->uid : geteuid();
	gid_t gid = user ? user->gid : getegid();
	bool made = false;
	int fd = -1, r;

	problem_set(problem, "%s", "");
	r = make_directories(path, &made);
	if (r == 0) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : give_directory(fd, path, uid, gid, made, problem);
	}
	if (r < 0) {
		if (problem->text[0] == '\0')
			problem_set(
				problem, "cannot make state directory %s: %s", path, error_text(r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	files->state = fd;
	return 0;
}

void engine_files_leave(struct engine_files *files)
{
	files->control_path = NULL;
	engine_files_close(files);
}

/* A client that cannot renew connects all the same. */
static void open_renewed(struct engine_files *files, const struct settings *settings,
	const struct process_user *user)
{
	struct problem problem = { 0 };

	if (!settings->renew)
		return;
	if (settings->contained)
		problem_set(&problem, "culvert run keeps nothing");
	else if (settings->unlocked_key)
		problem_set(&problem,
			"the key has a passphrase, and a renewed key would lie on the disk without one");
	else if (open_state(files, settings, user, &problem) == 0)
		return;
	log_warning("renew = true has no effect: %s", problem.text);
}

int engine_files_open_state(struct engine_files *files, const struct settings *settings,
	const struct process_user *user, struct problem *problem)
{
	if (settings->role == SETTINGS_SERVER)
		return open_state(files, settings, user, problem);
	open_renewed(files, settings, user);
	return 0;
}

void engine_files_close(struct engine_files *files)
{
	if (files->control_path)
		(void)unlink(files->control_path);
	end_old_listeners(files);
	if (files->old_control >= 0)
		close(files->old_control);
	for (size_t i = 0; i < files->listener_count; i++)
		close(files->listeners[i]);
	if (files->control >= 0)
		close(files->control);
	if (files->state >= 0)
		close(files->state);
	engine_files_init(files);
}
