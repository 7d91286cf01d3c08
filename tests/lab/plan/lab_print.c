/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the plan for scripts/lab, and the drawing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

enum { METRIC_STEP = 100 }; /* between the default routes of one host's interfaces */

/* ---- the plan ---- */

static void plan_link(const struct lab *lab, const struct lab_link *link, FILE *out)
{
	const char *arguments[LAB_LINK_ARGUMENTS_MAX];
	size_t count = lab_link_arguments(link, arguments);

	(void)fprintf(out, "link\t%s\t%u", link->name.name, link->mtu);
	for (size_t i = 0; i < 2; i++) {
		const struct lab_host *host;
		const struct lab_interface *interface = lab_interface_on(
			lab, &link->name, i, &host);

		(void)fprintf(out, "\t%s\t%s", host->name.name, interface->name);
	}
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "\t%s", arguments[i]);
	(void)fputc('\n', out);
}

static void plan_lan(const struct lab *lab, const struct lab_lan *lan, FILE *out)
{
	const struct lab_interface *interface;
	const struct lab_host *host;

	(void)fprintf(out, "lan\t%s\t%u\n", lan->name.name, lan->mtu);
	for (size_t i = 0; (interface = lab_interface_on(lab, &lan->name, i, &host)); i++)
		(void)fprintf(out, "port\t%s\t%s\t%s\t%u\n", lan->name.name, host->name.name,
			interface->name, lan->mtu);
}

static void plan_host(const struct lab_host *host, FILE *out)
{
	char text[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];

	for (size_t i = 0; i < host->interface_count; i++) {
		const struct lab_interface *interface = &host->interfaces[i];

		for (size_t j = 0; j < interface->addresses.count; j++)
			(void)fprintf(out, "address\t%s\t%s\t%s\n", host->name.name,
				interface->name,
				prefix_format(&interface->addresses.items[j], text));
		for (size_t j = 0; j < interface->gateway_count; j++)
			(void)fprintf(out, "gateway\t%s\t%s\t%s\t%zu\n", host->name.name,
				interface->name, addr_format(&interface->gateways[j], text),
				(i + 1) * METRIC_STEP);
		if (interface->up)
			(void)fprintf(out, "up\t%s\t%s\n", host->name.name, interface->name);
	}
	for (size_t i = 0; i < host->route_count; i++)
		(void)fprintf(out, "route\t%s\t%s\t%s\t%s\n", host->name.name,
			lab_interface_towards(host, &host->routes[i].via)->name,
			prefix_format(&host->routes[i].to, to),
			addr_format(&host->routes[i].via, text));
}

