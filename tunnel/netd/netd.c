/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/netd.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "netd/dns.h"
#include "netd/engine_process.h"
#include "netd/files.h"
#include "netd/forwarding.h"
#include "netd/full_tunnel.h"
#include "netd/guest.h"
#include "netd/interface_make.h"
#include "netd/hooks.h"
#include "netd/interfaces.h"
#include "netd/kill_switch.h"
#include "netd/nat.h"
#include "netd/network.h"
#include "netd/places.h"
#include "netd/privilege.h"
#include "netd/program_file.h"
#include "netd/requests.h"
#include "netd/sweep.h"
#include "netd/visit.h"
#include "system/loop.h"
#include "system/netlink.h"
#include "system/netns.h"
#include "system/process.h"

/*
 * Here netd is put together and taken apart: a ladder of steps in start(), their mirror in
 * take_down(). In between everything happens in the loop's callbacks: signals, the engine's
 * messages, its death, timers. One thread.
 */

struct netd {
	const struct netd_program *program;
	enum exit_code exit_code;
	bool stopping;
	bool restarting; /* by whoever starts it again at once */
	struct process_user user;
	bool switch_user; /* to `user`; else the engine runs as who we are */
	struct files files;
	struct places places;
	struct loop *loop;
	struct netlink *netlink;
	int signal_fd;
	struct loop_watch signal_watch;
	sigset_t signals;
	struct program_file program_file;
	uint8_t instance[REQUEST_INSTANCE_SIZE]; /* of this run: all its engines are one */
	struct interfaces interfaces;
	struct full_tunnel full_tunnel;
	struct dns dns;
	struct hooks hooks;
	struct network network;
	struct nat nat;
	struct kill_switch kill_switch;
	struct forwarding forwarding;
	struct requests requests;
	struct engine_plan plan;
	struct engine_process engine;
	bool has_guest;
	struct guest guest;
};

/* ---- what happens while it runs ---- */

static void stop(struct netd *netd, enum exit_code code, const char *why)
{
	netd->stopping = true;
	netd->exit_code = code;
	log_notice("stopping: %s", why);
	engine_process_stop(&netd->engine);
}

static void signal_ready(struct loop_watch *watch, uint32_t events)
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
		log_notice("SIGHUP: a changed configuration wants a restart; nothing was done");
		return;
	}
	netd->restarting = info.ssi_signo == SIGUSR1;
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

/*
 * What the engine before had is still there, whatever ended it: the registry holds nothing that the
 * configuration does not allow. It is offered to the new engine; what that one does not adopt stays
 * until INTERFACE_DELETE, or until netd ends.
 */
static void engine_begins(struct engine_process *engine, struct request_configure *configure)
{
	struct netd *netd = owner(engine);

	interfaces_detach_queues(&netd->interfaces);
	memcpy(configure->instance, netd->instance, sizeof(configure->instance));
	configure->adopt_count = (uint32_t)netd->interfaces.count;
	if (configure->adopt_count > 0)
		log_info("offering %u interfaces to the new engine", configure->adopt_count);
	requests_begin(&netd->requests, configure->generation);
}

static int engine_message(struct engine_process *engine, const void *data, size_t len,
	struct writer *reply, int *ret_fds, size_t *ret_fd_count, bool *ret_fds_owned,
	struct problem *problem)
{
	struct netd *netd = owner(engine);
	int r = requests_handle(
		&netd->requests, data, len, reply, ret_fds, ret_fd_count, ret_fds_owned, problem);

	if (r < 0)
		return r;
	if (netd->requests.ready)
		engine_process_ready(engine);
	if (!netd->requests.exit_asked || netd->stopping)
		return 0;
	/* What a new program cannot do the old one could: that is no reason to end. */
	if (netd->requests.exit_code != EXIT_CODE_OK && engine_process_on_trial(engine))
		engine_process_kill(engine, "the new program cannot go on");
	else
		stop(netd, netd->requests.exit_code, "the engine asked for it");
	return 0;
}

static int engine_exchange(struct requests *requests, struct problem *problem)
{
	struct netd *netd = container_of(requests, struct netd, requests);

	return engine_process_exchange(&netd->engine, problem);
}

static void engine_finished(struct engine_process *engine, bool gave_up)
{
	struct netd *netd = owner(engine);

	if (gave_up)
		netd->exit_code = EXIT_CODE_FAILURE;
	if (netd->has_guest && netd->guest.state != GUEST_ENDED)
		guest_dismiss(&netd->guest, GUEST_FAILED); /* its end is the next to wait for */
	else
		loop_stop(netd->loop);
}

