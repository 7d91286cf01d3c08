/* SPDX-License-Identifier: Apache-2.0 */
/* What a full tunnel holds back, and why: the keys of the status, its text, and what doctor says. */
#include "tests/unit/status_fixture.h"

#include "engine/examine.h"
#include "engine/held_back.h"

static const char server_down[] = "the tunnel is not up: \\x1b[31mgone";

static void ck_json(const char *path, const char *expected)
{
	char value[512];
	const char *json = render(STATUS_OVERVIEW, true);

	ck_assert_msg(strcmp(json_at(json, path, value, sizeof(value)), expected) == 0,
		"%s is %s, not %s", path, value, expected);
}

/* `families` with one space between two of them. */
static void ck_held_back(const char *families)
{
	const char *json = render(STATUS_OVERVIEW, true);
	char value[64], path[64], all[256] = "";
	int count = json_count(json, "full_tunnel.held_back"), len = 0;

	for (int i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "full_tunnel.held_back.%d", i);
		len += snprintf(&all[len], sizeof(all) - (size_t)len, "%s%s", i > 0 ? " " : "",
			json_at(json, path, value, sizeof(value)));
		ck_assert_int_lt(len, (int)sizeof(all));
	}
	ck_assert_str_eq(all, families);
}

static void ck_cause(const char *expected)
{
	char cause[HELD_BACK_TEXT_MAX], want[sizeof(cause) + 32];

	ck_assert_str_eq(held_back_cause(fixture.full, cause), expected);
	(void)snprintf(want, sizeof(want), "in force; held back: %s\n", expected);
	ck_assert_ptr_nonnull(strstr(render(STATUS_OVERVIEW, false), want));
}

