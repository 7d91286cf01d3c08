/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuing process from beginning to end: netd sends what it needs in one CONFIGURE, and it then
 * answers the engine until netd is gone.
 */
#include "daemon/issuer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/exit_code.h"
#include "base/file.h"
#include "base/log.h"
#include "config/credentials.h"
#include "daemon/options.h"
#include "system/ipc.h"
#include "system/process.h"
#include "wire/request.h"

/* What CONFIGURE brings. Each descriptor is closed before the first request. */
struct delivery {
	int fds[REQUEST_FD_KIND_COUNT]; /* by kind; -1: none */
	char path[REQUEST_PATH_MAX + 1];
};

struct issuing_process {
	struct settings *settings;
	struct issuer issuer;
	int service;
	uint8_t in[ISSUE_SIZE_MAX], out[ISSUE_SIZE_MAX];
};

static void sort(const struct request_configure *configure, const int *fds, size_t count,
	struct delivery *ret_delivery)
{
	for (size_t kind = 0; kind < REQUEST_FD_KIND_COUNT; kind++)
		ret_delivery->fds[kind] = -1;
	memcpy(ret_delivery->path, configure->path, sizeof(ret_delivery->path));
	for (size_t i = 0; i < count; i++) {
		int *slot = i < configure->fd_count ? &ret_delivery->fds[configure->fd_kind[i]]
						    : NULL;

		if (slot && *slot < 0)
			*slot = fds[i];
		else
			close(fds[i]);
	}
}

static int receive(struct delivery *ret_delivery, struct problem *problem)
{
	uint8_t data[REQUEST_SIZE_MAX];
	struct pollfd wait = { .fd = REQUEST_FD, .events = POLLIN };
	struct request request;
	int fds[REQUEST_FDS_MAX], r;
	size_t len, count;

	do
		r = poll(&wait, 1, -1);
	while (r < 0 && errno == EINTR);
	r = ipc_receive(REQUEST_FD, data, sizeof(data), &len, fds, REQUEST_FDS_MAX, &count);
	if (r == 0)
		r = request_decode(data, len, &request);
	if (r == 0 &&
		(request.type != REQUEST_CONFIGURE ||
			request.configure.version != REQUEST_VERSION ||
			request.configure.fd_count != count))
		r = -EPROTO;
	if (r < 0) {
		problem_set(problem, "netd did not say what to do: %s", error_text(r));
		return r;
	}
	sort(&request.configure, fds, count, ret_delivery);
	return 0;
}

static int read_text(const struct delivery *delivery, enum request_fd_kind kind, char **ret_text,
	size_t *ret_len, struct problem *problem)
{
	int r = delivery->fds[kind] < 0 ? -EBADF
					: file_read_fd(delivery->fds[kind], ret_text, ret_len);

	if (r < 0)
		problem_set(problem, "cannot read what netd sent: %s", error_text(r));
	return r;
}

/* The authorities and lists by which present certificates are verified. */
static int load_trust(const struct delivery *delivery, const struct settings *settings,
	struct tls_context **ret_trust, struct problem *problem)
{
	static const struct {
		enum request_fd_kind kind;
		enum credentials_part part;
	} parts[] = {
		{ REQUEST_FD_CERTIFICATE, CREDENTIALS_CERTIFICATE },
		{ REQUEST_FD_CA, CREDENTIALS_CA },
		{ REQUEST_FD_CRL, CREDENTIALS_CRL },
	};
	struct credentials credentials = { .skip_key = true };
	int r = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r == 0; i++) {
		if (delivery->fds[parts[i].kind] >= 0)
			r = credentials_read_fd(
				&credentials, parts[i].part, delivery->fds[parts[i].kind]);
	}
	if (r < 0)
		problem_set(problem, "cannot read what netd sent: %s", error_text(r));
	else
		r = credentials_make_context(
			&credentials, settings, TLS_SERVER, ret_trust, problem);
	credentials_free(&credentials);
	return r;
}

static int load_issuer(const struct delivery *delivery, const struct settings *settings,
	struct tls_issuer **ret_issuer, struct problem *problem)
{
	struct tls_issuer_material material = {
		.lifetime = settings->issuer->lifetime.ns / 1000000000,
	};
	char *certificate = NULL, *key = NULL;
	size_t certificate_len = 0, key_len = 0;
	int r = load_trust(delivery, settings, &material.trust, problem);

