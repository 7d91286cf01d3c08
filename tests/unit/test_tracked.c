/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the kernel's routes are announced; how they come and go: tests/system/tracked.sh. */
#include "netd/tracked.h"

#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

static struct settings *settings;
static struct interface own = { .index = 9 };
static struct interfaces interfaces = { .first = &own };

static struct netlink_seen_route seen(const char *text)
{
	struct netlink_seen_route route = { .links = { 4 }, .link_count = 1, .protocol = 12 };

	route.prefix = prefix_of(text);
	return route;
}

static bool takes(struct netlink_seen_route route)
{
	return tracked_takes(settings, &interfaces, &route);
}

static void set_up(enum settings_role role)
{
	ck_assert_int_eq(settings_new(role, &settings), 0);
	own.now = (struct request_interface){ .mtu = 1500 };
}

START_TEST(what_is_a_network_is_taken)
{
	set_up(SETTINGS_SERVER);
	ck_assert(takes(seen("10.1.0.0/24")));
	ck_assert(takes(seen("10.1.0.7/32")));
	ck_assert(takes(seen("fd00:1::/64")));
	ck_assert(!takes(seen("0.0.0.0/0")));
	ck_assert(!takes(seen("::/0")));
	ck_assert(!takes(seen("127.0.0.0/8")));
	ck_assert(!takes(seen("169.254.0.0/16")));
	ck_assert(!takes(seen("fe80::/64")));
	ck_assert(!takes(seen("ff00::/8")));
	ck_assert(!takes(seen("224.0.0.0/4")));
	settings_free(settings);
}
END_TEST

START_TEST(what_is_culverts_is_not)
{
	struct netlink_seen_route route = seen("10.1.0.0/24");

	set_up(SETTINGS_SERVER);
	settings->pool4 = prefix_of("10.213.0.0/24");
	route.protocol = RTPROT_CULVERT;
	ck_assert(!takes(route));
	route = seen("10.1.0.0/24");
	route.links[0] = own.index;
	ck_assert(!takes(route));
	route.links[0] = 4;
	route.links[route.link_count++] = 5;
	ck_assert(takes(route));
	route.links[1] = own.index; /* one of several */
	ck_assert(!takes(route));
	ck_assert(!takes(seen("10.213.0.0/25")));
	ck_assert(!takes(seen("10.0.0.0/8")));
	settings_free(settings);
}
END_TEST

/* A client knows no pool, but its own address. */
START_TEST(what_covers_the_tunnel_is_not)
{
	set_up(SETTINGS_CLIENT);
	ck_assert(takes(seen("10.213.0.0/25")));
	own.now.local4 = addr_of("10.213.0.2");
	ck_assert(!takes(seen("10.213.0.0/25")));
	ck_assert(takes(seen("10.213.0.128/25")));
	settings_free(settings);
}
END_TEST

START_TEST(what_is_dead_is_not)
{
	struct netlink_seen_route route = seen("10.1.0.0/24");

	set_up(SETTINGS_CLIENT);
	route.dead = true;
	ck_assert(!takes(route));
	settings_free(settings);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tracked");

	unit_add(s, "what_is_a_network_is_taken", what_is_a_network_is_taken);
	unit_add(s, "what_is_culverts_is_not", what_is_culverts_is_not);
	unit_add(s, "what_covers_the_tunnel_is_not", what_covers_the_tunnel_is_not);
	unit_add(s, "what_is_dead_is_not", what_is_dead_is_not);
	return s;
}

int main(void)
{
	return unit_run("tracked", suite());
}
