/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It lives through the lives of large pools. */
/*
 * The pool of addresses: small pools gone through to their last address, large ones, and a long
 * random life in which nobody may ever have what belongs to another.
 */
#include "daemon/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "unit.h"

static struct identity numbered(unsigned number)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "p%u", number);
	return identity_of(text);
}

struct fixed {
	const char *name, *addr4, *addr6;
};

static struct pool *make(
	const char *pool4, const char *pool6, const struct fixed *fixed, size_t fixed_count)
{
	/* No more room than for those that count: ASan then sees a read behind the last one. */
	struct settings_peer *peers = calloc(fixed_count, sizeof(*peers));
	struct settings settings = { .role = SETTINGS_SERVER, .peers = peers };
	struct pool *pool;

	ck_assert(peers || fixed_count == 0);
	settings.pool4 = prefix_of(pool4);
	settings.pool6 = prefix_of(pool6);
	for (size_t i = 0; i < fixed_count; i++) {
		peers[i].name = identity_of(fixed[i].name);
		peers[i].address4 = addr_of(fixed[i].addr4);
		peers[i].address6 = addr_of(fixed[i].addr6);
	}
	settings.peer_count = fixed_count;
	ck_assert_int_eq(pool_new(&settings, &pool), 0);
	free(peers);
	return pool;
}

/* The peer gets exactly these; NULL: none of that family. */
static void ck_lease(struct pool *pool, const char *who, const char *want4, const char *want6)
{
	struct problem problem = { .text = "" };
	struct identity identity = identity_of(who);
	struct addr addr4, addr6;
	char text[ADDR_TEXT_MAX];

	ck_assert_msg(pool_take(pool, &identity, 0, &addr4, &addr6, &problem) == 0, "%s: %s", who,
		problem.text);
	ck_assert_str_eq(addr_format(&addr4, text), want4 ? want4 : "none");
	ck_assert_str_eq(addr_format(&addr6, text), want6 ? want6 : "none");
}

static void gets_nothing(struct pool *pool, const char *who, const char *word)
{
	struct addr addr4 = addr_of("192.0.2.1"), addr6 = addr_of("2001:db8::1"), before = addr4;
	struct problem problem = { .text = "" };
	struct identity identity = identity_of(who);

	ck_assert_int_eq(pool_take(pool, &identity, 0, &addr4, &addr6, &problem), -EADDRNOTAVAIL);
	ck_assert(addr_equal(&addr4, &before));
	ck_assert_msg(strstr(problem.text, who) != NULL, "%s", problem.text);
	ck_assert_msg(strstr(problem.text, word) != NULL, "%s", problem.text);
}

static void goes(struct pool *pool, const char *who)
{
	struct identity identity = identity_of(who);

	pool_release(pool, &identity, 0);
}

/* Every pool from /30 to /22: each host address but the server's once, then no more. */
START_TEST(test_every_address)
{
	for (unsigned len = 30; len >= 22; len--) {
		unsigned hosts = (1u << (32 - len)) - 3;
		struct prefix whole;
		struct pool *pool;
		char text[ADDR_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "10.9.0.0/%u", len);
		whole = prefix_of(text);
		pool = make(text, NULL, NULL, 0);
		for (unsigned i = 0; i < hosts; i++) {
			struct identity identity = numbered(i);
			struct addr addr4, addr6, expected;

			ck_assert_int_eq(pool_take(pool, &identity, 0, &addr4, &addr6, NULL), 0);
			/* In order: the first after the server's, and so on. */
			ck_assert_int_eq(addr_add(&whole.addr, i + 2, &expected), 0);
			ck_assert(addr_equal(&addr4, &expected));
			ck_assert(!addr_is_set(&addr6));
			ck_assert(settings_pool_usable(&whole, &addr4));
		}
		gets_nothing(pool, "one-more", text);
		pool_free(pool);
	}
}
END_TEST

