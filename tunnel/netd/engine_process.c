/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/engine_process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "system/ipc.h"

enum {
	MESSAGES_PER_WAKE = 32, /* so that a flood does not delay signals */
};

static const char *const state_names[] = {
	[ENGINE_NONE] = "none",
	[ENGINE_STARTING] = "starting",
	[ENGINE_RUNNING] = "running",
	[ENGINE_LEAVING] = "leaving",
	[ENGINE_STOPPING] = "stopping",
	[ENGINE_WAITING] = "waiting",
};
static_assert(ARRAY_SIZE(state_names) == ENGINE_STATE_COUNT, "every state has a name");

static void set_state(struct engine_process *engine, enum engine_state state, const char *why)
{
	log_debug("engine: %s -> %s: %s", state_names[engine->state], state_names[state], why);
	engine->state = state;
}

static void set_deadline(
	struct engine_process *engine, struct duration wait, loop_timer_fn *expired)
{
	loop_timer_start(
		engine->plan->loop, &engine->deadline, mono_add(mono_now(), wait), expired);
}

void engine_process_init(struct engine_process *engine, const struct engine_plan *plan)
{
	memset(engine, 0, sizeof(*engine));
	engine->plan = plan;
	engine->process.fd = -1;
	engine->channel = -1;
	engine_child_init(&engine->next);
	engine->death_watch.fd = -1;
	engine->channel_watch.fd = -1;
	engine->backoff = (struct backoff){
		.first = DURATION_MS(ENGINE_BACKOFF_FIRST_MS),
		.longest = DURATION_MS(ENGINE_BACKOFF_LONGEST_MS),
	};
}

/* ---- the channel ---- */

static void drop_pending(struct engine_process *engine)
{
	loop_timer_stop(engine->plan->loop, &engine->stall);
	for (size_t i = 0; engine->pending_fds_owned && i < engine->pending_fd_count; i++)
		close(engine->pending_fds[i]);
	engine->pending_len = 0;
	engine->pending_fd_count = 0;
	engine->pending_fds_owned = false;
}

static void close_channel(struct engine_process *engine)
{
	drop_pending(engine);
	loop_watch_remove(engine->plan->loop, &engine->channel_watch);
	if (engine->channel >= 0)
		close(engine->channel);
	engine->channel = -1;
}

void engine_process_kill(struct engine_process *engine, const char *why)
{
	int r;

	if (engine->process.fd < 0)
		return;
	close_channel(engine);
	if (engine->killed.text[0] == '\0')
		problem_set(&engine->killed, "%s", why);
	r = process_signal(&engine->process, SIGKILL);
	if (r < 0 && r != -ESRCH)
		log_error("cannot kill the engine (pid %d): %s; netd needs CAP_KILL",
			(int)engine->process.pid, error_text(r));
}

static void break_with(struct engine_process *engine, const struct problem *problem)
{
	log_error("engine (pid %d) is broken or subverted and is killed: %s",
		(int)engine->process.pid, problem->text);
	engine_process_kill(engine, problem->text);
}

static void stall_expired(struct loop_timer *timer)
{
	struct engine_process *engine = container_of(timer, struct engine_process, stall);
	struct problem problem;

	problem_set(&problem, "it has not read its replies for %d s", ENGINE_STALL_SECONDS);
	break_with(engine, &problem);
}

static void closed_expired(struct loop_timer *timer)
{
	struct engine_process *engine = container_of(timer, struct engine_process, deadline);
	struct problem problem;

	problem_set(&problem, "it has closed its channel and runs on");
	break_with(engine, &problem);
}

/* The engine has closed its end; usually it is about to exit. */
static void channel_gone(struct engine_process *engine)
{
	close_channel(engine);
	if (engine->state != ENGINE_STOPPING && engine->state != ENGINE_LEAVING)
		set_deadline(engine, DURATION_S(ENGINE_CLOSED_SECONDS), closed_expired);
}

