/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ISSUER_PROCESS_H
#define CULVERT_NETD_ISSUER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/backoff.h"
#include "base/problem.h"
#include "config/settings.h"
#include "netd/engine_child.h"
#include "netd/program_file.h"
#include "netd/sealed_files.h"
#include "system/loop.h"
#include "system/process.h"

/*
 * The life of the issuing process, which alone has the key of the issuing CA. netd starts it, gives
 * it sealed files and its end of a socketpair, and starts it again after a backoff when it has
 * ended. The other end is the engine's: netd reads nothing of what the two say. netd keeps both
 * ends open, so neither process sees the other come or go, and a request that waits when the
 * issuing process ends is answered by the next one. netd's only thread.
 */

enum {
	ISSUER_BACKOFF_FIRST_MS = 200,
	ISSUER_BACKOFF_LONGEST_MS = 30000,
	ISSUER_STEADY_SECONDS = 60, /* after that the backoff begins at its first step again */
};

struct issuer_plan {
	struct loop *loop;
	const struct settings *settings;
	const struct program_file *program;
	const char *program_name; /* argv[0] */
	const char *config_path;
	const struct sealed_files *files;
	bool switch_user; /* netd can start a process of another user */
	int output_fd;    /* as in process_plan */
};

struct issuer_process {
	struct issuer_plan plan;
	bool active;
	int service[2]; /* the engine's end, the issuing process's end; -1: none */
	int files[2];   /* sealed: certificate and key of the issuing CA; -1: none */
	struct process_user user;
	bool has_user;
	struct engine_child child;
	struct loop_watch death_watch;
	struct loop_timer again;
	struct backoff backoff;
	struct mono started;
};

/* Makes an object that issuer_process_end() accepts. */
void issuer_process_init(struct issuer_process *issuer);

/*
 * Opens the socketpair, reads certificate and key, and finds the user; does nothing without
 * settings->issuer. Later issuer_process_start() starts the process. Negative errno: *problem says
 * why, and begins with the option's key where a file is at fault.
 */
int issuer_process_open(
	struct issuer_process *issuer, const struct issuer_plan *plan, struct problem *problem);

/* Starts the process, or tries again later. */
void issuer_process_start(struct issuer_process *issuer);

/* Starts it again with the sealed files and the configuration as they are now. */
void issuer_process_renew(struct issuer_process *issuer);

/* The engine's end; -1: nothing is issued. */
int issuer_process_engine_end(const struct issuer_process *issuer);

/* Ends the process and frees all. */
void issuer_process_end(struct issuer_process *issuer);

#endif