START_TEST(test_same_again)
{
	struct pool *pool = make("10.9.0.0/24", "fd00::/64", NULL, 0);

	ck_lease(pool, "a", "10.9.0.2", "fd00::2");
	ck_lease(pool, "b", "10.9.0.3", "fd00::3");
	ck_lease(pool, "a", "10.9.0.2", "fd00::2");
	goes(pool, "a");
	ck_lease(pool, "c", "10.9.0.4", "fd00::4");
	ck_lease(pool, "a", "10.9.0.2", "fd00::2");
	goes(pool, "never-seen");
	goes(pool, "a");
	goes(pool, "a");
	ck_lease(pool, "a", "10.9.0.2", "fd00::2");
	pool_free(pool);
	pool_free(NULL);
}
END_TEST

/* /29: 2 to 6. The peer that left first loses its address first, and only when no address is new. */
START_TEST(test_oldest_lease_goes)
{
	struct pool *pool = make("10.9.0.0/29", NULL, NULL, 0);

	ck_lease(pool, "a", "10.9.0.2", NULL);
	ck_lease(pool, "b", "10.9.0.3", NULL);
	ck_lease(pool, "c", "10.9.0.4", NULL);
	goes(pool, "b");
	goes(pool, "a");
	goes(pool, "c");
	ck_lease(pool, "d", "10.9.0.5", NULL);
	ck_lease(pool, "e", "10.9.0.6", NULL);
	/* b left before a and c. */
	ck_lease(pool, "f", "10.9.0.3", NULL);
	/* a comes back in time; c is next. */
	ck_lease(pool, "a", "10.9.0.2", NULL);
	ck_lease(pool, "g", "10.9.0.4", NULL);
	gets_nothing(pool, "b", "10.9.0.0/29");
	goes(pool, "e");
	ck_lease(pool, "b", "10.9.0.6", NULL);
	gets_nothing(pool, "e", "pool4");
	pool_free(pool);
}
END_TEST

START_TEST(test_fixed)
{
	static const struct fixed fixed[] = {
		{ "both", "10.9.0.2", "fd00::2" },
		{ "four", "10.9.0.4", NULL },
		{ "six", NULL, "fd00::3" },
		{ "none", NULL, NULL },
	};
	struct pool *pool = make("10.9.0.0/29", "fd00::/64", fixed, 4);

	/* 3, 5 and 6 are free of IPv4, even while nobody with a fixed address is connected. */
	ck_lease(pool, "x", "10.9.0.3", "fd00::4");
	ck_lease(pool, "six", "10.9.0.5", "fd00::3");
	ck_lease(pool, "both", "10.9.0.2", "fd00::2");
	ck_lease(pool, "four", "10.9.0.4", "fd00::5");
	ck_lease(pool, "none", "10.9.0.6", "fd00::6");
	gets_nothing(pool, "y", "pool4");
	goes(pool, "both");
	goes(pool, "four");
	gets_nothing(pool, "y", "pool4");
	goes(pool, "six");
	/* The leased one of six is given away, its fixed one is not. */
	ck_lease(pool, "y", "10.9.0.5", "fd00::7");
	gets_nothing(pool, "six", "pool4");
	goes(pool, "y");
	ck_lease(pool, "six", "10.9.0.5", "fd00::3");
	ck_lease(pool, "four", "10.9.0.4", "fd00::5");
	ck_lease(pool, "both", "10.9.0.2", "fd00::2");
	pool_free(pool);
}
END_TEST

/* When one family has none left, the other's are not touched. */
START_TEST(test_all_or_nothing)
{
	struct pool *pool = make("10.9.0.0/30", "fd00::/126", NULL, 0);

	ck_lease(pool, "a", "10.9.0.2", "fd00::2");
	gets_nothing(pool, "b", "pool4");
	goes(pool, "a");
	ck_lease(pool, "b", "10.9.0.2", "fd00::3");
	gets_nothing(pool, "a", "pool4");
	goes(pool, "b");
	/* a has kept the address that nobody needed. */
	ck_lease(pool, "a", "10.9.0.2", "fd00::2");
	pool_free(pool);
}
END_TEST

