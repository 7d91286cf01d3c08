/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/netd_internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/engine_plan.h"
#include "netd/interface_life.h"
#include "netd/interface_make.h"
#include "netd/outer.h"
#include "netd/privilege.h"
#include "netd/sweep.h"
#include "netd/foreign_netns.h"
#include "system/first_process.h"
#include "system/netns.h"
#include "system/process.h"

/*
 * Puts netd together step by step, runs it, and takes it apart in the reverse order. This file
 * knows the callbacks of netd.c; netd.c calls nothing here.
 */

static struct netd *netd_new(const struct netd_program *program)
{
	struct netd *netd = calloc(1, sizeof(*netd));

	if (!netd)
		return NULL;
	netd->program = program;
	netd->sealed_files = (struct sealed_files){ -1, -1, -1, -1, -1 };
	engine_files_init(&netd->engine_files);
	netd->supervisor.fd = -1;
	netd->signal_fd = -1;
	netd->signal_watch.fd = -1;
	program_file_init(&netd->program_file);
	engine_output_init(&netd->output);
	issuer_process_init(&netd->issuer);
	netd->interfaces.steering_fd = -1;
	if (program->guest) {
		netd->has_guest = true;
		netd->guest = *program->guest;
		netd->guest.process.fd = -1;
		netd->guest.resolv_fd = -1;
	}
	inheritance_init(&netd->inheritance, program->predecessor);
	succession_init(&netd->succession);
	full_tunnel_init(&netd->full_tunnel, program->settings, &netd->interfaces);
	dns_init(&netd->dns, program->settings->full_tunnel);
	netd->interfaces.changed = netd_interfaces_changed;
	return netd;
}

/*
 * Blocks signals until the end of the process. The loop reads them, so that everything that was
 * made is also removed.
 */
static void hold_signals(struct netd *netd)
{
	(void)sigemptyset(&netd->signals);
	(void)sigaddset(&netd->signals, SIGINT);
	(void)sigaddset(&netd->signals, SIGTERM);
	(void)sigaddset(&netd->signals, SIGHUP);
	(void)sigaddset(&netd->signals, SIGUSR1);
	(void)sigaddset(&netd->signals, SIGUSR2);
	if (netd->has_guest) /* and another that may be meant for the command */
		(void)sigaddset(&netd->signals, SIGQUIT);
	(void)sigprocmask(SIG_BLOCK, &netd->signals, NULL);
	/* A closed pipe for the log must not end the program. */
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
}

/*
 * A step of the ladder. Returns EXIT_CODE_OK to go on with the next, or the program's exit code,
 * and *problem says why.
 */
typedef enum exit_code step_fn(struct netd *netd, struct problem *problem);

static enum exit_code check_privilege(struct netd *netd, struct problem *problem)
{
	(void)netd;
	return privilege_check(problem) < 0 ? EXIT_CODE_PERMISSION : EXIT_CODE_OK;
}

static enum exit_code find_user(struct netd *netd, struct problem *problem)
{
	/*
	 * Only root can change to another user. A user that has got the capability in another way
	 * stays the same.
	 */
	if (geteuid() != 0 || netd->program->settings->contained)
		return EXIT_CODE_OK;
	if (!process_has_capability(CAP_SETUID) || !process_has_capability(CAP_SETGID) ||
		!process_has_capability(CAP_SETPCAP)) {
		problem_set(problem,
			"root needs CAP_SETUID, CAP_SETGID and CAP_SETPCAP, to run the engine as "
			"another user; without these, start as a user that is not root and has "
			"CAP_NET_ADMIN");
		return EXIT_CODE_PERMISSION;
	}
	int r = process_find_user(netd->program->settings->user, &netd->user, problem);
	if (r < 0)
		return exit_code_of_error(r, EXIT_CODE_CONFIG);
	netd->switch_user = true;
	return EXIT_CODE_OK;
}

static enum exit_code find_namespaces(struct netd *netd, struct problem *problem)
{
	const struct settings *settings = netd->program->settings;
	int r;

