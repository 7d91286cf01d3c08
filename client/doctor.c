/* SPDX-License-Identifier: Apache-2.0 */
#include "client/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit_code.h"

/* ---- the engine's answer ---- */

static void copy_word(char *out, size_t size, const char *word)
{
	(void)snprintf(out, size, "%s", word);
}

/* False: no fact has named this interface. */
static bool find_tunnel(const struct doctor_facts *facts, const char *name, size_t *ret_tunnel)
{
	for (size_t i = 0; i < facts->tunnel_count; i++) {
		if (strcmp(facts->tunnels[i], name) == 0) {
			*ret_tunnel = i;
			return true;
		}
	}
	return false;
}

static void take_resolver(struct doctor_facts *facts, const char *tunnel, const char *text)
{
	struct doctor_resolver *resolver = &facts->resolvers[facts->resolver_count];

	if (facts->resolver_count < NAMESERVERS_MAX && addr_parse(text, &resolver->addr) == 0 &&
		find_tunnel(facts, tunnel, &resolver->tunnel))
		facts->resolver_count++;
}

static void take_route(struct doctor_facts *facts, const char *tunnel, const char *text)
{
	struct doctor_route *route = &facts->routes[facts->route_count];

	if (facts->route_count < DOCTOR_ROUTES_MAX && prefix_parse(text, &route->prefix) == 0 &&
		find_tunnel(facts, tunnel, &route->tunnel))
		facts->route_count++;
}

/* Ignores unknown facts of a newer engine. */
static void take_fact(struct doctor_facts *facts, const char *what, const char *value, char *more)
{
	if (strcmp(what, "congestion") == 0)
		copy_word(facts->congestion, sizeof(facts->congestion), value);
	else if (strcmp(what, "mark") == 0)
		facts->mark = (uint32_t)strtoul(value, NULL, 10);
	else if (strcmp(what, "announce") == 0 && facts->announced_count < SETTINGS_PREFIX_MAX)
		facts->announced_count += prefix_parse(value,
						  &facts->announced[facts->announced_count]) == 0;
	else if (strcmp(what, "interface") == 0 && facts->tunnel_count < DOCTOR_TUNNELS_MAX)
		copy_word(facts->tunnels[facts->tunnel_count++], sizeof(facts->tunnels[0]), value);
	else if (strcmp(what, "outer") == 0 && facts->outer_count < DOCTOR_OUTERS_MAX)
		facts->outer_count += addr_parse(value, &facts->outers[facts->outer_count]) == 0;
	else if (strcmp(what, "listen") == 0 && facts->listen_count < SETTINGS_LISTEN_MAX)
		facts->listen_count += endpoint_parse(
					       value, 0, &facts->listens[facts->listen_count]) == 0;
	else if (strcmp(what, "route") == 0 && more)
		take_route(facts, value, more);
	else if (strcmp(what, "resolver") == 0 && more)
		take_resolver(facts, value, more);
	else if (strcmp(what, "full_tunnel") == 0)
		facts->full_tunnel = true;
	else if (strcmp(what, "forwarding") == 0)
		facts->forwarding = true;
	else if (strcmp(what, "between") == 0)
		*(value[0] == '4' ? &facts->between4 : &facts->between6) = true;
	else if (strcmp(what, "pair") == 0 && more && facts->pair_count < DOCTOR_PAIRS_MAX) {
		copy_word(facts->pairs[facts->pair_count].first, sizeof(facts->pairs[0].first),
			value);
		copy_word(facts->pairs[facts->pair_count++].second, sizeof(facts->pairs[0].second),
			more);
	}
}

static void take_answer(char *answer, struct doctor_facts *facts, struct findings *findings)
{
	char *line;

	while ((line = strsep(&answer, "\n"))) {
		if (strncmp(line, "fact\t", 5) == 0) {
			char *at = &line[5];
			const char *what = strsep(&at, "\t"), *value = strsep(&at, "\t");

			if (value)
				take_fact(facts, what, value, at);
		} else if (line[0] != '\0' && finding_read(line, findings) == -EPROTO) {
			findings_add(findings, FINDING_NOTE, "engine",
				"this command does not understand the daemon's answer: are both of the same version?");
		}
	}
}

/* ---- output ---- */

static void print(const struct findings *findings, bool as_json, FILE *out)
{
	struct json json;

	for (size_t i = 0; !as_json && i < findings->count; i++)
		finding_print(&findings->items[i], out);
	if (!as_json)
		return;
	json_init(&json, out);
	json_object_begin(&json, NULL);
	json_bool(&json, "problems", findings_have_problem(findings));
	json_array_begin(&json, "findings");
	for (size_t i = 0; i < findings->count; i++)
		finding_json(&findings->items[i], &json);
	json_array_end(&json);
	json_object_end(&json);
}

int doctor_run(char *answer, bool json, FILE *out)
{
	struct doctor_facts *facts = calloc(1, sizeof(*facts));
	struct findings findings = { .count = 0 };
	int code = EXIT_CODE_FAILURE;

	if (facts && answer)
		take_answer(answer, facts, &findings);
	if (facts)
		doctor_examine_host(facts, &findings);
	print(&findings, json, out);
	if (!facts || findings.failed)
		(void)fputs("culvert doctor: out of memory: not everything was examined\n", stderr);
	else if (!findings_have_problem(&findings) && fflush(out) == 0)
		code = EXIT_CODE_OK;
	findings_free(&findings);
	free(facts);
	return code;
}
