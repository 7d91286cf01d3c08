/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A holder is an identity that is listed or has a lease. Its addresses are fixed ones, leased ones
 * or both. Holders are found by name and by address in search(3) trees; those with a lease are in a
 * list ordered by use. The search for a free address goes on where the last one ended. Each address
 * that it passes has a holder, so it takes at most as many steps as there are holders, however large
 * the pool is.
 */
#include "daemon/pool.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { V4, V6, FAMILIES };

struct holder {
	struct identity name;
	struct addr addr[FAMILIES];
	bool fixed[FAMILIES];
	bool listed; /* it stays without a lease */
	bool leased; /* in pool.order */
	bool in_use;
	int64_t last_used;
	TAILQ_ENTRY(holder) link;
};

/* A pool of one family. Hosts are numbered by their distance from the prefix's address. */
struct space {
	struct prefix prefix; /* AF_UNSPEC: there is no pool of this family */
	uint64_t first, last; /* the hosts that peers can have */
	uint64_t cursor;      /* where the next search begins */
	uint64_t held;        /* addresses in the tree */
	void *tree;           /* struct holder, by addr[family] */
};

struct pool {
	struct space space[FAMILIES];
	void *names;                       /* struct holder, by name */
	TAILQ_HEAD(holders, holder) order; /* with a lease, longest unused first */
	size_t lease_count;
};

/* The choice of pool_take() for one family, made before anything is changed. */
struct choice {
	struct addr addr;
	struct holder *loser; /* has the address now; NULL: it is free */
};

static int order_by_name(const void *a, const void *b)
{
	return strcmp(((const struct holder *)a)->name.name, ((const struct holder *)b)->name.name);
}

static int order_by_addr4(const void *a, const void *b)
{
	return addr_compare(
		&((const struct holder *)a)->addr[V4], &((const struct holder *)b)->addr[V4]);
}

static int order_by_addr6(const void *a, const void *b)
{
	return addr_compare(
		&((const struct holder *)a)->addr[V6], &((const struct holder *)b)->addr[V6]);
}

static int (*const order_by_addr[FAMILIES])(const void *, const void *) = {
	[V4] = order_by_addr4,
	[V6] = order_by_addr6,
};

/* A node of a tree begins with the pointer that tsearch() was given. */
static struct holder *holder_of(void *node)
{
	return node ? *(struct holder **)node : NULL;
}

static struct holder *find_name(const struct pool *pool, const struct identity *name)
{
	struct holder key = { .name = *name };

	return holder_of(tfind(&key, &pool->names, order_by_name));
}

static struct holder *find_addr(const struct pool *pool, int family, const struct addr *addr)
{
	struct holder key = { .leased = false };

	key.addr[family] = *addr;
	return holder_of(tfind(&key, &pool->space[family].tree, order_by_addr[family]));
}

/* ---- holders ---- */

static int hold(struct pool *pool, struct holder *holder, int family, const struct addr *addr)
{
	holder->addr[family] = *addr;
	if (!tsearch(holder, &pool->space[family].tree, order_by_addr[family])) {
		holder->addr[family] = (struct addr){ .family = AF_UNSPEC };
		return -ENOMEM;
	}
	pool->space[family].held++;
	return 0;
}

static void release(struct pool *pool, struct holder *holder, int family)
{
	if (!addr_is_set(&holder->addr[family]))
		return;
	(void)tdelete(holder, &pool->space[family].tree, order_by_addr[family]);
	pool->space[family].held--;
	holder->addr[family] = (struct addr){ .family = AF_UNSPEC };
	holder->fixed[family] = false;
}

static int add_holder(struct pool *pool, const struct identity *name, struct holder **ret_holder)
{
	struct holder *holder = calloc(1, sizeof(*holder));

	if (!holder)
		return -ENOMEM;
	holder->name = *name;
	if (!tsearch(holder, &pool->names, order_by_name)) {
		free(holder);
		return -ENOMEM;
	}
	*ret_holder = holder;
	return 0;
}

/* Only for a holder without addresses. */
static void remove_holder(struct pool *pool, struct holder *holder)
{
	(void)tdelete(holder, &pool->names, order_by_name);
	free(holder);
}

