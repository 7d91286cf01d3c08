/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/resolv_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/array.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/fingerprint.h"

/*
 * The format:
 *
 * # Written by Culvert, which puts back what is kept below. Checksum: 0123456789abcdef
 * nameserver 10.213.0.1
 * search corp.example.org
 * #kept file 644
 * #|nameserver 192.0.2.53
 *
 * `#kept link PATH`: it was a symbolic link; `#kept nothing`: there was none. A last line without a
 * newline comes after `#!` instead of `#|`.
 */

static const char head[] = "# Written by Culvert, which puts back what is kept below. Checksum: ";
static const char kept[] = "#kept ";
static const char kept_line[] = "#|";

enum { SUM_DIGITS = 16, HEAD_SIZE = sizeof(head) - 1 + SUM_DIGITS + 1 };

struct text {
	char *data; /* NUL-terminated; the owner frees it */
	size_t len;
};

static uint64_t checksum(const char *data, size_t len)
{
	return fingerprint_add(FINGERPRINT_OF_NOTHING, data, len);
}

/* Returns what a person can do about the error; "": unknown. */
static const char *cure(int r)
{
	switch (r) {
	case -ENOSPC:
	case -EDQUOT:
		return "; make room on its file system";
	case -EROFS:
	case -EACCES:
	case -EPERM:
		return "; make it writable for root (mount -o remount,rw; chattr -i), or set use_dns = false in the profile";
	case -ENOENT:
		return "; make the file that the link leads to, or set use_dns = false in the profile";
	case -EINVAL:
		return "; it is no regular file: replace it by one, or set use_dns = false in the profile";
	default:
		return "";
	}
}

static int cannot(struct problem *problem, const char *what, const char *path, int r)
{
	problem_set(problem, "cannot %s %s: %s%s", what, path, error_text(r), cure(r));
	return r;
}

static bool is_full(int r)
{
	return r == -ENOSPC || r == -EDQUOT;
}

/*
 * Reads the file, through links. Without a file, or with a link to nowhere or in a circle, the text
 * has no data.
 */
static int read_text(const char *path, struct text *ret_text, struct problem *problem)
{
	struct text text = { .data = NULL };
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0) {
		r = -errno;
		if (r != -ENOENT && r != -ELOOP && r != -ENOTDIR)
			return cannot(problem, "open", path, r);
		*ret_text = text;
		return 0;
	}
	r = fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : 0;
	if (r == 0 && st.st_size > RESOLV_CONF_SIZE_MAX)
		r = -EFBIG;
	if (r == 0)
		r = file_read_fd(fd, &text.data, &text.len);
	close(fd);
	if (r < 0)
		return cannot(problem, "read", path, r);
	*ret_text = text;
	return 0;
}

static enum resolv_conf_owner owner_of(const struct text *text)
{
	char sum[SUM_DIGITS + 1];

	if (text->len < HEAD_SIZE || memcmp(text->data, head, sizeof(head) - 1) != 0)
		return RESOLV_CONF_OTHERS;
	(void)snprintf(sum, sizeof(sum), "%016" PRIx64,
		checksum(&text->data[HEAD_SIZE], text->len - HEAD_SIZE));
	return memcmp(&text->data[sizeof(head) - 1], sum, SUM_DIGITS) == 0 ? RESOLV_CONF_OURS
									   : RESOLV_CONF_CHANGED;
}

bool resolv_conf_text_is_ours(const char *text, size_t len)
{
	return len >= HEAD_SIZE && memcmp(text, head, sizeof(head) - 1) == 0;
}

int resolv_conf_owner(const char *path, enum resolv_conf_owner *ret_owner, struct problem *problem)
{
	struct text text = { .data = NULL };
	int r = read_text(path, &text, problem);

	if (r < 0)
		return r;
	*ret_owner = owner_of(&text);
	free(text.data);
	return 0;
}

bool resolv_conf_mentions(const char *path, const char *program)
{
	struct problem ignored;
	struct text text = { .data = NULL };
	bool found;

	if (read_text(path, &text, &ignored) < 0)
		return false;
	found = text.data && strstr(text.data, program);
	free(text.data);
	return found;
}

