/* SPDX-License-Identifier: Apache-2.0 */
#include "client/profile.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "config/conf_foreign.h"
#include "config/conf_peek.h"

static bool has_suffix(const char *file)
{
	size_t len = strlen(file), suffix_len = sizeof(PROFILE_SUFFIX) - 1;

	return len > suffix_len && strcmp(&file[len - suffix_len], PROFILE_SUFFIX) == 0;
}

bool profile_is_path(const char *word)
{
	return strchr(word, '/') || has_suffix(word);
}

int profile_name(const char *path, struct identity *ret_name)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? &slash[1] : path;
	size_t len = strlen(base);

	if (has_suffix(base))
		len -= sizeof(PROFILE_SUFFIX) - 1;
	return identity_set(ret_name, base, len);
}

int profile_path(const char *dir, const struct identity *name, char ret_path[PATH_MAX])
{
	int len = snprintf(ret_path, PATH_MAX, "%s/%s%s", dir, name->name, PROFILE_SUFFIX);

	return len >= 0 && len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Lists the profiles' names for a message, truncated if there are many; "" for none. */
static void list_profiles(const char *dir, char *out, size_t size)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, NULL, alphasort);

	out[0] = '\0';
	for (int i = 0; i < count; i++) {
		const char *file = entries[i]->d_name;
		struct identity name;
		size_t used = strlen(out);

		if (has_suffix(file) && profile_name(file, &name) == 0)
			(void)snprintf(
				&out[used], size - used, "%s%s", used > 0 ? ", " : "", name.name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/*
 * Returns true if there is a file of that name here, which is not opened in place of a profile: a
 * mistyped name must not start what somebody left in this directory.
 */
static bool explain_file(const char *word, const char *dir, struct problem *problem)
{
	const char *foreign;
	char *text = NULL;
	size_t len;

	if (access(word, F_OK) < 0)
		return false;
	foreign = file_read(word, FILE_PUBLIC, &text, &len, problem) == 0 ? conf_foreign(text, len)
									  : NULL;
	if (foreign)
		problem_set(problem, "%s:1: %s", word, foreign);
	else
		problem_set(problem,
			"no profile %s in %s; if the file here is meant, write its path: ./%s",
			word, dir, word);
	if (text)
		explicit_bzero(text, len);
	free(text);
	return true;
}

static int find_named(
	const char *word, const char *dir, char ret_path[PATH_MAX], struct problem *problem)
{
	char escaped[80], names[160];
	struct identity name;
	int r;

	if (identity_set(&name, word, strlen(word)) < 0) {
		problem_set(problem,
			"\"%s\" is neither a profile's name (1 to %d of A-Z a-z 0-9 . _ -) nor a path, "
			"which has a slash or ends in " PROFILE_SUFFIX,
			problem_escape(escaped, sizeof(escaped), word, strlen(word)), IDENTITY_MAX);
		return -EINVAL;
	}
	r = profile_path(dir, &name, ret_path);
	/* Opening the file will show any other error. */
	if (r < 0 || access(ret_path, F_OK) == 0 || errno != ENOENT)
		return r;
	if (explain_file(word, dir, problem))
		return -ENOENT;
	list_profiles(dir, names, sizeof(names));
	problem_set(problem,
		"no profile %s in %s (there: %s); name a file elsewhere by its path, such as ./%s",
		name.name, dir, names[0] != '\0' ? names : "none", name.name);
	return -ENOENT;
}

/* Looks here for a file without a slash in its name, and hints at one that exists only in `dir`. */
static int find_file(
	const char *word, const char *dir, char ret_path[PATH_MAX], struct problem *problem)
{
	char in_dir[PATH_MAX];
	struct identity name;

	if (snprintf(ret_path, PATH_MAX, "%s", word) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (strchr(word, '/') || access(word, F_OK) == 0 || errno != ENOENT ||
		profile_name(word, &name) < 0 || profile_path(dir, &name, in_dir) < 0 ||
		access(in_dir, F_OK) < 0)
		return 0; /* opening the file will show its errors */
	problem_set(problem, "%s does not exist here, but %s does: use that, or %s", word, in_dir,
		name.name);
	return -ENOENT;
}

int profile_find(
	const char *word, const char *dir, char ret_path[PATH_MAX], struct problem *problem)
{
	int r;

	if (profile_is_path(word))
		r = find_file(word, dir, ret_path, problem);
	else
		r = find_named(word, dir, ret_path, problem);
	if (r == -ENAMETOOLONG)
		problem_set(problem, "the path of the profile is too long");
	return r;
}

bool profile_wants_kill_switch(const char *text, size_t len)
{
	char value[sizeof("true")];

	return text && conf_peek(text, len, "kill_switch", value, sizeof(value)) &&
		strcasecmp(value, "true") == 0;
}

int profile_called(const char *text, size_t len, const char *path, struct identity *ret_name)
{
	char value[IDENTITY_MAX + 1];

	if (text && conf_peek(text, len, "name", value, sizeof(value)) &&
		identity_set(ret_name, value, strlen(value)) == 0)
		return 0;
	return profile_name(path, ret_name);
}