static bool is_leasing(const struct holder *holder, int family)
{
	return addr_is_set(&holder->addr[family]) && !holder->fixed[family];
}

static void end_lease(struct pool *pool, struct holder *holder)
{
	for (int family = 0; family < FAMILIES; family++) {
		if (is_leasing(holder, family))
			release(pool, holder, family);
	}
	if (holder->leased) {
		TAILQ_REMOVE(&pool->order, holder, link);
		holder->leased = false;
		pool->lease_count--;
	}
	if (!holder->listed)
		remove_holder(pool, holder);
}

/* Moves the holder to the end of the list: the most recently used is last. */
static void touch(struct pool *pool, struct holder *holder, int64_t now)
{
	if (holder->leased)
		TAILQ_REMOVE(&pool->order, holder, link);
	else
		pool->lease_count++;
	holder->leased = true;
	holder->last_used = now;
	TAILQ_INSERT_TAIL(&pool->order, holder, link);
}

/* ---- making and freeing ---- */

/* Without a pool of the family, nothing reads the numbers. */
static void space_init(struct space *space, const struct prefix *prefix)
{
	size_t bits = addr_size(&prefix->addr) * 8 - prefix->len;

	space->prefix = *prefix;
	/* 64 bits of hosts are enough; a larger pool is used in part. */
	space->last = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
	if (prefix->addr.family == AF_INET)
		space->last--;
	space->first = 2;
	space->cursor = space->first;
}

static int add_listed(struct pool *pool, const struct settings_peer *peer)
{
	const struct addr *fixed[FAMILIES] = { [V4] = &peer->address4, [V6] = &peer->address6 };
	struct holder *holder;
	int r = add_holder(pool, &peer->name, &holder);

	if (r < 0)
		return r;
	holder->listed = true;
	for (int family = 0; family < FAMILIES && r == 0; family++) {
		if (!addr_is_set(fixed[family]))
			continue;
		holder->fixed[family] = true;
		r = hold(pool, holder, family, fixed[family]);
	}
	return r;
}

int pool_new(const struct settings *settings, struct pool **ret_pool)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	int r = 0;

	if (!pool)
		return -ENOMEM;
	TAILQ_INIT(&pool->order);
	space_init(&pool->space[V4], &settings->pool4);
	space_init(&pool->space[V6], &settings->pool6);
	for (size_t i = 0; i < settings->peer_count && r == 0; i++)
		r = add_listed(pool, &settings->peers[i]);
	if (r < 0) {
		pool_free(pool);
		return r;
	}
	*ret_pool = pool;
	return 0;
}

static void keep_node(void *node)
{
	(void)node;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	for (int family = 0; family < FAMILIES; family++)
		tdestroy(pool->space[family].tree, keep_node);
	tdestroy(pool->names, free);
	free(pool);
}

/* ---- choosing ---- */

static bool is_full(const struct space *space)
{
	/* last - first + 1 may overflow. */
	return space->held > space->last - space->first;
}

/* Finds an address without a holder. The pool must not be full. */
static void find_free(struct pool *pool, int family, struct addr *ret_addr)
{
	struct space *space = &pool->space[family];
	struct addr addr = space->prefix.addr;

	for (;;) {
		(void)addr_add(&space->prefix.addr, space->cursor, &addr);
		space->cursor = space->cursor == space->last ? space->first : space->cursor + 1;
		if (!find_addr(pool, family, &addr))
			break;
	}
	*ret_addr = addr;
}

static struct holder *find_loser(const struct pool *pool, int family)
{
	struct holder *holder;

	TAILQ_FOREACH(holder, &pool->order, link) {
		if (!holder->in_use && is_leasing(holder, family))
			return holder;
	}
	return NULL;
}

static int choose(struct pool *pool, int family, const struct identity *name,
	struct choice *ret_choice, struct problem *problem)
{
	const struct space *space = &pool->space[family];
	struct choice choice = { .loser = NULL };
	char text[ADDR_TEXT_MAX];

