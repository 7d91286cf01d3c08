/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_NETD_INTERNAL_H
#define CULVERT_NETD_NETD_INTERNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>

#include "netd/answer_inbound.h"
#include "netd/credential_files.h"
#include "netd/desired_state.h"
#include "netd/dns.h"
#include "netd/engine_process.h"
#include "netd/engine_output.h"
#include "netd/sealed_files.h"
#include "netd/forwarding.h"
#include "netd/full_tunnel.h"
#include "netd/guest.h"
#include "netd/hooks.h"
#include "netd/inheritance.h"
#include "netd/interfaces.h"
#include "netd/issuer_process.h"
#include "netd/kill_switch.h"
#include "netd/listeners.h"
#include "netd/local_bridges.h"
#include "netd/nat.h"
#include "netd/netd.h"
#include "netd/network.h"
#include "netd/outer_path.h"
#include "netd/engine_files.h"
#include "netd/program_file.h"
#include "netd/reload.h"
#include "netd/requests.h"
#include "netd/succession.h"
#include "netd/tracked.h"
#include "netd/uplinks.h"
#include "system/loop.h"
#include "system/netlink.h"
#include "system/process.h"
#include "system/supervisor.h"

/* The inside of netd, shared by netd*.c only: everything that netd owns. netd's only thread. */

struct netd {
	const struct netd_program *program;
	enum exit_code exit_code;
	bool stopping;
	bool restarting; /* a supervisor starts the program again at once */
	bool signalled;  /* a signal asked for the program's end */
	struct supervisor supervisor;
	bool reported_ready; /* to the supervisor */
	struct process_user user;
	bool switch_user; /* to `user`; else the engine keeps netd's user */
	struct sealed_files sealed_files;
	struct engine_files engine_files;
	struct loop *loop;
	struct netlink *netlink;
	int signal_fd;
	struct loop_watch signal_watch;
	sigset_t signals;
	struct program_file program_file;
	uint8_t instance[REQUEST_INSTANCE_SIZE]; /* of this run: the same for all its engines */
	struct interfaces interfaces;
	struct outer_path outer_path;
	struct local_bridges local_bridges;
	struct answer_inbound answer_inbound;
	struct full_tunnel full_tunnel;
	struct dns dns;
	struct hooks hooks;
	struct network network;
	struct uplinks uplinks;
	struct desired_state desired;
	struct listeners listeners;
	struct nat nat;
	struct kill_switch kill_switch;
	struct tracked tracked;
	struct forwarding forwarding;
	struct requests requests;
	struct engine_plan plan;
	struct engine_process engine;
	struct reload reload;
	struct credential_files credential_files;
	struct engine_output output;
	struct inheritance inheritance; /* from the run before */
	struct succession succession;   /* to the next one */
	struct issuer_process issuer;
	bool has_guest;
	struct guest guest;
};

/* Callbacks that netd.c defines and netd_ladder.c registers. */
void netd_signal_ready(struct loop_watch *watch, uint32_t events);
void netd_guest_ended(struct guest *guest);
void netd_interfaces_changed(struct interfaces *interfaces, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix);
void netd_local_bridges_changed(struct local_bridges *local);
void netd_network_changed(struct network *network);
int netd_tracked_changed(struct tracked *tracked);
int netd_interface_lacks(
	void *context, const struct interface *interface, const struct desired_lack *lack);
int netd_desired_changed(struct desired_state *desired);
int netd_engine_exchange(struct requests *requests, struct problem *problem);
void netd_tunnel_up(struct requests *requests, const struct request_dns *up);
int netd_reload_asked(struct requests *requests, bool only_check, struct problem *problem);
int netd_files_changed(struct credential_files *files, struct problem *problem);
int netd_reconfigured(struct requests *requests, const struct request_reconfigured *confirmed,
	struct problem *problem);
/* netd_follow.c: what netd does when its settings have changed. */
extern const struct reload_events netd_reload_events;
/* netd_follow.c: registers what netd holds on the host, and watches the listeners. */
void netd_hold_items(struct netd *netd);
/* netd.c: judges installed routes by the settings and networks of now. */
void netd_judge_routes_again(struct netd *netd);
void netd_path_silent(struct requests *requests, const struct addr *local);
extern const struct engine_events netd_engine_events;

#endif