/* Takes the program's name from the text behind "by", which may be a path or man:NAME(8). */
static void take_writer(const char *at, char *ret_writer, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_";
	size_t len = strcspn(at, " \t\r\n"), end = len;

	/* The name begins behind the last slash or colon. */
	while (end > 0 && at[end - 1] != '/' && at[end - 1] != ':')
		end--;
	at += end;
	len = strspn(at, allowed);
	while (len > 0 && at[len - 1] == '.')
		len--; /* the end of a sentence */
	(void)snprintf(ret_writer, size, "%.*s", (int)(len < size ? len : size - 1), at);
}

void resolv_conf_writer(const char *path, char *ret_writer, size_t size)
{
	static const char *const words[] = { "enerated by ", "anaged by ", "ritten by " };
	struct problem ignored;
	struct text text = { .data = NULL };
	char *line, *rest;

	ret_writer[0] = '\0';
	if (read_text(path, &text, &ignored) < 0 || !text.data)
		return;
	for (line = strtok_r(text.data, "\n", &rest); line && ret_writer[0] == '\0';
		line = strtok_r(NULL, "\n", &rest)) {
		for (size_t i = 0; i < ARRAY_SIZE(words) && ret_writer[0] == '\0'; i++) {
			const char *at = strstr(line, words[i]);

			if (at && (line[0] == '#' || line[0] == ';') &&
				strncmp(line, kept_line, sizeof(kept_line) - 1) != 0)
				take_writer(at + strlen(words[i]), ret_writer, size);
		}
	}
	free(text.data);
}

/* ---- the content of our file ---- */

void resolv_conf_put(FILE *out, const struct nameservers *nameservers)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < nameservers->server_count; i++)
		(void)fprintf(out, "nameserver %s\n", addr_format(&nameservers->server[i], text));
	if (nameservers->domain_count > 0)
		(void)fputs("search", out);
	for (size_t i = 0; i < nameservers->domain_count; i++)
		(void)fprintf(out, " %s", nameservers->domain[i]);
	if (nameservers->domain_count > 0)
		(void)fputc('\n', out);
}

static void put_lines(FILE *out, const struct text *text)
{
	size_t at = 0;

	while (at < text->len) {
		const char *line = &text->data[at];
		const char *end = memchr(line, '\n', text->len - at);
		size_t len = end ? (size_t)(end - line) : text->len - at;

		(void)fputs(end ? "#|" : "#!", out);
		(void)fwrite(line, 1, len, out);
		(void)fputc('\n', out);
		at += len + (end != NULL);
	}
}

/*
 * Writes what the path is now, to be kept. `in_place`: a link stays, and the text of its file is
 * kept.
 */
static int put_kept(FILE *out, const char *path, const struct text *text, bool in_place)
{
	char target[4096];
	struct stat st;
	ssize_t len;

	if ((in_place ? stat(path, &st) : lstat(path, &st)) < 0) {
		(void)fprintf(out, "%snothing\n", kept);
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISLNK(st.st_mode)) {
		(void)fprintf(out, "%sfile %o\n", kept, (unsigned)st.st_mode & 0777);
		put_lines(out, text);
		return 0;
	}
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	if (memchr(target, '\n', (size_t)len))
		return -EINVAL;
	(void)fprintf(out, "%slink %.*s\n", kept, (int)len, target);
	return 0;
}

/* Returns where in our text the kept part begins; NULL: it has none. */
static const char *find_kept(const struct text *text)
{
	const char *at = strstr(text->data, kept);

	return at && at > text->data && at[-1] == '\n' ? at : NULL;
}

static int compose(const char *path, const struct text *now, bool is_ours, bool in_place,
	const struct nameservers *nameservers, struct text *ret_text)
{
	struct text text = { .data = NULL };
	FILE *out = open_memstream(&text.data, &text.len);
	const char *keeps = is_ours ? find_kept(now) : NULL;
	char sum[SUM_DIGITS + 1];
	int r = 0;

	if (!out)
		return -ENOMEM;
	if (now->len > 0 && memchr(now->data, '\0', now->len))
		r = -EINVAL;
	(void)fprintf(out, "%s%0*d\n", head, SUM_DIGITS, 0);
	resolv_conf_put(out, nameservers);
	if (keeps)
		(void)fputs(keeps, out);
	else if (r == 0)
		r = put_kept(out, path, now, in_place);
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0) {
		free(text.data);
		return r;
	}
	(void)snprintf(sum, sizeof(sum), "%016" PRIx64,
		checksum(&text.data[HEAD_SIZE], text.len - HEAD_SIZE));
	memcpy(&text.data[sizeof(head) - 1], sum, SUM_DIGITS);
	*ret_text = text;
	return 0;
}