/* A peer that loses an address of one family keeps the other, and can lose a returned one again. */
START_TEST(test_one_family_is_lost)
{
	struct pool *pool = make("10.9.0.0/30", "fd00::/64", NULL, 0);

	for (int round = 0; round < 3; round++) {
		ck_lease(pool, "a", "10.9.0.2", "fd00::2");
		goes(pool, "a");
		ck_lease(pool, "b", "10.9.0.2", "fd00::3");
		goes(pool, "b");
	}
	pool_free(pool);
	/* The same with IPv6: ::2 and ::3 are all there are, and "c" stays. */
	pool = make("10.9.0.0/24", "fd00::/126", NULL, 0);
	ck_lease(pool, "c", "10.9.0.2", "fd00::2");
	for (int round = 0; round < 3; round++) {
		ck_lease(pool, "a", "10.9.0.3", "fd00::3");
		goes(pool, "a");
		ck_lease(pool, "b", "10.9.0.4", "fd00::3");
		goes(pool, "b");
	}
	pool_free(pool);
}
END_TEST

START_TEST(test_huge_pools)
{
	static const char *const pools[] = { "fd00::/64", "fd00::/32", "fd00::/66", "fd00::/8" };

	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		struct pool *pool = make("10.0.0.0/8", pools[i], NULL, 0);

		ck_lease(pool, "a", "10.0.0.2", "fd00::2");
		ck_lease(pool, "b", "10.0.0.3", "fd00::3");
		pool_free(pool);
	}
}
END_TEST

static int restore(struct pool *pool, const char *who, const char *addr4, const char *addr6)
{
	struct pool_lease lease = {
		.name = identity_of(who), .addr4 = addr_of(addr4), .addr6 = addr_of(addr6)
	};

	return pool_restore(pool, &lease);
}

static int claims(struct pool *pool, const char *who, const char *addr4, const char *addr6)
{
	struct pool_lease lease = {
		.name = identity_of(who), .addr4 = addr_of(addr4), .addr6 = addr_of(addr6)
	};
	struct problem problem = { .text = "" };
	int r = pool_claim(pool, &lease, &problem);

	ck_assert_int_eq(r < 0, problem.text[0] != '\0');
	ck_assert_int_eq(r == -ERANGE, strstr(problem.text, "outside the pools now") != NULL);
	ck_assert_int_eq(
		r == -EADDRINUSE, strstr(problem.text, "not assigned to it any more") != NULL);
	return r;
}

/* As many leases as are remembered: one more drops the oldest, and none that is in use. */
START_TEST(test_most_leases)
{
	struct pool *pool = make("10.0.0.0/8", "fd00::/64", NULL, 0);
	struct addr first4, addr4, addr6;
	struct identity identity;

	for (unsigned i = 0; i < POOL_LEASES_MAX; i++) {
		identity = numbered(i);
		ck_assert_int_eq(pool_take(pool, &identity, 0, &addr4, &addr6, NULL), 0);
		if (i == 0)
			first4 = addr4;
	}
	gets_nothing(pool, "one-more", "16384");
	ck_assert_int_eq(claims(pool, "one-more", "10.200.0.1", NULL), -EADDRNOTAVAIL);
	ck_assert_int_eq(restore(pool, "one-more", "10.200.0.1", NULL), -ENOSPC);
	/* A peer with a lease needs no slot for another. */
	identity = numbered(0);
	ck_assert_int_eq(pool_take(pool, &identity, 0, &addr4, &addr6, NULL), 0);
	ck_assert(addr_equal(&addr4, &first4));
	ck_assert_int_eq(claims(pool, "p0", "10.0.0.2", NULL), 0);
	for (unsigned i = 0; i < POOL_LEASES_MAX; i++) {
		identity = numbered(i);
		pool_release(pool, &identity, 0);
	}
	identity = identity_of("one-more");
	ck_assert_int_eq(pool_take(pool, &identity, 0, &addr4, &addr6, NULL), 0);
	/* What the oldest lease had is free. */
	ck_assert_int_eq(claims(pool, "late", "10.0.0.2", "fd00::2"), 0);
	identity = numbered(0);
	ck_assert_int_eq(pool_take(pool, &identity, 0, &addr4, &addr6, NULL), 0);
	ck_assert(!addr_equal(&addr4, &first4));
	pool_free(pool);
}
END_TEST

