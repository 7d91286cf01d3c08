/* SPDX-License-Identifier: Apache-2.0 */
#include "client/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/log.h"
#include "client/client.h"
#include "client/options.h"
#include "client/profile.h"
#include "client/run_inside.h"
#include "config/configuration.h"
#include "netd/netd.h"
#include "system/ipc.h"
#include "system/process.h"
#include "system/tun.h"
#include "system/userns.h"

static const char usage[] =
	"usage: culvert run [--timeout SECONDS] [--verbose] PROFILE [--] COMMAND [ARGUMENT...]\n"
	"\n"
	"Runs the command inside the VPN, as an ordinary user: it has a network of its own, with the tunnel's\n"
	"addresses, routes and resolvers. Nothing of the host changes.\n"
	"\n"
	"  --timeout SECONDS   how long to wait for the tunnel before the command begins (30)\n"
	"  --verbose           log as `log_level` sets, not only warnings\n"
	"\n"
	"Exit status: the command's; 128 and the signal's number when it died of one; 125 Culvert failed;\n"
	"126 the command cannot be executed; 127 it is not found.\n";

/* ---- the command line ---- */

static int parse_timeout(const char *text, struct duration *ret_timeout, struct problem *problem)
{
	char *end;
	unsigned long seconds = strtoul(text, &end, 10);

	if (strspn(text, "0123456789") != strlen(text) || end == text || seconds == 0 ||
		seconds > RUN_TIMEOUT_MAX_S) {
		problem_set(problem, "--timeout: expected seconds from 1 to %d, got \"%s\"",
			RUN_TIMEOUT_MAX_S, text);
		return -EINVAL;
	}
	*ret_timeout = DURATION_S((int64_t)seconds);
	return 0;
}

static int parse_options(
	int argc, char **argv, struct run_arguments *arguments, struct problem *problem)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, r = 0;

	optind = 0; /* glibc: start again */
	opterr = 0;
	/* "+": getopt_long() does not parse the command's own options. */
	while (r == 0 && (option = getopt_long(argc, argv, "+:hv", options, NULL)) != -1) {
		switch (option) {
		case 't':
			r = parse_timeout(optarg, &arguments->timeout, problem);
			break;
		case 'v':
			arguments->verbose = true;
			break;
		case 'h':
			arguments->help = true;
			break;
		case ':':
			problem_set(problem, "a value is missing after %s", argv[optind - 1]);
			r = -EINVAL;
			break;
		default:
			problem_set(problem, "unknown option: %s", argv[optind - 1]);
			r = -EINVAL;
		}
	}
	return r;
}

int run_parse(int argc, char **argv, struct run_arguments *ret_arguments, struct problem *problem)
{
	struct run_arguments arguments = { .timeout = DURATION_S(RUN_TIMEOUT_S) };
	int at, r = parse_options(argc, argv, &arguments, problem);

	if (r < 0)
		return r;
	at = optind;
	if (at < argc)
		arguments.profile = argv[at++];
	if (at < argc && strcmp(argv[at], "--") == 0)
		at++;
	arguments.command = &argv[at];
	if (!arguments.help && at >= argc) {
		problem_set(problem, "%s",
			arguments.profile ? "a command is missing after the profile"
					  : "a profile is missing");
		return -EINVAL;
	}
	*ret_arguments = arguments;
	return 0;
}

/* ---- the settings ---- */

/* "": the user has no directory for it, so there is no control socket. */
static void set_control_socket(struct settings *settings)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct stat st;
	int len;

	settings->control_socket[0] = '\0';
	if (!dir || dir[0] != '/' || stat(dir, &st) < 0 || st.st_uid != geteuid())
		return;
	len = snprintf(settings->control_socket, sizeof(settings->control_socket),
		"%s/culvert/%s.sock", dir, settings->name);
	if (len > SETTINGS_SOCKET_MAX)
		settings->control_socket[0] = '\0';
}

static int load(const char *text, size_t len, const char *path, bool verbose,
	struct settings **ret_settings, struct problem *problem)
{
	int r = client_options_load(text, len, path, ret_settings, problem);
	struct settings *settings;

	if (r < 0)
		return r;
	settings = *ret_settings;
	settings->contained = true;
	settings->peers[0].netns[0] = '\0';
	set_control_socket(settings);
	if (!verbose && settings->log_level > LOG_LEVEL_WARNING)
		settings->log_level = LOG_LEVEL_WARNING;
	return 0;
}