/* ---- writing ---- */

/*
 * A write lock, which needs the right to write the file. Any user can read it, and would hold a lock
 * of flock(2) for ever.
 */
static struct flock lock_of(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

static int lock(int fd)
{
	struct flock lock = lock_of(F_WRLCK);

	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

bool resolv_conf_is_held(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct flock lock = lock_of(F_RDLCK);
	bool is_held;

	if (fd < 0)
		return false;
	is_held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
	close(fd);
	return is_held;
}

/*
 * Takes ownership of the written file's descriptor, and locks it; `held` NULL: no lock is wanted.
 * For a file that is written in place, the former descriptor has the lock already.
 */
static void hold(int fd, int *held)
{
	if (!held || lock(fd) < 0) {
		close(fd);
		return;
	}
	if (*held >= 0)
		close(*held);
	*held = fd;
}

static int put_at_start(int fd, const struct text *text)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return file_write_all(fd, text->data, text->len);
}

/*
 * If it fails the file has its former text, as far as the disk allows: restoring needs no new
 * space.
 */
static int overwrite(int fd, const struct text *text)
{
	struct text before;
	int r = file_read_fd(fd, &before.data, &before.len);

	if (r < 0)
		return r;
	/* A full disk fails here, before the file is changed; not every file system can tell. */
	if (text->len > 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)text->len) < 0 &&
		(errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		r = -errno;
	if (r == 0) {
		r = put_at_start(fd, text);
		if (r == 0 && (ftruncate(fd, (off_t)text->len) < 0 || fsync(fd) < 0))
			r = -errno;
		/* EIO: restoring failed too, which is worse than the first failure. */
		if (r < 0 &&
			(put_at_start(fd, &before) < 0 || ftruncate(fd, (off_t)before.len) < 0))
			r = -EIO;
	}
	free(before.data);
	return r;
}

/* Follows a link: if the link cannot be replaced, its file can be written. */
static int write_in_place(const char *path, const struct text *text, int *held)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : 0;
	if (r == 0)
		r = overwrite(fd, text);
	if (r < 0)
		close(fd);
	else
		hold(fd, held);
	return r;
}

static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/*
 * Of this process alone: in several network namespaces that share /etc, each has a file of its own
 * mounted there (ip-netns(8)), and they write at the same time.
 */
static void temporary_name(const char *path, char out[static 256])
{
	(void)snprintf(out, 256, "%.230s.culvert.%d", path, (int)getpid());
}

static int replace(const char *path, const struct text *text, mode_t mode, int *held)
{
	char temporary[256];
	int fd, r;

	temporary_name(path, temporary);
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = file_write_all(fd, text->data, text->len);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r == 0 && held)
		r = lock(fd); /* before any other program can see the file */
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(temporary);
		close(fd);
		return r;
	}
	hold(fd, held);
	return 0;
}

/*
 * EBUSY, EXDEV: the file is a mount by itself. EROFS and the like: its directory cannot be written,
 * but the file may.
 */
static bool wants_in_place(int r)
{
	return r == -EBUSY || r == -EXDEV || r == -EROFS || r == -EACCES || r == -EPERM;
}

static int write_ours(const char *path, const struct text *now, bool is_ours,
	const struct nameservers *nameservers, int *held)
{
	/* A link to a file with our text was written in place before. */
	bool in_place = is_ours && is_link(path);
	struct text ours;
	int r = compose(path, now, is_ours, in_place, nameservers, &ours);

	if (r < 0)
		return r;
	r = in_place ? write_in_place(path, &ours, held) : replace(path, &ours, 0644, held);
	free(ours.data);
	if (in_place || !wants_in_place(r))
		return r;
	r = compose(path, now, is_ours, true, nameservers, &ours);
	if (r < 0)
		return r;
	r = write_in_place(path, &ours, held);
	free(ours.data);
	return r;
}