START_TEST(test_restore)
{
	static const struct fixed fixed[] = { { "both", "10.9.0.4", "fd00::4" },
		{ "four", "10.9.0.5", NULL } };
	struct pool *pool = make("10.9.0.0/29", "fd00::/64", fixed, 2);

	ck_assert_int_eq(restore(pool, "a", "10.9.0.3", "fd00::9"), 0);
	ck_assert_int_eq(restore(pool, "a", "10.9.0.6", NULL), -EADDRINUSE);
	ck_assert_int_eq(restore(pool, "b", "10.9.0.3", NULL), -EADDRINUSE);
	ck_assert_int_eq(restore(pool, "b", "10.9.0.4", NULL), -EADDRINUSE);
	ck_assert_int_eq(restore(pool, "b", "10.9.0.1", NULL), -ERANGE);
	ck_assert_int_eq(restore(pool, "b", "10.9.0.7", "fd00::1"), -ERANGE);
	ck_assert_int_eq(restore(pool, "b", "10.8.0.2", NULL), -ERANGE);
	ck_assert_int_eq(restore(pool, "b", NULL, "fd01::2"), -ERANGE);
	ck_assert_int_eq(restore(pool, "both", "10.9.0.2", NULL), -EADDRINUSE);
	/* The half that still fits stays. */
	ck_assert_int_eq(restore(pool, "c", "10.8.0.2", "fd00::c"), 0);
	ck_assert_int_eq(restore(pool, "four", "10.9.0.2", "fd00::f"), 0);

	ck_lease(pool, "four", "10.9.0.5", "fd00::f");
	ck_lease(pool, "b", "10.9.0.2", "fd00::2");
	ck_lease(pool, "c", "10.9.0.6", "fd00::c");
	/* Nothing is new any more, and a is not connected. */
	ck_lease(pool, "d", "10.9.0.3", "fd00::3");
	gets_nothing(pool, "a", "pool4");
	pool_free(pool);
}
END_TEST

/* What a session has on its interface counts for more than any lease. */
START_TEST(test_claim)
{
	static const struct fixed fixed[] = { { "four", "10.9.0.5", NULL } };
	struct pool *pool = make("10.9.0.0/29", "fd00::/64", fixed, 1);

	/* Each of two has what the other's lease says. */
	ck_assert_int_eq(restore(pool, "a", "10.9.0.2", "fd00::a"), 0);
	ck_assert_int_eq(restore(pool, "b", "10.9.0.3", "fd00::b"), 0);
	ck_assert_int_eq(claims(pool, "a", "10.9.0.3", "fd00::b"), 0);
	ck_assert_int_eq(claims(pool, "b", "10.9.0.2", "fd00::a"), 0);
	/* Without a lease, and the first that would be dealt. */
	ck_assert_int_eq(claims(pool, "c", "10.9.0.4", NULL), 0);
	/* Not theirs to have: another's fixed one, one in use, one of no pool. */
	ck_assert_int_eq(claims(pool, "d", "10.9.0.5", NULL), -EADDRINUSE);
	ck_assert_int_eq(claims(pool, "d", "10.9.0.3", NULL), -EADDRINUSE);
	ck_assert_int_eq(claims(pool, "d", "10.8.0.3", NULL), -ERANGE);
	ck_assert_int_eq(claims(pool, "d", "10.9.0.6", "fd00::b"), -EADDRINUSE);
	ck_assert_int_eq(claims(pool, "four", "10.9.0.6", NULL), -EADDRINUSE);
	ck_assert_int_eq(claims(pool, "four", "10.9.0.5", "fd00::4"), 0);

	ck_lease(pool, "a", "10.9.0.3", "fd00::b");
	ck_lease(pool, "b", "10.9.0.2", "fd00::a");
	ck_lease(pool, "c", "10.9.0.4", "fd00::2");
	ck_lease(pool, "four", "10.9.0.5", "fd00::4");
	ck_lease(pool, "d", "10.9.0.6", "fd00::3");
	gets_nothing(pool, "e", "pool4");
	pool_free(pool);
}
END_TEST