static void plan_config(const struct identity *name, const char *text, FILE *out)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		(void)fprintf(out, "conf\t%s\t%.*s\n", name->name, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static int plan_tunnels(const struct lab *lab, const char *state, FILE *out)
{
	char *text;
	int r = 0;

	for (size_t i = 0; i < lab->server_count && r == 0; i++) {
		r = lab_config_server(lab, &lab->servers[i], state, &text);
		if (r < 0)
			break;
		(void)fprintf(out, "server\t%s\t%s\n", lab->servers[i].host.name,
			lab->servers[i].host.name);
		plan_config(&lab->servers[i].host, text, out);
		free(text);
	}
	for (size_t i = 0; i < lab->tunnel_count && r == 0; i++) {
		const struct lab_tunnel *tunnel = &lab->tunnels[i];

		r = lab_config_client(tunnel, state, &text);
		if (r < 0)
			break;
		(void)fprintf(out, "client\t%s\t%s\t%s\n", tunnel->name.name, tunnel->client.name,
			tunnel->server.name);
		plan_config(&tunnel->name, text, out);
		free(text);
	}
	return r;
}

int lab_print_plan(const struct lab *lab, const char *state, FILE *out)
{
	(void)fprintf(out, "lab\t%s\n", lab->name);
	for (size_t i = 0; i < lab->host_count; i++)
		(void)fprintf(out, "host\t%s\t%s\n", lab->hosts[i].name.name,
			lab->hosts[i].forward ? "forward" : "end");
	for (size_t i = 0; i < lab->link_count; i++)
		plan_link(lab, &lab->links[i], out);
	for (size_t i = 0; i < lab->lan_count; i++)
		plan_lan(lab, &lab->lans[i], out);
	for (size_t i = 0; i < lab->host_count; i++)
		plan_host(&lab->hosts[i], out);
	return plan_tunnels(lab, state, out);
}

/* ---- the drawing ---- */

static void draw_count(size_t count, const char *one, const char *separator, FILE *out)
{
	(void)fprintf(out, "%zu %s%s%s", count, one, count == 1 ? "" : "s", separator);
}

/* "gw-a (router)" */
static size_t host_text(const struct lab_host *host, char *out, size_t size)
{
	return (size_t)snprintf(
		out, size, "%s%s", host->name.name, host->forward ? " (router)" : "");
}

struct widths {
	int host, interface;
};

static struct widths measure(const struct lab *lab)
{
	struct widths widths = { 0, 0 };

	for (size_t h = 0; h < lab->host_count; h++) {
		char text[IDENTITY_MAX + 16];
		int len = (int)host_text(&lab->hosts[h], text, sizeof(text));

		widths.host = len > widths.host ? len : widths.host;
		for (size_t i = 0; i < lab->hosts[h].interface_count; i++) {
			len = (int)strlen(lab->hosts[h].interfaces[i].name);
			widths.interface = len > widths.interface ? len : widths.interface;
		}
	}
	return widths;
}

static void draw_interface(const struct lab_host *host, const struct lab_interface *interface,
	struct widths widths, bool is_last, FILE *out)
{
	char text[ADDR_TEXT_MAX], name[IDENTITY_MAX + 16];

	(void)host_text(host, name, sizeof(name));
	(void)fprintf(out, "    %s─ %-*s  %-*s", is_last ? "└" : "├", widths.host, name,
		widths.interface, interface->name);
	for (size_t i = 0; i < interface->addresses.count; i++)
		(void)fprintf(out, "  %s", prefix_format(&interface->addresses.items[i], text));
	for (size_t i = 0; i < interface->gateway_count; i++)
		(void)fprintf(out, "%s%s", i == 0 ? "  via " : ", ",
			addr_format(&interface->gateways[i], text));
	(void)fputs(interface->up ? "\n" : "  (down)\n", out);
}

static void draw_network(
	const struct lab *lab, const struct identity *network, struct widths widths, FILE *out)
{
	const struct lab_interface *interface, *next;
	const struct lab_host *host, *next_host = NULL;

	interface = lab_interface_on(lab, network, 0, &host);
	for (size_t i = 1; interface; i++) {
		next = lab_interface_on(lab, network, i, &next_host);
		draw_interface(host, interface, widths, !next, out);
		interface = next;
		host = next_host;
	}
}

static void draw_link(
	const struct lab *lab, const struct lab_link *link, struct widths widths, FILE *out)
{
	const char *arguments[LAB_LINK_ARGUMENTS_MAX];
	size_t count = lab_link_arguments(link, arguments);

	(void)fprintf(out, "\n  %s: a link", link->name.name);
	for (size_t i = 0; i + 1 < count; i += 2)
		(void)fprintf(out, ", %s %s", &arguments[i][2], arguments[i + 1]);
	(void)fputc('\n', out);
	draw_network(lab, &link->name, widths, out);
}

static void draw_list(const char *who, const struct prefix_list *list, FILE *out)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < list->count; i++)
		(void)fprintf(out, "%s%s%s", i == 0 ? "; " : ", ", i == 0 ? who : "",
			prefix_format(&list->items[i], text));
}

static void draw_tunnel(const struct lab *lab, const struct lab_tunnel *tunnel, FILE *out)
{
	char remote[ENDPOINT_TEXT_MAX];

	(void)fprintf(out, "    %s ═══ %s  at %s", tunnel->client.name, tunnel->server.name,
		endpoint_format(&tunnel->remotes[0], remote));
	draw_list("announces ", &tunnel->announce, out);
	for (size_t i = 0; i < lab->server_count; i++)
		if (identity_equal(&lab->servers[i].host, &tunnel->server))
			draw_list("receives ", &lab->servers[i].announce, out);
	(void)fputc('\n', out);
}

void lab_print_diagram(const struct lab *lab, FILE *out)
{
	struct widths widths = measure(lab);

	(void)fprintf(out, "%s: ", lab->name);
	draw_count(lab->host_count, "host", ", ", out);
	draw_count(lab->link_count, "link", ", ", out);
	draw_count(lab->lan_count, "LAN", ", ", out);
	draw_count(lab->tunnel_count, "tunnel", "\n", out);
	for (size_t i = 0; i < lab->link_count; i++)
		draw_link(lab, &lab->links[i], widths, out);
	for (size_t i = 0; i < lab->lan_count; i++) {
		(void)fprintf(out, "\n  %s: a LAN\n", lab->lans[i].name.name);
		draw_network(lab, &lab->lans[i].name, widths, out);
	}
	if (lab->tunnel_count > 0)
		(void)fputs("\n  tunnels\n", out);
	for (size_t i = 0; i < lab->tunnel_count; i++)
		draw_tunnel(lab, &lab->tunnels[i], out);
}
