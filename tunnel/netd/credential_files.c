/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/credential_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/fingerprint.h"
#include "base/log.h"
#include "config/crl_source.h"

enum { PATHS_MAX = 4 };

/* ---- the files ---- */

/*
 * Returns how many of the options name a file. An unlocked key is not watched: another one would
 * need its passphrase.
 */
static size_t paths_of(const struct settings *settings, const char *paths[static PATHS_MAX])
{
	const char *const options[PATHS_MAX] = { settings->certificate,
		settings->unlocked_key ? NULL : settings->key, settings->ca, settings->crl };
	size_t count = 0;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (options[i] && !settings_is_inline(options[i]))
			paths[count++] = options[i];
	}
	return count;
}

/* Adds what tells one state of a file from another. */
static uint64_t add_state(uint64_t look, int r, const struct stat *st)
{
	const int64_t parts[] = { r, (int64_t)st->st_dev, (int64_t)st->st_ino, st->st_size,
		(int64_t)st->st_mode, st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ctim.tv_sec,
		st->st_ctim.tv_nsec };

	return fingerprint_add(look, parts, sizeof(parts));
}

/* The order is the directory's own, and stays while nothing there changes. */
static uint64_t add_entries(uint64_t look, const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	struct stat st;
	int r;

	/* One with more is refused. */
	for (int left = CRL_SOURCE_NAMES_MAX; directory && left >= 0; left--) {
		entry = readdir(directory);
		if (!entry)
			break;
		st = (struct stat){ .st_size = 0 };
		r = fstatat(dirfd(directory), entry->d_name, &st, 0);

		look = add_state(look, r, &st);
	}
	if (directory)
		closedir(directory);
	return look;
}

static uint64_t look_at(const struct settings *settings)
{
	const char *paths[PATHS_MAX];
	size_t count = paths_of(settings, paths);
	uint64_t look = FINGERPRINT_OF_NOTHING;

	for (size_t i = 0; i < count; i++) {
		struct stat st = { .st_size = 0 };
		int r = stat(paths[i], &st);

		look = add_state(look, r, &st);
		if (r == 0 && S_ISDIR(st.st_mode))
			look = add_entries(look, paths[i]);
	}
	return look;
}

/* ---- trying ---- */

static void settled(struct loop_timer *timer);

static void try_at(struct credential_files *files, struct mono due)
{
	loop_timer_start(files->loop, &files->settle, due, settled);
}

static bool is_over(const struct credential_files *files, int64_t ms)
{
	return !mono_before(mono_now(), mono_add(files->since, DURATION_MS(ms)));
}

static void taken(struct credential_files *files)
{
	if (files->reported.text[0] != '\0')
		log_notice("the files of certificate, key, ca and crl fit again");
	files->reported = (struct problem){ .text = "" };
	files->since = (struct mono){ 0 };
}

/* Logs a fault once, after the time in which another change may cure it. */
static void refused(struct credential_files *files, const struct problem *problem)
{
	if (!is_over(files, CREDENTIAL_FILES_GRACE_MS)) {
		try_at(files, mono_add(files->since, DURATION_MS(CREDENTIAL_FILES_GRACE_MS)));
		return;
	}
	files->since = (struct mono){ 0 };
	if (strcmp(files->reported.text, problem->text) == 0)
		return;
	files->reported = *problem;
	log_error("changed files cannot be used: %s; what was read before stays in use",
		problem->text);
}

static void watch_paths(struct credential_files *files);

static void settled(struct loop_timer *timer)
{
	struct credential_files *files = container_of(timer, struct credential_files, settle);
	struct problem problem = { .text = "" };
	int r;

	if (files->writing && !is_over(files, CREDENTIAL_FILES_GRACE_MS)) {
		try_at(files, mono_add(files->since, DURATION_MS(CREDENTIAL_FILES_GRACE_MS)));
		return;
	}
	/* Before they are read, so that no change after that is missed. */
	watch_paths(files);
	files->look = look_at(files->settings);
	r = files->take(files, &problem);
	if (r == 0)
		taken(files);
	else if (r == -EBUSY)
		try_at(files, mono_add(mono_now(), DURATION_MS(CREDENTIAL_FILES_SETTLE_MS)));
	else
		refused(files, &problem);
}