	if (!is_full(space)) {
		find_free(pool, family, &choice.addr);
	} else {
		choice.loser = find_loser(pool, family);
		if (!choice.loser) {
			problem_set(problem,
				"no address is free for %s: all %llu of %s %s are in use or fixed; make the pool larger",
				name->name, (unsigned long long)space->held,
				family == V4 ? "pool4" : "pool6",
				prefix_format(&space->prefix, text));
			return -EADDRNOTAVAIL;
		}
		choice.addr = choice.loser->addr[family];
	}
	*ret_choice = choice;
	return 0;
}

/* Makes room for a new lease: with POOL_LEASES_MAX, the one that is out of use for longest ends. */
static int make_room(struct pool *pool, const struct identity *name, struct problem *problem)
{
	struct holder *holder;

	if (pool->lease_count < POOL_LEASES_MAX)
		return 0;
	TAILQ_FOREACH(holder, &pool->order, link) {
		if (!holder->in_use) {
			end_lease(pool, holder);
			return 0;
		}
	}
	problem_set(problem,
		"no address is free for %s: the limit of %d connected peers is reached", name->name,
		POOL_LEASES_MAX);
	return -EADDRNOTAVAIL;
}

/* Gives the holder the chosen address. A loser without addresses left is removed. */
static int assign(struct pool *pool, struct holder *holder, int family, const struct choice *choice)
{
	struct holder *loser = choice->loser;

	if (loser) {
		release(pool, loser, family);
		if (!is_leasing(loser, V4) && !is_leasing(loser, V6))
			end_lease(pool, loser);
	}
	return hold(pool, holder, family, &choice->addr);
}

static bool is_missing(const struct pool *pool, const struct holder *holder, int family)
{
	return addr_is_set(&pool->space[family].prefix.addr) &&
		(!holder || !addr_is_set(&holder->addr[family]));
}

int pool_take(struct pool *pool, const struct identity *name, int64_t now, struct addr *ret_addr4,
	struct addr *ret_addr6, struct problem *problem)
{
	struct holder *holder = find_name(pool, name);
	struct choice choice[FAMILIES];
	bool missing[FAMILIES];
	int r = 0;

	if (!holder || !holder->leased)
		r = make_room(pool, name, problem);
	for (int family = 0; family < FAMILIES && r == 0; family++) {
		missing[family] = is_missing(pool, holder, family);
		if (missing[family])
			r = choose(pool, family, name, &choice[family], problem);
	}
	if (r == 0 && !holder)
		r = add_holder(pool, name, &holder);
	if (r != 0)
		return r;
	/* From here on the holder cannot be the loser. */
	holder->in_use = true;
	touch(pool, holder, now);
	for (int family = 0; family < FAMILIES && r == 0; family++) {
		if (missing[family])
			r = assign(pool, holder, family, &choice[family]);
	}
	if (r < 0) {
		holder->in_use = false;
		end_lease(pool, holder);
		return r;
	}
	*ret_addr4 = holder->addr[V4];
	*ret_addr6 = holder->addr[V6];
	return 0;
}

void pool_release(struct pool *pool, const struct identity *name, int64_t now)
{
	struct holder *holder = find_name(pool, name);

	if (!holder || !holder->in_use)
		return;
	holder->in_use = false;
	touch(pool, holder, now);
	/* All its addresses are fixed: no lease is needed. */
	if (!is_leasing(holder, V4) && !is_leasing(holder, V6))
		end_lease(pool, holder);
}

/* ---- remembering ---- */

/* 0: the holder may have the address. */
static int judge(
	const struct pool *pool, const struct holder *holder, int family, const struct addr *addr)
{
	if (holder && holder->fixed[family])
		return -EADDRINUSE;
	if (!settings_pool_usable(&pool->space[family].prefix, addr))
		return -ERANGE;
	return find_addr(pool, family, addr) ? -EADDRINUSE : 0;
}