/*
 * Returns 0 when the reply is sent, or when the engine has closed the channel; netd still reads
 * what the engine sent before. -EAGAIN: the reply waits. Any other error: the engine has been
 * killed.
 */
static int send_pending(struct engine_process *engine)
{
	struct problem problem;
	int r = ipc_send(engine->channel, engine->pending, engine->pending_len, engine->pending_fds,
		engine->pending_fd_count);

	if (r == -EAGAIN) {
		if (!engine->stall.running)
			loop_timer_start(engine->plan->loop, &engine->stall,
				mono_add(mono_now(), DURATION_S(ENGINE_STALL_SECONDS)),
				stall_expired);
		return r;
	}
	drop_pending(engine);
	if (r == 0 || r == -EPIPE)
		return 0;
	problem_set(&problem, "a reply cannot be sent to it: %s", error_text(r));
	break_with(engine, &problem);
	return r;
}

/*
 * Handles one datagram and sends its reply. Returns 0 if the next may follow, or a negative errno
 * if not now or never.
 */
static int serve_one(struct engine_process *engine)
{
	uint8_t data[REQUEST_SIZE_MAX];
	struct problem problem;
	struct writer reply;
	size_t len, fd_count;
	int r = ipc_receive(engine->channel, data, sizeof(data), &len, NULL, 0, &fd_count);

	if (r == -EMSGSIZE) {
		problem_set(&problem, "it sent a message that is too long or carries descriptors");
		break_with(engine, &problem);
		return r;
	}
	if (r == -EAGAIN)
		return r;
	if (r < 0) {
		channel_gone(engine);
		return r;
	}
	writer_init(&reply, engine->pending, sizeof(engine->pending));
	r = engine->plan->events->message(engine, data, len, &reply, engine->pending_fds,
		&engine->pending_fd_count, &engine->pending_fds_owned, &problem);
	if (r < 0) {
		break_with(engine, &problem);
		return r;
	}
	if (engine->channel < 0)
		return -EPIPE; /* its message got it killed */
	engine->pending_len = reply.len;
	return send_pending(engine);
}

static void channel_ready(struct loop_watch *watch, uint32_t events)
{
	struct engine_process *engine = container_of(watch, struct engine_process, channel_watch);
	int r = 0;

	(void)events;
	if (engine->pending_len > 0)
		r = send_pending(engine);
	for (int i = 0; r == 0 && i < MESSAGES_PER_WAKE; i++)
		r = serve_one(engine);
	if (engine->channel < 0)
		return;
	/*
	 * While a reply waits netd reads no message, so an engine can make netd store only one
	 * reply.
	 */
	(void)loop_watch_set(engine->plan->loop, &engine->channel_watch,
		engine->pending_len > 0 ? EPOLLOUT : EPOLLIN);
}

static int send_message(struct engine_process *engine, const struct request *request,
	const int *fds, size_t fd_count)
{
	uint8_t bytes[REQUEST_SIZE_MAX];
	struct writer writer;
	int r;

	writer_init(&writer, bytes, sizeof(bytes));
	r = request_encode(&writer, request);
	if (r < 0)
		return r;
	return ipc_send(engine->channel, bytes, writer.len, fds, fd_count);
}

int engine_process_tracked(
	struct engine_process *engine, const struct prefix *prefixes, size_t count)
{
	struct request request;
	struct request_tracked *page = &request.tracked;
	size_t done = 0, part;
	int r;

	if (engine->channel < 0)
		return 0; /* the next engine gets it at its start */
	do {
		request = (struct request){ .type = REQUEST_TRACKED };
		part = count - done < REQUEST_PREFIX_MAX ? count - done : REQUEST_PREFIX_MAX;
		page->total = (uint16_t)count;
		page->offset = (uint16_t)done;
		page->count = (uint16_t)part;
		for (size_t i = 0; i < part; i++)
			page->prefix[i] = prefixes[done + i];
		r = send_message(engine, &request, NULL, 0);
		done += part;
	} while (r == 0 && done < count);
	return r;
}

