/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/succession.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/fingerprint.h"
#include "base/log.h"
#include "netd/full_tunnel_bequest.h"
#include "netd/handover.h"
#include "netd/inheritance.h"
#include "netd/netd_internal.h"
#include "netd/successor.h"
#include "system/ipc.h"
#include "system/netlink_nft.h"
#include "system/process.h"
#include "system/socket.h"
#include "system/supervisor.h"

/* ---- the bequest ---- */

static int describe_interface(const struct interface *interface, struct bequest_interface *out)
{
	int r = prefix_list_append(&out->routes, interface->routes, interface->route_count);

	if (r == 0)
		r = prefix_list_append(&out->held, interface->held.items, interface->held.count);
	if (r < 0)
		return r;
	out->now = interface->now;
	out->number = interface->number;
	out->index = interface->index;
	out->metric = interface->metric;
	out->netns = interface->netns;
	out->idle = interface->idle;
	out->off4 = interface->off4;
	out->off6 = interface->off6;
	memcpy(out->name, interface->name, sizeof(out->name));
	memcpy(out->queues, interface->queues, sizeof(out->queues));
	return 0;
}

static int describe_interfaces(const struct interfaces *interfaces, struct bequest *bequest)
{
	int r = 0;

	bequest->numbered = interfaces->numbered;
	bequest->table = interfaces->table;
	bequest->interfaces = calloc(interfaces->count + 1, sizeof(bequest->interfaces[0]));
	if (!bequest->interfaces)
		return -ENOMEM;
	for (const struct interface *i = interfaces->first; i && r == 0; i = i->next)
		r = describe_interface(i, &bequest->interfaces[bequest->interface_count++]);
	return r;
}

static int fd_of(const struct netlink_nft *nft)
{
	return nft ? netlink_nft_fd(nft) : -1;
}

static void describe_files(const struct netd *netd, struct bequest *bequest)
{
	const struct engine_files *files = &netd->engine_files;

	bequest->listener_count = files->listener_count;
	memcpy(bequest->listeners, files->listeners, sizeof(bequest->listeners));
	bequest->fds[BEQUEST_CONTROL] = files->control;
	bequest->fds[BEQUEST_NAT] = fd_of(netd->nat.nft);
	bequest->fds[BEQUEST_GUARD] = fd_of(netd->full_tunnel.guard.nft);
	bequest->fds[BEQUEST_KILL_SWITCH] = fd_of(netd->kill_switch.nft);
	bequest->fds[BEQUEST_INBOUND] = fd_of(netd->answer_inbound.nft);
	bequest->fds[BEQUEST_CLAIM] = netd->full_tunnel.claim.fd;
	bequest->fds[BEQUEST_RESOLV_CONF] = netd->dns.held;
}

/* The descriptors in it stay the modules'. */
static int describe(const struct netd *netd, struct bequest *bequest)
{
	const struct netd_program *program = netd->program;

	memcpy(bequest->name, program->settings->name, sizeof(bequest->name));
	bequest->role = (uint8_t)program->settings->role;
	bequest->text = fingerprint_add(
		FINGERPRINT_OF_NOTHING, program->configuration->text, program->configuration->len);
	memcpy(bequest->instance, netd->instance, sizeof(bequest->instance));
	bequest->kill_switch_index = netd->kill_switch.tunnel;
	bequest->inbound_switched = netd->answer_inbound.switched;
	bequest->outer_in_force = netd->outer_path.in_force;
	bequest->outer_held = netd->outer_path.held;
	full_tunnel_bequeath(&netd->full_tunnel, &bequest->full_tunnel);
	dns_bequeath(&netd->dns, &bequest->dns);
	describe_files(netd, bequest);
	return describe_interfaces(&netd->interfaces, bequest);
}

static int make_parcel(const struct netd *netd, int *ret_parcel, struct problem *problem)
{
	struct bequest *bequest = bequest_new();
	int r = bequest ? describe(netd, bequest) : -ENOMEM;

	if (r < 0)
		problem_set(problem, "%s", error_text(r));
	else
		r = handover_pack(bequest, ret_parcel, problem);
	bequest_free(bequest);
	return r;
}

