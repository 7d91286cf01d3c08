/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/netd_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/held_routes.h"

/*
 * netd while it runs. Everything happens in the loop's callbacks: signals, the engine's messages,
 * its end, timers. netd_ladder.c puts netd together and takes it apart. netd's only thread.
 */

static void notify_supervisor(const struct netd *netd, const char *lines)
{
	int r = supervisor_notify(&netd->supervisor, lines);

	if (r < 0)
		log_warning("cannot report to the supervisor that this program %s: %s",
			strncmp(lines, "READY", strlen("READY")) == 0 ? "has started" : "stops",
			error_text(r));
}

/*
 * Reports to the supervisor once, when the host's protection is in force and an engine works. It
 * does not wait for a session, since the peer may be unreachable for days.
 */
static void notify_ready(struct netd *netd)
{
	if (netd->reported_ready)
		return;
	netd->reported_ready = true;
	notify_supervisor(netd,
		netd->kill_switch.nft ? "READY=1\nSTATUS=running; the kill switch is in force"
				      : "READY=1\nSTATUS=running");
}

static void stop(struct netd *netd, enum exit_code code, const char *why)
{
	netd->stopping = true;
	netd->exit_code = code;
	log_notice("stopping: %s", why);
	notify_supervisor(netd, "STOPPING=1");
	engine_process_stop(&netd->engine);
}

void netd_signal_ready(struct loop_watch *watch, uint32_t events)
{
	struct netd *netd = container_of(watch, struct netd, signal_watch);
	struct signalfd_siginfo info;
	const char *name;

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (netd->has_guest) {
		if (!guest_signal(&netd->guest, &info) && !netd->stopping)
			stop(netd, EXIT_CODE_OK, sigdescr_np((int)info.ssi_signo));
		return;
	}
	if (info.ssi_signo == SIGHUP) {
		reload_ask(&netd->reload, "SIGHUP");
		return;
	}
	netd->signalled = true;
	netd->restarting = info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2;
	if (info.ssi_signo == SIGUSR2 && !netd->stopping && succession_to_supervisor(netd)) {
		log_notice("stopping for a restart: the next run takes over the sessions");
		notify_supervisor(netd, "STOPPING=1");
		netd->stopping = true;
		netd->exit_code = EXIT_CODE_OK;
		loop_stop(netd->loop);
		return;
	}
	name = netd->restarting ? "for a restart" : sigdescr_np((int)info.ssi_signo);
	if (!netd->stopping) {
		stop(netd, EXIT_CODE_OK, name);
		return;
	}
	log_notice("stopping at once: %s again", name);
	engine_process_kill(&netd->engine, "a second signal came");
}

static struct netd *owner(struct engine_process *engine)
{
	return container_of(engine, struct netd, engine);
}

int netd_tracked_changed(struct tracked *tracked)
{
	struct netd *netd = container_of(tracked, struct netd, tracked);

	forwarding_follow(&netd->forwarding);
	return engine_process_tracked(&netd->engine, tracked->items, tracked->count);
}

/*
 * Offers the interfaces of the last engine to the new one. They still exist, whatever ended that
 * engine, and the registry has only what the configuration allows. An interface that the new engine
 * does not adopt stays until INTERFACE_DELETE, or until netd ends.
 */
static void engine_begins(struct engine_process *engine, struct request_configure *configure)
{
	struct netd *netd = owner(engine);

	interfaces_detach_queues(&netd->interfaces);
	memcpy(configure->instance, netd->instance, sizeof(configure->instance));
	configure->adopt_count = (uint32_t)netd->interfaces.count;
	configure->held = full_tunnel_holds(&netd->full_tunnel);
	configure->load = netd->reload.load;
	reload_engine_ended(&netd->reload);
	if (configure->adopt_count > 0)
		log_info("offering %u interfaces to the new engine", configure->adopt_count);
	requests_begin(&netd->requests, configure->generation);
}

/* Sends what is tracked, before the engine has any session. */
static void engine_begun(struct engine_process *engine)
{
	const struct tracked *tracked = &owner(engine)->tracked;

	if (tracked->monitor) /* the channel is empty and takes it */
		(void)engine_process_tracked(engine, tracked->items, tracked->count);
}

int netd_interface_lacks(
	void *context, const struct interface *interface, const struct desired_lack *lack)
{
	struct netd *netd = context;

	return engine_process_lack(&netd->engine, interface->number, lack);
}

int netd_desired_changed(struct desired_state *desired)
{
	struct netd *netd = container_of(desired, struct netd, desired);

	return engine_process_held(&netd->engine, desired);
}

static int engine_message(struct engine_process *engine, const void *data, size_t len,
	struct writer *reply, int *ret_fds, size_t *ret_fd_count, bool *ret_fds_owned,
	struct problem *problem)
{
	struct netd *netd = owner(engine);
	bool was_ready = netd->requests.ready;
	int r = requests_handle(
		&netd->requests, data, len, reply, ret_fds, ret_fd_count, ret_fds_owned, problem);

