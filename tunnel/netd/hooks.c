/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/hooks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/executable.h"
#include "base/log.h"

#define HOOK_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum {
	ENVIRONMENT_MAX = 12, /* variables, with the NULL at the end */
	ENVIRONMENT_SIZE = 1024,
	KILLED_WAIT_MS = 1000, /* how long killed processes may take to disappear */
};

struct hook_job {
	struct hook_job *next;
	enum interface_event event;
	struct request_interface about; /* the interface as it was then */
	char name[REQUEST_IFNAME_MAX + 1];
	struct prefix prefix; /* of a route's event */
};

static const struct {
	const char *key, *event_name; /* the key in the configuration; the value of CULVERT_EVENT */
} events[] = {
	[INTERFACE_MADE] = { "on_up", "up" },
	[INTERFACE_REMOVED] = { "on_down", "down" },
	[INTERFACE_ROUTE_ADDED] = { "on_route", "route-add" },
	[INTERFACE_ROUTE_DELETED] = { "on_route", "route-delete" },
};

static const struct settings_hook *find_hook(
	const struct settings *settings, enum interface_event event)
{
	switch (event) {
	case INTERFACE_MADE:
		return &settings->on_up;
	case INTERFACE_REMOVED:
		return &settings->on_down;
	default:
		return &settings->on_route;
	}
}

static bool is_route_event(enum interface_event event)
{
	return event == INTERFACE_ROUTE_ADDED || event == INTERFACE_ROUTE_DELETED;
}

/* ---- the environment of a hook ---- */

struct environment {
	char text[ENVIRONMENT_SIZE];
	size_t len;
	char *variables[ENVIRONMENT_MAX];
	size_t count;
};

/* The room is enough for the longest possible values, so nothing is ever cut. */
static void put(struct environment *environment, const char *name, const char *value)
{
	char *at = &environment->text[environment->len];
	size_t room = sizeof(environment->text) - environment->len;
	int n = snprintf(at, room, "%s=%s", name, value);

	if (n < 0 || (size_t)n >= room || environment->count + 1 >= ENVIRONMENT_MAX)
		return;
	environment->variables[environment->count++] = at;
	environment->len += (size_t)n + 1;
}

static void put_addr(struct environment *environment, const char *name, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX] = "";

	put(environment, name, addr_is_set(addr) ? addr_format(addr, text) : "");
}

static void describe(const struct settings *settings, const struct hook_job *job,
	struct environment *environment)
{
	char mtu[16], route[ADDR_TEXT_MAX] = "";

	*environment = (struct environment){ .len = 0 };
	(void)snprintf(mtu, sizeof(mtu), "%u", job->about.mtu);
	if (is_route_event(job->event))
		(void)prefix_format(&job->prefix, route);
	put(environment, "PATH", HOOK_PATH);
	put(environment, "CULVERT_NAME", settings->name);
	put(environment, "CULVERT_EVENT", events[job->event].event_name);
	put(environment, "CULVERT_PEER", job->about.peer.name);
	put(environment, "CULVERT_INTERFACE", job->name);
	put(environment, "CULVERT_MTU", mtu);
	put_addr(environment, "CULVERT_LOCAL4", &job->about.local4);
	put_addr(environment, "CULVERT_REMOTE4", &job->about.remote4);
	put_addr(environment, "CULVERT_LOCAL6", &job->about.local6);
	put_addr(environment, "CULVERT_REMOTE6", &job->about.remote6);
	put(environment, "CULVERT_ROUTE", route);
}

/* ---- the queue ---- */

static bool is_of(const struct hook_job *job, const struct identity *peer)
{
	return identity_equal(&job->about.peer, peer);
}

/* Removes the job that *link leads to from the queue. */
static struct hook_job *take(struct hooks *hooks, struct hook_job **link)
{
	struct hook_job *job = *link;

	*link = job->next;
	if (hooks->end == &job->next)
		hooks->end = link;
	hooks->waiting--;
	if (hooks->waiting == 0)
		hooks->left_out = 0;
	return job;
}

/* The interface's end implies the end of all its routes, so their waiting events are dropped. */
static void forget_routes(struct hooks *hooks, const struct identity *peer)
{
	struct hook_job **link = &hooks->first;

	while (*link) {
		if (is_of(*link, peer) && is_route_event((*link)->event))
			free(take(hooks, link));
		else
			link = &(*link)->next;
	}
}

/*
 * Returns true if the opposite event was waiting: both are dropped. *ret_waiting: the waiting
 * events of the peer's routes.
 */
static bool cancel_route(struct hooks *hooks, enum interface_event event,
	const struct identity *peer, const struct prefix *prefix, size_t *ret_waiting)
{
	struct hook_job **same = NULL;
	size_t waiting = 0;

	for (struct hook_job **link = &hooks->first; *link != NULL; link = &(*link)->next) {
		if (!is_of(*link, peer) || !is_route_event((*link)->event))
			continue;
		waiting++;
		if (prefix_equal(&(*link)->prefix, prefix))
			same = link; /* the last one counts */
	}
	*ret_waiting = waiting;
	if (!same || (*same)->event == event)
		return false;
	free(take(hooks, same));
	return true;
}