/* At once, before it notices that netd leaves, and without a goodbye: that would end sessions. */
static void end_engine(struct netd *netd)
{
	if (netd->engine.process.fd >= 0)
		(void)process_signal(&netd->engine.process, SIGKILL);
	engine_process_free(&netd->engine);
}

/* ---- to a supervisor ---- */

bool succession_to_supervisor(struct netd *netd)
{
	struct problem problem;
	int parcel, r;

	if (netd->has_guest || !netd->supervisor.stores)
		return false;
	r = make_parcel(netd, &parcel, &problem);
	if (r == 0) {
		r = supervisor_keep(&netd->supervisor, INHERITANCE_NAME, parcel);
		if (r < 0)
			problem_set(&problem, "the supervisor does not keep the descriptors: %s",
				error_text(r));
		close(parcel);
	}
	if (r < 0) {
		log_warning("sessions do not outlive this restart: %s", problem.text);
		return false;
	}
	end_engine(netd);
	netd->succession.done = true;
	return true;
}

/* ---- to a successor ---- */

static void stop_offer(struct netd *netd)
{
	struct succession *succession = &netd->succession;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	if (succession->listener < 0)
		return;
	loop_watch_remove(netd->loop, &succession->offer);
	close(succession->listener);
	succession->listener = -1;
	if (successor_path(netd->program->settings, path, sizeof(path)) == 0)
		(void)unlink(path);
}

static void end_talk(struct netd *netd)
{
	struct succession *succession = &netd->succession;
	int fd = succession->peer.fd;

	loop_timer_stop(netd->loop, &succession->patience);
	if (fd < 0)
		return;
	loop_watch_remove(netd->loop, &succession->peer);
	close(fd);
}

/* The successor has not taken over: its copies are closed, and this process goes on. */
static void go_on(struct netd *netd, const char *why)
{
	struct problem problem;

	end_talk(netd);
	log_warning("the process that was to succeed this one %s; going on", why);
	desired_state_suspend(&netd->desired, false);
	if (engine_process_start(&netd->engine, &problem) < 0) {
		log_error("%s", problem.text);
		netd->exit_code = EXIT_CODE_FAILURE;
		loop_stop(netd->loop);
		return;
	}
	succession_offer(netd);
}

static struct netd *owner(struct succession *succession)
{
	return container_of(succession, struct netd, succession);
}

static void patience_over(struct loop_timer *timer)
{
	go_on(owner(container_of(timer, struct succession, patience)), "did not end in time");
}

static void peer_ready(struct loop_watch *watch, uint32_t events)
{
	struct netd *netd = owner(container_of(watch, struct succession, peer));
	uint32_t word = 0;
	size_t len = 0, count = 0;
	int r = ipc_receive(watch->fd, &word, sizeof(word), &len, NULL, 0, &count);

	(void)events;
	if (r == -EAGAIN)
		return;
	if (r < 0 || len != sizeof(word) || word != SUCCESSOR_TOOK) {
		go_on(netd, "ended before it had taken over");
		return;
	}
	log_notice("stopping: the process that succeeds this one has taken over");
	netd->succession.done = true;
	netd->stopping = true;
	netd->exit_code = EXIT_CODE_OK;
	loop_stop(netd->loop);
}