int pool_restore(struct pool *pool, const struct pool_lease *lease)
{
	const struct addr *addr[FAMILIES] = { [V4] = &lease->addr4, [V6] = &lease->addr6 };
	struct holder *holder = find_name(pool, &lease->name);
	int r[FAMILIES];

	if (holder && holder->leased)
		return -EADDRINUSE;
	for (int family = 0; family < FAMILIES; family++)
		r[family] = judge(pool, holder, family, addr[family]);
	if (r[V4] < 0 && r[V6] < 0)
		return addr_is_set(addr[V4]) ? r[V4] : r[V6];
	if (pool->lease_count == POOL_LEASES_MAX)
		return -ENOSPC;
	if (!holder && add_holder(pool, &lease->name, &holder) < 0)
		return -ENOMEM;
	touch(pool, holder, lease->last_used);
	for (int family = 0; family < FAMILIES; family++) {
		if (r[family] == 0 && hold(pool, holder, family, addr[family]) < 0) {
			end_lease(pool, holder);
			return -ENOMEM;
		}
	}
	return 0;
}

/* ---- what an engine before has given ---- */

/* 0: no other peer has a better right to the address than the session whose interface has it. */
static int judge_claim(
	const struct pool *pool, const struct holder *holder, int family, const struct addr *addr)
{
	const struct holder *other;

	if (!addr_is_set(addr) || (holder && addr_equal(&holder->addr[family], addr)))
		return 0;
	if (holder && holder->fixed[family])
		return -EADDRINUSE;
	if (!settings_pool_usable(&pool->space[family].prefix, addr))
		return -ERANGE;
	other = find_addr(pool, family, addr);
	return other && (other->fixed[family] || other->in_use) ? -EADDRINUSE : 0;
}

static int claim(struct pool *pool, struct holder *holder, int family, const struct addr *addr)
{
	struct choice choice = { .addr = *addr };

	if (!addr_is_set(addr) || addr_equal(&holder->addr[family], addr))
		return 0;
	release(pool, holder, family);
	choice.loser = find_addr(pool, family, addr);
	return assign(pool, holder, family, &choice);
}

int pool_claim(struct pool *pool, const struct pool_lease *lease, struct problem *problem)
{
	const struct addr *addr[FAMILIES] = { [V4] = &lease->addr4, [V6] = &lease->addr6 };
	struct holder *holder = find_name(pool, &lease->name);
	char text[ADDR_TEXT_MAX];
	int r = 0;

	for (int family = 0; family < FAMILIES && r == 0; family++) {
		r = judge_claim(pool, holder, family, addr[family]);
		if (r < 0)
			problem_set(problem, "its address %s is %s",
				addr_format(addr[family], text),
				r == -ERANGE ? "outside the pools now"
					     : "not assigned to it any more");
	}
	if (r == 0 && (!holder || !holder->leased))
		r = make_room(pool, &lease->name, problem);
	if (r == 0 && !holder) {
		r = add_holder(pool, &lease->name, &holder);
		if (r < 0)
			problem_set(problem, "out of memory");
	}
	if (r < 0 || !holder)
		return r; /* the analyser does not see that 0 comes with a holder */
	holder->in_use = true;
	touch(pool, holder, lease->last_used);
	for (int family = 0; family < FAMILIES && r == 0; family++)
		r = claim(pool, holder, family, addr[family]);
	if (r < 0) {
		holder->in_use = false;
		end_lease(pool, holder);
		problem_set(problem, "out of memory");
	}
	return r;
}

static int visit_leases(const struct pool *pool, bool in_use,
	int (*visit)(const struct pool_lease *lease, void *context), void *context)
{
	const struct holder *holder;
	int r;

	TAILQ_FOREACH(holder, &pool->order, link) {
		struct pool_lease lease = { .name = holder->name, .last_used = holder->last_used };

		if (holder->in_use != in_use)
			continue;
		if (is_leasing(holder, V4))
			lease.addr4 = holder->addr[V4];
		if (is_leasing(holder, V6))
			lease.addr6 = holder->addr[V6];
		if (!addr_is_set(&lease.addr4) && !addr_is_set(&lease.addr6))
			continue;
		r = visit(&lease, context);
		if (r < 0)
			return r;
	}
	return 0;
}

int pool_each(const struct pool *pool, int (*visit)(const struct pool_lease *lease, void *context),
	void *context)
{
	int r = visit_leases(pool, false, visit, context);

	return r < 0 ? r : visit_leases(pool, true, visit, context);
}