	/* without /proc no namespace is recognized as netd's own */
	(void)netns_own(&netd->interfaces.home);
	netd->interfaces.make_there = settings->contained;
	r = foreign_netns_check(settings, problem);
	if (r == -EPERM)
		return EXIT_CODE_PERMISSION;
	/* Another program makes the namespace, now or later. */
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code open_files(struct netd *netd, struct problem *problem)
{
	const struct netd_program *program = netd->program;

	int r = sealed_files_open(program->settings, program->config_path,
		program->configuration->text, program->configuration->len, &netd->sealed_files,
		problem);

	return r < 0 ? exit_code_of_error(r, EXIT_CODE_CONFIG) : EXIT_CODE_OK;
}

static enum exit_code load_congestion(struct netd *netd, struct problem *problem)
{
	int r = outer_load_congestion(netd->program->settings);

	/* Not needed until a path is lossy: `doctor` and the lane's own line name it then. */
	if (r < 0)
		log_info(
			"no BBR for congestion = \"" SETTINGS_CONGESTION_AUTO
			"\": %s; a path that loses packets will be slow; modprobe tcp_bbr loads it",
			error_text(r));
	(void)problem;
	return EXIT_CODE_OK;
}

static enum exit_code receive_inheritance(struct netd *netd, struct problem *problem)
{
	return inheritance_receive(netd, problem) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code listen_tcp(struct netd *netd, struct problem *problem)
{
	int r = engine_files_listen(&netd->engine_files, netd->program->settings, problem);

	if (r == -EACCES || r == -EPERM)
		return EXIT_CODE_PERMISSION;
	if (r == -ENOENT) /* the congestion control */
		return EXIT_CODE_CONFIG;
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code open_control(struct netd *netd, struct problem *problem)
{
	return engine_files_open_control(&netd->engine_files, netd->program->settings, problem) < 0
		? EXIT_CODE_FAILURE
		: EXIT_CODE_OK;
}

static enum exit_code open_state(struct netd *netd, struct problem *problem)
{
	return engine_files_open_state(&netd->engine_files, netd->program->settings,
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
		netd->loop, &netd->signal_watch, netd->signal_fd, EPOLLIN, netd_signal_ready);
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
	if (r == 0 && !netd->inheritance.taken &&
		getrandom(netd->instance, sizeof(netd->instance), 0) !=
			(ssize_t)sizeof(netd->instance))
		r = -EIO;
	if (r < 0)
		problem_set(problem, "cannot set up the main loop: %s", error_text(r));
	else if (netd->has_guest)
		r = guest_watch(&netd->guest, netd->loop, netd_guest_ended, problem);
	if (r == 0)
		dns_run_in(&netd->dns, netd->loop);
	if (r == 0)
		full_tunnel_run_in(&netd->full_tunnel, netd->loop);
	if (r == 0) {
		local_bridges_init(&netd->local_bridges, netd->program->settings, netd->netlink,
			netd_local_bridges_changed);
		full_tunnel_leave_alone(&netd->full_tunnel, &netd->local_bridges);
	}
	if (r == 0)
		hooks_init(&netd->hooks, netd->program->settings, netd->loop);
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code take_inheritance(struct netd *netd, struct problem *problem)
{
	return inheritance_take(netd, problem) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code sweep_leftovers(struct netd *netd, struct problem *problem)
{
	(void)problem;
	/* An ordinary user's program leaves the host's settings alone. */
	if (!netd->program->settings->contained)
		sweep_at_start(netd->netlink);
	return EXIT_CODE_OK;
}

static enum exit_code keep_outer_path(struct netd *netd, struct problem *problem)
{
	(void)problem;
	outer_path_start(&netd->outer_path, netd->loop, netd->program->settings, &netd->interfaces);
	return EXIT_CODE_OK;
}

static enum exit_code load_steering(struct netd *netd, struct problem *problem)
{
	(void)problem;
	interface_make_load_steering(&netd->interfaces, netd->program->settings);
	return EXIT_CODE_OK;
}

/*
 * Without notifications a client still works: it notices a lost network later, when its server is
 * silent. No end then judges installed routes again.
 */
static enum exit_code watch_network(struct netd *netd, struct problem *problem)
{
	if (network_open(&netd->network, netd->loop, &netd->interfaces, netd_network_changed,
		    problem) < 0)
		log_warning("%s; netd does not notice changes", problem->text);
	return EXIT_CODE_OK;
}

/* Without that the kernel finds out by itself, later. */
static enum exit_code watch_uplinks(struct netd *netd, struct problem *problem)
{
	int r = !netd->program->settings->mptcp
		? 0
		: uplinks_open(
			  &netd->uplinks, netd->loop, netd->netlink, &netd->interfaces, problem);

	/* A kernel without MPTCP is told of where its sockets are made. */
	if (r < 0 && r != -EOPNOTSUPP)
		log_warning("%s; lost uplinks are noticed late", problem->text);
	return EXIT_CODE_OK;
}

static enum exit_code keep_desired(struct netd *netd, struct problem *problem)
{
	const struct desired_interfaces interfaces = { .registry = &netd->interfaces,
		.settings = netd->program->settings,
		.lacks = netd_interface_lacks,
		.context = netd };

	if (desired_state_open(
		    &netd->desired, netd->loop, &interfaces, netd_desired_changed, problem) < 0)
		log_warning(
			"%s; netd notices only every %d seconds that another program removed routes or addresses",
			problem->text, DESIRED_POLL_MS / 1000);
	return EXIT_CODE_OK;
}

static enum exit_code set_firewall(struct netd *netd, struct problem *problem)
{
	const struct settings *settings = netd->program->settings;
	int r;

	/* A kill switch that is taken over goes on admitting this host's containers. */
	local_bridges_refresh(&netd->local_bridges);
	inheritance_take_firewall(netd);
	r = nat_start(&netd->nat, settings, problem);
	if (r == 0)
		r = answer_inbound_start(
			&netd->answer_inbound, settings, &netd->local_bridges, problem);
	if (r == 0)
		r = kill_switch_start(
			&netd->kill_switch, settings, &netd->local_bridges, netd->loop, problem);
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

/* The announced prefixes depend on it, so a failure ends the program. */
static enum exit_code watch_tracked(struct netd *netd, struct problem *problem)
{
	return tracked_open(&netd->tracked, netd->loop, netd->program->settings, &netd->interfaces,
		       netd_tracked_changed, problem) < 0
		? EXIT_CODE_FAILURE
		: EXIT_CODE_OK;
}

static enum exit_code start_forwarding(struct netd *netd, struct problem *problem)
{
	(void)problem;
	(netd->inheritance.taken ? forwarding_take_over : forwarding_start)(&netd->forwarding,
		netd->program->settings, &netd->tracked, netd->netlink, SYSCTL_NET);
	return EXIT_CODE_OK;
}

static enum exit_code judge_inheritance(struct netd *netd, struct problem *problem)
{
	(void)problem;
	inheritance_judge(netd);
	return EXIT_CODE_OK;
}

static enum exit_code take_output(struct netd *netd, struct problem *problem)
{
	return engine_output_open(&netd->output, netd->loop, problem) < 0 ? EXIT_CODE_FAILURE
									  : EXIT_CODE_OK;
}

static void plan_reload(struct netd *netd)
{
	const struct netd_program *program = netd->program;

	netd->reload = (struct reload){
		.loop = netd->loop,
		.events = &netd_reload_events,
		.role = program->role,
		.live = program->configuration,
		.files = &netd->sealed_files,
		.engine_files = &netd->engine_files,
		.plan = &netd->plan,
		.engine = &netd->engine,
	};
	reload_init(&netd->reload);
}

/* Before the engine, which gets its end of the channel. */
static enum exit_code start_issuer(struct netd *netd, struct problem *problem)
{
	const struct issuer_plan plan = { .loop = netd->loop,
		.settings = netd->program->settings,
		.program = &netd->program_file,
		.program_name = netd->program->engine_argv[0],
		.config_path = netd->program->config_path,
		.files = &netd->sealed_files,
		.switch_user = netd->switch_user,
		.output_fd = netd->output.writer };
	int r = issuer_process_open(&netd->issuer, &plan, problem);

	if (r < 0)
		return exit_code_of_error(r, EXIT_CODE_CONFIG);
	issuer_process_start(&netd->issuer);
	netd->engine_files.issuer = issuer_process_engine_end(&netd->issuer);
	return EXIT_CODE_OK;
}

static enum exit_code start_engine(struct netd *netd, struct problem *problem)
{
	const struct netd_program *program = netd->program;
	struct engine_plan *plan = &netd->plan;

	*plan = (struct engine_plan){ .loop = netd->loop,
		.events = &netd_engine_events,
		.argv = program->engine_argv,
		.program = &netd->program_file,
		.user = netd->switch_user ? &netd->user : NULL,
		.output_fd = netd->output.writer,
		.config_path = program->config_path };
	engine_plan_files(plan, &netd->sealed_files, &netd->engine_files);
	requests_init(&netd->requests, program->settings, &netd->interfaces, &netd->full_tunnel,
		&netd->dns, netd_engine_exchange);
	plan_reload(netd);
	netd->requests.reload = netd_reload_asked;
	netd->requests.reconfigured = netd_reconfigured;
	netd->requests.up = netd_tunnel_up;
	netd->requests.silent = netd_path_silent;
	netd->requests.kill_switch = &netd->kill_switch;
	netd->requests.forwarding = &netd->forwarding;
	engine_process_init(&netd->engine, plan);
	return engine_process_start(&netd->engine, problem) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static enum exit_code hold_items(struct netd *netd, struct problem *problem)
{
	(void)problem;
	netd_hold_items(netd);
	return EXIT_CODE_OK;
}

static enum exit_code finish_inheritance(struct netd *netd, struct problem *problem)
{
	int r = inheritance_finish(netd, problem);

	if (r == 0)
		succession_offer(netd);
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

/* Everything that needs more privilege has been opened by now. */
static enum exit_code give_up_privilege(struct netd *netd, struct problem *problem)
{
	return privilege_give_up(netd->program->settings, problem) < 0 ? EXIT_CODE_FAILURE
								       : EXIT_CODE_OK;
}

/* A program that cannot reload keeps the files of its start. */
static enum exit_code watch_files(struct netd *netd, struct problem *problem)
{
	(void)problem;
	if (netd->program->role)
		credential_files_start(&netd->credential_files, netd->loop, netd->program->settings,
			netd_files_changed);
	return EXIT_CODE_OK;
}

/* Cheap refusals come first; steps that others can notice come late. */
static step_fn *const ladder[] = {
	check_privilege,
	find_user,
	find_namespaces,
	open_files,
	load_congestion,
	receive_inheritance,
	listen_tcp,
	open_control,
	open_state,
	open_kernel,
	take_inheritance,
	sweep_leftovers,
	keep_outer_path,
	load_steering,
	watch_network,
	watch_uplinks,
	keep_desired,
	watch_tracked,
	start_forwarding,
	judge_inheritance,
	give_up_privilege,
	set_firewall,
	hold_items,
	finish_inheritance,
	take_output,
	start_issuer,
	start_engine,
	watch_files,
};

/*
 * Returns EXIT_CODE_OK when the engine has been started. Otherwise it has logged the failure, and
 * the parts that were made exist.
 */
static enum exit_code climb(struct netd *netd)
{
	struct problem problem;
	enum exit_code code = EXIT_CODE_OK;

	for (size_t i = 0; i < ARRAY_SIZE(ladder) && code == EXIT_CODE_OK; i++)
		code = ladder[i](netd, &problem);
	if (code != EXIT_CODE_OK)
		log_error("%s", problem.text);
	return code;
}

/* The mirror of climb(), also for a ladder that was climbed half-way. Frees netd. */
static void descend(struct netd *netd)
{
	credential_files_stop(&netd->credential_files);
	reload_free(&netd->reload);
	succession_close(netd);
	succession_leave(netd);
	inheritance_free(&netd->inheritance);
	engine_process_free(&netd->engine);
	issuer_process_end(&netd->issuer);
	engine_output_close(&netd->output);
	if (netd->has_guest) {
		guest_end(&netd->guest);
		netd->program->guest->status = netd->guest.status;
	}
	forwarding_stop(&netd->forwarding);
	tracked_close(&netd->tracked);
	uplinks_close(&netd->uplinks);
	network_close(&netd->network);
	desired_state_close(&netd->desired);
	listeners_stop(&netd->listeners);
	if (netd->netlink) {
		dns_lift(&netd->dns);
		interfaces_remove_all(&netd->interfaces, "the program stops");
		outer_path_stop(&netd->outer_path);
	}
	dns_close(&netd->dns);
	hooks_finish(&netd->hooks, netd->signal_fd);
	/* No packet may leave outside the tunnel before the end, not even while hooks run. */
	if (netd->netlink)
		full_tunnel_lift(&netd->full_tunnel);
	if (netd->program->closed && !netd->kill_switch.nft)
		kill_switch_log_stays(netd->program->settings->name);
	/*
	 * The engine's EXIT does not remove the kill switch, because a subverted engine could send
	 * it.
	 */
	kill_switch_stop(&netd->kill_switch,
		netd->signalled && netd->exit_code == EXIT_CODE_OK && !netd->restarting);
	answer_inbound_stop(&netd->answer_inbound);
	nat_stop(&netd->nat);
	if (netd->interfaces.steering_fd >= 0)
		close(netd->interfaces.steering_fd);
	engine_files_close(&netd->engine_files);
	sealed_files_close(&netd->sealed_files);
	program_file_close(&netd->program_file);
	if (netd->signal_fd >= 0)
		close(netd->signal_fd);
	supervisor_close(&netd->supervisor);
	loop_free(netd->loop);
	netlink_close(netd->netlink);
	free(netd);
}

static enum exit_code run(const struct netd_program *program)
{
	struct netd *netd = netd_new(program);
	enum exit_code code = EXIT_CODE_FAILURE;
	struct problem problem;
	bool started;
	int r;

	if (!netd || process_ensure_standard_fds() < 0) {
		log_error("cannot start: out of memory or descriptors");
		free(netd);
		return code;
	}
	process_raise_fd_limit();
	hold_signals(netd);
	/* NOTIFY_SOCKET in a guest's environment is for the guest. */
	if (!netd->has_guest && supervisor_open(&netd->supervisor, &problem) < 0)
		log_warning("%s", problem.text);
	code = climb(netd);
	started = code == EXIT_CODE_OK;
	if (started) {
		r = loop_run(netd->loop);
		code = netd->exit_code;
		if (r < 0) {
			log_error("the main loop failed: %s", error_text(r));
			code = EXIT_CODE_FAILURE;
		}
	}
	netd->exit_code = code;
	if (!started)
		inheritance_fail(netd);
	descend(netd);
	if (started)
		log_info("stopped");
	return code;
}

int netd_parse_predecessor(const char *text, pid_t *ret_pid)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || pid <= 1 || pid > INT32_MAX)
		return -EINVAL;
	*ret_pid = (pid_t)pid;
	return 0;
}

enum exit_code netd_run(const struct netd_program *program)
{
	int status = EXIT_CODE_FAILURE, r = 0;

	/* A guest is this process's own child. */
	if (first_process_is() && !program->guest)
		r = first_process_split(&status);
	if (r < 0)
		log_warning("this is the first process of its namespace, and ended processes stay "
			    "zombies: cannot split: %s",
			error_text(r));
	return r > 0 ? (enum exit_code)status : run(program);
}