int engine_process_lack(
	struct engine_process *engine, uint32_t interface, const struct desired_lack *lack)
{
	struct request request;
	struct request_lack *page = &request.lack;
	size_t done = 0, part;
	int r;

	if (engine->channel < 0)
		return 0; /* the next engine gets it when it is ready */
	do {
		request = (struct request){ .type = REQUEST_LACK };
		part = lack->route_count - done;
		if (part > REQUEST_PREFIX_MAX)
			part = REQUEST_PREFIX_MAX;
		page->interface = interface;
		page->link = lack->link;
		page->local4 = lack->local4;
		page->local6 = lack->local6;
		problem_escape_rest(page->text, sizeof(page->text), lack->why, strlen(lack->why));
		page->total = (uint16_t)lack->route_count;
		page->offset = (uint16_t)done;
		page->count = (uint16_t)part;
		for (size_t i = 0; i < part; i++)
			page->prefix[i] = lack->routes[done + i];
		r = send_message(engine, &request, NULL, 0);
		done += part;
	} while (r == 0 && done < lack->route_count);
	return r;
}

static void take_held(void *context, const struct desired_item *item)
{
	struct request_held *held = context;
	struct request_held_item *out = &held->items[held->count];
	bool in_place = item->state == DESIRED_IN_PLACE;

	if (held->count == REQUEST_HELD_MAX)
		return;
	held->count++;
	problem_escape_rest(out->name, sizeof(out->name), item->name, strlen(item->name));
	out->in_place = in_place;
	out->changes = item->changes;
	if (item->changes > 0) {
		problem_escape_rest(
			out->what, sizeof(out->what), item->seen.what, strlen(item->seen.what));
		problem_escape_rest(out->writer, sizeof(out->writer), item->seen.writer,
			strlen(item->seen.writer));
	}
	if (!in_place)
		problem_escape_rest(
			out->why, sizeof(out->why), item->why.text, strlen(item->why.text));
}

int engine_process_held(struct engine_process *engine, const struct desired_state *desired)
{
	struct request request = { .type = REQUEST_HELD };

	if (engine->state != ENGINE_RUNNING || engine->channel < 0)
		return 0; /* the next engine gets it when it is ready */
	desired_state_list(desired, take_held, &request.held);
	return send_message(engine, &request, NULL, 0);
}

int engine_process_reconfigure(struct engine_process *engine, const struct request *request,
	const int *fds, size_t fd_count)
{
	if (engine->state != ENGINE_RUNNING || engine->channel < 0)
		return -ENOTCONN;
	return send_message(engine, request, fds, fd_count);
}

static int send_configure(struct engine_process *engine)
{
	const struct engine_plan *plan = engine->plan;
	struct request request = { .type = REQUEST_CONFIGURE };
	struct request_configure *configure = &request.configure;

	configure->version = REQUEST_VERSION;
	configure->generation = engine->generation;
	plan->events->begins(engine, configure);
	configure->fd_count = (uint8_t)plan->fd_count;
	memcpy(configure->fd_kind, plan->fd_kind, plan->fd_count);
	/* The path is only for messages, so one that is too long may be cut. */
	memcpy(configure->path, plan->config_path,
		strnlen(plan->config_path, sizeof(configure->path) - 1));
	return send_message(engine, &request, plan->fd, plan->fd_count);
}

/* ---- start, deadlines, end ---- */

static void ready_expired(struct loop_timer *timer)
{
	struct engine_process *engine = container_of(timer, struct engine_process, deadline);

	log_error("engine (pid %d) was not ready after %d s and is killed",
		(int)engine->process.pid, ENGINE_READY_SECONDS);
	engine_process_kill(engine, "it was not ready in time");
}

static void stop_expired(struct loop_timer *timer)
{
	struct engine_process *engine = container_of(timer, struct engine_process, deadline);

	log_warning("engine (pid %d) did not stop within %d s and is killed",
		(int)engine->process.pid, ENGINE_STOP_SECONDS);
	engine_process_kill(engine, "it did not stop in time");
}