/* A fixed address stays one when its peer's session outlives an engine, and then ends. */
START_TEST(test_fixed_is_claimed)
{
	static const struct fixed fixed[] = { { "four", "10.9.0.2", NULL } };
	struct pool *pool = make("10.9.0.0/29", NULL, fixed, 1);

	ck_assert_int_eq(claims(pool, "four", "10.9.0.2", NULL), 0);
	goes(pool, "four");
	ck_lease(pool, "a", "10.9.0.3", NULL);
	ck_lease(pool, "b", "10.9.0.4", NULL);
	ck_lease(pool, "c", "10.9.0.5", NULL);
	ck_lease(pool, "d", "10.9.0.6", NULL);
	gets_nothing(pool, "e", "pool4");
	ck_lease(pool, "four", "10.9.0.2", NULL);
	pool_free(pool);
}
END_TEST

/* Of two remembered addresses one is no longer the peer's to have: the other one stays. */
START_TEST(test_restore_half)
{
	struct pool *pool = make("10.9.0.0/29", "fd00::/64", NULL, 0);

	ck_assert_int_eq(restore(pool, "a", "10.9.0.5", "fd01::a"), 0);
	ck_assert_int_eq(restore(pool, "b", "10.8.0.5", "fd00::b"), 0);
	ck_assert_int_eq(restore(pool, "c", "10.9.0.5", "fd01::c"), -EADDRINUSE);
	ck_assert_int_eq(restore(pool, "d", NULL, "fd00::b"), -EADDRINUSE);
	ck_lease(pool, "a", "10.9.0.5", "fd00::2");
	ck_lease(pool, "b", "10.9.0.2", "fd00::b");
	pool_free(pool);
}
END_TEST

static int count_down(const struct pool_lease *lease, void *context)
{
	unsigned *left = context;

	ck_assert(addr_is_set(&lease->addr4));
	return --*left == 0 ? -ECANCELED : 0;
}

/* A walk over the leases can stop after any of them, in use or not. */
START_TEST(test_each_stops)
{
	struct pool *pool = make("10.9.0.0/24", NULL, NULL, 0);

	for (unsigned i = 0; i < 6; i++) {
		struct identity identity = numbered(i);
		struct addr addr4, addr6;

		ck_assert_int_eq(pool_take(pool, &identity, 0, &addr4, &addr6, NULL), 0);
		if (i % 2 == 0)
			pool_release(pool, &identity, 0);
	}
	for (unsigned stop = 1; stop <= 7; stop++) {
		unsigned left = stop;

		ck_assert_int_eq(pool_each(pool, count_down, &left), stop <= 6 ? -ECANCELED : 0);
		ck_assert_uint_eq(left, stop <= 6 ? 0 : 1);
	}
	pool_free(pool);
}
END_TEST

struct seen {
	unsigned count;
	char names[64];
};

static int see(const struct pool_lease *lease, void *context)
{
	struct seen *seen = context;

	seen->count++;
	ck_assert(addr_is_set(&lease->addr4) || addr_is_set(&lease->addr6));
	(void)snprintf(&seen->names[strlen(seen->names)], sizeof(seen->names) - strlen(seen->names),
		"%s:%d ", lease->name.name, (int)lease->last_used);
	return seen->count == 3 ? -ECANCELED : 0;
}

