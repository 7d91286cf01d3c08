/* SPDX-License-Identifier: Apache-2.0 */
/* The lease file: round trips, restarts with the same and with another configuration, broken files. */
#include "daemon/leases.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parse.h"
#include "unit.h"

#define HEADER "culvert leases 1\n"

static struct pool *make(const char *pool4, const char *pool6)
{
	struct settings settings = { .role = SETTINGS_SERVER };
	struct pool *pool;

	if (pool4)
		settings.pool4 = prefix_of(pool4);
	if (pool6)
		settings.pool6 = prefix_of(pool6);
	ck_assert_int_eq(pool_new(&settings, &pool), 0);
	return pool;
}

static void ck_lease(
	struct pool *pool, const char *who, int64_t now, const char *want4, const char *want6)
{
	struct problem problem = { .text = "" };
	struct identity identity;
	struct addr addr4, addr6;
	char text[ADDR_TEXT_MAX];

	ck_assert_int_eq(identity_set(&identity, who, strlen(who)), 0);
	ck_assert_msg(
		pool_take(pool, &identity, now, &addr4, &addr6, &problem) == 0, "%s", problem.text);
	ck_assert_str_eq(addr_format(&addr4, text), want4);
	ck_assert_str_eq(addr_format(&addr6, text), want6);
}

static void goes(struct pool *pool, const char *who, int64_t now)
{
	struct identity identity;

	ck_assert_int_eq(identity_set(&identity, who, strlen(who)), 0);
	pool_release(pool, &identity, now);
}

static void encodes_to(const struct pool *pool, const char *expected)
{
	size_t len;
	char *text;

	ck_assert_int_eq(leases_encode(pool, &text, &len), 0);
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(len, strlen(expected));
	free(text);
}

/* The pool stays empty. */
static void is_broken(const char *text, size_t len, const char *line)
{
	struct pool *pool = make("10.9.0.0/24", "fd00::/64");
	struct problem problem = { .text = "" };
	size_t left_out = 77;

	ck_assert_msg(leases_decode(text, len, pool, &left_out, &problem) == -EBADMSG, "%s", text);
	ck_assert_uint_eq(left_out, 77);
	ck_assert_msg(
		strncmp(problem.text, line, strlen(line)) == 0, "not %s: %s", line, problem.text);
	encodes_to(pool, HEADER);
	pool_free(pool);
}

START_TEST(test_round_trip)
{
	static const char text[] = HEADER "b 10.9.0.3 fd00::3 200\n"
					  "a 10.9.0.2 fd00::2 1767225600\n"
					  "old-one - fd00::ff 0\n"
					  "four.only_x 10.9.0.200 - 999999999999\n";
	struct pool *pool = make("10.9.0.0/24", "fd00::/64");
	size_t left_out;

	ck_assert_int_eq(leases_decode(text, sizeof(text) - 1, pool, &left_out, NULL), 0);
	ck_assert_uint_eq(left_out, 0);
	encodes_to(pool, text);
	pool_free(pool);
}
END_TEST

START_TEST(test_order)
{
	struct pool *pool = make("10.9.0.0/24", NULL);

	encodes_to(pool, HEADER);
	ck_lease(pool, "a", 1, "10.9.0.2", "none");
	ck_lease(pool, "b", 2, "10.9.0.3", "none");
	ck_lease(pool, "c", 3, "10.9.0.4", "none");
	goes(pool, "b", 4);
	goes(pool, "a", 5);
	encodes_to(pool, HEADER "b 10.9.0.3 - 4\na 10.9.0.2 - 5\nc 10.9.0.4 - 3\n");
	pool_free(pool);
}
END_TEST