/* Something has changed. It is tried when nothing more happens for a moment. */
static void changed(struct credential_files *files)
{
	struct mono now = mono_now();
	struct mono due = mono_add(now, DURATION_MS(CREDENTIAL_FILES_SETTLE_MS));
	struct mono latest;

	if (files->since.ns == 0)
		files->since = now;
	latest = mono_add(files->since, DURATION_MS(CREDENTIAL_FILES_SETTLE_MAX_MS));
	/* What did not fit before is tried a moment after each further change. */
	if (mono_before(now, latest) && mono_before(latest, due))
		due = latest;
	/* A file that changes without end puts no other one off. */
	if (!mono_before(now, latest) && files->settle.running &&
		mono_before(files->settle.due, due))
		return;
	try_at(files, due);
}

/* ---- what happens to them ---- */

static void limit(struct credential_files *files, int error)
{
	if (!files->limited)
		log_warning(
			"cannot watch the files of certificate, key, ca and crl: %s; they are looked at every %d s instead; raise the sysctls fs.inotify.max_user_instances and max_user_watches",
			error_text(error), CREDENTIAL_FILES_POLL_LIMITED_S);
	files->limited = true;
}

static void watch_paths(struct credential_files *files)
{
	const char *paths[PATHS_MAX];
	size_t count = paths_of(files->settings, paths);
	int r;

	if (files->watch.fd < 0)
		return;
	r = path_watch_set(&files->watch, paths, count);
	if (r < 0)
		limit(files, r);
	else
		files->limited = false;
}

static void close_watch(struct credential_files *files)
{
	loop_timer_stop(files->loop, &files->pause);
	loop_watch_remove(files->loop, &files->reports);
	path_watch_close(&files->watch);
}

static void pause_over(struct loop_timer *timer)
{
	struct credential_files *files = container_of(timer, struct credential_files, pause);

	(void)loop_watch_set(files->loop, &files->reports, EPOLLIN);
}

/* The kernel keeps the reports meanwhile, or reports that there were too many. */
static void pause_reports(struct credential_files *files)
{
	if (loop_watch_set(files->loop, &files->reports, 0) == 0)
		loop_timer_start(files->loop, &files->pause,
			mono_add(mono_now(), DURATION_MS(CREDENTIAL_FILES_PAUSE_MS)), pause_over);
}

static void reported(struct loop_watch *watch, uint32_t events)
{
	struct credential_files *files = container_of(watch, struct credential_files, reports);
	enum path_watch_event event;
	int r = path_watch_read(&files->watch, &event);

	(void)events;
	if (r < 0) {
		close_watch(files);
		limit(files, r);
		return;
	}
	pause_reports(files);
	if (event != PATH_WATCH_NOTHING) {
		files->writing = event == PATH_WATCH_WRITING;
		/* A new file is to be watched before it is written. */
		watch_paths(files);
		changed(files);
	}
}

static void looked(struct loop_timer *timer)
{
	struct credential_files *files = container_of(timer, struct credential_files, poll);
	int64_t seconds = files->limited ? CREDENTIAL_FILES_POLL_LIMITED_S
					 : CREDENTIAL_FILES_POLL_S;
	uint64_t look = look_at(files->settings);

	if (look != files->look) {
		files->look = look;
		changed(files);
	}
	loop_timer_start(
		files->loop, &files->poll, mono_add(mono_now(), DURATION_S(seconds)), looked);
}

/* ---- begun and ended ---- */

static void open_watch(struct credential_files *files)
{
	int r = path_watch_open(&files->watch);

	if (r == 0)
		r = loop_watch_add(
			files->loop, &files->reports, files->watch.fd, EPOLLIN, reported);
	if (r < 0) {
		path_watch_close(&files->watch);
		limit(files, r);
	}
}

void credential_files_follow(struct credential_files *files)
{
	const char *paths[PATHS_MAX];

	if (!files->loop)
		return;
	if (paths_of(files->settings, paths) == 0) {
		close_watch(files);
		loop_timer_stop(files->loop, &files->settle);
		loop_timer_stop(files->loop, &files->poll);
		return;
	}
	if (!files->poll.running) {
		open_watch(files);
		files->look = look_at(files->settings);
		loop_timer_start(files->loop, &files->poll, mono_now(), looked);
	}
	watch_paths(files);
	/* They may have changed between their reading and now. */
	changed(files);
}

void credential_files_start(struct credential_files *files, struct loop *loop,
	const struct settings *settings,
	int (*take)(struct credential_files *files, struct problem *problem))
{
	*files = (struct credential_files){
		.loop = loop,
		.settings = settings,
		.take = take,
		.watch = { .fd = -1 },
		.reports = { .fd = -1 },
	};
	credential_files_follow(files);
}

void credential_files_stop(struct credential_files *files)
{
	if (!files->loop)
		return;
	close_watch(files);
	loop_timer_stop(files->loop, &files->settle);
	loop_timer_stop(files->loop, &files->poll);
	files->loop = NULL;
}
