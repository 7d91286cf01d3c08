/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/control.h"
#include "config/credentials.h"
#include "config/conf.h"
#include "lane/lane.h"
#include "system/process.h"

/*
 * Takes what netd hands over at the engine's start: the configuration, certificates and key as
 * sealed files, and sockets. Each descriptor is taken or closed here.
 */

/* The descriptors of one CONFIGURE, by kind. */
struct delivery {
	int config, state, control;
	int listeners[SETTINGS_LISTEN_MAX];
	size_t listener_count;
	int parts[CREDENTIALS_PART_COUNT];
};

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void delivery_close(struct delivery *delivery)
{
	close_fd(delivery->config);
	close_fd(delivery->state);
	close_fd(delivery->control);
	for (size_t i = 0; i < delivery->listener_count; i++)
		close_fd(delivery->listeners[i]);
	for (int part = 0; part < CREDENTIALS_PART_COUNT; part++)
		close_fd(delivery->parts[part]);
}

static int *slot_of(struct delivery *delivery, uint8_t kind)
{
	switch (kind) {
	case REQUEST_FD_CONFIG:
		return &delivery->config;
	case REQUEST_FD_STATE:
		return &delivery->state;
	case REQUEST_FD_CONTROL:
		return &delivery->control;
	case REQUEST_FD_CERTIFICATE:
		return &delivery->parts[CREDENTIALS_CERTIFICATE];
	case REQUEST_FD_KEY:
		return &delivery->parts[CREDENTIALS_KEY];
	case REQUEST_FD_CA:
		return &delivery->parts[CREDENTIALS_CA];
	case REQUEST_FD_CRL:
		return &delivery->parts[CREDENTIALS_CRL];
	case REQUEST_FD_LISTENER:
		if (delivery->listener_count == SETTINGS_LISTEN_MAX)
			return NULL;
		return &delivery->listeners[delivery->listener_count++];
	default:
		return NULL;
	}
}

static void delivery_sort(struct delivery *delivery, const struct request_configure *configure,
	const int *fds, size_t fd_count)
{
	*delivery = (struct delivery){ .config = -1, .state = -1, .control = -1 };
	for (int part = 0; part < CREDENTIALS_PART_COUNT; part++)
		delivery->parts[part] = -1;
	for (size_t i = 0; i < fd_count; i++) {
		int *slot = i < configure->fd_count ? slot_of(delivery, configure->fd_kind[i])
						    : NULL;
		if (!slot) {
			close(fds[i]);
			continue;
		}
		if (configure->fd_kind[i] != REQUEST_FD_LISTENER)
			close_fd(*slot); /* a kind that comes twice: the last one counts */
		*slot = fds[i];
	}
}

static int load_tls(struct engine *engine, const struct delivery *delivery, struct problem *problem)
{
	struct credentials credentials = { 0 };
	int r = 0;

	for (int part = 0; part < CREDENTIALS_PART_COUNT && r == 0; part++) {
		if (delivery->parts[part] >= 0)
			r = credentials_read_fd(
				&credentials, (enum credentials_part)part, delivery->parts[part]);
	}
	if (r == 0)
		r = credentials_take_inline(&credentials, engine->settings);
	if (r < 0)
		problem_set(problem, "cannot read certificate, key or CA: %s", error_text(r));
	else
		r = credentials_make_context(&credentials, engine->settings,
			engine->role->configuration.tls_role, &engine->tls, problem);
	credentials_free(&credentials);
	return r;
}

/* Only a warning: the clock may be set later, and sessions of the engine before may be up. */
static void warn_of_dates(const struct engine *engine)
{
	struct problem problem;

	if (credentials_check_dates(engine->tls, engine->settings, &problem) < 0)
		log_warning(
			"%s; new connections fail until the clock or the certificate is fixed%s",
			problem.text,
			engine->settings->kill_switch
				? "; the kill switch blocks NTP, so set a wrong clock by hand (date -s)"
				: "");
}

/*
 * Loads the settings and the certificates that they name. A problem of either names file and line.
 */
static int load(struct engine *engine, const struct delivery *delivery, const char *path,
	struct problem *problem)
{
	char *text;
	size_t len;

	int r = delivery->config >= 0 ? file_read_fd(delivery->config, &text, &len) : -EBADF;
	if (r < 0) {
		problem_set(
			problem, "cannot read the configuration that netd sent: %s", error_text(r));
		return r;
	}
	r = engine->role->configuration.load(text, len, path, &engine->settings, problem);
	if (r == 0) {
		r = load_tls(engine, delivery, problem);
		if (r < 0)
			conf_locate(text, len, path, problem);
		else
			warn_of_dates(engine);
	}
	explicit_bzero(text, len); /* a profile contains its key */
	free(text);
	return r;
}

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

/* Warns at the start if the limit of open files is too low. */
static void plan_descriptors(struct engine *engine)
{
	const struct settings *settings = engine->settings;
	struct descriptors *plan = &engine->descriptors;

	if (settings->role != SETTINGS_SERVER)
		return;
	*plan = descriptors_plan(settings, engine->worker_count, process_fd_limit());
	if (plan->sessions < settings->max_sessions || plan->handshakes < settings->max_handshakes)
		log_warning("the limit of open files is %" PRIu64 ", and max_sessions = %" PRIu32
			    " with max_handshakes = %" PRIu32 " needs %" PRIu64
			    ": no more than %" PRIu32 " sessions and %" PRIu32
			    " handshakes are admitted; raise LimitNOFILE= of the unit, or \"ulimit "
			    "-n\", or lower max_sessions",
			plan->limit, settings->max_sessions, settings->max_handshakes,
			descriptors_needed(settings, engine->worker_count), plan->sessions,
			plan->handshakes);
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

	delivery_sort(&delivery, configure, fds, fd_count);
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
	r = load(engine, &delivery, configure->path, problem);
	if (r < 0)
		goto out;
	engine->generation = configure->generation;
	memcpy(engine->instance, configure->instance, sizeof(engine->instance));
	log_set_level(engine->settings->log_level);
	r = announce(engine, configure->adopt_count > 0);
	if (r < 0)
		problem_set(problem, "out of memory");
	else
		r = start_workers(engine, problem);
	plan_descriptors(engine);
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
	for (size_t i = 0; i < delivery.listener_count && engine->role->listener; i++) {
		engine->role->listener(engine, delivery.listeners[i]);
		delivery.listeners[i] = -1;
	}
out:
	delivery_close(&delivery);
	return r;
}