START_TEST(test_broken)
{
	static const struct {
		const char *text, *line;
	} rows[] = {
		{ "", "line 1:" },
		{ "culvert leases 1", "line 1:" },
		{ "culvert leases 2\n", "line 1:" },
		{ "\n", "line 1:" },
		{ HEADER "\n", "line 2:" },
		{ HEADER "a\n", "line 2:" },
		{ HEADER "a 10.9.0.2 - 1", "line 2:" },
		{ HEADER "a 10.9.0.2 - 1\nb 10.9.0.3 -", "line 3:" },
		{ HEADER "a 10.9.0.2 - 1\n\n", "line 3:" },
		{ HEADER "a/b 10.9.0.2 - 1\n", "line 2: expected a name" },
		{ HEADER ".. 10.9.0.2 - 1\n", "line 2: expected a name" },
		{ HEADER " 10.9.0.2 - 1\n", "line 2: expected a name" },
		{ HEADER "a  10.9.0.2 - 1\n", "line 2: expected an IPv4" },
		{ HEADER "a fd00::2 - 1\n", "line 2: expected an IPv4" },
		{ HEADER "a 10.9.0.2/32 - 1\n", "line 2: expected an IPv4" },
		{ HEADER "a 10.9.0.2 10.9.0.3 1\n", "line 2: expected an IPv6" },
		{ HEADER "a 10.9.0.2 - \n", "line 2: expected a time" },
		{ HEADER "a 10.9.0.2 - -1\n", "line 2: expected a time" },
		{ HEADER "a 10.9.0.2 - 1 \n", "line 2: expected a time" },
		{ HEADER "a 10.9.0.2 - 1x\n", "line 2: expected a time" },
		{ HEADER "a 10.9.0.2 - 9999999999999\n", "line 2: expected a time" },
		{ HEADER "a 10.9.0.2 - 1\r\n", "line 2: expected a time" },
	};
	static const char nul[] = HEADER "a 10.9.0.2 - 1\0\n";
	char *text;
	size_t len;
	FILE *out;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		is_broken(rows[i].text, strlen(rows[i].text), rows[i].line);
	is_broken(nul, sizeof(nul) - 1, "line 2:");
	/* A name of 65 letters, and more lines than there can be leases. */
	out = open_memstream(&text, &len);
	(void)fprintf(out, HEADER "%065d 10.9.0.2 - 1\n", 7);
	ck_assert_int_eq(fclose(out), 0);
	is_broken(text, len, "line 2: expected a name");
	free(text);
	out = open_memstream(&text, &len);
	(void)fprintf(out, HEADER);
	for (int i = 0; i <= POOL_LEASES_MAX; i++)
		(void)fprintf(out, "p%d 10.9.%d.%d - 1\n", i, i / 256, i % 256);
	ck_assert_int_eq(fclose(out), 0);
	is_broken(text, len, "line 16386: expected the end");
	free(text);
}
END_TEST

/* Cut at any byte but the end of a line it is broken. */
START_TEST(test_cut)
{
	static const char text[] = HEADER "b 10.9.0.3 fd00::3 200\na 10.9.0.2 - 1767225600\n";

	for (size_t cut = 0; cut < sizeof(text) - 1; cut++) {
		char *exact = malloc(cut + 1);

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, text, cut);
		if (cut == 0 || text[cut - 1] != '\n')
			is_broken(exact, cut, "line ");
		free(exact);
	}
}
END_TEST

