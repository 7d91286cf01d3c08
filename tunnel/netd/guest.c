/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/guest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/file.h"
#include "base/log.h"
#include "system/ipc.h"

static void dead(struct loop_watch *watch, uint32_t events)
{
	struct guest *guest = container_of(watch, struct guest, death);
	struct process_end end;

	(void)events;
	if (process_reap(&guest->process, &end) < 0)
		return;
	/*
	 * The status is as in a shell, but the reason for which netd ended the command takes
	 * precedence.
	 */
	if (guest->status == 0)
		guest->status = end.signalled ? 128 + end.value : end.value;
	loop_watch_remove(guest->loop, watch);
	loop_timer_stop(guest->loop, &guest->overdue);
	guest->state = GUEST_ENDED;
	guest->ended(guest);
}

static void overdue(struct loop_timer *timer)
{
	struct guest *guest = container_of(timer, struct guest, overdue);

	log_error(
		"no tunnel within %g s, so the command does not start; the lines above name the cause, or those of --verbose; --timeout waits longer",
		duration_seconds(guest->patience));
	guest_dismiss(guest, GUEST_FAILED);
}

int guest_watch(struct guest *guest, struct loop *loop, void (*ended)(struct guest *guest),
	struct problem *problem)
{
	int r;

	guest->loop = loop;
	guest->ended = ended;
	guest->death.fd = -1;
	/* The child is not reaped yet, so the process number is surely its own. */
	guest->process = (struct process){ .pid = guest->pid, .fd = pidfd_open(guest->pid, 0) };
	r = guest->process.fd < 0
		? -errno
		: loop_watch_add(loop, &guest->death, guest->process.fd, EPOLLIN, dead);
	if (r < 0)
		problem_set(problem, "cannot watch the command: %s", error_text(r));
	else
		loop_timer_start(
			loop, &guest->overdue, mono_add(mono_now(), guest->patience), overdue);
	return r;
}

/* Writes a text in the form of resolv.conf(5); empty when the server pushes nothing. */
static size_t resolv_text(const struct nameservers *pushed, char text[static GUEST_RESOLV_MAX])
{
	FILE *out = fmemopen(text, GUEST_RESOLV_MAX, "w");
	char address[ADDR_TEXT_MAX];
	long len;

	if (!out)
		return 0;
	for (size_t i = 0; i < pushed->server_count; i++)
		(void)fprintf(out, "nameserver %s\n", addr_format(&pushed->server[i], address));
	for (size_t i = 0; i < pushed->domain_count && pushed->server_count > 0; i++)
		(void)fprintf(out, "%s %s", i == 0 ? "search" : "", pushed->domain[i]);
	if (pushed->domain_count > 0 && pushed->server_count > 0)
		(void)fputc('\n', out);
	len = fflush(out) == 0 ? ftell(out) : 0;
	(void)fclose(out);
	return len > 0 ? (size_t)len : 0;
}

static void begin(struct guest *guest, const struct nameservers *pushed)
{
	char text[GUEST_RESOLV_MAX] = "";
	size_t len = resolv_text(pushed, text);
	int r;

	loop_timer_stop(guest->loop, &guest->overdue);
	/* A datagram without bytes would look like the channel's end. */
	r = ipc_send(guest->channel, text, len + 1, NULL, 0);
	if (r < 0)
		log_debug("cannot start the command: %s", error_text(r));
	guest->nameservers = *pushed;
	guest->state = GUEST_RUNNING; /* if it has ended, its watch reports that */
}

/*
 * Rewrites the file in place, since this very file is mounted for the command. -EPIPE: the command
 * has no file.
 */
static int rewrite(struct guest *guest, const char *text, size_t len)
{
	size_t ignored, fd_count;
	char byte;
	int r = 0;

	if (guest->resolv_fd < 0)
		r = ipc_receive(guest->channel, &byte, sizeof(byte), &ignored, &guest->resolv_fd, 1,
			&fd_count);
	if (r < 0)
		return r;
	if (lseek(guest->resolv_fd, 0, SEEK_SET) < 0)
		return -errno;
	r = file_write_all(guest->resolv_fd, text, len);
	if (r == 0 && ftruncate(guest->resolv_fd, (off_t)len) < 0)
		r = -errno;
	return r;
}

/* After another connection the server may push other resolvers than before. */
static void follow(struct guest *guest, const struct nameservers *pushed)
{
	char text[GUEST_RESOLV_MAX] = "";
	int r;

	if (pushed->server_count == 0 || nameservers_equal(&guest->nameservers, pushed))
		return;
	guest->nameservers = *pushed;
	r = rewrite(guest, text, resolv_text(pushed, text));
	if (r == -EPIPE)
		log_warning(
			"the server pushes resolvers now; the command started without them, and keeps this host's resolvers");
	else if (r < 0)
		log_warning(
			"the server pushes other resolvers now, but netd cannot change those of the command: %s",
			error_text(r));
}

void guest_up(struct guest *guest, const struct request_dns *up)
{
	if (guest->state == GUEST_WAITING)
		begin(guest, &up->nameservers);
	else if (guest->state == GUEST_RUNNING)
		follow(guest, &up->nameservers);
}

bool guest_signal(struct guest *guest, const struct signalfd_siginfo *info)
{
	int r;

	if (guest->state == GUEST_WAITING) {
		guest_dismiss(guest, 128 + (int)info->ssi_signo);
		return false;
	}
	/* Signals from the kernel came from the terminal, and the command has got them as well. */
	if (guest->state == GUEST_ENDED || info->ssi_code == SI_KERNEL)
		return true;
	r = process_signal(&guest->process, (int)info->ssi_signo);
	if (r < 0 && r != -ESRCH)
		log_warning("cannot pass signal %u on to the command: %s", info->ssi_signo,
			error_text(r));
	return true;
}

void guest_dismiss(struct guest *guest, int status)
{
	if (guest->state == GUEST_ENDED)
		return;
	loop_timer_stop(guest->loop, &guest->overdue);
	if (guest->state == GUEST_WAITING) {
		if (guest->status == 0) /* the first reason counts */
			guest->status = status;
		(void)process_signal(&guest->process, SIGKILL);
		return;
	}
	log_error("the tunnel has ended for good; culvert ends the command");
	(void)process_signal(&guest->process, SIGTERM);
}

void guest_end(struct guest *guest)
{
	if (guest->state != GUEST_ENDED) {
		(void)kill(guest->pid, SIGKILL);
		(void)waitpid(guest->pid, NULL, 0);
		guest->state = GUEST_ENDED;
		if (guest->status == 0)
			guest->status = GUEST_FAILED;
	}
	if (guest->process.fd >= 0)
		close(guest->process.fd);
	if (guest->resolv_fd >= 0)
		close(guest->resolv_fd);
	close(guest->channel);
}
