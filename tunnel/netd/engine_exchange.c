/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/engine_process_internal.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"

/*
 * A planned exchange of the engine. What can be found wrong with the new program is found while the
 * old engine still works: the file is judged and executed first. Only then the old one goes, and the
 * new one gets its CONFIGURE. Should it not come to READY, the old program is executed again.
 */

bool engine_process_on_trial(const struct engine_process *engine)
{
	return engine->state == ENGINE_STARTING && program_file_on_trial(engine->plan->program);
}

void engine_exchange_fall_back(struct engine_process *engine)
{
	log_error("the new program at %s is given up: its engine ended before it was ready, the "
		  "lines above say how; going back to the old one. Install it anew and say reexec "
		  "again, or, when it does not go with this netd, restart the whole program",
		engine->plan->program->path);
	program_file_revert(engine->plan->program);
	engine_process_begin_again(engine);
}

void engine_exchange_succeed(struct engine_process *engine)
{
	struct engine_child next = engine->next;
	struct problem problem;

	engine_child_init(&engine->next);
	if (engine_process_attend(engine, &next, &problem) == 0)
		return;
	log_error("%s", problem.text);
	engine_exchange_fall_back(engine);
}

static void leave_expired(struct loop_timer *timer)
{
	struct engine_process *engine = container_of(timer, struct engine_process, deadline);

	engine_process_kill(engine, "it did not make room for its successor");
}

static int spawn_next(struct engine_process *engine, struct problem *problem)
{
	const struct engine_plan *plan = engine->plan;
	int r = engine_child_spawn(
		plan->program->fd, plan->argv, plan->user, plan->output_fd, &engine->next, problem);

	/* An interpreter finds no descriptor of ours to read from: ENOENT. */
	if (r == -ENOENT || r == -ENOEXEC || r == -ELIBBAD)
		problem_set(problem,
			"%s is no program that can be executed here (%s): is it a script, cut, or for "
			"another machine? Install it anew",
			plan->program->path, strerrordesc_np(-r));
	else if (r < 0)
		problem_prepend(problem, "%s", plan->program->path);
	return r;
}

int engine_process_exchange(struct engine_process *engine, struct problem *problem)
{
	struct program_file *program = engine->plan->program;
	int r;

	if (engine->state != ENGINE_RUNNING) {
		problem_set(problem, "%s; ask again in a moment",
			engine->state == ENGINE_LEAVING ? "an exchange is going on already"
							: "no engine is running that could be "
							  "exchanged");
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
	log_notice("engine (pid %d) makes room for a new one (pid %d) of %s",
		(int)engine->process.pid, (int)engine->next.process.pid, program->path);
	engine_process_set_state(engine, ENGINE_LEAVING, "it is exchanged");
	engine_process_set_deadline(engine, DURATION_MS(ENGINE_LEAVE_MS), leave_expired);
	return 0;
}