/* What `culvert doctor` is told. */
static bool doctor_says(const char *line)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool found;

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(examine_render(&fixture.engine, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	found = strstr(text, line) != NULL;
	free(text);
	return found;
}

/* A client whose session is up, with a default route for neither family. */
static void become_client(void)
{
	static const struct engine_role role = { .configuration.tls_role = TLS_CLIENT };

	fixture.engine.role = &role;
	fixture.engine.settings->role = SETTINGS_CLIENT;
	fixture.engine.settings->full_tunnel = true;
	fixture.engine.world.held = true;
	peers_remove(&fixture.engine.peers, fixture.young);
}

static void has_default(size_t at, const char *prefix, enum route_state state)
{
	fixture.full->routes.items[at] = (struct route){
		.prefix = prefix_of(prefix), .state = state, .wanted = true, .fresh = true
	};
}

START_TEST(none_is_in_force)
{
	ck_json("full_tunnel", "null");
	become_client();
	fixture.engine.settings->full_tunnel = false;
	ck_json("full_tunnel", "null");
	ck_assert(!doctor_says("full_tunnel"));
}
END_TEST

/* kill_switch is what holds packets back before the server has answered for the first time. */
START_TEST(nothing_before_the_first_welcome)
{
	become_client();
	fixture.engine.world.held = false;
	fixture.full->state = SESSION_GREETING;
	fixture.full->interface.tun.queue_count = 0;
	ck_json("full_tunnel", "null");
	fixture.engine.world.held = true;
	ck_held_back("\"IPv4\" \"IPv6\"");
}
END_TEST

START_TEST(both_families_are_offered)
{
	become_client();
	has_default(0, "0.0.0.0/0", ROUTE_INSTALLED);
	has_default(1, "::/0", ROUTE_INSTALLED);
	ck_held_back("");
	ck_json("full_tunnel.cause", "null");
	ck_assert(doctor_says("ok\tfull_tunnel\t"));
	ck_assert(doctor_says("fact\tfull_tunnel\tin force\n"));
	fixture.full->state = SESSION_IDLE;
	ck_assert(!doctor_says("fact\tfull_tunnel\t"));
}
END_TEST

/* From these doctor goes on to ask the resolvers. */
START_TEST(resolvers)
{
	struct nameservers nameservers = { .server = { addr_of("10.2.0.53"), addr_of("fd02::53") },
		.server_count = 2 };

	become_client();
	ck_assert(!doctor_says("fact\tresolver\t"));
	fixture.full->nameservers = &nameservers;
	fixture.engine.settings->use_dns = true;
	ck_assert(doctor_says("fact\tresolver\tcv3\t10.2.0.53\n"));
	ck_assert(doctor_says("fact\tresolver\tcv3\tfd02::53\n"));
	fixture.engine.settings->use_dns = false;
	ck_assert(!doctor_says("fact\tresolver\t"));
	fixture.engine.settings->use_dns = true;
	fixture.engine.settings->contained = true;
	ck_assert(!doctor_says("fact\tresolver\t"));
	fixture.full->nameservers = NULL;
}
END_TEST

START_TEST(no_default_route_is_offered)
{
	become_client();
	ck_held_back("\"IPv4\" \"IPv6\"");
	ck_json("full_tunnel.cause", "\"the server announces no IPv4 and no IPv6 default route\"");
	ck_assert(doctor_says(
		"problem\tfull_tunnel\teverything is held back: the server announces no "
		"IPv4 and no IPv6 default route"));
	has_default(0, "0.0.0.0/0", ROUTE_INSTALLED);
	ck_held_back("\"IPv6\"");
	ck_cause("the server announces no IPv6 default route");
	ck_assert(doctor_says("problem\tfull_tunnel\tIPv6 is held back: "));
}
END_TEST

START_TEST(a_default_route_is_refused)
{
	become_client();
	has_default(0, "0.0.0.0/0", ROUTE_INSTALLED);
	has_default(1, "::/0", ROUTE_REFUSED);
	fixture.full->routes.items[1].verdict = ROUTE_FAILED;
	(void)snprintf(fixture.full->routes.items[1].reason,
		sizeof(fixture.full->routes.items[1].reason), "the kernel says no");
	ck_held_back("\"IPv6\"");
	ck_assert(doctor_says("the server's IPv6 default route is refused: "));
	ck_assert(doctor_says(": the kernel says no"));
	has_default(0, "0.0.0.0/0", ROUTE_ADDING);
	fixture.full->routes.count = 1;
	ck_cause(
		"the server announces no IPv6 default route; the server's IPv4 default route is not in "
		"force: it is adding");
}
END_TEST

/* Withdrawn, and netd is still at it. */
START_TEST(a_default_route_is_withdrawn)
{
	become_client();
	has_default(0, "0.0.0.0/0", ROUTE_DELETING);
	fixture.full->routes.items[0].wanted = false;
	ck_cause("the server announces no IPv4 and no IPv6 default route");
}
END_TEST

START_TEST(the_session_is_away)
{
	become_client();
	has_default(0, "0.0.0.0/0", ROUTE_INSTALLED);
	fixture.full->state = SESSION_IDLE;
	fixture.full->leave = (struct session_leave){ .code = 0 };
	ck_cause("the tunnel is not up");
	(void)snprintf(fixture.full->last_leave.text, sizeof(fixture.full->last_leave.text),
		"\x1b[31mgone");
	ck_cause(server_down);
	ck_held_back("\"IPv4\" \"IPv6\"");
	fixture.full->interface.failure = strdup("the tables 25462 to 25477 are all in use");
	ck_cause("the tunnel has no interface: the tables 25462 to 25477 are all in use");
	ck_assert(doctor_says("everything is held back: the tunnel has no interface: the tables"));
	free(fixture.full->interface.failure);
	fixture.full->interface.failure = NULL;
}
END_TEST

static void lack(const char *prefix, bool local6)
{
	struct request_lack page = { .local6 = local6, .text = "wan0 has it" };

	if (prefix) {
		page.total = page.count = 1;
		page.prefix[0] = prefix_of(prefix);
	}
	session_lacks(fixture.full, &page);
}

/* What netd cannot put back is not called installed. */
START_TEST(a_default_route_is_missing)
{
	char value[64];

	become_client();
	has_default(0, "0.0.0.0/0", ROUTE_INSTALLED);
	has_default(1, "::/0", ROUTE_INSTALLED);
	lack("::/0", false);
	ck_assert_str_eq(
		json_at(render(STATUS_ROUTES, true), "received.0.state", value, sizeof(value)),
		"\"installed\"");
	ck_assert_str_eq(
		json_at(render(STATUS_ROUTES, true), "received.1.state", value, sizeof(value)),
		"\"missing\"");
	ck_held_back("\"IPv6\"");
	ck_cause("the server's IPv6 default route is not in force: it is missing");
	ck_json("sessions.0.interface.missing.routes", "1");
	ck_json("sessions.0.interface.missing.cause", "\"wan0 has it\"");
	ck_assert(
		doctor_says("problem\troutes\tthe kernel has lost the route to ::/0 of branch-a"));
	ck_assert(doctor_says("netd cannot restore them: wan0 has it\tip monitor"));
	/* Another set takes the place of the one before. */
	lack("0.0.0.0/0", false);
	ck_held_back("\"IPv4\"");
	lack(NULL, true);
	ck_held_back("");
	ck_json("sessions.0.interface.missing.address6", "true");
	ck_json("sessions.0.interface.missing.routes", "0");
	lack(NULL, false);
	ck_json("sessions.0.interface.missing.address6", "false");
	ck_json("sessions.0.interface.missing.cause", "null");
	ck_assert(!doctor_says("cannot restore them"));
}
END_TEST

/* A set that comes in pages. */
START_TEST(many_routes_are_missing)
{
	struct request_lack page = { .total = 2, .count = 1, .text = "why" };

	become_client();
	has_default(0, "0.0.0.0/0", ROUTE_INSTALLED);
	has_default(1, "::/0", ROUTE_INSTALLED);
	page.prefix[0] = prefix_of("::/0");
	session_lacks(fixture.full, &page);
	page.offset = 1;
	page.prefix[0] = prefix_of("0.0.0.0/0");
	session_lacks(fixture.full, &page);
	ck_assert_uint_eq(routes_count_missing(&fixture.full->routes), 2);
	ck_held_back("\"IPv4\" \"IPv6\"");
	lack(NULL, false);
	ck_held_back("");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { none_is_in_force, nothing_before_the_first_welcome,
		both_families_are_offered, resolvers, no_default_route_is_offered,
		a_default_route_is_refused, a_default_route_is_withdrawn, the_session_is_away,
		a_default_route_is_missing, many_routes_are_missing };

	return unit_suite("held_back", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("held_back", suite());
}