int run_load_quiet(const char *text, size_t len, const char *path, struct settings **ret_settings,
	struct problem *problem)
{
	return load(text, len, path, false, ret_settings, problem);
}

int run_load_verbose(const char *text, size_t len, const char *path, struct settings **ret_settings,
	struct problem *problem)
{
	return load(text, len, path, true, ret_settings, problem);
}

/* ---- running ---- */

/*
 * Waits until the child has its namespaces. On failure *problem says why, with the child's text if
 * it sent one.
 */
static int await_inside(int channel, struct problem *problem)
{
	struct pollfd wait = { .fd = channel, .events = POLLIN };
	char text[PROBLEM_TEXT_MAX + 1];
	size_t len = 0, fd_count;
	int r;

	do {
		(void)poll(&wait, 1, -1);
		r = ipc_receive(channel, text, PROBLEM_TEXT_MAX, &len, NULL, 0, &fd_count);
	} while (r == -EAGAIN);
	if (r < 0) {
		problem_set(problem, "the command's process ended before it began");
		return r;
	}
	text[len] = '\0';
	if (text[0]) {
		problem_set(problem, "%s", text);
		return -EPERM;
	}
	return 0;
}

/* Input and output are the command's: the reader of its pipe must not wait for us to close it. */
static void leave_standard_fds(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* Must fork while the process has only one thread. */
static int start_inside(char **command, struct guest *guest, struct problem *problem)
{
	int fds[2], r = ipc_pair(fds);

	if (r == 0) {
		guest->pid = fork();
		r = guest->pid < 0 ? -errno : 0;
	}
	if (r < 0) {
		problem_set(problem, "cannot start a process for the command: %s", error_text(r));
		return r;
	}
	if (guest->pid == 0) {
		close(fds[0]);
		run_inside(fds[1], command);
	}
	close(fds[1]);
	guest->channel = fds[0];
	return await_inside(fds[0], problem);
}

static int run(const struct run_arguments *arguments, struct configuration *profile,
	struct problem *problem)
{
	char name[] = "culvert", engine[] = "--engine", contained[] = "run", verbose[] = "verbose";
	char *const engine_argv[] = { name, engine, contained, arguments->verbose ? verbose : NULL,
		NULL };
	struct settings *settings = profile->settings;
	struct guest guest = { .patience = arguments->timeout };
	struct netd_program program = {
		.settings = settings,
		.config_path = profile->path,
		.configuration = profile,
		.engine_argv = engine_argv,
		.guest = &guest,
	};
	int r = tun_check_device(problem);

	if (r == 0)
		r = userns_enter(problem);
	if (r == 0)
		r = start_inside(arguments->command, &guest, problem);
	if (r < 0)
		return r; /* an existing child ends with its channel */
	leave_standard_fds();
	snprintf(settings->peers[0].netns, sizeof(settings->peers[0].netns), "pid:%d",
		(int)guest.pid);
	(void)netd_run(&program);
	return guest.status;
}

static int usage_error(const struct problem *problem)
{
	fprintf(stderr, "culvert run: %s; try culvert run --help\n", problem->text);
	return GUEST_FAILED;
}

int run_command(int argc, char **argv)
{
	struct run_arguments arguments;
	struct engine_role role = client_role;
	struct configuration profile = { 0 };
	struct problem problem = { 0 };
	char path[PATH_MAX];

	if (run_parse(argc, argv, &arguments, &problem) < 0)
		return usage_error(&problem);
	if (arguments.help)
		return fputs(usage, stdout) < 0 ? GUEST_FAILED : EXIT_CODE_OK;
	/*
	 * Must come before other descriptors open: 0 and 1 are replaced once the command has them.
	 */
	if (process_ensure_standard_fds() < 0) {
		log_error("cannot open /dev/null in place of standard input, output or error");
		return GUEST_FAILED;
	}
	role.configuration.load = arguments.verbose ? run_load_verbose : run_load_quiet;
	int r = profile_find(arguments.profile, PROFILE_DIR, path, &problem);
	if (r == 0)
		r = configuration_load(&profile, &role.configuration, path, &problem);
	if (r == 0) {
		log_set_level(profile.settings->log_level);
		r = configuration_prepare(&profile, &role.configuration, &problem);
	}
	if (r == 0)
		r = run(&arguments, &profile, &problem);
	if (r < 0)
		log_error("%s", problem.text);
	configuration_free(&profile);
	return r < 0 ? GUEST_FAILED : r;
}
