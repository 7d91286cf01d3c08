/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_PROFILE_H
#define CULVERT_CLIENT_PROFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/identity.h"
#include "base/problem.h"

/*
 * The files and names of profiles: alice is the file alice.conf in the configuration directory. For
 * the command line; one thread.
 */

#define PROFILE_DIR "/etc/culvert" /* without --dir */
#define PROFILE_SUFFIX ".conf"

/* True if the word has a slash or ends in .conf: then it means a file, not a profile's name. */
bool profile_is_path(const char *word);

/*
 * The profile's name from its path: "/etc/culvert/alice.conf" is alice. -EINVAL: the file's name
 * gives no valid name.
 */
int profile_name(const char *path, struct identity *ret_name);

/* The profile's path, "/etc/culvert/alice.conf", whether or not the file exists. -ENAMETOOLONG. */
int profile_path(const char *dir, const struct identity *name, char ret_path[PATH_MAX]);

/*
 * True if a profile's text has kill_switch = true. The text may be invalid otherwise. False for
 * NULL.
 */
bool profile_wants_kill_switch(const char *text, size_t len);

/*
 * The profile's name: its `name`, or else its file's. The text may be invalid otherwise. -EINVAL:
 * neither is a valid name.
 */
int profile_called(const char *text, size_t len, const char *path, struct identity *ret_name);

/*
 * The file for a word of the command line. A path (profile_is_path()) is used unchanged, without
 * checking that it exists; any other word is the name of a profile in `dir`. On failure *problem
 * says why. -EINVAL: the word is neither. -ENOENT: no such profile. *problem then lists the
 * existing ones, or suggests the file of that name in `dir`. -ENAMETOOLONG.
 */
int profile_find(
	const char *word, const char *dir, char ret_path[PATH_MAX], struct problem *problem);

#endif
