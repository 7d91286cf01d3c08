/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_PROFILE_H
#define CULVERT_CLIENT_PROFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/identity.h"
#include "base/problem.h"

/*
 * Where profiles live and what they are called: alice is the file alice.conf in the configuration
 * directory. For the command line; one thread.
 */

#define PROFILE_DIR "/etc/culvert" /* unless --dir says otherwise */
#define PROFILE_SUFFIX ".conf"

/* It has a slash or ends in .conf: a person means a file, not a profile's name. */
bool profile_is_path(const char *word);

/* "/etc/culvert/alice.conf" is alice. -EINVAL: no valid name comes of the file's. */
int profile_name(const char *path, struct identity *ret_name);

/* "/etc/culvert/alice.conf", whether it is there or not. -ENAMETOOLONG. */
int profile_path(const char *dir, const struct identity *name, char ret_path[PATH_MAX]);

/*
 * Of a profile's text that may be refused, or has been: does it say kill_switch = true? NULL: no.
 */
bool profile_wants_kill_switch(const char *text, size_t len);

/*
 * What it is called, by its `name` or its file's. -EINVAL: no valid name comes of either. As
 * profile_wants_kill_switch(), the text may be wrong otherwise.
 */
int profile_called(const char *text, size_t len, const char *path, struct identity *ret_name);

/*
 * The file that a person means: a path (profile_is_path()) is taken as it is, and anything else is the
 * name of a profile in `dir`. Words in `problem`: -EINVAL (neither), -ENOENT (no such profile; the words
 * name those that there are, or the file in `dir` that a bare file's name that is not here may
 * mean), -ENAMETOOLONG. What stands at a path is not looked at.
 */
int profile_find(
	const char *word, const char *dir, char ret_path[PATH_MAX], struct problem *problem);

#endif