static void guest_ended(struct guest *guest)
{
	struct netd *netd = container_of(guest, struct netd, guest);

	if (!netd->stopping)
		stop(netd, EXIT_CODE_OK, "the command has ended");
	else if (netd->engine.state == ENGINE_NONE)
		loop_stop(netd->loop);
}

static void tunnel_up(struct requests *requests, const struct request_dns *up)
{
	struct netd *netd = container_of(requests, struct netd, requests);

	if (netd->has_guest)
		guest_begin(&netd->guest, up);
}

static const struct engine_events engine_events = {
	.begins = engine_begins,
	.message = engine_message,
	.finished = engine_finished,
};

static void interfaces_changed(struct interfaces *interfaces, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix)
{
	struct netd *netd = container_of(interfaces, struct netd, interfaces);

	hooks_event(&netd->hooks, event, interface, prefix);
}

static void network_changed(struct network *network)
{
	struct netd *netd = container_of(network, struct netd, network);

	log_debug("this host's network has changed");
	full_tunnel_network_changed(&netd->full_tunnel);
	engine_process_network(&netd->engine);
}

/* ---- start and end ---- */

/*
 * A step of the ladder. Returns what the program ends with when the step fails; EXIT_CODE_OK: on to
 * the next.
 */
typedef enum exit_code step_fn(struct netd *netd, struct problem *problem);

static enum exit_code check_privilege(struct netd *netd, struct problem *problem)
{
	(void)netd;
	return privilege_check(problem) < 0 ? EXIT_CODE_PERMISSION : EXIT_CODE_OK;
}

static enum exit_code find_user(struct netd *netd, struct problem *problem)
{
	/* Only root can become another; who got the capability in another way stays who he is. */
	if (geteuid() != 0 || netd->program->settings->contained)
		return EXIT_CODE_OK;
	if (!process_has_capability(CAP_SETUID) || !process_has_capability(CAP_SETGID) ||
		!process_has_capability(CAP_SETPCAP)) {
		problem_set(problem,
			"root needs CAP_SETUID, CAP_SETGID and CAP_SETPCAP, to run the engine as "
			"another user; without these, start as a user who is not root and has "
			"CAP_NET_ADMIN");
		return EXIT_CODE_PERMISSION;
	}
	if (process_find_user(netd->program->settings->user, &netd->user, problem) < 0)
		return EXIT_CODE_CONFIG;
	netd->switch_user = true;
	return EXIT_CODE_OK;
}

static enum exit_code find_namespaces(struct netd *netd, struct problem *problem)
{
	const struct settings *settings = netd->program->settings;

	(void)netns_own(&netd->interfaces.home); /* without /proc none is told apart from ours */
	netd->interfaces.make_there = settings->contained;
	return visit_find(settings, problem) < 0 ? EXIT_CODE_CONFIG : EXIT_CODE_OK;
}

static enum exit_code open_files(struct netd *netd, struct problem *problem)
{
	const struct netd_program *program = netd->program;

	return files_open(program->settings, program->config_path, program->config_text,
		       program->config_len, &netd->files, problem) < 0
		? EXIT_CODE_CONFIG
		: EXIT_CODE_OK;
}

static enum exit_code listen_tcp(struct netd *netd, struct problem *problem)
{
	int r = places_listen(&netd->places, netd->program->settings, problem);

