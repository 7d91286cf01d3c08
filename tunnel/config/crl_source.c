/* SPDX-License-Identifier: Apache-2.0 */
#include "config/crl_source.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error_text.h"
#include "base/file.h"

#define LIST_BEGINS "-----BEGIN X509 CRL-----"

struct text {
	char *data; /* owned */
	size_t len;
	size_t read; /* bytes of all files, with and without a list */
};

static int append(struct text *text, const char *data, size_t len)
{
	char *grown;

	if (text->len + len + 1 > FILE_SIZE_MAX)
		return -EFBIG;
	grown = realloc(text->data, text->len + len + 2);
	if (!grown)
		return -ENOMEM;
	memcpy(&grown[text->len], data, len);
	text->data = grown;
	text->len += len;
	/* The last line of a file need not be complete. */
	text->data[text->len++] = '\n';
	text->data[text->len] = '\0';
	return 0;
}

static bool is_skipped(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' || name[len - 1] == '~';
}

/* ".r0" is c_rehash's. */
static bool is_a_lists_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (!dot)
		return false;
	return strcmp(dot, ".crl") == 0 || strcmp(dot, ".pem") == 0 ||
		(dot[1] == 'r' && dot[2] >= '0' && dot[2] <= '9' && dot[3] == '\0');
}

static int add_file(
	struct text *text, const char *directory, const char *name, struct problem *problem)
{
	char path[PATH_MAX], *data;
	struct stat st;
	size_t len;
	int r;

	r = snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (r < 0 || (size_t)r >= sizeof(path))
		return -ENAMETOOLONG;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	r = file_read(path, FILE_PUBLIC, &data, &len, problem);
	if (r < 0)
		return r;
	text->read += len;
	if (text->read > CRL_SOURCE_BYTES_MAX) {
		problem_set(problem,
			"the files in %s have more than %d bytes; move what is no revocation list out of the directory",
			directory, CRL_SOURCE_BYTES_MAX);
		r = -EFBIG;
	} else if (memmem(data, len, LIST_BEGINS, strlen(LIST_BEGINS))) {
		r = append(text, data, len);
	} else if (is_a_lists_name(name)) {
		problem_set(problem,
			"%s holds no revocation list in PEM form (" LIST_BEGINS
			"); convert it (openssl crl -inform DER), or move it out of the directory",
			path);
		r = -EINVAL;
	}
	free(data);
	return r;
}

static int add_all(struct text *text, const char *directory, struct dirent **names, int count,
	struct problem *problem)
{
	int r = 0;

	for (int i = 0; i < count && r == 0; i++) {
		if (!is_skipped(names[i]->d_name))
			r = add_file(text, directory, names[i]->d_name, problem);
	}
	if (r == 0 && text->len == 0) {
		problem_set(problem,
			"the directory %s holds no file with a revocation list in PEM form (" LIST_BEGINS
			")",
			directory);
		r = -ENODATA;
	}
	return r;
}

/* Before all names are kept in memory and sorted. */
static int check_count(const char *path, struct problem *problem)
{
	DIR *directory = opendir(path);
	int left = CRL_SOURCE_NAMES_MAX;

	if (!directory)
		return -errno;
	while (left >= 0 && readdir(directory))
		left--;
	closedir(directory);
	if (left >= 0)
		return 0;
	problem_set(problem,
		"the directory %s holds more than %d names; move what is no revocation list out of it",
		path, CRL_SOURCE_NAMES_MAX);
	return -EFBIG;
}

static int read_directory(const char *path, struct text *text, struct problem *problem)
{
	struct dirent **names;
	int r = check_count(path, problem), count;

	if (r < 0)
		return r;
	count = scandir(path, &names, NULL, alphasort);
	if (count < 0)
		return -errno;
	r = add_all(text, path, names, count, problem);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return r;
}

int crl_source_read(const char *path, char **ret_data, size_t *ret_len, struct problem *problem)
{
	struct text text = { 0 };
	struct stat st;
	int r;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return file_read(path, FILE_PUBLIC, ret_data, ret_len, problem);
	*problem = (struct problem){ 0 };
	r = read_directory(path, &text, problem);
	if (r < 0) {
		if (problem->text[0] == '\0')
			problem_set(
				problem, "cannot read the lists in %s: %s", path, error_text(r));
		free(text.data);
		return r;
	}
	*ret_data = text.data;
	*ret_len = text.len;
	return 0;
}
