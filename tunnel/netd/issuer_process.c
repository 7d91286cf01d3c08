/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/issuer_process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "system/ipc.h"
#include "wire/request.h"

enum { FILE_CERTIFICATE, FILE_KEY };

void issuer_process_init(struct issuer_process *issuer)
{
	*issuer = (struct issuer_process){
		.service = { -1, -1 },
		.files = { -1, -1 },
		.death_watch.fd = -1,
		.backoff = { .first = DURATION_MS(ISSUER_BACKOFF_FIRST_MS),
			.longest = DURATION_MS(ISSUER_BACKOFF_LONGEST_MS) },
	};
	engine_child_init(&issuer->child);
}

static int find_user(struct issuer_process *issuer, struct problem *problem)
{
	const struct settings *settings = issuer->plan.settings;
	const char *own = settings->issuer->user;
	int r;

	if (!issuer->plan.switch_user)
		return 0;
	r = process_find_user(own[0] ? own : settings->user, &issuer->user, problem);
	if (r < 0) {
		problem_prepend(problem, "issuer.user");
		return r;
	}
	issuer->has_user = true;
	if (!own[0] || strcmp(own, settings->user) == 0)
		log_notice(
			"the issuing process runs as %s, as the engine does; give it a user of its own with issuer.user",
			settings->user);
	return 0;
}

int issuer_process_open(
	struct issuer_process *issuer, const struct issuer_plan *plan, struct problem *problem)
{
	int r;

	if (!plan->settings->issuer)
		return 0;
	issuer->plan = *plan;
	r = find_user(issuer, problem);
	if (r == 0)
		r = sealed_files_open_issuer(plan->settings->issuer,
			&issuer->files[FILE_CERTIFICATE], &issuer->files[FILE_KEY], problem);
	if (r < 0)
		return r;
	r = ipc_pair(issuer->service);
	if (r < 0) {
		problem_set(
			problem, "cannot make a channel to the issuing process: %s", error_text(r));
		return r;
	}
	issuer->active = true;
	return 0;
}

int issuer_process_engine_end(const struct issuer_process *issuer)
{
	return issuer->service[0];
}

/* ---- its life ---- */

static void add_fd(struct request_configure *configure, int *fds, enum request_fd_kind kind, int fd)
{
	if (fd < 0)
		return;
	fds[configure->fd_count] = fd;
	configure->fd_kind[configure->fd_count++] = (uint8_t)kind;
}

/* It gets this server's certificate, to know which CAs it trusts, but never its key. */
static int send_configure(const struct issuer_process *issuer)
{
	const struct sealed_files *files = issuer->plan.files;
	struct request request = { .type = REQUEST_CONFIGURE };
	struct request_configure *configure = &request.configure;
	uint8_t data[REQUEST_SIZE_MAX];
	int fds[REQUEST_FDS_MAX], r;
	struct writer writer;

	configure->version = REQUEST_VERSION;
	memcpy(configure->path, issuer->plan.config_path,
		strnlen(issuer->plan.config_path, sizeof(configure->path) - 1));
	add_fd(configure, fds, REQUEST_FD_CONFIG, files->config);
	add_fd(configure, fds, REQUEST_FD_CERTIFICATE, files->certificate);
	add_fd(configure, fds, REQUEST_FD_CA, files->ca);
	add_fd(configure, fds, REQUEST_FD_CRL, files->crl);
	add_fd(configure, fds, REQUEST_FD_ISSUER, issuer->service[1]);
	add_fd(configure, fds, REQUEST_FD_ISSUER_CERTIFICATE, issuer->files[FILE_CERTIFICATE]);
	add_fd(configure, fds, REQUEST_FD_ISSUER_KEY, issuer->files[FILE_KEY]);
	writer_init(&writer, data, sizeof(data));
	r = request_encode(&writer, &request);
	return r < 0 ? r
		     : ipc_send(issuer->child.channel, data, writer.len, fds, configure->fd_count);
}

static void again_expired(struct loop_timer *timer)
{
	issuer_process_start(container_of(timer, struct issuer_process, again));
}

static void start_later(struct issuer_process *issuer)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		random = 0; /* then the wait is its least */
	loop_timer_start(issuer->plan.loop, &issuer->again,
		mono_add(mono_now(), backoff_next(&issuer->backoff, random)), again_expired);
}

static void process_ended(struct loop_watch *watch, uint32_t events)
{
	struct issuer_process *issuer = container_of(watch, struct issuer_process, death_watch);

	(void)events;
	log_error(
		"the issuing process (pid %d) has ended; no certificate is renewed until netd has started it again",
		(int)issuer->child.process.pid);
	loop_watch_remove(issuer->plan.loop, &issuer->death_watch);
	engine_child_end(&issuer->child);
	if (duration_seconds(mono_since(mono_now(), issuer->started)) > ISSUER_STEADY_SECONDS)
		backoff_reset(&issuer->backoff);
	start_later(issuer);
}

void issuer_process_start(struct issuer_process *issuer)
{
	char option[] = "--issuer", name[32];
	char *const argv[] = { name, option, NULL };
	struct problem problem = { 0 };
	int r;

	if (!issuer->active)
		return;
	(void)snprintf(name, sizeof(name), "%s", issuer->plan.program_name);
	issuer->started = mono_now();
	r = engine_child_spawn(issuer->plan.program->fd, argv,
		issuer->has_user ? &issuer->user : NULL, issuer->plan.output_fd, &issuer->child,
		&problem);
	if (r == 0) {
		r = send_configure(issuer);
		if (r == 0)
			r = loop_watch_add(issuer->plan.loop, &issuer->death_watch,
				issuer->child.process.fd, EPOLLIN, process_ended);
		if (r < 0)
			problem_set(&problem, "%s", error_text(r));
	}
	if (r == 0) {
		log_info("the issuing process runs (pid %d)", (int)issuer->child.process.pid);
		return;
	}
	log_error("cannot start the issuing process: %s", problem.text);
	engine_child_end(&issuer->child);
	start_later(issuer);
}

void issuer_process_renew(struct issuer_process *issuer)
{
	struct problem problem = { 0 };
	int certificate, key;

	if (!issuer->active)
		return;
	/* Files that cannot be used now do not take the place of those that can. */
	if (sealed_files_open_issuer(issuer->plan.settings->issuer, &certificate, &key, &problem) ==
		0) {
		close(issuer->files[FILE_CERTIFICATE]);
		close(issuer->files[FILE_KEY]);
		issuer->files[FILE_CERTIFICATE] = certificate;
		issuer->files[FILE_KEY] = key;
	} else {
		log_warning("%s; the issuing process goes on with the former file", problem.text);
	}
	loop_timer_stop(issuer->plan.loop, &issuer->again);
	loop_watch_remove(issuer->plan.loop, &issuer->death_watch);
	engine_child_end(&issuer->child);
	issuer_process_start(issuer);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void issuer_process_end(struct issuer_process *issuer)
{
	if (issuer->active) {
		loop_timer_stop(issuer->plan.loop, &issuer->again);
		loop_watch_remove(issuer->plan.loop, &issuer->death_watch);
	}
	engine_child_end(&issuer->child);
	for (size_t i = 0; i < 2; i++) {
		close_fd(&issuer->service[i]);
		close_fd(&issuer->files[i]);
	}
	issuer->active = false;
}
