/* SPDX-License-Identifier: Apache-2.0 */
/* Where the daemons' sockets are, and what a person reads if nobody answers there. */
#include "client/command_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit_code.h"
#include "client/leftovers.h"

int command_exit_code(int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ETIMEDOUT:
		return EXIT_CODE_UNREACHABLE;
	case -EACCES:
	case -EPERM:
		return EXIT_CODE_PERMISSION;
	case -EINVAL:
	case -ENOTUNIQ:
	case -ENAMETOOLONG:
		return EXIT_CODE_USAGE;
	default:
		return EXIT_CODE_FAILURE;
	}
}

int command_complain(const char *command, const struct problem *problem, int exit_code)
{
	(void)fprintf(stderr, "culvert %s: %s\n", command, problem->text);
	return exit_code;
}

/* No daemon answers: leftovers of a killed one may be why the user asks. */
int command_complain_of_silence(const char *command, const struct problem *problem, int exit_code)
{
	struct findings findings = { .count = 0 };

	(void)command_complain(command, problem, exit_code);
	if (exit_code != EXIT_CODE_UNREACHABLE)
		return exit_code;
	leftovers_examine(&findings);
	for (size_t i = 0; i < findings.count; i++) {
		const struct finding *finding = &findings.items[i];

		if (finding->level == FINDING_PROBLEM)
			(void)fprintf(stderr, "culvert %s: %s: %s\n", command, finding->text.text,
				finding->cure);
	}
	findings_free(&findings);
	return exit_code;
}

bool command_user_dir(char dir[CONTROL_PATH_SIZE])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	return runtime &&
		snprintf(dir, CONTROL_PATH_SIZE, "%s/culvert", runtime) < CONTROL_PATH_SIZE;
}

int command_find_socket(const char *name, char path[CONTROL_PATH_SIZE], struct problem *problem)
{
	struct problem own_problem;
	char dir[CONTROL_PATH_SIZE];
	int r = control_client_find(SETTINGS_RUN_DIR, name, path, problem), own;

	if (r != -ENOENT || !command_user_dir(dir))
		return r;
	own = control_client_find(dir, name, path, &own_problem);
	if (own == -ENOENT)
		return r;
	*problem = own_problem;
	return own;
}

static bool find_maker(const char *dir, pid_t pid, char path[CONTROL_PATH_SIZE])
{
	struct control_instances *instances = calloc(1, sizeof(*instances));
	struct problem ignored;
	bool found = false;

	/* A list that is cut, or a directory that is not there, has what it has. */
	if (instances)
		(void)control_client_list(dir, instances, &ignored);
	for (size_t i = 0; instances && i < instances->count && !found; i++) {
		found = control_client_maker(instances->items[i].path) == pid;
		if (found)
			memcpy(path, instances->items[i].path, CONTROL_PATH_SIZE);
	}
	free(instances);
	return found;
}

int command_find_socket_of(pid_t pid, char path[CONTROL_PATH_SIZE], struct problem *problem)
{
	char dir[CONTROL_PATH_SIZE];

	if (find_maker(SETTINGS_RUN_DIR, pid, path) ||
		(command_user_dir(dir) && find_maker(dir, pid, path)))
		return 0;
	problem_set(problem,
		"process %d has no control socket in " SETTINGS_RUN_DIR
		"; name the socket with --socket, or send SIGHUP to the process",
		(int)pid);
	return -ENOENT;
}
