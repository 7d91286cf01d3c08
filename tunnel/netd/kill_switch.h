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
#include "system/loop.h"
#include "system/netlink_nft.h"
#include "system/netlink_nft_monitor.h"

/*
 * `kill_switch = true` of a profile: nothing leaves this host, its own packets or those it
 * forwards, but through the tunnel, by loopback, inside the outer connection, and what it
 * takes to get an address: DHCP and IPv6's neighbour and router discovery. In force from before the
 * first connection; a restart finds it and takes it over without a gap.
 *
 * It is in two firewall tables with the same rules. culvert-killswitch-NAME belongs to nobody and
 * so stays when netd dies, by intent; whatever flushes the host's firewall takes it along, which is
 * noticed and mended. culvert-guard-NAME belongs to netd's socket: nobody else can flush it, so
 * there is no gap until the other is back; and its being there tells that netd lives. netd's only
 * thread.
 *
 * The outer connection is known by its mark and by where it leads: TCP to the address and port of a
 * remote, or of the proxy. The mark alone would let out whoever can set one (CAP_NET_RAW), and the
 * engine, which connects marked sockets. The settings have addresses here, never names.
 */

#define KILL_SWITCH_TABLE "culvert-killswitch-"
#define KILL_SWITCH_GUARD "culvert-guard-"

enum { KILL_SWITCH_TABLE_SIZE = sizeof(KILL_SWITCH_TABLE) + SETTINGS_NAME_MAX };

struct kill_switch {
	struct loop *loop;
	struct netlink_nft *nft; /* NULL: not in force by us */
	char table[KILL_SWITCH_TABLE_SIZE], guard[KILL_SWITCH_TABLE_SIZE];
	uint32_t mark;                               /* of the outer connection */
	struct endpoint outer[SETTINGS_REMOTES_MAX]; /* where it may lead */
	size_t outer_count;
	uint32_t tunnel; /* index of the interface that everything may leave by; 0: none yet */
	struct netlink_nft_monitor *monitor; /* NULL: changes are not noticed */
	struct loop_watch watch;
	struct loop_timer again;
	struct rate warnings;
};

/*
 * Before all else, by the program that will start `profile` or refuse it: lets nothing out, not even a
 * connection to the server, until kill_switch_start() takes it over. It stays when the program ends.
 * Needs CAP_NET_ADMIN. *ret_closed is false where the profile is running: then its own is in force
 * and is left alone. Errors as kill_switch_start().
 */
int kill_switch_close(const char *profile, bool *ret_closed, struct problem *problem);

/* Logs that it stays in force, and how a person takes it down. */
void kill_switch_tell_stays(const char *profile);

/*
 * Puts it in force where the settings want it; else does nothing. Errors are those of
 * netlink_nft_open(), netlink_nft_commit() and the loop, with words: what was there before stays.
 */
int kill_switch_start(struct kill_switch *kill_switch, const struct settings *settings,
	struct loop *loop, struct problem *problem);

/*
 * Lets out what leaves by this interface, and by no other from now on. Does nothing where the kill
 * switch is not in force. Negative errno with words: it is as before.
 */
int kill_switch_let(struct kill_switch *kill_switch, uint32_t interface, struct problem *problem);

/*
 * The end: `lift` takes it down, otherwise it stays, as it does when netd dies. Fine when it is not
 * in force but zeroed.
 */
void kill_switch_stop(struct kill_switch *kill_switch, bool lift);

struct kill_switch_left { /* one that is in force though nobody runs it */
	struct identity profile;
	struct kill_switch_left *next;
};

/*
 * What programs that are gone have left in force. The caller frees the list with
 * kill_switch_left_free(). Needs CAP_NET_ADMIN: -EPERM; else the errors of netlink_nft_open(),
 * -EIO or -ENOMEM; with words.
 */
int kill_switch_find_left(struct kill_switch_left **ret_left, struct problem *problem);
void kill_switch_left_free(struct kill_switch_left *left);

/*
 * Takes down what programs that are gone have left in force; of the profile `name`, or NULL: of
 * all. Writes a line about each to `out`, and counts them in *removed. Needs no running program.
 * -EBUSY: that profile is running; else the errors of netlink_nft_open() and netlink_nft_commit();
 * with words.
 */
int kill_switch_sweep(const char *name, FILE *out, unsigned *removed, struct problem *problem);

#endif