/* A directory of our own for the file, gone afterwards. */
static int make_dir(char template[32])
{
	int fd;

	snprintf(template, 32, "/tmp/culvert-leases-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(template));
	fd = open(template, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void remove_dir(int fd, const char *path)
{
	(void)unlinkat(fd, LEASES_FILE, 0);
	(void)unlinkat(fd, LEASES_BROKEN_FILE, 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(rmdir(path), 0);
}

START_TEST(test_restart)
{
	struct problem problem = { .text = "" };
	size_t left_out = 77;
	struct pool *pool;
	struct stat st;
	char path[32];
	int dir = make_dir(path);

	/* The first start: there is no file. */
	pool = make("10.9.0.0/29", "fd00::/64");
	ck_assert_int_eq(leases_load(dir, pool, &left_out, &problem), 0);
	ck_assert_uint_eq(left_out, 0);
	ck_lease(pool, "a", 1, "10.9.0.2", "fd00::2");
	ck_lease(pool, "b", 2, "10.9.0.3", "fd00::3");
	ck_lease(pool, "c", 3, "10.9.0.4", "fd00::4");
	goes(pool, "a", 4);
	ck_assert_int_eq(leases_save(dir, pool), 0);
	ck_assert_int_eq(fstatat(dir, LEASES_FILE, &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	pool_free(pool);

	/* The second: peers in another order get the same addresses, and a new peer a new one. */
	pool = make("10.9.0.0/29", "fd00::/64");
	ck_assert_int_eq(leases_load(dir, pool, &left_out, &problem), 0);
	ck_assert_uint_eq(left_out, 0);
	ck_lease(pool, "d", 5, "10.9.0.5", "fd00::5");
	ck_lease(pool, "c", 6, "10.9.0.4", "fd00::4");
	ck_lease(pool, "b", 7, "10.9.0.3", "fd00::3");
	ck_lease(pool, "e", 8, "10.9.0.6", "fd00::6");
	/* a has not been seen for longest. */
	ck_lease(pool, "f", 9, "10.9.0.2", "fd00::7");
	ck_assert_int_eq(leases_save(dir, pool), 0);
	pool_free(pool);

	/* The third, with another IPv4 pool: IPv6 is remembered. */
	pool = make("10.8.0.0/29", "fd00::/64");
	ck_assert_int_eq(leases_load(dir, pool, &left_out, &problem), 0);
	ck_assert_uint_eq(left_out, 0);
	ck_lease(pool, "c", 10, "10.8.0.2", "fd00::4");
	pool_free(pool);

	/* The fourth, with nothing as it was. */
	pool = make("10.7.0.0/29", NULL);
	ck_assert_int_eq(leases_load(dir, pool, &left_out, &problem), 0);
	ck_assert_uint_eq(left_out, 6);
	pool_free(pool);
	ck_assert_str_eq(problem.text, "");
	remove_dir(dir, path);
}
END_TEST

START_TEST(test_set_aside)
{
	static const char broken[] = HEADER "a 10.9.0.2 - 1\nb ten.nine - 2\n";
	struct pool *pool = make("10.9.0.0/29", NULL);
	struct problem problem = { .text = "" };
	size_t left_out = 77;
	struct stat st;
	char path[32];
	int dir = make_dir(path), fd;

	fd = openat(dir, LEASES_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, broken, sizeof(broken) - 1), sizeof(broken) - 1);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(leases_load(dir, pool, &left_out, &problem), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(problem.text, "line 3"));
	ck_assert_ptr_nonnull(strstr(problem.text, LEASES_BROKEN_FILE));
	ck_assert_int_eq(fstatat(dir, LEASES_BROKEN_FILE, &st, 0), 0);
	ck_assert_int_eq(fstatat(dir, LEASES_FILE, &st, 0), -1);
	/* The daemon goes on with an empty pool, and the next start finds what it has saved. */
	ck_lease(pool, "b", 3, "10.9.0.2", "none");
	ck_assert_int_eq(leases_save(dir, pool), 0);
	pool_free(pool);
	pool = make("10.9.0.0/29", NULL);
	ck_assert_int_eq(leases_load(dir, pool, &left_out, &problem), 0);
	encodes_to(pool, HEADER "b 10.9.0.2 - 3\n");
	pool_free(pool);

	/* A link in its place is not followed. */
	ck_assert_int_eq(unlinkat(dir, LEASES_FILE, 0), 0);
	ck_assert_int_eq(symlinkat(LEASES_BROKEN_FILE, dir, LEASES_FILE), 0);
	pool = make("10.9.0.0/29", NULL);
	ck_assert_int_eq(leases_load(dir, pool, &left_out, &problem), -ELOOP);
	ck_assert_ptr_nonnull(strstr(problem.text, LEASES_FILE));
	pool_free(pool);
	remove_dir(dir, path);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("leases");

	unit_add(suite, "round trip", test_round_trip);
	unit_add(suite, "order", test_order);
	unit_add(suite, "broken", test_broken);
	unit_add(suite, "cut", test_cut);
	unit_add(suite, "restart", test_restart);
	unit_add(suite, "set aside", test_set_aside);
	return suite;
}

int main(void)
{
	return unit_run("leases", suite());
}
