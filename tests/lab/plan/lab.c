/* SPDX-License-Identifier: Apache-2.0 */
#include "lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab_options.h"

/* ---- look-up ---- */

const struct lab_host *lab_find_host(const struct lab *lab, const struct identity *name)
{
	for (size_t i = 0; i < lab->host_count; i++)
		if (identity_equal(&lab->hosts[i].name, name))
			return &lab->hosts[i];
	return NULL;
}

const struct lab_link *lab_find_link(const struct lab *lab, const struct identity *name)
{
	for (size_t i = 0; i < lab->link_count; i++)
		if (identity_equal(&lab->links[i].name, name))
			return &lab->links[i];
	return NULL;
}

const struct lab_lan *lab_find_lan(const struct lab *lab, const struct identity *name)
{
	for (size_t i = 0; i < lab->lan_count; i++)
		if (identity_equal(&lab->lans[i].name, name))
			return &lab->lans[i];
	return NULL;
}

const struct lab_interface *lab_interface_on(const struct lab *lab, const struct identity *network,
	size_t at, const struct lab_host **ret_host)
{
	for (size_t h = 0; h < lab->host_count; h++) {
		const struct lab_host *host = &lab->hosts[h];

		for (size_t i = 0; i < host->interface_count; i++) {
			if (!identity_equal(&host->interfaces[i].network, network) || at-- > 0)
				continue;
			*ret_host = host;
			return &host->interfaces[i];
		}
	}
	return NULL;
}

bool lab_has_address(const struct lab_interface *interface, const struct addr *addr)
{
	for (size_t i = 0; i < interface->addresses.count; i++)
		if (addr_equal(&interface->addresses.items[i].addr, addr))
			return true;
	return false;
}

bool lab_is_neighbour(const struct lab_interface *interface, const struct addr *addr)
{
	bool found = false;

	for (size_t i = 0; i < interface->addresses.count; i++)
		found |= prefix_contains_addr(&interface->addresses.items[i], addr);
	return found && !lab_has_address(interface, addr);
}

const struct lab_interface *lab_interface_towards(
	const struct lab_host *host, const struct addr *addr)
{
	for (size_t i = 0; i < host->interface_count; i++)
		if (lab_is_neighbour(&host->interfaces[i], addr))
			return &host->interfaces[i];
	return NULL;
}

/* ---- loading ---- */

/* "some/where/NAME.lab". The check refuses an invalid name later. */
static void name_by_path(struct lab *lab, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	size_t len = dot ? (size_t)(dot - base) : strlen(base);

	if (len > LAB_NAME_MAX)
		len = LAB_NAME_MAX;
	memcpy(lab->name, base, len);
	lab->name[len] = '\0';
}

static bool has_server(const struct lab *lab, const struct identity *host)
{
	for (size_t i = 0; i < lab->server_count; i++)
		if (identity_equal(&lab->servers[i].host, host))
			return true;
	return false;
}

/* A server that only a tunnel names gets an entry, too. */
static int complete_servers(struct lab *lab)
{
	struct lab_server *servers = reallocarray(
		lab->servers, lab->server_count + lab->tunnel_count + 1, sizeof(*servers));

	if (!servers)
		return -ENOMEM;
	lab->servers = servers;
	for (size_t i = 0; i < lab->tunnel_count; i++)
		if (!has_server(lab, &lab->tunnels[i].server))
			lab->servers[lab->server_count++] = (struct lab_server){
				.host = lab->tunnels[i].server, .is_implied = true
			};
	return 0;
}

/* Each server has its own pools, since a host may have tunnels to several. */
static void complete_pools(struct lab *lab)
{
	for (size_t i = 0; i < lab->server_count; i++) {
		struct lab_server *server = &lab->servers[i];
		char text[ADDR_TEXT_MAX];

		if (!addr_is_set(&server->pool4.addr)) {
			(void)snprintf(
				text, sizeof(text), "10.%zu.%zu.0/24", 213 + i / 256, i % 256);
			(void)prefix_parse(text, &server->pool4);
		}
		if (!addr_is_set(&server->pool6.addr)) {
			(void)snprintf(text, sizeof(text), "fd00:c17:e27:%zx::/64", i);
			(void)prefix_parse(text, &server->pool6);
		}
	}
}

static int complete(struct lab *lab, const char *path)
{
	if (lab->name[0] == '\0')
		name_by_path(lab, path);
	for (size_t i = 0; i < lab->tunnel_count; i++)
		if (lab->tunnels[i].name.name[0] == '\0')
			lab->tunnels[i].name = lab->tunnels[i].client;
	int r = complete_servers(lab);
	if (r == 0)
		complete_pools(lab);
	return r;
}

int lab_load(const char *text, size_t len, const char *path, struct lab **ret_lab,
	struct problem *problem)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	int r;

	if (!lab)
		return -ENOMEM;
	r = conf_load(text, len, path, &lab_options, lab, problem);
	if (r == 0)
		r = complete(lab, path);
	if (r < 0)
		goto free;
	r = lab_check(lab, problem);
	if (r == 0)
		r = lab_config_check(lab, problem);
	if (r == -EINVAL)
		conf_locate(text, len, path, problem);
	if (r < 0)
		goto free;
	*ret_lab = lab;
	return 0;

free:
	lab_free(lab);
	return r;
}

static void free_host(struct lab_host *host)
{
	for (size_t i = 0; i < host->interface_count; i++)
		free(host->interfaces[i].addresses.items);
	free(host->interfaces);
	free(host->routes);
}

void lab_free(struct lab *lab)
{
	if (!lab)
		return;
	for (size_t i = 0; i < lab->host_count; i++)
		free_host(&lab->hosts[i]);
	for (size_t i = 0; i < lab->server_count; i++) {
		free(lab->servers[i].announce.items);
		free(lab->servers[i].settings);
	}
	for (size_t i = 0; i < lab->tunnel_count; i++) {
		free(lab->tunnels[i].announce.items);
		free(lab->tunnels[i].settings);
	}
	free(lab->hosts);
	free(lab->links);
	free(lab->lans);
	free(lab->servers);
	free(lab->tunnels);
	free(lab);
}