static void log_end(const struct engine_process *engine, const struct process_end *end)
{
	int pid = (int)engine->process.pid;
	const char *signal = end->signalled ? sigdescr_np(end->value) : NULL;

	if (engine->killed.text[0] != '\0')
		log_notice("engine (pid %d) ended: killed by netd: %s", pid, engine->killed.text);
	else if (end->signalled)
		log_error("engine (pid %d) ended: killed by signal %d (%s)", pid, end->value,
			signal ? signal : "unknown");
	else if (engine->state == ENGINE_STOPPING || engine->state == ENGINE_LEAVING)
		log_info("engine (pid %d) ended with status %d", pid, end->value);
	else
		log_error("engine (pid %d) ended by itself with status %d", pid, end->value);
}

static void forget_process(struct engine_process *engine)
{
	loop_watch_remove(engine->plan->loop, &engine->death_watch);
	if (engine->process.fd >= 0)
		close(engine->process.fd);
	engine->process.fd = -1;
}

/*
 * Makes the child the engine and sends its CONFIGURE. On failure *problem says why, and the child
 * has ended.
 */
static int configure_child(
	struct engine_process *engine, const struct engine_child *child, struct problem *problem);

/* Spawns an engine and sends CONFIGURE. */
static int begin(struct engine_process *engine, struct problem *problem)
{
	const struct engine_plan *plan = engine->plan;
	struct engine_child child;
	int r = engine_child_spawn(
		plan->program->fd, plan->argv, plan->user, plan->output_fd, &child, problem);

	engine->was_ready = false;
	return r < 0 ? r : configure_child(engine, &child, problem);
}

/* Starts the next engine after a backoff, or gives up after too many failures. */
static void schedule_next(struct engine_process *engine);

/* Starts an engine now, or later if that fails. */
static void begin_again(struct engine_process *engine)
{
	struct problem problem;

	if (begin(engine, &problem) == 0)
		return;
	log_error("%s", problem.text);
	schedule_next(engine);
}

static void backoff_expired(struct loop_timer *timer)
{
	begin_again(container_of(timer, struct engine_process, deadline));
}

static void schedule_next(struct engine_process *engine)
{
	struct duration wait;
	uint64_t random = 0;

	engine->early_ends = engine->was_ready ? 0 : engine->early_ends + 1;
	if (engine->early_ends >= ENGINE_EARLY_ENDS_MAX) {
		log_error("the engine ended %u times before it was ready; giving up",
			engine->early_ends);
		set_state(engine, ENGINE_NONE, "gave up");
		engine->plan->events->finished(engine, true);
		return;
	}
	if (engine->was_ready &&
		mono_since(mono_now(), engine->started).ns >= DURATION_S(ENGINE_STEADY_SECONDS).ns)
		backoff_reset(&engine->backoff);
	/* Without randomness the wait is only the same each time. */
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	wait = backoff_next(&engine->backoff, random);
	log_notice("starting the engine again in %.1f s", duration_seconds(wait));
	set_state(engine, ENGINE_WAITING, "backoff");
	set_deadline(engine, wait, backoff_expired);
}

/* ---- the exchange ---- */

/*
 * A planned exchange of the engine. netd finds as many faults of the new program as it can while
 * the old engine works: it checks the file and executes it first. Only then does the old engine
 * end, and the new one gets its CONFIGURE. If the new one does not become ready, netd executes the
 * old program again.
 */

bool engine_process_on_trial(const struct engine_process *engine)
{
	return engine->state == ENGINE_STARTING && program_file_on_trial(engine->plan->program);
}

/* The new program failed. That is no failure of the previous one, which is started again. */
static void fall_back(struct engine_process *engine)
{
	log_error(
		"the new program at %s failed: its engine ended before it was ready, for the reason in the lines above; netd starts the old one again. Install the new one again and repeat culvert reexec, or, if it does not work with this netd, restart the whole program",
		engine->plan->program->path);
	program_file_revert(engine->plan->program);
	begin_again(engine);
}