static void drop_event(struct hooks *hooks, enum interface_event event, const struct identity *peer)
{
	if (hooks->left_out++ > 0)
		return;
	log_warning(
		"%s: hook %s: too many events are waiting (%zu); this one and further ones beyond the limit are skipped",
		peer->name, events[event].key, hooks->waiting);
}

static void append(struct hooks *hooks, enum interface_event event,
	const struct interface *interface, const struct prefix *prefix)
{
	struct hook_job *job = calloc(1, sizeof(*job));

	if (!job) {
		drop_event(hooks, event, &interface->now.peer);
		return;
	}
	job->event = event;
	job->about = interface->now;
	memcpy(job->name, interface->name, sizeof(job->name));
	if (prefix)
		job->prefix = *prefix;
	*hooks->end = job;
	hooks->end = &job->next;
	hooks->waiting++;
}

/* ---- running hooks ---- */

static void start_waiting(struct hooks *hooks);

static void log_end(const struct hook_run *run, const struct process_end *end)
{
	const struct settings *settings = run->hooks->settings;
	const struct hook_job *job = run->job;
	const char *key = events[job->event].key, *peer = job->about.peer.name;
	const struct settings_hook *hook = find_hook(settings, job->event);
	/* A reload may have removed the hook meanwhile. */
	const char *program = hook->count > 0 ? hook->words[0] : "removed since";

	if (run->late)
		log_warning("%s: hook %s (%s) took longer than %g s (hook_timeout) and was ended",
			peer, key, program, duration_seconds(settings->hook_timeout));
	else if (end->signalled)
		log_warning("%s: hook %s (%s) was ended by signal %d (%s)", peer, key, program,
			end->value, sigdescr_np(end->value));
	else if (end->value != 0)
		log_warning("%s: hook %s (%s) failed with exit status %d", peer, key, program,
			end->value);
	else
		log_debug("%s: hook %s (%s) succeeded", peer, key, program);
}

/* Kills the rest of the hook's process group, while the group's number is surely its own. */
static void finish_run(struct hook_run *run)
{
	struct process_end end;

	process_signal_group(&run->process, SIGKILL);
	if (process_reap(&run->process, &end) == 0)
		log_end(run, &end);
	loop_watch_remove(run->hooks->loop, &run->watch);
	loop_timer_stop(run->hooks->loop, &run->limit);
	close(run->process.fd);
	free(run->job);
	run->job = NULL;
}

static void run_ended(struct loop_watch *watch, uint32_t ready)
{
	struct hook_run *run = container_of(watch, struct hook_run, watch);

	(void)ready;
	finish_run(run);
	start_waiting(run->hooks);
}

static void grace_over(struct loop_timer *timer)
{
	process_signal_group(&container_of(timer, struct hook_run, limit)->process, SIGKILL);
}

static void limit_over(struct loop_timer *timer)
{
	struct hook_run *run = container_of(timer, struct hook_run, limit);

	run->late = true;
	process_signal_group(&run->process, SIGTERM);
	loop_timer_start(run->hooks->loop, &run->limit,
		mono_add(mono_now(), DURATION_MS(HOOKS_GRACE_MS)), grace_over);
}

/* The file is checked each time: it was safe when the program started, but may have changed. */
static int execute(const struct settings *settings, const struct hook_job *job,
	struct process *ret_process, struct problem *problem)
{
	const struct settings_hook *hook = find_hook(settings, job->event);
	char *argv[SETTINGS_HOOK_WORDS_MAX + 1] = { NULL };
	struct environment environment;
	int fd, r;

	if (hook->count == 0) {
		problem_set(problem, "it was removed while this event waited for its turn");
		return -ENOENT;
	}
	r = executable_open(hook->words[0], SETTINGS_HOOK_STAKE, &fd, problem);
	if (r < 0)
		return r;
	close(fd);
	memcpy(argv, hook->words, hook->count * sizeof(argv[0]));
	describe(settings, job, &environment);
	r = process_run(argv[0], argv, environment.variables, ret_process);
	if (r < 0)
		problem_set(problem, "cannot execute %s: %s", argv[0], error_text(r));
	return r;
}

/* Takes ownership of the job. */
static void run_job(struct hooks *hooks, struct hook_run *run, struct hook_job *job)
{
	struct problem problem;
	int r = execute(hooks->settings, job, &run->process, &problem);

	if (r < 0) {
		log_warning("%s: hook %s: %s", job->about.peer.name, events[job->event].key,
			problem.text);
		free(job);
		return;
	}
	run->hooks = hooks;
	run->job = job;
	run->late = false;
	r = loop_watch_add(hooks->loop, &run->watch, run->process.fd, EPOLLIN, run_ended);
	if (r < 0) {
		log_warning("%s: hook %s cannot be watched and is ended: %s", job->about.peer.name,
			events[job->event].key, error_text(r));
		finish_run(run);
		return;
	}
	loop_timer_start(hooks->loop, &run->limit,
		mono_add(mono_now(), hooks->settings->hook_timeout), limit_over);
}

