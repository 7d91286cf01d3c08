/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firewall tables: the bytes of each message and of each term, as linux/netfilter/nf_tables.h has
 * them (and as `nft --debug=mnl` sends its own); then, as root in a network namespace of its own,
 * what the kernel makes of them.
 *
 * check: own-process
 */
#include "system/netlink_nft.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "system/netlink_nft_monitor.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

enum {
	HEADERS = 20,
	RULE_PREFIX = HEADERS + 8 + 8 + 4
}; /* netlink, netfilter; table, chain, list */

static struct netlink_nft_batch *batch;
static struct problem problem;

static void setup(void)
{
	ck_assert_int_eq(netlink_nft_batch_new(&batch), 0);
	problem.text[0] = '\0';
}

static void teardown(void)
{
	netlink_nft_batch_free(batch);
}

static unsigned hex_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The bytes are those of `hex`, in which spaces count for nothing. */
static void are(struct view bytes, const char *hex)
{
	size_t at = 0;

	for (; *hex != '\0'; hex++) {
		unsigned byte;

		if (*hex == ' ')
			continue;
		byte = hex_digit(hex[0]) << 4 | hex_digit(hex[1]);
		hex++;
		ck_assert_msg(at < bytes.len, "only %zu bytes", bytes.len);
		ck_assert_msg(bytes.data[at] == byte, "byte %zu is %02x, expected %02x", at,
			bytes.data[at], byte);
		at++;
	}
	ck_assert_uint_eq(at, bytes.len);
}

/* What the batch holds from `from` on. */
static struct view since(size_t from)
{
	struct view all = netlink_nft_batch_view(batch);

	return (struct view){ .data = &all.data[from], .len = all.len - from };
}

/* ---- messages; integers of headers are in host order, which here is little-endian ---- */

#define BEGIN "14000000 1000 0100 00000000 00000000 0000000a"

START_TEST(test_begin)
{
	are(since(0), BEGIN);
}
END_TEST

START_TEST(test_table)
{
	size_t from = since(0).len;

	netlink_nft_table_add(batch, "t", false);
	are(since(from),
		"24000000 000a 0504 01000000 00000000 01000000"
		"0600 0100 74000000  0800 0200 00000000");
	from = netlink_nft_batch_view(batch).len;
	netlink_nft_table_add(batch, "t", true);
	are(since(from),
		"24000000 000a 0504 02000000 00000000 01000000"
		"0600 0100 74000000  0800 0200 00000002");
	from = netlink_nft_batch_view(batch).len;
	netlink_nft_table_delete(batch, "t");
	are(since(from), "1c000000 020a 0500 03000000 00000000 01000000  0600 0100 74000000");
}
END_TEST

START_TEST(test_chain)
{
	static const struct netlink_nft_chain nat = {
		.name = "d", .hook = NETLINK_NFT_POSTROUTING, .priority = 100, .nat = true
	};
	static const struct netlink_nft_chain out = {
		.name = "d", .hook = NETLINK_NFT_OUTPUT, .priority = -10, .drop = true
	};
	static const struct netlink_nft_chain in = {
		.name = "d", .hook = NETLINK_NFT_PREROUTING, .priority = -300
	};
	size_t from = since(0).len;

	netlink_nft_chain_add(batch, "t", &nat);
	are(since(from),
		"48000000 030a 0504 01000000 00000000 01000000"
		"0600 0100 74000000  0600 0300 64000000"
		"1400 0480  0800 0100 00000004  0800 0200 00000064"
		"0800 0500 00000001  0800 0700 6e617400");
	from = netlink_nft_batch_view(batch).len;
	netlink_nft_chain_add(batch, "t", &out);
	are(since(from),
		"4c000000 030a 0504 02000000 00000000 01000000"
		"0600 0100 74000000  0600 0300 64000000"
		"1400 0480  0800 0100 00000003  0800 0200 fffffff6"
		"0800 0500 00000000  0b00 0700 66696c74 65720000");
	from = netlink_nft_batch_view(batch).len;
	netlink_nft_chain_add(batch, "t", &in);
	are(since(from),
		"4c000000 030a 0504 03000000 00000000 01000000"
		"0600 0100 74000000  0600 0300 64000000"
		"1400 0480  0800 0100 00000000  0800 0200 fffffed4"
		"0800 0500 00000001  0b00 0700 66696c74 65720000");
}
END_TEST