/* The old engine has ended: the waiting successor becomes the engine. */
static void succeed(struct engine_process *engine)
{
	struct engine_child next = engine->next;
	struct problem problem;

	engine_child_init(&engine->next);
	if (configure_child(engine, &next, &problem) == 0)
		return;
	log_error("%s", problem.text);
	fall_back(engine);
}

static void leave_expired(struct loop_timer *timer)
{
	struct engine_process *engine = container_of(timer, struct engine_process, deadline);

	engine_process_kill(engine, "it did not end in time for the engine that replaces it");
}

static int spawn_next(struct engine_process *engine, struct problem *problem)
{
	const struct engine_plan *plan = engine->plan;
	int r = engine_child_spawn(
		plan->program->fd, plan->argv, plan->user, plan->output_fd, &engine->next, problem);

	/* ENOENT: a script's interpreter cannot open the descriptor that we execute. */
	if (r == -ENOENT || r == -ENOEXEC || r == -ELIBBAD)
		problem_set(problem,
			"%s is not a program that this host can execute (%s): it is a script, truncated, or made for another machine; install it again",
			plan->program->path, error_text(r));
	else if (r < 0)
		problem_prepend(problem, "%s", plan->program->path);
	return r;
}

int engine_process_exchange(struct engine_process *engine, struct problem *problem)
{
	struct program_file *program = engine->plan->program;
	int r;

	if (engine->state != ENGINE_RUNNING) {
		problem_set(problem, "%s; try again in a moment",
			engine->state == ENGINE_LEAVING
				? "a reexec is in progress already"
				: "no engine is running that could be replaced");
		return -EBUSY;
	}
	r = program_file_renew(program, problem);
	if (r < 0)
		return r;
	r = spawn_next(engine, problem);
	if (r < 0) {
		program_file_revert(program);
		return r;
	}
	log_notice("a new engine (pid %d) of %s replaces the engine (pid %d)",
		(int)engine->next.process.pid, program->path, (int)engine->process.pid);
	set_state(engine, ENGINE_LEAVING, "a new engine replaces it");
	set_deadline(engine, DURATION_MS(ENGINE_LEAVE_MS), leave_expired);
	return 0;
}

/* ---- end of an engine, start of the next ---- */

/* The engine's last messages count: its EXIT may still be in the channel. */
static void drain_channel(struct engine_process *engine)
{
	drop_pending(engine);
	while (engine->channel >= 0 && serve_one(engine) == 0)
		;
}

static void death_ready(struct loop_watch *watch, uint32_t events)
{
	struct engine_process *engine = container_of(watch, struct engine_process, death_watch);
	struct process_end end;

	(void)events;
	if (process_reap(&engine->process, &end) < 0)
		return;
	drain_channel(engine);
	close_channel(engine);
	loop_timer_stop(engine->plan->loop, &engine->deadline);
	log_end(engine, &end);
	forget_process(engine);
	if (engine->state == ENGINE_STOPPING) {
		set_state(engine, ENGINE_NONE, "stopped");
		engine->plan->events->finished(engine, false);
	} else if (engine->state == ENGINE_LEAVING) {
		succeed(engine);
	} else if (engine_process_on_trial(engine)) {
		fall_back(engine);
	} else {
		schedule_next(engine);
	}
}

static int configure_child(
	struct engine_process *engine, const struct engine_child *child, struct problem *problem)
{
	const struct engine_plan *plan = engine->plan;
	int r;

