/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_KILL_SWITCH_H
#define CULVERT_NETD_KILL_SWITCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/identity.h"
#include "base/problem.h"
#include "base/rate.h"
#include "config/settings.h"
#include "netd/desired_item.h"
#include "netd/local_bridges.h"
#include "system/loop.h"
#include "system/netlink_nft.h"
#include "system/netlink_nft_monitor.h"

/*
 * `kill_switch = true` of a profile. Packets leave this host, its own or forwarded ones, only in
 * four ways: through the tunnel, by loopback, in the outer connection, and to get an address (DHCP,
 * IPv6 neighbour and router discovery). Questions to the time servers of `kill_switch_time` pass, too
 * (netd/time_servers). Packets to the networks of local bridges do not leave it,
 * so they pass, too (netd/local_bridges). It is in force before the first connection; a restart
 * finds it in force and takes it over without a gap.
 *
 * It consists of two firewall tables with the same rules. culvert-killswitch-NAME has no owner, so
 * it stays when netd dies; that is the intent. A program that flushes the host's firewall removes
 * it, and netd notices that and restores it (netd/desired_state). culvert-guard-NAME belongs to
 * netd's netlink socket. No other program can flush it, so there is no gap until the first is
 * restored. While the guard exists, netd lives. netd's only thread.
 *
 * An outer connection is recognized by its mark and its destination: TCP to the address and port of
 * a remote or of the proxy. The mark alone would let out any program that may set marks
 * (CAP_NET_RAW), and the engine, which connects marked sockets. The settings have addresses here,
 * never names.
 */

#define KILL_SWITCH_TABLE "culvert-killswitch-"
#define KILL_SWITCH_GUARD "culvert-guard-"

enum { KILL_SWITCH_TABLE_SIZE = sizeof(KILL_SWITCH_TABLE) + SETTINGS_NAME_MAX };

struct kill_switch {
	struct loop *loop;
	struct netlink_nft *nft; /* NULL: not in force by this netd */
	char table[KILL_SWITCH_TABLE_SIZE], guard[KILL_SWITCH_TABLE_SIZE];
	uint32_t mark;                               /* of the outer connection */
	struct endpoint outer[SETTINGS_REMOTES_MAX]; /* its allowed destinations */
	size_t outer_count;
	uint32_t tunnel; /* index of the interface that all packets may leave by; 0: none yet */
	const struct settings *settings; /* borrowed; NULL: of a profile that nobody has read yet */
	const struct local_bridges *local;   /* borrowed; NULL: none */
	struct netlink_nft_monitor *monitor; /* NULL: changes are not noticed */
	struct loop_watch watch;
	struct desired_item item; /* the lasting table */
	bool wanted;              /* by the settings: when it is not in force, netd tries again */
	bool touched;             /* another program has changed that table */
};

/*
 * Closes the kill switch for a program that will start `profile` later or refuse it. Nothing may
 * leave, not even a connection to the server, until kill_switch_start() takes it over; it stays
 * when the program ends. Call it before anything else. Needs CAP_NET_ADMIN. *ret_closed is false
 * when the profile is running: its own kill switch is in force and is left alone. Errors: those of
 * kill_switch_start(). On failure *problem says why.
 */
int kill_switch_close(const char *profile, bool *ret_closed, struct problem *problem);

/* Logs that the kill switch stays in force, and how a person removes it. */
void kill_switch_log_stays(const char *profile);

/*
 * Puts the kill switch in force if the settings want it, or ends an inherited one that they do not
 * want; otherwise does nothing. Errors: those of
 * netlink_nft_open(), netlink_nft_commit() and the loop. On failure *problem says why, and a kill
 * switch from before stays in force. Borrows `local`, which may be NULL.
 */
int kill_switch_start(struct kill_switch *kill_switch, const struct settings *settings,
	const struct local_bridges *local, struct loop *loop, struct problem *problem);

/*
 * For a restart. inherit: takes over the socket that owns the second table of `profile`, from which
 * kill_switch_start() goes on, or which kill_switch_stop() ends; `tunnel`: the interface that packets
 * may leave by, or 0. leave: ends this module, whose tables stay.
 */
void kill_switch_inherit(struct kill_switch *kill_switch, struct netlink_nft *nft,
	const char *profile, uint32_t tunnel);
void kill_switch_leave(struct kill_switch *kill_switch);

/*
 * The networks of local bridges have changed. Does nothing when the kill switch is not in force.
 * Logs its failures; then the former networks stay, until netd/desired_state has put new rules.
 */
void kill_switch_local_changed(struct kill_switch *kill_switch);

/*
 * The settings have changed, and want a kill switch as before: takes over the remotes of now.
 * Errors as kill_switch_start(); on failure the former rules stay.
 */
int kill_switch_settings_changed(struct kill_switch *kill_switch, struct problem *problem);

/*
 * Lets packets leave by this interface, and no longer by the one before. Does nothing when the kill
 * switch is not in force. On failure (negative errno) *problem says why, and nothing has changed.
 */
int kill_switch_open_for(
	struct kill_switch *kill_switch, uint32_t interface, struct problem *problem);

/*
 * Ends this module. `lift`: removes the kill switch; otherwise it stays, as it does when netd dies.
 * Does nothing when *kill_switch is zeroed.
 */
void kill_switch_stop(struct kill_switch *kill_switch, bool lift);

/* A kill switch that is in force although no program runs it. */
struct kill_switch_left {
	struct identity profile;
	struct kill_switch_left *next;
};

/*
 * Lists the kill switches that ended programs have left in force. The caller frees the list with
 * kill_switch_left_free(). -EPERM: CAP_NET_ADMIN is missing; -EIO, -ENOMEM; else the errors of
 * netlink_nft_open(). On failure *problem says why.
 */
int kill_switch_find_left(struct kill_switch_left **ret_left, struct problem *problem);
void kill_switch_left_free(struct kill_switch_left *left);

/*
 * Removes the kill switches that ended programs have left in force: that of the profile `name`, or
 * all with NULL. Writes a line about each to `out`, and counts them in *removed. Needs no running
 * program. -EBUSY: that profile is running; else the errors of netlink_nft_open() and
 * netlink_nft_commit(). On failure *problem says why.
 */
int kill_switch_sweep(const char *name, FILE *out, unsigned *removed, struct problem *problem);

#endif
