/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "engine/control.h"
#include "engine/delivery.h"
#include "lane/lane.h"
#include "system/process.h"

/* Takes what netd hands over at the engine's start. Each descriptor is taken or closed here. */

/* All workers are alike. */
static void report_batches(const struct worker *worker)
{
	if (worker->batch_error < 0)
		log_info("the kernel gives the engine no asynchronous I/O (io_setup: %s): each "
			 "small packet takes a system call of its own",
			error_text(worker->batch_error));
}

static int start_workers(struct engine *engine, struct problem *problem)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	const struct settings *settings = engine->settings;
	unsigned wanted = settings->workers;
	int r = 0;

	if (wanted == 0)
		wanted = cores > 0 ? (unsigned)cores : 0;
	/* A client has one session, so it needs no more workers than lanes. */
	if (settings->workers == 0 && settings->role == SETTINGS_CLIENT && wanted > settings->lanes)
		wanted = settings->lanes;
	if (wanted == 0)
		wanted = 1;
	engine->workers = calloc(wanted, sizeof(struct worker *));
	if (!engine->workers)
		r = -ENOMEM;
	while (r == 0 && engine->worker_count < wanted) {
		r = worker_start(engine->worker_count, &engine->reports, lane_deliver_order,
			&engine->workers[engine->worker_count]);
		if (r == 0 && engine->worker_count++ == 0)
			report_batches(engine->workers[0]);
	}
	if (r < 0)
		problem_set(problem, "cannot start %u workers: %s", wanted, error_text(r));
	return r;
}

/* Out of memory, the prefixes that are withheld stay as they are, until the next change. */
static void withhold(struct probing *probing)
{
	struct engine *engine = container_of(probing, struct engine, probing);
	struct prefix_list withheld = { .items = NULL };

	if (probing_withheld(probing, &withheld) == 0)
		peers_withhold(&engine->peers, &withheld);
	else
		log_error("cannot change the announcements: out of memory");
	prefix_list_free(&withheld);
}

/*
 * What the engine before has announced stays so until its first probe: only an engine that takes
 * over interfaces has one before it.
 */
static int announce(struct engine *engine, bool trusted)
{
	int r = peers_configure(&engine->peers, engine->settings);

	if (r == 0)
		r = probing_configure(
			&engine->probing, engine->world.loop, engine->settings, trusted, withhold);
	if (r == 0)
		withhold(&engine->probing);
	return r;
}

int engine_configure(struct engine *engine, const struct request_configure *configure,
	const int *fds, size_t fd_count, struct problem *problem)
{
	struct delivery delivery;
	int r;

	delivery_sort(&delivery, configure->fd_kind, configure->fd_count, fds, fd_count);
	if (configure->version != REQUEST_VERSION) {
		problem_set(problem,
			"netd speaks version %u of the engine protocol, and this engine version %u; restart the whole program",
			configure->version, (unsigned)REQUEST_VERSION);
		r = -EPROTO;
		goto out;
	}
	if (engine->settings) {
		problem_set(problem,
			"netd sent the configuration twice to the same engine, which is a bug; report it and restart the whole program");
		r = -EPROTO;
		goto out;
	}
	if (fd_count != configure->fd_count) {
		problem_set(problem,
			"the engine received %zu of netd's %u files: the limit of open files is too low; raise LimitNOFILE= or \"ulimit -n\"",
			fd_count, (unsigned)configure->fd_count);
		r = -EMFILE;
		goto out;
	}
	r = delivery_load(&delivery, &engine->role->configuration, configure->path,
		&engine->settings, &engine->tls, problem);
	if (r < 0)
		goto out;
	(void)snprintf(engine->config_path, sizeof(engine->config_path), "%s", configure->path);
	engine->load = configure->load;
	engine->generation = configure->generation;
	memcpy(engine->instance, configure->instance, sizeof(engine->instance));
	log_set_level(engine->settings->log_level);
	r = announce(engine, configure->adopt_count > 0);
	if (r < 0)
		problem_set(problem, "out of memory");
	else
		r = start_workers(engine, problem);
	engine_plan_descriptors(engine);
	if (r == 0 && delivery.control >= 0) {
		r = control_open(engine, delivery.control, &engine->control);
		delivery.control = -1;
		if (r < 0)
			problem_set(problem, "cannot serve the control socket: %s", error_text(r));
	}
	if (r < 0)
		goto out;
	engine->state_dir_fd = delivery.state;
	delivery.state = -1;
	engine->issuer_fd = delivery.issuer;
	delivery.issuer = -1;
	for (size_t i = 0; i < delivery.listener_count && engine->role->listener; i++) {
		engine->role->listener(engine, delivery.listeners[i]);
		delivery.listeners[i] = -1;
	}
out:
	delivery_close(&delivery);
	return r;
}