/* ---- terms ---- */

#define META(key) \
	"2400 0180 0900 0100 6d657461 00000000 1400 0280 0800 0200 000000" key " 0800 0100 00000001"
#define CMP \
	"2c00 0180 0800 0100 636d7000 2000 0280 0800 0100 00000001 0800 0200 00000000 0c00 0380 "
#define IS8(byte) CMP "0500 0100 " byte "000000"
#define IS16(bytes) CMP "0600 0100 " bytes "0000"
#define IS32(bytes) CMP "0800 0100 " bytes
#define PAYLOAD(base, offset, len)                                                                 \
	"3400 0180 0c00 0100 7061796c 6f616400 2400 0280 0800 0100 00000001 0800 0200 000000" base \
	" 0800 0300 000000" offset " 0800 0400 000000" len

static void term(enum netlink_nft_kind kind, uint32_t value, const char *hex)
{
	struct netlink_nft_rule rule = { "is one term", { { .kind = kind, .value = value } } };
	size_t from = netlink_nft_batch_view(batch).len;

	netlink_nft_rule_add(batch, "t", "d", &rule);
	are(since(from + RULE_PREFIX), hex);
}

START_TEST(test_rule)
{
	static const struct netlink_nft_rule rule = { "masquerades",
		{ { .kind = NETLINK_NFT_OIF, .value = 7 }, { .kind = NETLINK_NFT_MASQUERADE } } };
	size_t from = since(0).len;

	netlink_nft_rule_add(batch, "t", "d", &rule);
	are(since(from),
		"88000000 060a 050c 01000000 00000000 01000000"
		"0600 0100 74000000  0600 0200 64000000  6400 0480" META("05")
			IS32("07000000") "1000 0180 0900 0100 6d617371 00000000");
}
END_TEST

START_TEST(test_meta)
{
	term(NETLINK_NFT_IIF, 0x102, META("04") IS32("02010000"));
	term(NETLINK_NFT_OIF, 1, META("05") IS32("01000000"));
	term(NETLINK_NFT_OIF_GROUP, 67, META("16") IS32("43000000"));
	term(NETLINK_NFT_IIF_GROUP, 67, META("15") IS32("43000000"));
	term(NETLINK_NFT_MARK, 0x63760001, META("03") IS32("01007663"));
	term(NETLINK_NFT_FAMILY, AF_INET6, META("0f") IS8("0a"));
	term(NETLINK_NFT_PROTOCOL, IPPROTO_UDP, META("10") IS8("11"));
}
END_TEST

START_TEST(test_payload)
{
	term(NETLINK_NFT_FROM_PORT, 546, PAYLOAD("02", "00", "02") IS16("0222"));
	term(NETLINK_NFT_TO_PORT, 67, PAYLOAD("02", "02", "02") IS16("0043"));
	term(NETLINK_NFT_ICMP_TYPE, 135, PAYLOAD("02", "00", "01") IS8("87"));
}
END_TEST

