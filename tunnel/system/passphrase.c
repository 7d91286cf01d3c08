/* SPDX-License-Identifier: Apache-2.0 */
#include "system/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error_text.h"

/* The answer, from the terminal or the agent, up to its newline. */
struct line {
	char *out; /* PASSPHRASE_MAX + 1 bytes */
	size_t len;
	bool too_long;
	bool complete;
};

/*
 * Stores one byte. False: the line is complete. Bytes go straight to the result, so no copies
 * remain.
 */
static bool line_take(struct line *line, char byte)
{
	if (byte == '\n') {
		line->complete = true;
		return false;
	}
	if (line->len == PASSPHRASE_MAX)
		line->too_long = true;
	else
		line->out[line->len++] = byte;
	return true;
}

static int line_judge(const struct line *line, struct problem *problem)
{
	line->out[line->len] = '\0';
	if (line->too_long) {
		problem_set(problem, "a passphrase has at most %d bytes", PASSPHRASE_MAX);
		return -EMSGSIZE;
	}
	if (line->len == 0) {
		problem_set(problem, "no passphrase was given");
		return -ECANCELED;
	}
	return 0;
}

/* ---- the terminal ---- */

struct terminal {
	int fd;
	int signal_fd;
	sigset_t held;   /* signals that wait until the terminal is restored */
	sigset_t before; /* the mask without the held ones */
	struct termios shown;
};

static void print_text(const struct terminal *terminal, const char *text)
{
	size_t len = strlen(text);

	/* Nothing helps when a terminal accepts no text. */
	if (write(terminal->fd, text, len) != (ssize_t)len)
		return;
}

/* Returns 0 for a line or the end of the input, or the number of a signal that came instead. */
static int read_terminal(const struct terminal *terminal, struct line *line)
{
	struct pollfd polled[] = { { .fd = terminal->fd, .events = POLLIN },
		{ .fd = terminal->signal_fd, .events = POLLIN } };
	struct signalfd_siginfo info;

	for (;;) {
		char byte = 0;
		ssize_t n;

		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (polled[1].revents != 0 &&
			read(terminal->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			return (int)info.ssi_signo;
		if (polled[0].revents == 0)
			continue;
		n = read(terminal->fd, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 || !line_take(line, byte))
			return 0;
	}
}

/* Asks once and restores the terminal. Returns the result of read_terminal(). */
static int ask_hidden(struct terminal *terminal, const char *prompt, struct line *line)
{
	struct termios hidden;
	int r;

	if (tcgetattr(terminal->fd, &terminal->shown) < 0)
		return -errno;
	hidden = terminal->shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	hidden.c_lflag |= ICANON | ISIG;
	if (tcsetattr(terminal->fd, TCSAFLUSH, &hidden) < 0)
		return -errno;
	print_text(terminal, prompt);
	print_text(terminal, ": ");
	r = read_terminal(terminal, line);
	(void)tcsetattr(terminal->fd, TCSAFLUSH, &terminal->shown);
	print_text(terminal, "\n");
	return r;
}

/* Delivers the signal: most end the process here. After a stop the caller asks again. */
static void deliver_signal(const struct terminal *terminal, int signal)
{
	(void)sigprocmask(SIG_SETMASK, &terminal->before, NULL);
	(void)raise(signal);
	(void)sigprocmask(SIG_BLOCK, &terminal->held, NULL);
}

static int ask_terminal(
	struct terminal *terminal, const char *prompt, char *out, struct problem *problem)
{
	static const int held[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	struct line line = { .out = out };
	int r;

	(void)sigemptyset(&terminal->held);
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		(void)sigaddset(&terminal->held, held[i]);
	(void)sigprocmask(SIG_BLOCK, &terminal->held, &terminal->before);
	terminal->signal_fd = signalfd(-1, &terminal->held, SFD_CLOEXEC | SFD_NONBLOCK);
	r = terminal->signal_fd < 0 ? -errno : 0;
	if (r == 0) {
		do {
			line = (struct line){ .out = out };
			r = ask_hidden(terminal, prompt, &line);
			if (r > 0)
				deliver_signal(terminal, r);
		} while (r == SIGTSTP);
		close(terminal->signal_fd);
	}
	(void)sigprocmask(SIG_SETMASK, &terminal->before, NULL);
	if (r == 0)
		return line_judge(&line, problem);
	if (r > 0) { /* a signal that the process was started to ignore */
		problem_set(problem, "no passphrase was given");
		return -ECANCELED;
	}
	problem_set(problem, "cannot ask on the terminal: %s", error_text(r));
	return r;
}

/* ---- systemd's agents ---- */

#define AGENT "/usr/bin/systemd-ask-password"

/* sd_booted(3): systemd manages this host, so an agent may answer. */
static bool has_agent(void)
{
	return access("/run/systemd/system", F_OK) == 0 && access(AGENT, X_OK) == 0;
}

__attribute__((noreturn)) static void become_agent(const char *prompt, int answer_fd)
{
	char name[] = "systemd-ask-password", no_tty[] = "--no-tty", id[] = "--id=culvert:key",
	     icon[] = "--icon=network-vpn", timeout[] = "--timeout=0", end[] = "--";
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", message[PROBLEM_TEXT_MAX];
	char *const argv[] = { name, no_tty, id, icon, timeout, end, message, NULL };
	char *const environment[] = { path, NULL };
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)snprintf(message, sizeof(message), "%s:", prompt);
	/* The agent must end with us: its question would stay on the screen. */
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 &&
		dup2(answer_fd, STDOUT_FILENO) >= 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0)
		(void)execve(AGENT, argv, environment);
	_exit(127);
}

static void read_agent(int fd, struct line *line)
{
	char byte = 0;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while ((n < 0 && errno == EINTR) || (n == 1 && line_take(line, byte)));
	line->complete = line->complete || n == 0;
}

static int ask_agent(const char *prompt, char *out, struct problem *problem)
{
	struct line line = { .out = out };
	int pipe_fds[2], status = -1;
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		problem_set(problem, "cannot ask for a passphrase: %s", error_text(errno));
		return -errno;
	}
	child = fork();
	if (child == 0)
		become_agent(prompt, pipe_fds[1]);
	close(pipe_fds[1]);
	if (child > 0) {
		read_agent(pipe_fds[0], &line);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(pipe_fds[0]);
	if (child > 0 && line.complete && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return line_judge(&line, problem);
	problem_set(problem, "systemd's password agents gave no passphrase");
	return -ECANCELED;
}

int passphrase_ask(const char *prompt, char out[static PASSPHRASE_MAX + 1], struct problem *problem)
{
	struct terminal terminal = { .fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) };
	int r;

	out[0] = '\0';
	if (terminal.fd >= 0) {
		r = ask_terminal(&terminal, prompt, out, problem);
		close(terminal.fd);
		return r;
	}
	if (has_agent())
		return ask_agent(prompt, out, problem);
	problem_set(problem,
		"neither a terminal nor systemd's password agents can ask for the passphrase; start it from a terminal, or store the key without a passphrase");
	return -ENOTTY;
}