static int give(struct netd *netd, int fd, struct problem *problem)
{
	const uint32_t given = SUCCESSOR_GIVEN;
	int parcel, r;

	if (netd->stopping || netd->engine.state != ENGINE_RUNNING) {
		problem_set(problem, "its engine is not running just now; try again in a moment");
		return -EBUSY;
	}
	r = make_parcel(netd, &parcel, problem);
	if (r < 0)
		return r;
	/* From here on this end neither changes nor repairs anything. */
	stop_offer(netd);
	end_engine(netd);
	/* Its new listeners are not part of the parcel, and the successor may want their ports. */
	reload_engine_ended(&netd->reload);
	desired_state_suspend(&netd->desired, true);
	r = ipc_send(fd, &given, sizeof(given), &parcel, 1);
	close(parcel);
	if (r == 0)
		r = loop_watch_add(netd->loop, &netd->succession.peer, fd, EPOLLIN, peer_ready);
	if (r < 0) {
		problem_set(problem, "%s", error_text(r));
		go_on(netd, "cannot be reached");
		return r;
	}
	loop_timer_start(netd->loop, &netd->succession.patience,
		mono_add(mono_now(), DURATION_S(SUCCESSOR_PATIENCE_S)), patience_over);
	return 0;
}

/* Only this very user gets anything, by the kernel's word. */
static int check_asker(int fd, struct problem *problem)
{
	struct timeval patience = { .tv_usec = 200000 };
	struct ucred who;
	socklen_t len = sizeof(who);
	uint32_t word = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.uid != geteuid()) {
		problem_set(problem, "only the user of this process may succeed it");
		return -EPERM;
	}
	/* It asks at once; a process of root's that does not is not waited for. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (recv(fd, &word, sizeof(word), 0) != (ssize_t)sizeof(word) || word != SUCCESSOR_ASKS) {
		problem_set(problem, "it speaks another version; restart the program instead");
		return -EPROTONOSUPPORT;
	}
	log_notice("process %d succeeds this one", (int)who.pid);
	return 0;
}

static void offer_ready(struct loop_watch *watch, uint32_t events)
{
	struct netd *netd = owner(container_of(watch, struct succession, offer));
	struct problem problem;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC), r;

	(void)events;
	if (fd < 0)
		return;
	r = check_asker(fd, &problem);
	if (r == 0)
		r = give(netd, fd, &problem);
	if (r == 0)
		return;
	log_warning("a process that asked to succeed this one is refused: %s", problem.text);
	(void)ipc_send(fd, problem.text, strlen(problem.text), NULL, 0);
	if (netd->succession.peer.fd != fd)
		close(fd);
}

void succession_init(struct succession *succession)
{
	*succession = (struct succession){ .listener = -1, .offer.fd = -1, .peer.fd = -1 };
}

void succession_offer(struct netd *netd)
{
	struct succession *succession = &netd->succession;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct problem problem;
	int r = successor_path(netd->program->settings, path, sizeof(path));

	if (netd->has_guest || !netd->switch_user || netd->supervisor.fd >= 0 || r == -EINVAL)
		return;
	if (r < 0)
		problem_set(&problem, "%s", error_text(r));
	if (r == 0)
		r = socket_control(path, &succession->listener, &problem);
	if (r == 0) {
		r = loop_watch_add(
			netd->loop, &succession->offer, succession->listener, EPOLLIN, offer_ready);
		if (r < 0)
			problem_set(&problem, "%s", error_text(r));
	}
	if (r < 0)
		log_warning("no other process can succeed this one: %s", problem.text);
}

/* ---- the end ---- */

static void leave_interfaces(struct interfaces *interfaces)
{
	while (interfaces->first) {
		struct interface *interface = interfaces->first;

		interfaces->first = interface->next;
		interfaces->count--;
		interfaces_release(interfaces, interface);
	}
	interfaces_leave(interfaces);
}

void succession_leave(struct netd *netd)
{
	if (!netd->succession.done)
		return;
	forwarding_leave(&netd->forwarding);
	dns_leave(&netd->dns);
	leave_interfaces(&netd->interfaces);
	netd->outer_path.in_force = netd->outer_path.held = false;
	full_tunnel_leave(&netd->full_tunnel);
	kill_switch_leave(&netd->kill_switch);
	netd->answer_inbound.switched = false;
	engine_files_leave(&netd->engine_files);
}

void succession_close(struct netd *netd)
{
	if (!netd->loop)
		return;
	end_talk(netd);
	stop_offer(netd);
}