	engine->was_ready = false;
	engine->killed.text[0] = '\0';
	engine->process = child->process;
	engine->channel = child->channel;
	engine->generation++;
	engine->started = mono_now();
	r = send_configure(engine);
	if (r == -EPIPE)
		r = 0; /* the engine has ended already; death_watch reports that, with its status */
	if (r == 0)
		r = loop_watch_add(
			plan->loop, &engine->death_watch, engine->process.fd, EPOLLIN, death_ready);
	if (r == 0)
		r = loop_watch_add(plan->loop, &engine->channel_watch, engine->channel, EPOLLIN,
			channel_ready);
	if (r < 0) {
		problem_set(problem, "cannot configure the engine: %s", error_text(r));
		engine_process_free(engine);
		return r;
	}
	plan->events->begun(engine);
	set_state(engine, ENGINE_STARTING, "spawned");
	set_deadline(engine, DURATION_S(ENGINE_READY_SECONDS), ready_expired);
	log_info("engine (pid %d) started", (int)engine->process.pid);
	return 0;
}

int engine_process_start(struct engine_process *engine, struct problem *problem)
{
	return begin(engine, problem);
}

void engine_process_ready(struct engine_process *engine)
{
	if (engine->state != ENGINE_STARTING)
		return;
	loop_timer_stop(engine->plan->loop, &engine->deadline);
	engine->was_ready = true;
	set_state(engine, ENGINE_RUNNING, "it is ready");
	log_notice("engine (pid %d) is ready", (int)engine->process.pid);
	if (!program_file_on_trial(engine->plan->program))
		return;
	program_file_prove(engine->plan->program);
	log_notice("the engine is replaced: it runs %s as it is on disk now",
		engine->plan->program->path);
}

static void tell_running(struct engine_process *engine, enum request_type type)
{
	struct request request = { .type = type };
	int r;

	if (engine->state != ENGINE_RUNNING || engine->channel < 0)
		return;
	r = send_message(engine, &request, NULL, 0);
	if (r < 0)
		log_debug("cannot report a changed network to the engine: %s", error_text(r));
}

void engine_process_network(struct engine_process *engine)
{
	tell_running(engine, REQUEST_NETWORK);
}

void engine_process_places(struct engine_process *engine)
{
	tell_running(engine, REQUEST_PLACES);
}

int engine_process_judged(struct engine_process *engine, const struct route_judged *judged)
{
	struct request request = { .type = REQUEST_JUDGED,
		.judged = { .interface = judged->interface,
			.prefix = judged->prefix,
			.verdict.verdict = (uint8_t)judged->verdict } };
	struct request_verdict *verdict = &request.judged.verdict;

	if (engine->channel < 0)
		return 0; /* the next engine adopts what is left */
	problem_escape_rest(verdict->reason, sizeof(verdict->reason), judged->why.text,
		strlen(judged->why.text));
	return send_message(engine, &request, NULL, 0);
}

void engine_process_stop(struct engine_process *engine)
{
	struct request stop = { .type = REQUEST_STOP };

	if (engine->state == ENGINE_STOPPING)
		return;
	loop_timer_stop(engine->plan->loop, &engine->deadline);
	engine_child_end(&engine->next);
	if (engine->process.fd < 0) {
		set_state(engine, ENGINE_NONE, "stopped while there was none");
		engine->plan->events->finished(engine, false);
		return;
	}
	set_state(engine, ENGINE_STOPPING, "the program stops");
	set_deadline(engine, DURATION_S(ENGINE_STOP_SECONDS), stop_expired);
	/* An engine that does not read the message is killed at the deadline. */
	if (engine->channel >= 0)
		(void)send_message(engine, &stop, NULL, 0);
}

void engine_process_free(struct engine_process *engine)
{
	struct engine_child present;

	if (!engine->plan)
		return;
	loop_timer_stop(engine->plan->loop, &engine->deadline);
	engine_child_end(&engine->next);
	close_channel(engine);
	if (engine->process.fd < 0)
		return;
	loop_watch_remove(engine->plan->loop, &engine->death_watch);
	present = (struct engine_child){ .process = engine->process, .channel = -1 };
	engine_child_end(&present);
	engine->process.fd = -1;
	engine->state = ENGINE_NONE;
}
