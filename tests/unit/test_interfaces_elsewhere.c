/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces that live in another network namespace. */
#include "tests/unit/interfaces_fixture.h"

START_TEST(an_interface_of_elsewhere_that_is_gone)
{
	struct interface *interface = add("a", 7, 5);
	struct netlink *netlink = NULL;

	/* Its descriptor is no TUN's. */
	ck_assert_int_lt(interfaces_enter(&all, interface, &netlink, &problem), 0);
	ck_assert_ptr_null(netlink);
	ck_assert_ptr_nonnull(strstr(problem.text, "cannot find its network namespace"));
	forget_all();
}
END_TEST

static pid_t keeper;
static char elsewhere[32];

/* A process that keeps another namespace. */
static void keep_netns(void)
{
	int fds[2];
	char byte = 0;

	ck_assert_int_eq(pipe(fds), 0);
	keeper = fork();
	if (keeper == 0) {
		byte = unshare(CLONE_NEWNET) == 0 ? 1 : 0;
		(void)!write(fds[1], &byte, 1);
		close(fds[1]);
		for (;;)
			pause();
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	ck_assert_int_eq(byte, 1);
	(void)snprintf(elsewhere, sizeof(elsewhere), "pid:%d", (int)keeper);
}

static void end_keeper(void)
{
	ck_assert_int_eq(kill(keeper, SIGKILL), 0);
	ck_assert_int_eq(waitpid(keeper, NULL, 0), keeper);
}

static struct interface *bring_there(const char *peer, const char *local4)
{
	struct interface_target place = { .name = "vpn%d", .netns = elsewhere, .metric = 50 };
	struct request_interface request = wanted(peer, local4, NULL, 1);
	struct interface *interface = NULL;
	int r = interfaces_bring(&all, &request, &place, &interface, &problem);

	ck_assert_msg(r == 0, "%d: %s", r, problem.text);
	return interface;
}

static void lives_there(void)
{
	struct interface_target place = { .name = "vpn%d", .netns = elsewhere, .metric = 50 };
	struct interface *interface = bring_there("a", "10.99.0.2");
	struct netlink *netlink;
	struct netns_id netns;
	uint32_t index;

	ck_assert_str_eq(interface->name, "vpn0");
	ck_assert_uint_ne(interface->netns.inode, 0);
	ck_assert_uint_eq(if_nametoindex("vpn0"), 0);
	ck_assert_int_eq(interfaces_enter(&all, interface, &netlink, &problem), 0);
	ck_assert_ptr_ne(netlink, all.netlink);
	ck_assert_int_eq(netlink_link_index(netlink, "vpn0", &index), 0);
	ck_assert_uint_eq(index, interface->index);
	ck_assert(has_address_in(netlink, index, "10.99.0.2", "10.99.0.1"));
	interfaces_leave(&all);
	ck_assert_int_eq(interfaces_enter_target(&all, &place, &netns, &netlink, &problem), 0);
	ck_assert(netns_id_equal(&netns, &interface->netns));
	ck_assert_ptr_ne(netlink, all.netlink);
	ck_assert_int_eq(route_add(interface, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, 50).routes, 0);
	interfaces_leave(&all);
	ck_assert(log_has("a: interface vpn0 made in network namespace pid:"));
	told("ma");
}

START_TEST(an_interface_elsewhere)
{
	struct interface *b;

	keep_netns();
	lives_there();
	/* The same prefix here is another matter. */
	b = bring_one("b", "10.99.0.3", NULL);
	ck_assert_int_eq(route_add(b, "10.1.0.0/16"), 0);
	ck_assert_uint_eq(look_for("10.1.0.0/16", 0, 50).hops, 1);
	ck_assert_ptr_nonnull(bring_there("c", "10.99.0.4"));
	interfaces_remove_all(&all, "the program stops");
	ck_assert_uint_eq(all.count, 0);
	ck_assert(!log_has("warning"));
	end_keeper();
}
END_TEST

START_TEST(an_interface_that_is_made_there)
{
	keep_netns();
	all.make_there = true;
	lives_there();
	interfaces_remove_all(&all, "the program stops");
	end_keeper();
}
END_TEST

START_TEST(home_by_another_name)
{
	struct interface *interface;

	(void)snprintf(elsewhere, sizeof(elsewhere), "pid:%d", (int)getpid());
	interface = bring_there("a", "10.99.0.2");
	ck_assert_uint_eq(interface->netns.inode, 0);
	ck_assert_uint_eq(if_nametoindex("vpn0"), interface->index);
}
END_TEST

START_TEST(a_namespace_that_is_not_there)
{
	struct interface_target place = { .name = "cv%d", .netns = "no-such-one" };
	struct request_interface request = wanted("a", "10.99.0.2", NULL, 1);
	struct interface *interface = NULL;

	ck_assert_int_eq(interfaces_bring(&all, &request, &place, &interface, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "no-such-one"));
	ck_assert_uint_eq(all.count, 0);
}
END_TEST

/* It takes the interface along: then that is gone as one that somebody has deleted. */
START_TEST(a_namespace_that_goes)
{
	struct interface *interface;
	struct netlink *netlink;
	char name[IFNAMSIZ];

	keep_netns();
	interface = bring_there("a", "10.99.0.2");
	interfaces_leave(&all);
	told("m");
	end_keeper();
	/* The kernel takes its time; to look in from outside would keep it alive. */
	for (int i = 0; i < 3000 && tun_name(interface->queues[0], name) == 0; i++)
		(void)usleep(1000);
	ck_assert_int_eq(interfaces_enter(&all, interface, &netlink, &problem), -ENODEV);
	interfaces_remove(&all, interface, "the session has ended");
	told("r");
	ck_assert(!log_has("warning"));
}
END_TEST

int main(void)
{
	const TTest *const registry[] = { an_interface_of_elsewhere_that_is_gone };
	const TTest *const away[] = { an_interface_elsewhere, an_interface_that_is_made_there,
		home_by_another_name, a_namespace_that_is_not_there, a_namespace_that_goes };
	Suite *suite = suite_create("interfaces_elsewhere");

	ADD(suite, "registry", registry, setup, NULL);
	if (may_make()) {
		ADD(suite, "elsewhere", away, enter, leave);
	} else {
		(void)printf(
			"interfaces_elsewhere: what needs root and /dev/net/tun is left out\n");
	}
	return unit_run("interfaces_elsewhere", suite);
}