START_TEST(test_each)
{
	static const struct fixed fixed[] = { { "f", "10.9.0.4", NULL } };
	struct pool *pool = make("10.9.0.0/24", NULL, fixed, 1);
	static const char *const names[] = { "a", "b", "f", "c" };
	struct identity identity;
	struct seen seen = { .count = 0 };
	struct addr addr4, addr6;

	for (int i = 0; i < 4; i++) {
		identity = identity_of(names[i]);
		ck_assert_int_eq(pool_take(pool, &identity, i, &addr4, &addr6, NULL), 0);
	}
	/* f has nothing to remember, also while it is in use. */
	ck_assert_int_eq(pool_each(pool, see, &seen), -ECANCELED);
	ck_assert_str_eq(seen.names, "a:0 b:1 c:3 ");
	seen = (struct seen){ .count = 0 };
	identity = identity_of("b");
	pool_release(pool, &identity, 10);
	identity = identity_of("f");
	pool_release(pool, &identity, 11);
	/* b is out of use; a and c are in use. */
	ck_assert_int_eq(pool_each(pool, see, &seen), -ECANCELED);
	ck_assert_str_eq(seen.names, "b:10 a:0 c:3 ");
	pool_free(pool);
}
END_TEST

enum { LIFE_PEERS = 24, LIFE_STEPS = 50000 };

/* xorshift: the same life each time. */
static unsigned next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/*
 * 24 peers and 13 addresses (one of them fixed). In each step a peer comes or goes. No two connected
 * peers share an address, takes fail exactly when all that are not fixed are in use, and no
 * address is neither of the pool nor usable.
 */
START_TEST(test_random_life)
{
	static const struct fixed fixed[] = { { "p0", "10.9.0.9", NULL } };
	struct pool *pool = make("10.9.0.0/28", "fd00::/124", fixed, 1);
	struct prefix pool4 = prefix_of("10.9.0.0/28"), pool6 = prefix_of("fd00::/124");
	struct addr has4[LIFE_PEERS], has6[LIFE_PEERS];
	bool connected[LIFE_PEERS] = { false };
	uint32_t random = 4711;
	unsigned leased = 0;

	for (int step = 0; step < unit_rounds(LIFE_STEPS); step++) {
		unsigned who = next_random(&random) % LIFE_PEERS;
		struct identity identity = numbered(who);
		struct addr addr4, addr6;
		int r;

		if (connected[who] && next_random(&random) % 2 == 0) {
			pool_release(pool, &identity, step);
			connected[who] = false;
			leased -= who != 0;
			continue;
		}
		r = pool_take(pool, &identity, step, &addr4, &addr6, NULL);
		if (!connected[who] && who != 0 && leased == 12) {
			ck_assert_int_eq(r, -EADDRNOTAVAIL);
			continue;
		}
		ck_assert_int_eq(r, 0);
		if (connected[who]) {
			ck_assert(addr_equal(&addr4, &has4[who]));
			ck_assert(addr_equal(&addr6, &has6[who]));
			continue;
		}
		ck_assert(settings_pool_usable(&pool4, &addr4));
		ck_assert(settings_pool_usable(&pool6, &addr6));
		ck_assert_int_eq(addr4.bytes[3] == 9, who == 0);
		for (int other = 0; other < LIFE_PEERS; other++) {
			ck_assert(!connected[other] || !addr_equal(&addr4, &has4[other]));
			ck_assert(!connected[other] || !addr_equal(&addr6, &has6[other]));
		}
		has4[who] = addr4;
		has6[who] = addr6;
		connected[who] = true;
		leased += who != 0;
	}
	pool_free(pool);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("pool");

	unit_add(suite, "every address", test_every_address);
	unit_add(suite, "same again", test_same_again);
	unit_add(suite, "oldest lease goes", test_oldest_lease_goes);
	unit_add(suite, "fixed", test_fixed);
	unit_add(suite, "all or nothing", test_all_or_nothing);
	unit_add(suite, "one family is lost", test_one_family_is_lost);
	unit_add(suite, "huge pools", test_huge_pools);
	unit_add(suite, "most leases", test_most_leases);
	unit_add(suite, "restore", test_restore);
	unit_add(suite, "claim", test_claim);
	unit_add(suite, "restore half", test_restore_half);
	unit_add(suite, "fixed is claimed", test_fixed_is_claimed);
	unit_add(suite, "each", test_each);
	unit_add(suite, "each stops", test_each_stops);
	unit_add(suite, "random life", test_random_life);
	return suite;
}

int main(void)
{
	return unit_run("pool", suite());
}
