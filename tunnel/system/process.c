/* SPDX-License-Identifier: Apache-2.0 */
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error_text.h"

/*
 * Between fork and exec the child runs a list of steps (child_steps). If a step fails, the child
 * writes the step and errno into a pipe, which exec closes if it succeeds. The parent reads the
 * pipe and makes the text. process_run() has no such steps: its program keeps all rights.
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Root has other names than "root", and the name "0" is uid 0 unless a user has that name. */
static int refuse_root(const char *name, bool group, struct problem *problem)
{
	problem_set(problem,
		"'%s' is %s, and the engine, which talks to the network, must not run as that; make a "
		"user of its own (useradd --system culvert) and name it",
		name, group ? "in root's group (gid 0)" : "root (uid 0)");
	return -EPERM;
}

static bool is_zero(const char *name)
{
	return name[0] != '\0' && name[strspn(name, "0")] == '\0';
}

int process_find_user(const char *name, struct process_user *ret_user, struct problem *problem)
{
	char buffer[4096];
	struct passwd entry, *found;
	int error = getpwnam_r(name, &entry, buffer, sizeof(buffer), &found);

	if (error != 0) {
		problem_set(problem, "cannot look up user '%s': %s", name, error_text(error));
		return -error;
	}
	if (found ? found->pw_uid == 0 : is_zero(name))
		return refuse_root(name, false, problem);
	if (found && found->pw_gid == 0)
		return refuse_root(name, true, problem);
	if (!found) {
		problem_set(problem,
			"user '%s', which is to run the engine, does not exist; make it (useradd --system %s), or set `user` to another",
			name, name);
		return -ENOENT;
	}
	*ret_user = (struct process_user){ .uid = entry.pw_uid, .gid = entry.pw_gid };
	return 0;
}

bool process_has_capability(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

int process_use_permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].effective = data[i].permitted;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static bool is_among(int capability, const int *capabilities, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (capabilities[i] == capability)
			return true;
	}
	return false;
}

