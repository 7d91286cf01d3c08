/* SPDX-License-Identifier: Apache-2.0 */
#include "config/changed_defaults.h"

#include "base/array.h"
#include "config/settings.h"
#include "config/conf.h"

#define SINCE "0.1.0"

struct changed_default {
	const char *key; /* at the top level */
	/*
	 * true: the note is for a configuration that has the key, since the value means more than
	 * before; false: for one that has not
	 */
	bool set;
	const char *now;     /* what its default means now */
	const char *before;  /* what its default meant before */
	const char *restore; /* the line that restores that, or an explanation where no line does */
	/* true if the change concerns this role and the other settings */
	bool (*holds)(const struct settings *settings);
};

static bool always(const struct settings *settings)
{
	(void)settings;
	return true;
}

static bool is_client(const struct settings *settings)
{
	return settings->role == SETTINGS_CLIENT;
}

static bool has_crl(const struct settings *settings)
{
	return settings->crl != NULL;
}

static bool marks_nothing_else(const struct settings *settings)
{
	return !settings->full_tunnel && !settings->kill_switch;
}

static bool has_full_tunnel(const struct settings *settings)
{
	return settings->full_tunnel;
}

static bool holds_back(const struct settings *settings)
{
	return settings->full_tunnel || settings->kill_switch;
}

static bool has_more_paths(const struct settings *settings)
{
	return settings->kill_switch && settings->mptcp;
}

/* One row a key. */
static const struct changed_default rows[] = {
	{ "check_destination", false,
		"packets from the other end to addresses that are not announced to it are dropped",
		"they were handed to the kernel", "check_destination = false;", always },
	{ "tunnel_addresses", false,
		"the server may give the tunnel addresses of the private ranges and of accept_routes",
		"any",
		"tunnel_addresses = [ \"0.0.0.0/1\", \"128.0.0.0/1\", \"::/1\", \"8000::/1\" ];",
		is_client },
	{ "crl_missing", false,
		"a certificate whose issuer has no list in crl is accepted with a warning",
		"it was refused", "crl_missing = \"refuse\";", has_crl },
	{ "crl_expired", false, "an expired revocation list stays in force with a warning",
		"each certificate of its CA was refused", "crl_expired = \"refuse\";", has_crl },
	{ "mark", false, "outer connections have the firewall mark 0x63760002", "they had none",
		"no key removes it; mark = NUMBER; sets another", marks_nothing_else },
	{ "congestion", false,
		"outer connections go over to BBR when their path loses packets without a full queue, and stay just below what it takes",
		"the kernel's default", "congestion = \"\";", always },
	{ "full_tunnel", true,
		"a family for which the server announces no default route is held back from the first connection on",
		"it left outside the tunnel, unencrypted",
		"no key brings it back; leave full_tunnel out", has_full_tunnel },
	{ "bypass", false,
		"a full tunnel refuses sockets bound to another interface, lookups with use_dns = false, and multicast",
		"they left outside the tunnel", "bypass = [ PREFIX, ... ]; for what they may reach",
		has_full_tunnel },
	{ "bypass_local_bridges", false,
		"a full tunnel and a kill switch let packets to this host's own containers pass",
		"they held them back", "bypass_local_bridges = false;", holds_back },
	{ "kill_switch", true, "with mptcp it allows paths to the addresses in remotes alone",
		"it also allowed addresses that the server offers",
		"name each of the server's addresses in remotes", has_more_paths },
};

void changed_defaults_find(const struct configuration *configuration, struct findings *findings)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct changed_default *row = &rows[i];

		/* If the text cannot be searched, the note is printed. */
		int given = conf_has_key(configuration->text, configuration->len, row->key);

		if (!row->holds(configuration->settings) || given == !row->set)
			continue;
		(void)findings_add(findings, FINDING_NOTE, "defaults",
			"%s is %s than in " SINCE ": %s (before: %s); the old way: %s", row->key,
			row->set ? "set, and means more" : "not set, and its default is another",
			row->now, row->before, row->restore);
	}
}
