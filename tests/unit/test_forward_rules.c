/* SPDX-License-Identifier: Apache-2.0 */
/* What nft lists, and whether it drops what goes from lan0 to cv0. */
#include "client/forward_rules.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "unit.h"

static struct forward_verdict judge(const char *listing)
{
	struct forward_verdict verdict;
	char *text = strdup(listing);

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(forward_rules_judge(text, "lan0", "cv0", &verdict), 0);
	free(text);
	return verdict;
}

/* One base chain with this policy and these rules; further chains after it. */
#define FORWARD(policy, rules, more)                                                              \
	"table ip6 nat {\n\tchain forward {\n\t\ttype nat hook output priority 0; policy drop;\n" \
	"\t\tdrop\n\t}\n}\n"                                                                      \
	"table inet filter {\n\tset few {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1,\n"      \
	"\t\t\t     10.0.0.2 }\n\t}\n\n\tchain forward {\n"                                       \
	"\t\ttype filter hook forward priority filter; policy " policy ";\n" rules "\t}\n" more   \
	"}\n"

enum expected { PASSES, DROPS, MAY_DROP };

START_TEST(test_rules)
{
	static const struct {
		const char *listing;
		enum expected expected;
	} rows[] = {
		{ "", PASSES },
		{ FORWARD("accept", "", ""), PASSES },
		{ FORWARD("drop", "", ""), DROPS },
		{ FORWARD("drop", "\t\taccept\n", ""), PASSES },
		{ FORWARD("accept", "\t\tcounter packets 3 bytes 180 drop\n", ""), DROPS },
		{ FORWARD("accept", "\t\treject with icmpx admin-prohibited\n", ""), DROPS },
		{ FORWARD("accept", "\t\tlog prefix \"drop it \" level info\n", ""), PASSES },
		{ FORWARD("drop", "\t\tct state established,related accept\n", ""), DROPS },
		{ FORWARD("accept", "\t\tct state invalid drop\n", ""), PASSES },
		{ FORWARD("drop", "\t\tct state established,new accept\n", ""), MAY_DROP },
		{ FORWARD("drop", "\t\tip saddr @few accept\n", ""), MAY_DROP },
		/* firewalld's: for what was let in by translating its address. */
		{ FORWARD("accept", "\t\tct status dnat accept\n\t\treject\n", ""), DROPS },
		/* Where a map leads is not known. */
		{ FORWARD("drop", "\t\tiifname vmap { \"cv0\" : accept }\n", ""), MAY_DROP },
		{ FORWARD("drop", "\t\tmeta l4proto vmap @protocols\n", ""), MAY_DROP },
		{ FORWARD("drop", "\t\tct state vmap { established : accept }\n", ""), DROPS },
		{ FORWARD("accept", "\t\tiifname vmap @ways\n", ""), PASSES },
		{ FORWARD("drop", "\t\tiifname \"lan0\" oifname \"cv0\" accept\n", ""), PASSES },
		{ FORWARD("drop", "\t\tiifname \"lan0\" oifname \"cv*\" accept\n", ""), PASSES },
		{ FORWARD("drop", "\t\tiifname \"cv0\" oifname \"lan0\" accept\n", ""), DROPS },
		{ FORWARD("drop", "\t\tiifname != \"wan0\" accept comment \"ours\"\n", ""),
			PASSES },
		{ FORWARD("drop", "\t\tiifname != \"lan0\" accept\n", ""), DROPS },
		{ FORWARD("drop", "\t\tiifname { \"eth0\", \"lan0\" } accept\n", ""), PASSES },
		{ FORWARD("drop", "\t\tiifname { \"eth0\", \"wan0\" } accept\n", ""), DROPS },
		{ FORWARD("accept", "\t\tmeta iifname \"lan0\" drop\n", ""), DROPS },
		{ FORWARD("drop", "\t\tjump ours\n", "\n\tchain ours {\n\t\taccept\n\t}\n"),
			PASSES },
		{ FORWARD("drop", "\t\tjump ours\n\t\taccept\n",
			  "\n\tchain ours {\n\t\treturn\n\t}\n"),
			PASSES },
		{ FORWARD("drop", "\t\tgoto ours\n\t\taccept\n",
			  "\n\tchain ours {\n\t\tip ttl 1 drop\n\t}\n"),
			DROPS },
		/* For ever: the kernel would not have taken it. */
		{ FORWARD("drop", "\t\tjump ours\n", "\n\tchain ours {\n\t\tjump ours\n\t}\n"),
			MAY_DROP },
		{ FORWARD("drop", "\t\tjump nowhere\n", ""), MAY_DROP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct forward_verdict verdict = judge(rows[i].listing);

		ck_assert_msg(verdict.drops == (rows[i].expected != PASSES) &&
				verdict.unsure == (rows[i].expected == MAY_DROP),
			"row %zu: drops %d, unsure %d", i, verdict.drops, verdict.unsure);
		if (verdict.drops) {
			ck_assert_str_eq(verdict.family, "inet");
			ck_assert_str_eq(verdict.table, "filter");
			ck_assert_str_eq(verdict.chain, "forward");
		}
	}
}
END_TEST

/* A new TCP connection from elsewhere to port 443. */
START_TEST(test_input)
{
#define INPUT(family, policy, rules)                                                     \
	"table " family " filter {\n\tchain input {\n"                                   \
	"\t\ttype filter hook input priority filter; policy " policy ";\n" rules "\t}\n" \
	"\tchain forward {\n\t\ttype filter hook forward priority 0; policy drop;\n\t}\n}\n"
	static const struct {
		const char *listing;
		enum expected expected;
	} rows[] = {
		{ "", PASSES },
		{ INPUT("inet", "accept", ""), PASSES },
		{ INPUT("inet", "drop", ""), DROPS },
		{ INPUT("ip", "drop", ""), DROPS },
		{ INPUT("ip6", "drop", ""), PASSES },
		{ INPUT("inet", "drop", "\t\tct state established,related accept\n"), DROPS },
		{ INPUT("inet", "drop", "\t\tiifname \"lo\" accept\n"), DROPS },
		{ INPUT("inet", "drop", "\t\tiifname \"wan0\" accept\n"), MAY_DROP },
		{ INPUT("inet", "drop", "\t\ttcp dport 443 accept\n"), PASSES },
		{ INPUT("inet", "drop", "\t\ttcp dport { 22, 400-500 } accept\n"), PASSES },
		{ INPUT("inet", "drop", "\t\ttcp dport { 22, 80 } accept\n"), DROPS },
		{ INPUT("inet", "drop", "\t\ttcp dport != 22 accept\n"), PASSES },
		{ INPUT("inet", "accept", "\t\ttcp dport 22 drop\n"), PASSES },
		{ INPUT("inet", "accept", "\t\ttcp dport 443 reject\n"), DROPS },
		{ INPUT("inet", "drop", "\t\tct state new tcp dport 443 accept\n"), PASSES },
		{ INPUT("inet", "drop",
			  "\t\tmeta l4proto tcp tcp dport 443 counter packets 0 "
			  "bytes 0 accept\n"),
			PASSES },
		{ INPUT("inet", "drop",
			  "\t\tmeta l4proto icmp accept\n\t\tudp dport 443 "
			  "accept\n\t\tip protocol icmp accept\n"),
			DROPS },
		{ INPUT("inet", "drop", "\t\tip saddr 192.0.2.1 tcp dport 443 accept\n"),
			MAY_DROP },
		{ INPUT("inet", "drop", "\t\tct state vmap { new : jump ours }\n"), MAY_DROP },
		{ INPUT("inet", "drop", "\t\ttcp dport vmap { 443 : accept }\n"), MAY_DROP },
		{ INPUT("inet", "drop", "\t\ttcp dport @open accept\n"), MAY_DROP },
		{ INPUT("inet", "drop", "\t\ttcp flags syn accept\n"), MAY_DROP },
		{ INPUT("inet", "drop", "\t\ttcp dport\n\t\ttcp\n\t\tct\n\t\tmeta l4proto\n"),
			DROPS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct forward_verdict verdict;
		char *text = strdup(rows[i].listing);

		ck_assert_ptr_nonnull(text);
		ck_assert_int_eq(forward_rules_judge_input(text, AF_INET, 443, &verdict), 0);
		ck_assert_msg(verdict.drops == (rows[i].expected != PASSES) &&
				verdict.unsure == (rows[i].expected == MAY_DROP),
			"row %zu: drops %d, unsure %d", i, verdict.drops, verdict.unsure);
		free(text);
	}
}
END_TEST

/* A sure verdict counts before one that is not, whichever comes first. */
START_TEST(test_several)
{
	struct forward_verdict verdict = judge(
		"table ip a {\n\tchain one {\n"
		"\t\ttype filter hook forward priority 0; policy drop;\n"
		"\t\ttcp dport 22 accept\n\t}\n}\n"
		"table ip b {\n\tchain two {\n"
		"\t\ttype filter hook forward priority 1; policy drop;\n\t}\n}\n");

	ck_assert(verdict.drops && !verdict.unsure);
	ck_assert_str_eq(verdict.table, "b");
	ck_assert_str_eq(verdict.chain, "two");
}
END_TEST

/* Cut anywhere, it is read without harm. */
START_TEST(test_cut)
{
	static const char whole[] = FORWARD("drop",
		"\t\tiifname { \"lan0\", \"cv*\" } log prefix \"a { b\" counter accept\n",
		"\n\tchain ours {\n\t\tgoto \"ours\n\t}\n");

	for (size_t len = 0; len < sizeof(whole); len++) {
		struct forward_verdict verdict;
		char *text = strndup(whole, len);

		ck_assert_ptr_nonnull(text);
		ck_assert_int_eq(forward_rules_judge(text, "lan0", "cv0", &verdict), 0);
		free(text);
	}
}
END_TEST

START_TEST(test_too_many)
{
	size_t size = (FORWARD_RULES_CHAINS_MAX + 1) * 32 + 64;
	char *text = calloc(1, size), *at = text;
	struct forward_verdict verdict;

	ck_assert_ptr_nonnull(text);
	at += snprintf(at, 64, "table ip t {\n");
	for (int i = 0; i <= FORWARD_RULES_CHAINS_MAX; i++)
		at += snprintf(at, 32, "\tchain c%d {\n\t}\n", i);
	ck_assert_int_eq(forward_rules_judge(text, "lan0", "cv0", &verdict), -E2BIG);
	free(text);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("forward_rules");

	unit_add(suite, "rules", test_rules);
	unit_add(suite, "several", test_several);
	unit_add(suite, "input", test_input);
	unit_add(suite, "cut", test_cut);
	unit_add(suite, "too_many", test_too_many);
	return suite;
}

int main(void)
{
	return unit_run("forward_rules", suite());
}