	if (r == -EACCES || r == -EPERM)
		return EXIT_CODE_PERMISSION;
	if (r == -ENOENT) /* the congestion control */
		return EXIT_CODE_CONFIG;
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code open_control(struct netd *netd, struct problem *problem)
{
	return places_open_control(&netd->places, netd->program->settings, problem) < 0
		? EXIT_CODE_FAILURE
		: EXIT_CODE_OK;
}

static enum exit_code open_state(struct netd *netd, struct problem *problem)
{
	return places_open_state(&netd->places, netd->program->settings,
		       netd->switch_user ? &netd->user : NULL, problem) < 0
		? EXIT_CODE_FAILURE
		: EXIT_CODE_OK;
}

static int watch_signals(struct netd *netd)
{
	netd->signal_fd = signalfd(-1, &netd->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (netd->signal_fd < 0)
		return -errno;
	return loop_watch_add(
		netd->loop, &netd->signal_watch, netd->signal_fd, EPOLLIN, signal_ready);
}

static enum exit_code open_kernel(struct netd *netd, struct problem *problem)
{
	int r = netlink_open(&netd->netlink, problem);

	if (r < 0)
		return EXIT_CODE_FAILURE;
	netd->interfaces.netlink = netd->netlink;
	r = loop_new(&netd->loop);
	if (r == 0)
		r = watch_signals(netd);
	if (r == 0)
		r = program_file_open(&netd->program_file);
	if (r == 0 &&
		getrandom(netd->instance, sizeof(netd->instance), 0) !=
			(ssize_t)sizeof(netd->instance))
		r = -EIO;
	if (r < 0)
		problem_set(problem, "cannot set up the main loop: %s", strerrordesc_np(-r));
	else if (netd->has_guest)
		r = guest_watch(&netd->guest, netd->loop, guest_ended, problem);
	if (r == 0)
		hooks_init(&netd->hooks, netd->program->settings, netd->loop);
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code sweep_leftovers(struct netd *netd, struct problem *problem)
{
	(void)problem;
	/* An ordinary user's has no business with what is the host's. */
	if (!netd->program->settings->contained)
		sweep_at_start(netd->netlink);
	return EXIT_CODE_OK;
}

static enum exit_code load_steering(struct netd *netd, struct problem *problem)
{
	(void)problem;
	interface_make_load_steering(&netd->interfaces, netd->program->settings);
	return EXIT_CODE_OK;
}

/* Where it fails a client can do without: the silence of its server tells it, too, but later. */
static enum exit_code watch_network(struct netd *netd, struct problem *problem)
{
	if (netd->program->settings->role == SETTINGS_CLIENT &&
		network_open(&netd->network, netd->loop, &netd->interfaces, network_changed,
			problem) < 0)
		log_warning("%s; changes are not noticed", problem->text);
	return EXIT_CODE_OK;
}

static enum exit_code set_firewall(struct netd *netd, struct problem *problem)
{
	const struct settings *settings = netd->program->settings;
	int r = nat_start(&netd->nat, settings, problem);

	if (r == 0)
		r = kill_switch_start(&netd->kill_switch, settings, netd->loop, problem);
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code start_forwarding(struct netd *netd, struct problem *problem)
{
	(void)problem;
	forwarding_start(&netd->forwarding, netd->program->settings, netd->netlink, SYSCTL_NET);
	return EXIT_CODE_OK;
}

static void plan_fd(struct engine_plan *plan, enum request_fd_kind kind, int fd)
{
	if (fd < 0)
		return;
	plan->fd[plan->fd_count] = fd;
	plan->fd_kind[plan->fd_count] = (uint8_t)kind;
	plan->fd_count++;
}

/* Everything that has a place of its own, and the listeners. */
static_assert(REQUEST_FD_LISTENER - REQUEST_FD_CONFIG + SETTINGS_LISTEN_MAX <= REQUEST_FDS_MAX,
	"CONFIGURE has room for every descriptor");

static enum exit_code start_engine(struct netd *netd, struct problem *problem)
{
	const struct netd_program *program = netd->program;
	struct engine_plan *plan = &netd->plan;

	*plan = (struct engine_plan){ .loop = netd->loop,
		.events = &engine_events,
		.argv = program->engine_argv,
		.program = &netd->program_file,
		.user = netd->switch_user ? &netd->user : NULL,
		.config_path = program->config_path };
	plan_fd(plan, REQUEST_FD_CONFIG, netd->files.config);
	plan_fd(plan, REQUEST_FD_CERTIFICATE, netd->files.certificate);
	plan_fd(plan, REQUEST_FD_KEY, netd->files.key);
	plan_fd(plan, REQUEST_FD_CA, netd->files.ca);
	plan_fd(plan, REQUEST_FD_CRL, netd->files.crl);
	plan_fd(plan, REQUEST_FD_STATE, netd->places.state);
	plan_fd(plan, REQUEST_FD_CONTROL, netd->places.control);
	for (size_t i = 0; i < netd->places.listener_count; i++)
		plan_fd(plan, REQUEST_FD_LISTENER, netd->places.listeners[i]);
	requests_init(&netd->requests, program->settings, &netd->interfaces, &netd->full_tunnel,
		&netd->dns, engine_exchange);
	netd->requests.up = tunnel_up;
	netd->requests.kill_switch = &netd->kill_switch;
	netd->requests.forwarding = &netd->forwarding;
	engine_process_init(&netd->engine, plan);
	return engine_process_start(&netd->engine, problem) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

/* Everything that wants more has been opened by now. */
static enum exit_code give_up_privilege(struct netd *netd, struct problem *problem)
{
	return privilege_give_up(netd->program->settings, problem) < 0 ? EXIT_CODE_FAILURE
								       : EXIT_CODE_OK;
}

/* Cheap refusals first; what others can see comes late. */
static step_fn *const ladder[] = {
	check_privilege,
	find_user,
	find_namespaces,
	open_files,
	listen_tcp,
	open_control,
	open_state,
	open_kernel,
	sweep_leftovers,
	load_steering,
	watch_network,
	start_forwarding,
	give_up_privilege,
	set_firewall,
	start_engine,
};

static enum exit_code start(struct netd *netd)
{
	struct problem problem;
	enum exit_code code = EXIT_CODE_OK;

	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]) && code == EXIT_CODE_OK; i++)
		code = ladder[i](netd, &problem);
	if (code != EXIT_CODE_OK)
		log_error("%s", problem.text);
	return code;
}

/* The mirror of the ladder; copes with one that was climbed half-way. */
static void take_down(struct netd *netd)
{
	engine_process_free(&netd->engine);
	if (netd->has_guest) {
		guest_end(&netd->guest);
		netd->program->guest->status = netd->guest.status;
	}
	forwarding_stop(&netd->forwarding);
	network_close(&netd->network);
	if (netd->netlink != NULL) {
		dns_lift(&netd->dns);
		full_tunnel_lift(&netd->full_tunnel);
		interfaces_remove_all(&netd->interfaces, "the program stops");
	}
	hooks_finish(&netd->hooks, netd->signal_fd);
	/* Only a person ends it with 0: by a signal, or by asking the engine. */
	kill_switch_stop(&netd->kill_switch, netd->exit_code == EXIT_CODE_OK && !netd->restarting);
	nat_stop(&netd->nat);
	if (netd->interfaces.steering_fd >= 0)
		close(netd->interfaces.steering_fd);
	places_close(&netd->places);
	files_close(&netd->files);
	program_file_close(&netd->program_file);
	if (netd->signal_fd >= 0)
		close(netd->signal_fd);
	loop_free(netd->loop);
	netlink_close(netd->netlink);
	free(netd);
}

static struct netd *netd_new(const struct netd_program *program)
{
	struct netd *netd = calloc(1, sizeof(*netd));

	if (netd == NULL)
		return NULL;
	netd->program = program;
	netd->files = (struct files){ -1, -1, -1, -1, -1 };
	places_init(&netd->places);
	netd->signal_fd = -1;
	netd->signal_watch.fd = -1;
	program_file_init(&netd->program_file);
	netd->interfaces.steering_fd = -1;
	if (program->guest != NULL) {
		netd->has_guest = true;
		netd->guest = *program->guest;
		netd->guest.process.fd = -1;
	}
	full_tunnel_init(&netd->full_tunnel, program->settings, &netd->interfaces);
	dns_init(&netd->dns, program->settings->full_tunnel);
	if (!program->settings->contained) /* an ordinary user's command has no use for them */
		netd->interfaces.changed = interfaces_changed;
	return netd;
}

/*
 * From here to the end of the process they wait for the loop, so that whatever was made is also
 * taken down.
 */
static void hold_signals(struct netd *netd)
{
	(void)sigemptyset(&netd->signals);
	(void)sigaddset(&netd->signals, SIGINT);
	(void)sigaddset(&netd->signals, SIGTERM);
	(void)sigaddset(&netd->signals, SIGHUP);
	(void)sigaddset(&netd->signals, SIGUSR1);
	if (netd->has_guest) { /* and what else may be meant for the command */
		(void)sigaddset(&netd->signals, SIGQUIT);
		(void)sigaddset(&netd->signals, SIGUSR2);
	}
	(void)sigprocmask(SIG_BLOCK, &netd->signals, NULL);
	/* A log that nobody reads any more must not end the program. */
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
}

enum exit_code netd_run(const struct netd_program *program)
{
	struct netd *netd = netd_new(program);
	enum exit_code code = EXIT_CODE_FAILURE;
	bool started;
	int r;

	if (netd == NULL || process_ensure_standard_fds() < 0) {
		log_error("cannot start: out of memory or descriptors");
		free(netd);
		return code;
	}
	process_raise_fd_limit();
	hold_signals(netd);
	code = start(netd);
	started = code == EXIT_CODE_OK;
	if (started) {
		r = loop_run(netd->loop);
		code = netd->exit_code;
		if (r < 0) {
			log_error("the main loop failed: %s", strerrordesc_np(-r));
			code = EXIT_CODE_FAILURE;
		}
	}
	netd->exit_code = code;
	take_down(netd);
	if (started)
		log_info("stopped");
	return code;
}