	if (r < 0)
		return r;
	if (netd->requests.ready) {
		engine_process_ready(engine);
		notify_ready(netd);
	}
	if (netd->requests.ready && !was_ready) {
		desired_state_report_again(&netd->desired);
		reload_engine_ready(&netd->reload);
		/* The engine before may have ended while it examined new ones. */
		credential_files_follow(&netd->credential_files);
	}
	if (!netd->requests.exit_asked || netd->stopping)
		return 0;
	/*
	 * These two are no reason to end the whole program. A new program may fail at what the old
	 * one could do. And an engine of the same program may refuse the configuration that the
	 * last one accepted: the host has changed, and may change back.
	 */
	if (netd->requests.exit_code != EXIT_CODE_OK && engine_process_on_trial(engine))
		engine_process_kill(engine, "the new program cannot continue");
	else if (netd->requests.exit_code == EXIT_CODE_CONFIG && engine->generation > 1)
		engine_process_kill(
			engine, "it refuses the configuration that the previous engine accepted");
	else
		stop(netd, netd->requests.exit_code, "the engine asked for it");
	return 0;
}

int netd_engine_exchange(struct requests *requests, struct problem *problem)
{
	struct netd *netd = container_of(requests, struct netd, requests);

	/*
	 * In the user namespace of the guest, root's files have an unknown owner, so no program
	 * file can be checked.
	 */
	if (netd->has_guest) {
		problem_set(problem,
			"culvert run keeps the program that it was started with; start it again to use the new one");
		return -EOPNOTSUPP;
	}
	return engine_process_exchange(&netd->engine, problem);
}

int netd_reload_asked(struct requests *requests, bool only_check, struct problem *problem)
{
	struct netd *netd = container_of(requests, struct netd, requests);
	bool nothing = only_check;
	int r = only_check ? reload_check(&netd->reload, problem)
			   : reload_begin(&netd->reload, &nothing, problem);

	/* The log is for others than the command's user. */
	if (r < 0 && !only_check)
		log_error("reload: nothing has changed: %s", problem->text);
	return r == 0 && nothing ? 1 : r;
}

int netd_files_changed(struct credential_files *files, struct problem *problem)
{
	struct netd *netd = container_of(files, struct netd, credential_files);
	bool nothing = false;

	return reload_begin_files(&netd->reload, &nothing, problem);
}

int netd_reconfigured(struct requests *requests, const struct request_reconfigured *confirmed,
	struct problem *problem)
{
	return reload_confirm(
		&container_of(requests, struct netd, requests)->reload, confirmed, problem);
}

static void engine_finished(struct engine_process *engine, bool gave_up)
{
	struct netd *netd = owner(engine);

	if (gave_up)
		netd->exit_code = EXIT_CODE_FAILURE;
	if (netd->has_guest && netd->guest.state != GUEST_ENDED)
		guest_dismiss(&netd->guest, GUEST_FAILED); /* netd_guest_ended() follows */
	else
		loop_stop(netd->loop);
}

void netd_guest_ended(struct guest *guest)
{
	struct netd *netd = container_of(guest, struct netd, guest);

	if (!netd->stopping)
		stop(netd, EXIT_CODE_OK, "the command has ended");
	else if (netd->engine.state == ENGINE_NONE)
		loop_stop(netd->loop);
}

void netd_tunnel_up(struct requests *requests, const struct request_dns *up)
{
	struct netd *netd = container_of(requests, struct netd, requests);

	if (netd->has_guest)
		guest_up(&netd->guest, up);
}

void netd_path_silent(struct requests *requests, const struct addr *local)
{
	uplinks_silent(&container_of(requests, struct netd, requests)->uplinks, local);
}

const struct engine_events netd_engine_events = {
	.begins = engine_begins,
	.begun = engine_begun,
	.message = engine_message,
	.finished = engine_finished,
};

void netd_interfaces_changed(struct interfaces *interfaces, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix)
{
	struct netd *netd = container_of(interfaces, struct netd, interfaces);

	if (event == INTERFACE_MADE)
		desired_state_interface_made(&netd->desired, interface);
	else if (held_routes_any(interfaces, &interface->netns))
		desired_state_interface_changed(&netd->desired);
	outer_path_hold(&netd->outer_path);
	if (event == INTERFACE_MADE || event == INTERFACE_ROUTE_ADDED)
		outer_path_follow(&netd->outer_path, interface, event == INTERFACE_MADE);
	/* The command of an ordinary user has no hooks. */
	if (!netd->program->settings->contained && event != INTERFACE_IDLE &&
		event != INTERFACE_IN_USE)
		hooks_event(&netd->hooks, event, interface, prefix);
}

static int route_removed(void *context, const struct route_judged *judged)
{
	struct netd *netd = context;

	return engine_process_judged(&netd->engine, judged);
}

void netd_local_bridges_changed(struct local_bridges *local)
{
	struct netd *netd = container_of(local, struct netd, local_bridges);

	full_tunnel_local_changed(&netd->full_tunnel);
	kill_switch_local_changed(&netd->kill_switch);
	answer_inbound_local_changed(&netd->answer_inbound);
}

void netd_network_changed(struct network *network)
{
	struct netd *netd = container_of(network, struct netd, network);

	log_debug("this host's network has changed");
	local_bridges_refresh(&netd->local_bridges);
	full_tunnel_network_changed(&netd->full_tunnel);
	address_check_again(&netd->requests.address_check);
	if (netd->program->settings->role == SETTINGS_CLIENT)
		engine_process_network(&netd->engine);
	netd_judge_routes_again(netd);
}

void netd_judge_routes_again(struct netd *netd)
{
	if (route_check_again(&netd->requests.route_check, route_removed, netd))
		engine_process_places(&netd->engine);
}