START_TEST(test_verdict)
{
	term(NETLINK_NFT_ACCEPT, 0,
		"3000 0180 0e00 0100 696d6d65 64696174 65000000"
		"1c00 0280 0800 0100 00000000 1000 0280 0c00 0280 0800 0100 00000001");
	term(NETLINK_NFT_DROP, 0,
		"3000 0180 0e00 0100 696d6d65 64696174 65000000"
		"1c00 0280 0800 0100 00000000 1000 0280 0c00 0280 0800 0100 00000000");
	term(NETLINK_NFT_REJECT, 0,
		"2400 0180 0b00 0100 72656a65 63740000 1400 0280 0800 0100 00000002 0500 0200 03000000");
	term(NETLINK_NFT_RESET, 0,
		"1c00 0180 0b00 0100 72656a65 63740000 0c00 0280 0800 0100 00000001");
	term(NETLINK_NFT_MASQUERADE, 0, "1000 0180 0900 0100 6d617371 00000000");
	term(NETLINK_NFT_COUNT, 0,
		"2c00 0180 0c00 0100 636f756e 74657200"
		"1c00 0280 0c00 0100 00000000 00000000 0c00 0200 00000000 00000000");
}
END_TEST

static void address(enum netlink_nft_kind kind, const char *prefix, const char *hex)
{
	struct netlink_nft_rule rule = { "is one term", { { .kind = kind } } };
	size_t from = netlink_nft_batch_view(batch).len;

	rule.terms[0].prefix = prefix_of(prefix);
	netlink_nft_rule_add(batch, "t", "d", &rule);
	are(since(from + RULE_PREFIX), hex);
}

#define BITWISE(size) \
	"4400 0180 0c00 0100 62697477 69736500 3400 0280 0800 0100 00000001 0800 0200 00000001 0800 0300 " size
#define BITWISE6 \
	"5c00 0180 0c00 0100 62697477 69736500 4c00 0280 0800 0100 00000001 0800 0200 00000001 0800 0300 00000010"
#define CMP6 \
	"3800 0180 0800 0100 636d7000 2c00 0280 0800 0100 00000001 0800 0200 00000000 1800 0380 1400 0100 "

START_TEST(test_address)
{
	address(NETLINK_NFT_SOURCE, "10.212.0.0/14",
		META("0f") IS8("02") PAYLOAD("01", "0c", "04")
			BITWISE("00000004") "0c00 0480 0800 0100 fffc0000 0c00 0580 0800 0100 00000000" IS32(
				"0ad40000"));
	address(NETLINK_NFT_SOURCE, "fe80::/10",
		META("0f") IS8("0a") PAYLOAD("01", "08", "10") BITWISE6
		"1800 0480 1400 0100 ffc00000 00000000 00000000 00000000"
		"1800 0580 1400 0100 00000000 00000000 00000000 00000000" CMP6
		"fe800000 00000000 00000000 00000000");
	address(NETLINK_NFT_DESTINATION, "10.212.0.0/14",
		META("0f") IS8("02") PAYLOAD("01", "10", "04")
			BITWISE("00000004") "0c00 0480 0800 0100 fffc0000 0c00 0580 0800 0100 00000000" IS32(
				"0ad40000"));
	address(NETLINK_NFT_DESTINATION, "fe80::/10",
		META("0f") IS8("0a") PAYLOAD("01", "18", "10") BITWISE6
		"1800 0480 1400 0100 ffc00000 00000000 00000000 00000000"
		"1800 0580 1400 0100 00000000 00000000 00000000 00000000" CMP6
		"fe800000 00000000 00000000 00000000");
}
END_TEST

START_TEST(test_bridge)
{
	term(NETLINK_NFT_IIF_BRIDGE, 0, META("1a") CMP6 "62726964 67650000 00000000 00000000");
	term(NETLINK_NFT_OIF_BRIDGE, 0, META("1b") CMP6 "62726964 67650000 00000000 00000000");
}
END_TEST

START_TEST(test_full)
{
	static const struct netlink_nft_rule rule = { "is full",
		{ { .kind = NETLINK_NFT_ACCEPT }, { .kind = NETLINK_NFT_ACCEPT },
			{ .kind = NETLINK_NFT_ACCEPT }, { .kind = NETLINK_NFT_ACCEPT },
			{ .kind = NETLINK_NFT_ACCEPT }, { .kind = NETLINK_NFT_ACCEPT },
			{ .kind = NETLINK_NFT_ACCEPT }, { .kind = NETLINK_NFT_ACCEPT } } };
	size_t from = since(0).len;

	netlink_nft_rule_add(batch, "t", "d", &rule);
	ck_assert_uint_eq(since(from + RULE_PREFIX).len, NETLINK_NFT_TERMS_MAX * 0x30);
}
END_TEST

