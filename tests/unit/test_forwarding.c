/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwarding switched on and put back, in a directory that looks like the /proc/sys/net of a kernel
 * without force_forwarding: the one on which the test runs may have it.
 */
#include "netd/forwarding.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netd/forwarding_check.h"

#include "parse.h"
#include "unit.h"

static struct fixture {
	char root[32];
	struct settings *settings;
	struct settings_announce announced;
	struct netlink *netlink;
	struct forwarding forwarding;
} fixture;

static void make(const char *key, int value)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", fixture.root, key);
	for (char *at = &path[strlen(fixture.root) + 1]; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	}
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	(void)fprintf(file, "%d\n", value);
	ck_assert_int_eq(fclose(file), 0);
}

static void is(const char *key, int expected)
{
	int value;

	ck_assert_int_eq(sysctl_read(fixture.root, key, &value), 0);
	ck_assert_msg(value == expected, "%s is %d, expected %d", key, value, expected);
}

static const char *file_path(void)
{
	static char path[PATH_MAX];

	(void)snprintf(
		path, sizeof(path), "%s%s", fixture.settings->control_socket, FORWARDING_SUFFIX);
	return path;
}

static void setup(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	fixture = (struct fixture){ .root = "/tmp/culvert-forwarding-XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(fixture.root));
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &fixture.settings), 0);
	(void)snprintf(fixture.settings->control_socket, sizeof(fixture.settings->control_socket),
		"%s/x.sock", fixture.root);
	/* A prefix that no host has. */
	fixture.announced.prefix = prefix_of("fd5a:77:1:2::/64");
	fixture.settings->announce = (struct announce_list){ .items = &fixture.announced,
		.count = 1 };
	fixture.settings->forwarding = true;
	ck_assert_int_eq(netlink_open(&fixture.netlink, NULL), 0);
	make("ipv6/conf/all/forwarding", 0);
	make("ipv6/conf/all/accept_ra", 1);
	make("ipv6/conf/default/forwarding", 0);
	make("ipv6/conf/default/accept_ra", 1);
	make("ipv6/conf/wan0/forwarding", 0);
	make("ipv6/conf/wan0/accept_ra", 1);
	make("ipv6/conf/wan1/forwarding", 0);
	make("ipv6/conf/wan1/accept_ra", 0);
	make("ipv6/conf/lan0/forwarding", 1);
	make("ipv6/conf/lan0/accept_ra", 1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void teardown(void)
{
	forwarding_stop(&fixture.forwarding);
	netlink_close(fixture.netlink);
	fixture.settings->announce = (struct announce_list){ .items = NULL };
	settings_free(fixture.settings);
	ck_assert_int_eq(nftw(fixture.root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void start(void)
{
	forwarding_start(
		&fixture.forwarding, fixture.settings, NULL, fixture.netlink, fixture.root);
}

static void is_router(void)
{
	is("ipv6/conf/all/forwarding", 1);
	is("ipv6/conf/wan0/accept_ra", 2); /* goes on to learn its default route */
	is("ipv6/conf/default/accept_ra", 2);
	is("ipv6/conf/wan1/accept_ra", 0); /* never learned one */
	is("ipv6/conf/lan0/accept_ra", 1); /* a router's interface already */
	ck_assert_int_eq(access(file_path(), F_OK), 0);
}

static void is_as_before(void)
{
	is("ipv6/conf/all/forwarding", 0);
	is("ipv6/conf/wan0/accept_ra", 1);
	is("ipv6/conf/default/accept_ra", 1);
	is("ipv6/conf/lan0/forwarding", 1);
	ck_assert_int_ne(access(file_path(), F_OK), 0);
}

START_TEST(test_router)
{
	start();
	is_router();
	/* What the kernel does to each of them when `all` becomes 0. */
	make("ipv6/conf/lan0/forwarding", 0);
	forwarding_stop(&fixture.forwarding);
	is_as_before();
}
END_TEST

START_TEST(test_killed)
{
	start();
	is_router();
	free(fixture.forwarding.changes);
	fixture.settings->forwarding = false;
	make("ipv6/conf/lan0/forwarding", 0);
	start();
	is_as_before();
}
END_TEST

/* Twice killed: the values are those of before the first. */
START_TEST(test_killed_again)
{
	for (int i = 0; i < 2; i++) {
		start();
		is_router();
		free(fixture.forwarding.changes);
	}
	start();
	is_router();
	forwarding_stop(&fixture.forwarding);
	is_as_before();
}
END_TEST

static void take_over(void)
{
	forwarding_take_over(
		&fixture.forwarding, fixture.settings, NULL, fixture.netlink, fixture.root);
}

/* A restart touches nothing, and the end of the second run restores what the first has found. */
START_TEST(test_taken_over)
{
	start();
	forwarding_leave(&fixture.forwarding);
	is_router();
	make("ipv6/conf/wan1/forwarding", 7); /* shows whether somebody has written "all" again */
	take_over();
	is_router();
	is("ipv6/conf/wan1/forwarding", 7);
	make("ipv6/conf/lan0/forwarding", 0);
	forwarding_stop(&fixture.forwarding);
	is_as_before();
}
END_TEST

START_TEST(test_taken_over_and_not_wanted)
{
	start();
	forwarding_leave(&fixture.forwarding);
	fixture.settings->forwarding = false;
	make("ipv6/conf/lan0/forwarding", 0);
	take_over();
	is_as_before();
}
END_TEST

/* A router already: nothing is changed, and nothing put back. */
START_TEST(test_nothing_to_do)
{
	make("ipv6/conf/all/forwarding", 1);
	start();
	is("ipv6/conf/wan0/accept_ra", 1);
	ck_assert_int_ne(access(file_path(), F_OK), 0);
	forwarding_stop(&fixture.forwarding);
	is("ipv6/conf/all/forwarding", 1);
}
END_TEST

/* So is a prefix that is announced to some peers only. */
START_TEST(test_own_list)
{
	fixture.settings->announce.count = 0;
	start();
	is("ipv6/conf/all/forwarding", 0);
	forwarding_stop(&fixture.forwarding);
	fixture.settings->announced_own = (struct prefix_list){ .items = &fixture.announced.prefix,
		.count = 1 };
	start();
	is_router();
	forwarding_stop(&fixture.forwarding);
	fixture.settings->announced_own = (struct prefix_list){ .items = NULL };
}
END_TEST

/* Nothing is announced, but peers reach each other: that is forwarded as well. */
START_TEST(test_between)
{
	struct identity other = { .name = "other" };
	struct settings_peer peer = { .reach = { .items = &other, .count = 1 } };

	fixture.settings->announce.count = 0;
	fixture.settings->peers = &peer;
	fixture.settings->peer_count = 1;
	start();
	is("ipv6/conf/all/forwarding", 0); /* no tunnel has IPv6 */
	forwarding_stop(&fixture.forwarding);
	fixture.settings->pool6 = prefix_of("fd5a:77::/64");
	start();
	is_router();
	forwarding_stop(&fixture.forwarding);
	is("ipv6/conf/all/forwarding", 0);
	fixture.settings->peers = NULL;
	fixture.settings->peer_count = 0;
}
END_TEST

static void left_behind(const char *lines)
{
	FILE *file = fopen(file_path(), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
	(void)fputs(lines, file);
	ck_assert_int_eq(fclose(file), 0);
	fixture.settings->forwarding = false;
	start();
	ck_assert_int_ne(access(file_path(), F_OK), 0);
}

/*
 * An administrator who lets all interfaces forward means also those that forward because of us. A
 * value that differs from ours is another program's.
 */
START_TEST(test_changed_meanwhile)
{
	make("ipv4/conf/all/forwarding", 1);
	make("ipv4/conf/lan0/forwarding", 1);
	make("ipv6/conf/wan1/accept_ra", 0);
	left_behind("ipv4/conf/lan0/forwarding 0\nipv6/conf/wan1/accept_ra 1\n");
	is("ipv4/conf/lan0/forwarding", 1);
	is("ipv6/conf/wan1/accept_ra", 0);
	make("ipv4/conf/all/forwarding", 0);
	make("ipv6/conf/wan1/accept_ra", 2);
	left_behind("ipv4/conf/lan0/forwarding 0\nipv6/conf/wan1/accept_ra 1\n");
	is("ipv4/conf/lan0/forwarding", 0);
	is("ipv6/conf/wan1/accept_ra", 1);
}
END_TEST

/* A file that is not ours to believe: only keys of interfaces, only small numbers. */
START_TEST(test_strange_file)
{
	char lines[512];

	make("ipv6/conf/wan0/accept_ra", 2);
	(void)snprintf(lines, sizeof(lines),
		"ipv6/conf/wan0/accept_ra 0\nipv6/conf/../../x 1\nkernel/panic 1\n"
		"ipv6/conf/wan1/accept_ra 7\nipv6/conf/wan1/accept_ra\n \n\n%0200d 1",
		0);
	left_behind(lines);
	is("ipv6/conf/wan0/accept_ra", 0);
	is("ipv6/conf/wan1/accept_ra", 0);
}
END_TEST

START_TEST(test_check)
{
	struct forwarding_links links = { .names = { "lan0", "lan1" }, .count = 2, .behind = 1 };
	static const char *const tunnels[] = { "cv0" };
	struct findings findings = { .count = 0 };

	make("ipv4/conf/lan0/forwarding", 1);
	make("ipv4/conf/lan1/forwarding", 0);
	make("ipv4/conf/cv0/forwarding", 0);
	forwarding_check(fixture.root, &links, AF_INET, tunnels, 1, &findings);
	ck_assert_uint_eq(findings.count, 1);
	ck_assert_int_eq(findings.items[0].level, FINDING_PROBLEM);
	ck_assert_ptr_nonnull(
		strstr(findings.items[0].text.text, "packets that arrive by: lan1, cv0 ("));
	ck_assert_str_eq(findings.items[0].cure, "sysctl -w net.ipv4.ip_forward=1");
	/* On for all, so writing that again would do nothing. */
	make("ipv4/conf/all/forwarding", 1);
	links.count = FORWARDING_LINKS_MAX;
	for (size_t i = 2; i < links.count; i++)
		(void)snprintf(
			links.names[i], sizeof(links.names[i]), "eth0.%u", (unsigned)i & 0xff);
	forwarding_check(fixture.root, &links, AF_INET, tunnels, 1, &findings);
	ck_assert_str_eq(
		findings.items[1].cure, "sysctl -w net.ipv4.ip_forward=0 net.ipv4.ip_forward=1");
	links.count = 3;
	forwarding_check(fixture.root, &links, AF_INET, tunnels, 1, &findings);
	ck_assert_str_eq(findings.items[2].cure,
		"sysctl -w net.ipv4.conf.lan1.forwarding=1 net/ipv4/conf/eth0.2/forwarding=1 "
		"net.ipv4.conf.cv0.forwarding=1");
	links.count = 2;
	findings.count = 1;
	make("ipv4/conf/lan1/forwarding", 1);
	make("ipv4/conf/cv0/forwarding", 1);
	forwarding_check(fixture.root, &links, AF_INET, tunnels, 1, &findings);
	ck_assert_int_eq(findings.items[1].level, FINDING_OK);
	/* IPv6: all, or each. */
	forwarding_check(fixture.root, &links, AF_INET6, tunnels, 1, &findings);
	ck_assert_int_eq(findings.items[2].level, FINDING_PROBLEM);
	make("ipv6/conf/all/forwarding", 1);
	forwarding_check(fixture.root, &links, AF_INET6, tunnels, 1, &findings);
	ck_assert_int_eq(findings.items[3].level, FINDING_OK);
	/* Its own addresses alone: nobody has to forward. */
	links.behind = 0;
	forwarding_check(fixture.root, &links, AF_INET, tunnels, 1, &findings);
	ck_assert_uint_eq(findings.count, 4);
	links.between = true;
	make("ipv4/conf/cv0/forwarding", 0);
	forwarding_check(fixture.root, &links, AF_INET, tunnels, 1, &findings);
	ck_assert_int_eq(findings.items[4].level, FINDING_PROBLEM);
	ck_assert_ptr_nonnull(strstr(findings.items[4].text.text, "peers that reach each other"));
	/* No interface yet: it inherits "default", unless Culvert switches it on. */
	make("ipv4/conf/default/forwarding", 0);
	forwarding_check(fixture.root, &links, AF_INET, NULL, 0, &findings);
	ck_assert_int_eq(findings.items[5].level, FINDING_PROBLEM);
	links.switched = true;
	forwarding_check(fixture.root, &links, AF_INET, NULL, 0, &findings);
	ck_assert_int_eq(findings.items[6].level, FINDING_OK);
	findings_free(&findings);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	unit_add_between(suite, name, test, setup, teardown);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("forwarding");

	add(suite, "router", test_router);
	add(suite, "killed", test_killed);
	add(suite, "killed_again", test_killed_again);
	add(suite, "taken over", test_taken_over);
	add(suite, "taken over and not wanted", test_taken_over_and_not_wanted);
	add(suite, "nothing_to_do", test_nothing_to_do);
	add(suite, "own list", test_own_list);
	add(suite, "between", test_between);
	add(suite, "changed_meanwhile", test_changed_meanwhile);
	add(suite, "strange_file", test_strange_file);
	add(suite, "check", test_check);
	return suite;
}

int main(void)
{
	return unit_run("forwarding", suite());
}
