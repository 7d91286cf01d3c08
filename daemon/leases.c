/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodes and decodes the lease file. The file is our own, but a disk may be full and a person may
 * edit it, so it is read as strictly as a peer's message. Each line has exactly four words with
 * single spaces between them, and the last line has its newline.
 */
#include "daemon/leases.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error_text.h"
#include "base/file.h"

#define HEADER "culvert leases 1"

enum {
	WORD_MAX = 80, /* bytes of a word with its NUL: an identity has 64 */
	TIME_DIGITS_MAX = 12,
};

static_assert((int)WORD_MAX > (int)IDENTITY_MAX, "every valid word fits");
static_assert(
	POOL_LEASES_MAX * (IDENTITY_MAX + 2 * ADDR_TEXT_MAX + TIME_DIGITS_MAX + 4) < FILE_SIZE_MAX,
	"each written file can be read again");

/* ---- encode ---- */

static const char *show_addr(const struct addr *addr, char out[static ADDR_TEXT_MAX])
{
	return addr_is_set(addr) ? addr_format(addr, out) : "-";
}

static int encode_lease(const struct pool_lease *lease, void *context)
{
	char addr4[ADDR_TEXT_MAX], addr6[ADDR_TEXT_MAX];

	(void)fprintf(context, "%s %s %s %" PRId64 "\n", lease->name.name,
		show_addr(&lease->addr4, addr4), show_addr(&lease->addr6, addr6), lease->last_used);
	return 0;
}

int leases_encode(const struct pool *pool, char **ret_text, size_t *ret_len)
{
	size_t len = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	(void)fprintf(out, HEADER "\n");
	(void)pool_each(pool, encode_lease, out);
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

/* ---- decode ---- */

/*
 * Reads the bytes up to `end`, and consumes `end`. -EBADMSG: there is no `end`, there is a NUL, or
 * the word does not fit.
 */
static int read_until(struct reader *reader, char end, char *ret_word, size_t size)
{
	size_t len = 0;
	uint8_t byte;

	while (reader_u8(reader, &byte) == 0) {
		if (byte == (uint8_t)end) {
			ret_word[len] = '\0';
			return 0;
		}
		if (byte == '\0' || byte == '\n' || len + 1 >= size)
			break;
		ret_word[len++] = (char)byte;
	}
	return -EBADMSG;
}

static int parse_addr(const char *word, uint8_t family, struct addr *ret_addr)
{
	struct addr addr = { .family = AF_UNSPEC };

	if (strcmp(word, "-") != 0 && (addr_parse(word, &addr) < 0 || addr.family != family))
		return -EBADMSG;
	*ret_addr = addr;
	return 0;
}

static int parse_time(const char *word, int64_t *ret_time)
{
	size_t digits = strspn(word, "0123456789");

	if (digits == 0 || digits > TIME_DIGITS_MAX || word[digits] != '\0')
		return -EBADMSG;
	*ret_time = strtoll(word, NULL, 10);
	return 0;
}

/* Decodes a line. NULL: it is a lease; otherwise the text that was expected. */
static const char *decode_lease(struct reader *reader, struct pool_lease *ret_lease)
{
	struct pool_lease lease = { .last_used = 0 };
	char word[WORD_MAX];

	if (read_until(reader, ' ', word, sizeof(word)) < 0 ||
		identity_set(&lease.name, word, strlen(word)) < 0)
		return "a name";
	if (read_until(reader, ' ', word, sizeof(word)) < 0 ||
		parse_addr(word, AF_INET, &lease.addr4) < 0)
		return "an IPv4 address or -";
	if (read_until(reader, ' ', word, sizeof(word)) < 0 ||
		parse_addr(word, AF_INET6, &lease.addr6) < 0)
		return "an IPv6 address or -";
	if (read_until(reader, '\n', word, sizeof(word)) < 0 ||
		parse_time(word, &lease.last_used) < 0)
		return "a time in seconds and the end of the line";
	*ret_lease = lease;
	return NULL;
}

/* Decodes the whole text. The caller frees *ret_leases. -EBADMSG, -ENOMEM. */
static int decode_all(const char *text, size_t len, struct pool_lease **ret_leases,
	size_t *ret_count, struct problem *problem)
{
	struct pool_lease *leases;
	struct reader reader;
	char word[WORD_MAX];
	size_t count = 0;

	reader_init(&reader, text, len);
	if (read_until(&reader, '\n', word, sizeof(word)) < 0 || strcmp(word, HEADER) != 0) {
		problem_set(problem, "line 1: expected \"" HEADER "\"");
		return -EBADMSG;
	}
	leases = calloc(POOL_LEASES_MAX, sizeof(*leases));
	if (!leases)
		return -ENOMEM;
	while (reader_left(&reader) > 0) {
		const char *expected = count == POOL_LEASES_MAX
			? "the end of the file"
			: decode_lease(&reader, &leases[count]);

		if (expected) {
			problem_set(problem, "line %zu: expected %s", count + 2, expected);
			free(leases);
			return -EBADMSG;
		}
		count++;
	}
	*ret_leases = leases;
	*ret_count = count;
	return 0;
}

int leases_decode(const char *text, size_t len, struct pool *pool, size_t *ret_left_out,
	struct problem *problem)
{
	struct pool_lease *leases;
	size_t count, left_out = 0;
	int r = decode_all(text, len, &leases, &count, problem);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++) {
		r = pool_restore(pool, &leases[i]);
		if (r < 0 && r != -ENOMEM) {
			left_out++;
			r = 0;
		}
	}
	free(leases);
	if (r == 0)
		*ret_left_out = left_out;
	return r;
}

/* ---- the file ---- */

static int read_file(int dir_fd, char **ret_text, size_t *ret_len)
{
	int fd = openat(dir_fd, LEASES_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = file_read_fd(fd, ret_text, ret_len);
	close(fd);
	return r;
}

int leases_load(int dir_fd, struct pool *pool, size_t *ret_left_out, struct problem *problem)
{
	size_t len = 0, left_out = 0;
	char *text = NULL;
	int r = read_file(dir_fd, &text, &len);

	if (r == -ENOENT) {
		*ret_left_out = 0;
		return 0;
	}
	if (r < 0) {
		problem_set(problem, "cannot read the file " LEASES_FILE ": %s", error_text(r));
		return r;
	}
	r = leases_decode(text, len, pool, &left_out, problem);
	free(text);
	if (r == -EBADMSG) {
		bool aside = renameat(dir_fd, LEASES_FILE, dir_fd, LEASES_BROKEN_FILE) == 0;

		problem_prepend(problem, "the file " LEASES_FILE " is damaged and %s",
			aside ? "was renamed to " LEASES_BROKEN_FILE : "could not be renamed");
	} else if (r < 0) {
		problem_set(problem, "cannot restore the file " LEASES_FILE ": %s", error_text(r));
	}
	if (r == 0)
		*ret_left_out = left_out;
	return r;
}

int leases_save(int dir_fd, const struct pool *pool)
{
	size_t len;
	char *text = NULL;
	int r = leases_encode(pool, &text, &len);

	if (r < 0)
		return r;
	r = file_replace_at(dir_fd, LEASES_FILE, text, len);
	free(text);
	return r;
}