/* ---- the kernel ---- */

static struct netlink_nft *nft;

/* False: it cannot be asked here. */
static bool kernel_open(void)
{
	setup();
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
		netlink_nft_open(&nft, &problem) == 0;
}

static void commit(int expected)
{
	ck_assert_msg(netlink_nft_commit(nft, batch, &problem) == expected, "%s", problem.text);
	netlink_nft_batch_free(batch);
	setup();
}

static void count_table(void *context, const char *table)
{
	ck_assert_str_eq(table, "culvert-test");
	(*(unsigned *)context)++;
}

static unsigned tables(void)
{
	unsigned count = 0;

	ck_assert_int_eq(netlink_nft_tables(nft, count_table, &count, &problem), 0);
	return count;
}

static void note_place(void *context, const struct netlink_nft_place *place)
{
	char *text = context;
	size_t len = strlen(text);

	(void)snprintf(
		text + len, 256 - len, "%s %s %s;", place->family, place->table, place->chain);
}

/* Those that let packets pass, and those of another hook, are none. */
START_TEST(test_closed_forwards)
{
	static const struct netlink_nft_chain chains[] = {
		{ .name = "closed", .hook = NETLINK_NFT_FORWARD, .drop = true },
		{ .name = "open", .hook = NETLINK_NFT_FORWARD },
		{ .name = "out", .hook = NETLINK_NFT_OUTPUT, .drop = true },
	};
	char text[256] = "";

	if (!kernel_open())
		return;
	ck_assert_int_eq(netlink_nft_closed_forwards(nft, note_place, text, &problem), 0);
	ck_assert_str_eq(text, "");
	netlink_nft_table_add(batch, "culvert-test", false);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		netlink_nft_chain_add(batch, "culvert-test", &chains[i]);
	commit(0);
	ck_assert_int_eq(netlink_nft_closed_forwards(nft, note_place, text, &problem), 0);
	ck_assert_str_eq(text, "inet culvert-test closed;");
	netlink_nft_close(nft);
}
END_TEST

static const struct netlink_nft_chain chain = {
	.name = "output", .hook = NETLINK_NFT_OUTPUT, .drop = true
};

/* All or nothing, and the words name the rule. */
START_TEST(test_refused)
{
	static const struct netlink_nft_rule good = { "is good",
		{ { .kind = NETLINK_NFT_ACCEPT } } };
	static const struct netlink_nft_rule odd = { "masquerades on the way out",
		{ { .kind = NETLINK_NFT_MASQUERADE } } };

	if (!kernel_open())
		return;
	netlink_nft_table_add(batch, "culvert-test", false);
	netlink_nft_chain_add(batch, "culvert-test", &chain);
	netlink_nft_rule_add(batch, "culvert-test", "output", &good);
	netlink_nft_rule_add(batch, "culvert-test", "output", &odd);
	netlink_nft_rule_add(batch, "culvert-test", "output", &good);
	ck_assert_int_eq(netlink_nft_commit(nft, batch, &problem), -EOPNOTSUPP);
	ck_assert_str_eq(problem.text,
		"the kernel refuses the rule that masquerades on the way out: Operation not "
		"supported; it lacks the module nft_masq");
	ck_assert_uint_eq(tables(), 0);
	netlink_nft_close(nft);
}
END_TEST

START_TEST(test_too_many)
{
	if (!kernel_open())
		return;
	for (int i = 0; i < 2000; i++)
		netlink_nft_table_add(batch, "culvert-test", false);
	commit(-ENOBUFS);
	ck_assert_uint_eq(tables(), 0);
	netlink_nft_close(nft);
}
END_TEST