int process_keep_capabilities(const int *capabilities, size_t count)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t keep[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (size_t i = 0; i < count; i++)
		keep[CAP_TO_INDEX(capabilities[i])] |= CAP_TO_MASK(capabilities[i]);
	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
		if (!is_among(i, capabilities, count) && process_has_capability(CAP_SETPCAP) &&
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return -errno;
	}
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= keep[i];
		data[i].effective &= keep[i];
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int process_ensure_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		/* Children use these three, too. */
		if (fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

void process_raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t process_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

int process_open_self(int *ret_fd)
{
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

enum step {
	STEP_SESSION,
	STEP_SIGNALS,
	STEP_DESCRIPTORS,
	STEP_LIMITS,
	STEP_BOUNDING,
	STEP_USER,
	STEP_CAPABILITIES,
	STEP_NO_NEW_PRIVS,
	STEP_EXEC,
	STEP_COUNT
};

static const char *const step_text[STEP_COUNT] = {
	[STEP_SESSION] = "cannot start a session for it",
	[STEP_SIGNALS] = "cannot reset its signals",
	[STEP_DESCRIPTORS] = "cannot set up its descriptors",
	[STEP_LIMITS] = "cannot limit its core dumps",
	[STEP_BOUNDING] = "cannot empty its capability bounding set",
	[STEP_USER] = "cannot switch to its user (this needs CAP_SETUID and CAP_SETGID, and a user "
		      "that exists in this user namespace)",
	[STEP_CAPABILITIES] = "cannot drop its capabilities",
	[STEP_NO_NEW_PRIVS] = "cannot set no_new_privs",
	[STEP_EXEC] = "cannot execute this program again (its file has to be executable by the "
		      "engine's user: chmod o+x)",
};

/* The content of the pipe. */
struct failure {
	int32_t step;
	int32_t error;
};

static int reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	/* exec resets caught signals by itself, but not ignored ones. */
	if (sigaction(SIGPIPE, &action, NULL) < 0 || sigaction(SIGXFSZ, &action, NULL) < 0 ||
		sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	return 0;
}

/* program_fd may have to move for the channel; both must survive until exec. */
static int arrange_fds(const struct process_plan *plan, int *program_fd, int *pipe_fd)
{
	int first_free = plan->channel_number + 1;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int channel = fcntl(plan->channel_fd, F_DUPFD_CLOEXEC, first_free);
	int program = fcntl(*program_fd, F_DUPFD_CLOEXEC, first_free);
	int errors = fcntl(*pipe_fd, F_DUPFD_CLOEXEC, first_free);

	if (null < 0 || channel < 0 || program < 0 || errors < 0)
		return -errno;
	*program_fd = program;
	*pipe_fd = errors;
	/* The output comes first: its number may be the channel's. */
	if (dup2(plan->output_fd >= 0 ? plan->output_fd : STDERR_FILENO, STDOUT_FILENO) < 0 ||
		dup2(STDOUT_FILENO, STDERR_FILENO) < 0 || dup2(null, STDIN_FILENO) < 0 ||
		dup2(channel, plan->channel_number) < 0)
		return -errno;
	for (int fd = STDERR_FILENO + 1; fd < plan->channel_number; fd++)
		close(fd);
	/* The others close at exec, not now: the program and the pipe are among them. */
	if (close_range((unsigned)first_free, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/*
 * With an empty bounding set not even a child of uid 0 gets capabilities at exec. Without
 * CAP_SETPCAP the set cannot be emptied. Then no_new_privs blocks file capabilities, and later
 * steps empty the other sets.
 */
static int empty_bounding_set(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return errno == EPERM && getuid() != 0 ? 0 : -errno;
	}
	return 0;
}

static int switch_user(const struct process_user *user)
{
	if (!user || (user->uid == geteuid() && user->gid == getegid()))
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
		setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		syscall(SYS_capset, &header, none) < 0)
		return -errno;
	return 0;
}

static int limit_core_dumps(void)
{
	struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

/* Runs the steps. Returns only if one fails; *ret_step names it. */
static int child_steps(const struct process_plan *plan, int *pipe_fd, enum step *ret_step)
{
	int program_fd = plan->program_fd;
	int r;

	*ret_step = STEP_SESSION;
	if (setsid() < 0)
		return -errno;
	*ret_step = STEP_SIGNALS;
	r = reset_signals();
	if (r < 0)
		return r;
	*ret_step = STEP_DESCRIPTORS;
	r = arrange_fds(plan, &program_fd, pipe_fd);
	if (r < 0)
		return r;
	*ret_step = STEP_LIMITS;
	r = limit_core_dumps();
	if (r < 0)
		return r;
	*ret_step = STEP_BOUNDING;
	r = empty_bounding_set();
	if (r < 0)
		return r;
	*ret_step = STEP_USER;
	r = switch_user(plan->user);
	if (r < 0)
		return r;
	*ret_step = STEP_CAPABILITIES;
	r = drop_capabilities();
	if (r < 0)
		return r;
	*ret_step = STEP_NO_NEW_PRIVS;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	*ret_step = STEP_EXEC;
	(void)fexecve(program_fd, plan->argv, environ);
	return -errno;
}

static _Noreturn void child_run(const struct process_plan *plan, int pipe_fd)
{
	enum step step;
	int r = child_steps(plan, &pipe_fd, &step);
	struct failure failure = { .step = (int32_t)step, .error = r };
	ssize_t n = write(pipe_fd, &failure, sizeof(failure));

	_exit(n == (ssize_t)sizeof(failure) ? 126 : 127);
}

/* Waits for exec, or for a failed step. */
static int await_exec(int pipe_fd, struct problem *problem)
{
	struct failure failure;
	ssize_t n;

	do {
		n = read(pipe_fd, &failure, sizeof(failure));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(failure) || failure.step < 0 || failure.step >= STEP_COUNT) {
		problem_set(problem, "cannot start the engine: it did not report");
		return -EIO;
	}
	problem_set(problem, "cannot start the engine: %s: %s", step_text[failure.step],
		error_text(failure.error));
	return failure.error;
}

static int explain(struct problem *problem, int error)
{
	problem_set(problem, "cannot start the engine: %s", error_text(error));
	return error;
}

int process_spawn(
	const struct process_plan *plan, struct process *ret_process, struct problem *problem)
{
	struct process process;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return explain(problem, -errno);
	process.pid = fork();
	if (process.pid == 0)
		child_run(plan, fds[1]);
	r = process.pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return explain(problem, r);
	}
	/* The child is not reaped yet, so the pid is surely its own. */
	process.fd = pidfd_open(process.pid, 0);
	r = process.fd < 0 ? explain(problem, -errno) : await_exec(fds[0], problem);
	close(fds[0]);
	if (r < 0) {
		(void)kill(process.pid, SIGKILL);
		(void)waitpid(process.pid, NULL, 0);
		if (process.fd >= 0)
			close(process.fd);
		return r;
	}
	*ret_process = process;
	return 0;
}

/* Sets what posix_spawn(3) does in the child. Returns 0 or a positive errno. */
static int plan_run(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions)
{
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	r = posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attributes, &all);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(
			actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	if (r == 0)
		r = posix_spawn_file_actions_addchdir_np(actions, "/");
	return r;
}

int process_run(
	const char *path, char *const *argv, char *const *environment, struct process *ret_process)
{
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	struct process process = { .fd = -1 };
	int r = posix_spawnattr_init(&attributes);

	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		goto destroy_attributes;
	r = plan_run(&attributes, &actions);
	if (r == 0)
		r = posix_spawn(&process.pid, path, &actions, &attributes, argv, environment);
	if (r != 0)
		goto destroy_actions;
	process.fd = pidfd_open(process.pid, 0);
	if (process.fd < 0) {
		r = errno;
		process_signal_group(&process, SIGKILL);
		(void)waitpid(process.pid, NULL, 0);
		goto destroy_actions;
	}
	*ret_process = process;

destroy_actions:
	(void)posix_spawn_file_actions_destroy(&actions);
destroy_attributes:
	(void)posix_spawnattr_destroy(&attributes);
	return -r;
}

void process_signal_group(const struct process *process, int signal)
{
	(void)kill(-process->pid, signal);
}

int process_signal(const struct process *process, int signal)
{
	return pidfd_send_signal(process->fd, signal, NULL, 0) < 0 ? -errno : 0;
}

int process_reap(const struct process *process, struct process_end *ret_end)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PIDFD, (id_t)process->fd, &info, WEXITED | WNOHANG) < 0)
		return -errno;
	if (info.si_pid == 0)
		return -EAGAIN;
	*ret_end = (struct process_end){
		.signalled = info.si_code != CLD_EXITED,
		.value = info.si_status,
	};
	return 0;
}

void process_harden(const char *name)
{
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
#ifndef SANITIZED
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