int resolv_conf_set(
	const char *path, const struct nameservers *nameservers, int *held, struct problem *problem)
{
	struct text now = { .data = NULL };
	enum resolv_conf_owner owner;
	int r = read_text(path, &now, problem);

	if (r < 0)
		return r;
	owner = owner_of(&now);
	if (owner == RESOLV_CONF_CHANGED) {
		problem_set(problem,
			"%s was Culvert's and another program has changed it; it is left alone",
			path);
		r = -EBUSY;
		goto out;
	}
	if (owner == RESOLV_CONF_OURS && *held < 0 && resolv_conf_is_held(path)) {
		problem_set(problem,
			"another running Culvert has its resolvers in %s; end it, or set use_dns = false in one of the two profiles",
			path);
		r = -EBUSY;
		goto out;
	}
	r = write_ours(path, &now, owner == RESOLV_CONF_OURS, nameservers, held);
	if (r < 0)
		(void)cannot(problem, "write", path, r);
out:
	free(now.data);
	return r;
}

/* ---- restoring ---- */

static int restore_link(const char *path, const char *target, size_t len)
{
	char temporary[256], copy[4096];
	int r;

	if (len == 0 || len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, target, len);
	copy[len] = '\0';
	temporary_name(path, temporary);
	(void)unlink(temporary);
	if (symlink(copy, temporary) < 0)
		return -errno;
	r = rename(temporary, path) < 0 ? -errno : 0;
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

/* Restores the lines after `#|` and `#!`. */
static int restore_file(const char *path, const char *lines, mode_t mode)
{
	struct text text = { .data = NULL };
	FILE *out = open_memstream(&text.data, &text.len);
	int r;

	if (!out)
		return -ENOMEM;
	while (lines[0] == '#' && (lines[1] == '|' || lines[1] == '!')) {
		size_t len = strcspn(lines, "\n");

		(void)fwrite(&lines[2], 1, len - 2, out);
		if (lines[1] == '|')
			(void)fputc('\n', out);
		lines = &lines[len + (lines[len] == '\n')];
	}
	r = fclose(out) != 0 ? -ENOMEM : is_link(path) ? -EXDEV : replace(path, &text, mode, NULL);
	/*
	 * Our text is longer than the one that it keeps, so even a full disk takes the kept one in
	 * its place.
	 */
	if (wants_in_place(r) || is_full(r))
		r = write_in_place(path, &text, NULL);
	free(text.data);
	return r;
}

static int restore(const char *path, const struct text *ours)
{
	static const char a_file[] = "file ", a_link[] = "link ", nothing[] = "nothing\n";
	const char *at = find_kept(ours), *rest;
	size_t len;
	char *end;

	if (!at)
		return -EINVAL;
	at = &at[sizeof(kept) - 1];
	len = strcspn(at, "\n");
	rest = &at[len + (at[len] == '\n')];
	if (strncmp(at, a_link, sizeof(a_link) - 1) == 0)
		return restore_link(path, &at[sizeof(a_link) - 1], len - (sizeof(a_link) - 1));
	if (strncmp(at, nothing, sizeof(nothing) - 1) == 0)
		return unlink(path) < 0 ? -errno : 0;
	if (strncmp(at, a_file, sizeof(a_file) - 1) != 0)
		return -EINVAL;
	return restore_file(path, rest, (mode_t)strtoul(&at[sizeof(a_file) - 1], &end, 8) & 0777);
}

int resolv_conf_restore(const char *path, struct problem *problem)
{
	struct text now = { .data = NULL };
	enum resolv_conf_owner owner;
	int r = read_text(path, &now, problem);

	if (r < 0)
		return r;
	owner = owner_of(&now);
	if (owner == RESOLV_CONF_OTHERS) {
		problem_set(problem, "%s belongs to another program now; it is left alone", path);
		r = -ENOENT;
	} else if (owner == RESOLV_CONF_CHANGED) {
		problem_set(problem,
			"%s was Culvert's and another program has changed it; it is left alone, with the earlier contents as comments at its end",
			path);
		r = -EBUSY;
	} else {
		r = restore(path, &now);
		if (r < 0)
			(void)cannot(problem, "restore", path, r);
	}
	free(now.data);
	return r;
}