/* The kernel's answers have to fit, too. */
START_TEST(test_many)
{
	if (!kernel_open())
		return;
	for (int i = 0; i < 1000; i++)
		netlink_nft_table_add(batch, "culvert-test", false);
	commit(0);
	ck_assert_uint_eq(tables(), 1);
	netlink_nft_close(nft);
}
END_TEST

/* The process is this test's own. */
START_TEST(test_not_permitted)
{
	if (!kernel_open() || setresuid(65534, 65534, 65534) < 0)
		return;
	netlink_nft_table_add(batch, "culvert-test", false);
	ck_assert_int_eq(netlink_nft_commit(nft, batch, &problem), -EPERM);
	ck_assert_str_eq(problem.text,
		"the kernel refuses firewall tables: Operation not permitted; that needs "
		"CAP_NET_ADMIN");
	netlink_nft_close(nft);
}
END_TEST

START_TEST(test_owned)
{
	struct netlink_nft *other;

	if (!kernel_open())
		return;
	ck_assert_int_eq(netlink_nft_open(&other, &problem), 0);
	netlink_nft_table_add(batch, "culvert-test", true);
	ck_assert_int_eq(netlink_nft_commit(other, batch, &problem), 0);
	ck_assert_uint_eq(tables(), 1);
	netlink_nft_batch_free(batch);
	setup();
	netlink_nft_table_delete(batch, "culvert-test");
	ck_assert_int_eq(netlink_nft_commit(nft, batch, &problem), -EPERM);
	ck_assert_ptr_nonnull(
		strstr(problem.text, "culvert-test: Operation not permitted; it belongs"));
	ck_assert_uint_eq(tables(), 1);
	netlink_nft_close(other);
	ck_assert_uint_eq(tables(), 0);
	netlink_nft_close(nft);
}
END_TEST

static bool heard(struct netlink_nft_monitor *monitor)
{
	bool changed;

	ck_assert_int_eq(
		netlink_nft_monitor_read(monitor, "culvert-test", netlink_nft_port(nft), &changed),
		0);
	return changed;
}

START_TEST(test_monitor)
{
	struct netlink_nft_monitor *monitor;
	struct netlink_nft *own, *other;

	if (!kernel_open())
		return;
	own = nft;
	ck_assert_int_eq(netlink_nft_monitor_open(&monitor, &problem), 0);
	ck_assert_int_eq(netlink_nft_open(&other, &problem), 0);
	netlink_nft_table_add(batch, "culvert-test", false);
	netlink_nft_chain_add(batch, "culvert-test", &chain);
	commit(0);
	ck_assert(!heard(monitor));
	netlink_nft_table_add(batch, "another", false);
	netlink_nft_table_delete(batch, "another");
	nft = other;
	commit(0);
	nft = own;
	ck_assert(!heard(monitor));
	netlink_nft_table_delete(batch, "culvert-test");
	nft = other;
	commit(0);
	nft = own;
	ck_assert(heard(monitor));
	ck_assert(!heard(monitor));
	netlink_nft_monitor_close(monitor);
	netlink_nft_close(other);
	netlink_nft_close(own);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const bytes[] = { test_begin, test_table, test_chain, test_rule, test_meta,
		test_payload, test_verdict, test_address, test_bridge, test_full };
	const TTest *const kernel[] = { test_closed_forwards, test_refused, test_too_many,
		test_many, test_not_permitted, test_owned, test_monitor };
	Suite *suite = suite_create("netlink_nft");

	unit_add_case(suite, "bytes", setup, teardown, bytes, ARRAY_SIZE(bytes));
	unit_add_case(suite, "kernel", NULL, teardown, kernel, ARRAY_SIZE(kernel));
	return suite;
}

int main(void)
{
	return unit_run("netlink_nft", suite());
}