static struct hook_run *free_slot(struct hooks *hooks)
{
	for (size_t i = 0; i < HOOKS_RUNNING_MAX; i++) {
		if (!hooks->runs[i].job)
			return &hooks->runs[i];
	}
	return NULL;
}

static bool runs(const struct hooks *hooks, const struct identity *peer)
{
	for (size_t i = 0; i < HOOKS_RUNNING_MAX; i++) {
		if (hooks->runs[i].job && is_of(hooks->runs[i].job, peer))
			return true;
	}
	return false;
}

/* Returns the first job whose peer has no running hook; it is also the first of that peer. */
static struct hook_job **next_job(struct hooks *hooks)
{
	struct hook_job **link = &hooks->first;

	while (*link && runs(hooks, &(*link)->about.peer))
		link = &(*link)->next;
	return *link ? link : NULL;
}

static void start_waiting(struct hooks *hooks)
{
	struct hook_run *slot = free_slot(hooks);
	struct hook_job **link = next_job(hooks);

	while (slot && link) {
		run_job(hooks, slot, take(hooks, link));
		slot = free_slot(hooks);
		link = next_job(hooks);
	}
}

/* ---- the interface of this module ---- */

void hooks_init(struct hooks *hooks, const struct settings *settings, struct loop *loop)
{
	*hooks = (struct hooks){ .settings = settings, .loop = loop };
	hooks->end = &hooks->first;
	for (size_t i = 0; i < HOOKS_RUNNING_MAX; i++)
		hooks->runs[i].watch.fd = -1;
}

void hooks_event(struct hooks *hooks, enum interface_event event, const struct interface *interface,
	const struct prefix *prefix)
{
	const struct identity *peer = &interface->now.peer;
	size_t routes = 0;

	if (event == INTERFACE_REMOVED)
		forget_routes(hooks, peer);
	if (find_hook(hooks->settings, event)->count == 0 ||
		(is_route_event(event) && cancel_route(hooks, event, peer, prefix, &routes)))
		return;
	if (hooks->waiting >= HOOKS_WAITING_MAX || routes >= HOOKS_ROUTES_MAX)
		drop_event(hooks, event, peer);
	else
		append(hooks, event, interface, prefix);
	start_waiting(hooks);
}

/*
 * Collects hooks that end before `deadline`. Returns false when time is over or `hurry_fd` is
 * readable.
 */
static bool await_end(struct hooks *hooks, struct mono deadline, int hurry_fd)
{
	struct pollfd fds[HOOKS_RUNNING_MAX + 1] = { { .fd = hurry_fd, .events = POLLIN } };
	int64_t left = duration_ms(mono_since(deadline, mono_now()));
	nfds_t count = 1;
	int n;

	for (size_t i = 0; i < HOOKS_RUNNING_MAX; i++)
		fds[count++] = (struct pollfd){
			.fd = hooks->runs[i].job ? hooks->runs[i].process.fd : -1, .events = POLLIN
		};
	n = poll(fds, count, left > 0 ? (int)left : 0);
	for (size_t i = 0; i < HOOKS_RUNNING_MAX; i++) {
		if (fds[i + 1].fd >= 0 && fds[i + 1].revents != 0)
			finish_run(&hooks->runs[i]);
	}
	return (n > 0 || (n < 0 && errno == EINTR)) && fds[0].revents == 0;
}

static size_t running(const struct hooks *hooks)
{
	size_t count = 0;

	for (size_t i = 0; i < HOOKS_RUNNING_MAX; i++)
		count += hooks->runs[i].job != NULL;
	return count;
}

static void kill_all(struct hooks *hooks, bool late)
{
	struct mono deadline = mono_add(mono_now(), DURATION_MS(KILLED_WAIT_MS));

	for (size_t i = 0; i < HOOKS_RUNNING_MAX; i++) {
		if (hooks->runs[i].job) {
			hooks->runs[i].late |= late;
			process_signal_group(&hooks->runs[i].process, SIGKILL);
		}
	}
	while (running(hooks) > 0 && await_end(hooks, deadline, -1))
		;
	for (size_t i = 0; i < HOOKS_RUNNING_MAX; i++) {
		if (hooks->runs[i].job)
			finish_run(&hooks->runs[i]);
	}
}

void hooks_finish(struct hooks *hooks, int hurry_fd)
{
	struct mono deadline;

	if (!hooks->settings)
		return;
	deadline = mono_add(mono_now(), hooks->settings->hook_timeout);
	while (running(hooks) > 0 && await_end(hooks, deadline, hurry_fd))
		start_waiting(hooks);
	if (hooks->waiting > 0)
		log_warning(
			"%zu events for hooks are skipped: the program stops and waits no longer",
			hooks->waiting);
	while (hooks->first)
		free(take(hooks, &hooks->first));
	kill_all(hooks, !mono_before(mono_now(), deadline));
}