	if (r == 0)
		r = read_text(delivery, REQUEST_FD_ISSUER_CERTIFICATE, &certificate,
			&certificate_len, problem);
	if (r == 0)
		r = read_text(delivery, REQUEST_FD_ISSUER_KEY, &key, &key_len, problem);
	if (r == 0) {
		material.certificate = (struct view){ .data = (const uint8_t *)certificate,
			.len = certificate_len };
		material.key = (struct view){ .data = (const uint8_t *)key, .len = key_len };
		r = tls_issuer_new(&material, ret_issuer, problem);
	}
	if (key)
		explicit_bzero(key, key_len);
	free(key);
	free(certificate);
	tls_context_unref(material.trust);
	return r;
}

static int load(
	struct issuing_process *process, const struct delivery *delivery, struct problem *problem)
{
	struct tls_issuer *tls = NULL;
	char *text;
	size_t len;
	int r = read_text(delivery, REQUEST_FD_CONFIG, &text, &len, problem);

	if (r < 0)
		return r;
	r = daemon_options_load(text, len, delivery->path, &process->settings, problem);
	explicit_bzero(text, len);
	free(text);
	if (r == 0 && !process->settings->issuer)
		r = -EPROTO;
	if (r < 0)
		return r;
	log_set_level(process->settings->log_level);
	r = load_issuer(delivery, process->settings, &tls, problem);
	if (r == 0)
		r = issuer_init(&process->issuer, process->settings, tls);
	return r;
}

/* Keeps the service alone. */
static void close_files(struct issuing_process *process, struct delivery *delivery)
{
	process->service = delivery->fds[REQUEST_FD_ISSUER];
	for (size_t kind = 0; kind < REQUEST_FD_KIND_COUNT; kind++) {
		if (kind != REQUEST_FD_ISSUER && delivery->fds[kind] >= 0)
			close(delivery->fds[kind]);
	}
}

/* An answer that does not fit is lost: the engine asks again later. */
static void answer_one(struct issuing_process *process, size_t len)
{
	struct issue_request request;
	struct issue_answer answer;
	struct writer writer;
	char *pem = NULL;

	if (issue_request_decode(process->in, len, &request) < 0) {
		log_error("the engine sent a request that cannot be read");
		return;
	}
	issuer_answer(&process->issuer, &request, &answer, &pem);
	writer_init(&writer, process->out, sizeof(process->out));
	if (issue_answer_encode(&writer, &answer) < 0 ||
		ipc_send(process->service, writer.data, writer.len, NULL, 0) < 0)
		log_warning("%s: the engine did not take the answer", request.name.name);
	free(pem);
}

static int serve(struct issuing_process *process)
{
	struct pollfd wait[] = { { .fd = REQUEST_FD, .events = POLLIN },
		{ .fd = process->service, .events = POLLIN } };
	int fds[1], r;
	size_t len, count;

	for (;;) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (wait[0].revents)
			return 0; /* netd has nothing more to say: it is gone */
		if (!wait[1].revents)
			continue;
		r = ipc_receive(
			process->service, process->in, sizeof(process->in), &len, fds, 1, &count);
		if (r == 0 && count > 0)
			close(fds[0]);
		if (r == 0)
			answer_one(process, len);
		else if (r != -EAGAIN && r != -EMSGSIZE)
			return r;
	}
}

int issuer_run(void)
{
	struct issuing_process *process = calloc(1, sizeof(*process));
	struct delivery delivery;
	struct problem problem = { 0 };
	int r;

	log_init("issuer", LOG_LEVEL_INFO);
	process_harden("culvert-issuer");
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	if (!process)
		return EXIT_CODE_FAILURE;
	r = receive(&delivery, &problem);
	if (r == 0) {
		r = load(process, &delivery, &problem);
		close_files(process, &delivery);
	}
	if (r < 0) {
		log_error("the issuing process cannot start: %s",
			problem.text[0] ? problem.text : error_text(r));
	} else {
		log_info("ready to renew certificates");
		r = serve(process);
	}
	issuer_free(&process->issuer);
	settings_free(process->settings);
	free(process);
	return r < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}
