/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a supervisor with a descriptor store does for a program (sd_pid_notify_with_fds(3),
 * sd_listen_fds(3)), without one:
 *
 * 	fd_store PROGRAM ARGUMENT...
 *
 * SIGUSR1: it sends the program SIGUSR2 (RestartKillSignal= of the units), waits until it has ended
 * and starts it again with the descriptor that it has handed over. SIGTERM is passed on. It ends
 * with the program's status when the program has ended by itself, or by SIGTERM.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PASSED_FD = 3, /* where sd_listen_fds(3) has the first */
	MESSAGE_MAX = 4096,
	NAME_MAX_BYTES = 64,
};

struct store {
	int notify; /* the socket that the program reports to */
	int fd;     /* what it has handed over, or -1 */
	char name[NAME_MAX_BYTES];
	pid_t pid;
	bool restarting;
};

static int fail(const char *what)
{
	perror(what);
	return -1;
}

/* ---- the program ---- */

static void run(const struct store *store, char *const arguments[])
{
	char number[16];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (store->fd >= 0 && dup2(store->fd, PASSED_FD) == PASSED_FD) {
		snprintf(number, sizeof(number), "%d", (int)getpid());
		setenv("LISTEN_PID", number, 1);
		setenv("LISTEN_FDS", "1", 1);
		setenv("LISTEN_FDNAMES", store->name, 1);
	}
	execvp(arguments[0], arguments);
	perror(arguments[0]);
	_exit(127);
}

static int start(struct store *store, char *const arguments[])
{
	store->pid = fork();
	if (store->pid < 0)
		return fail("fork");
	if (store->pid == 0)
		run(store, arguments);
	/* As systemd: what was passed stays in the store until the program drops it. */
	return 0;
}

/* ---- its messages ---- */

static void drop(struct store *store)
{
	if (store->fd >= 0)
		close(store->fd);
	store->fd = -1;
}

static void keep(struct store *store, const char *lines, int fd)
{
	const char *name = strstr(lines, "FDNAME=");

	drop(store);
	/* It must not stand where the next one is to be passed. */
	store->fd = fcntl(fd, F_DUPFD_CLOEXEC, PASSED_FD + 1);
	snprintf(store->name, sizeof(store->name), "%.*s",
		name ? (int)strcspn(name + strlen("FDNAME="), "\n") : 0,
		name ? name + strlen("FDNAME=") : "");
}

static void hear(struct store *store)
{
	char lines[MESSAGE_MAX];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec bytes = { .iov_base = lines, .iov_len = sizeof(lines) - 1 };
	struct msghdr message = { .msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(store->notify, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
	int fd = -1;

	if (n < 0)
		return;
	lines[n] = '\0';
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	if (strstr(lines, "FDSTORE=1") && fd >= 0)
		keep(store, lines, fd);
	else if (strstr(lines, "FDSTOREREMOVE=1"))
		drop(store);
	/* What comes with BARRIER=1 is waited for until it is closed. */
	if (fd >= 0)
		close(fd);
}

static int notify_open(struct store *store)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[32];

	/* An abstract name needs no clean-up, and belongs to this network namespace. */
	snprintf(name, sizeof(name), "@fd-store-%d", (int)getpid());
	memcpy(&address.sun_path[1], &name[1], strlen(name) - 1);
	store->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (store->notify < 0)
		return fail("socket");
	if (bind(store->notify, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) < 0)
		return fail("bind");
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("FDSTORE", "1", 1);
	return 0;
}

/* ---- signals ---- */

/* Returns whether the program has ended for good; its status is then in *ret_status. */
static bool on_child(struct store *store, char *const arguments[], int *ret_status)
{
	int status;

	if (waitpid(store->pid, &status, WNOHANG) != store->pid)
		return false;
	if (store->restarting) {
		store->restarting = false;
		/* Messages that it sent last are still to be read. */
		for (struct pollfd more = { .fd = store->notify, .events = POLLIN };
			poll(&more, 1, 0) > 0;)
			hear(store);
		if (start(store, arguments) == 0)
			return false;
		status = 1 << 8;
	}
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return true;
}

static bool on_signal(struct store *store, int signals, char *const arguments[], int *ret_status)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGUSR1) {
		store->restarting = true;
		kill(store->pid, SIGUSR2);
	} else if (info.ssi_signo == SIGCHLD) {
		return on_child(store, arguments, ret_status);
	} else {
		kill(store->pid, (int)info.ssi_signo);
	}
	return false;
}

int main(int argc, char *argv[])
{
	struct store store = { .fd = -1 };
	int signals, status = 1;
	sigset_t set;

	if (argc < 2) {
		fprintf(stderr, "usage: fd_store PROGRAM ARGUMENT...\n");
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0 || notify_open(&store) < 0 || start(&store, &argv[1]) < 0)
		return 1;
	for (;;) {
		struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
			{ .fd = store.notify, .events = POLLIN } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (fds[1].revents & POLLIN)
			hear(&store);
		if ((fds[0].revents & POLLIN) && on_signal(&store, signals, &argv[1], &status))
			return status;
	}
}
