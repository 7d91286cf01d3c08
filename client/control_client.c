/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection sends one line and reads everything until the daemon closes it, all under one
 * deadline.
 */
#include "client/control_client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error_text.h"
#include "base/json.h"

static const char suffix[] = ".sock";

/* ---- finding ---- */

/* "gw-a.sock" is gw-a; other files are not ours. */
static int socket_name(const char *file, struct identity *ret_name)
{
	size_t len = strlen(file), suffix_len = sizeof(suffix) - 1;

	if (len <= suffix_len || strcmp(&file[len - suffix_len], suffix) != 0)
		return -EINVAL;
	return identity_set(ret_name, file, len - suffix_len);
}

static int make_path(const char *dir, const char *name, char ret_path[CONTROL_PATH_SIZE],
	struct problem *problem)
{
	int len = snprintf(ret_path, CONTROL_PATH_SIZE, "%s/%s%s", dir, name, suffix);

	if (len >= 0 && len < CONTROL_PATH_SIZE)
		return 0;
	problem_set(problem, "the path of the socket of %s is longer than %d bytes", name,
		CONTROL_PATH_SIZE - 1);
	return -ENAMETOOLONG;
}

static int add_instance(const char *dir, const struct identity *name,
	struct control_instances *instances, struct problem *problem)
{
	struct control_instance *instance = &instances->items[instances->count];
	int r;

	if (instances->count == CONTROL_INSTANCES_MAX) {
		problem_set(problem, "more than %d are running; name one of them",
			CONTROL_INSTANCES_MAX);
		return -ENOBUFS;
	}
	instance->name = *name;
	r = make_path(dir, name->name, instance->path, problem);
	instances->count += r == 0;
	return r;
}

int control_client_list(
	const char *dir, struct control_instances *instances, struct problem *problem)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, NULL, alphasort), r = 0;

	if (count < 0 && errno == ENOENT)
		return 0;
	if (count < 0) {
		r = -errno;
		problem_set(problem, "cannot read directory %s: %s", dir, error_text(r));
		return r;
	}
	for (int i = 0; i < count; i++) {
		struct identity name;

		if (r == 0 && socket_name(entries[i]->d_name, &name) == 0)
			r = add_instance(dir, &name, instances, problem);
		free(entries[i]);
	}
	free(entries);
	return r;
}

const char *control_client_join(const struct control_instances *instances, char *out, size_t size)
{
	size_t len = 0;

	(void)snprintf(out, size, "none");
	for (size_t i = 0; i < instances->count && len < size; i++)
		len += (size_t)snprintf(&out[len], size - len, "%s%s", i > 0 ? ", " : "",
			instances->items[i].name.name);
	return out;
}

static int choose(const char *dir, const char *name, const struct control_instances *instances,
	char ret_path[CONTROL_PATH_SIZE], struct problem *problem)
{
	char names[256];

	if (name) {
		problem_set(problem,
			"no culvert is running under the name %s (no socket %s); running: %s", name,
			ret_path, control_client_join(instances, names, sizeof(names)));
		return -ENOENT;
	}
	if (instances->count == 0) {
		problem_set(problem,
			"no culvert is running (no socket in %s); start one with: culvert up FILE",
			dir);
		return -ENOENT;
	}
	if (instances->count > 1) {
		problem_set(problem, "several are running: %s; name one of them",
			control_client_join(instances, names, sizeof(names)));
		return -ENOTUNIQ;
	}
	memcpy(ret_path, instances->items[0].path, CONTROL_PATH_SIZE);
	return 0;
}

int control_client_find(const char *dir, const char *name, char ret_path[CONTROL_PATH_SIZE],
	struct problem *problem)
{
	struct identity identity;
	struct control_instances *instances;
	int r;

	if (name && identity_set(&identity, name, strlen(name)) < 0) {
		problem_set(problem, "a name has 1 to %d characters of A-Z a-z 0-9 . _ -",
			IDENTITY_MAX);
		return -EINVAL;
	}
	if (name) {
		r = make_path(dir, name, ret_path, problem);
		/* An existing socket can be tried even if the directory cannot be listed. */
		if (r < 0 || access(ret_path, F_OK) == 0)
			return r;
	}
	instances = calloc(1, sizeof(*instances));
	if (!instances) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	r = control_client_list(dir, instances, problem);
	if (r == 0)
		r = choose(dir, name, instances, ret_path, problem);
	free(instances);
	return r;
}

/* ---- asking ---- */

static int open_socket(const char *path, struct duration timeout)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval limit = {
		.tv_sec = timeout.ns / 1000000000,
		.tv_usec = timeout.ns % 1000000000 / 1000,
	};
	size_t len = strlen(path);
	int fd, r;

	if (len == 0 || len >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/*
	 * SO_SNDTIMEO also limits connect(), which waits while the daemon's backlog is full:
	 * unix(7).
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
		connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0) {
		r = errno == EAGAIN ? -ETIMEDOUT : -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int send_request(int fd, const char *request)
{
	char line[CONTROL_REQUEST_MAX];
	int len = snprintf(line, sizeof(line), "%s\n", request);
	size_t done = 0;

	if (len < 0 || (size_t)len >= sizeof(line))
		return -EMSGSIZE;
	while (done < (size_t)len) {
		ssize_t n = send(fd, &line[done], (size_t)len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Returns 0 when there is something to read. */
static int wait_readable(int fd, struct mono deadline)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int64_t left = duration_ms(mono_since(deadline, mono_now()));
	int n = poll(&pollfd, 1, left > 0 ? (int)left : 0);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

/* Reads everything until the other end closes. The caller frees *ret_data. */
static int receive_all(int fd, struct mono deadline, char **ret_data, size_t *ret_len)
{
	size_t capacity = 0, len = 0;
	char *data = NULL;
	int r;

	for (;;) {
		ssize_t n;

		if (len == capacity) {
			char *larger;

			capacity = capacity == 0 ? 65536 : capacity * 2;
			larger = capacity <= CONTROL_ANSWER_MAX ? realloc(data, capacity) : NULL;
			r = capacity <= CONTROL_ANSWER_MAX ? -ENOMEM : -EFBIG;
			if (!larger)
				break;
			data = larger;
		}
		r = wait_readable(fd, deadline);
		if (r < 0)
			break;
		n = recv(fd, &data[len], capacity - len, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		/*
		 * If the daemon closes before it has read everything, its answer ends in a reset.
		 */
		r = n < 0 && (errno != ECONNRESET || len == 0) ? -errno : 0;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (r < 0) {
		free(data);
		return r;
	}
	*ret_data = data;
	*ret_len = len;
	return 0;
}

/* Parses the first line: "ok", or "error CODE text". */
static int read_verdict(struct reader *reader, enum exit_code *ret_code, struct problem *ret_why)
{
	char line[PROBLEM_TEXT_MAX];
	unsigned code = 0;
	size_t len = 0;
	uint8_t byte;
	int at = 0;

	for (;;) {
		if (reader_u8(reader, &byte) < 0 || byte == '\0')
			return -EPROTO;
		if (byte == '\n')
			break;
		/* A text longer than a problem is cut, as problem_set() does. */
		if (len + 1 < sizeof(line))
			line[len++] = (char)byte;
	}
	line[len] = '\0';
	if (strcmp(line, "ok") == 0) {
		*ret_code = EXIT_CODE_OK;
		return 0;
	}
	/* NOLINTNEXTLINE(cert-err34-c): three digits cannot overflow, and all is checked. */
	if (sscanf(line, "error %3u %n", &code, &at) != 1 || at == 0 || code == 0 || code > 125)
		return -EPROTO;
	*ret_code = (enum exit_code)code;
	(void)problem_escape_rest(
		ret_why->text, sizeof(ret_why->text), &line[at], strlen(&line[at]));
	return 0;
}

static int split_answer(const char *data, size_t len, struct control_answer *ret_answer)
{
	struct control_answer answer = { .text = NULL };
	struct reader reader;
	size_t left;
	FILE *plain;
	int r;

	reader_init(&reader, data, len);
	r = read_verdict(&reader, &answer.code, &answer.why);
	if (r < 0)
		return r;
	plain = open_memstream(&answer.text, &answer.len);
	if (!plain)
		return -errno;
	left = reader_left(&reader);
	json_put_plain(plain, &data[len - left], left);
	r = ferror(plain) != 0 ? -ENOMEM : 0;
	if (fclose(plain) != 0)
		r = -ENOMEM;
	if (r == 0)
		*ret_answer = answer;
	else
		free(answer.text);
	return r;
}

static void explain(int error, const char *path, struct problem *problem)
{
	switch (error) {
	case -ENOENT:
		problem_set(problem, "no culvert is running there (no socket %s)", path);
		break;
	case -ECONNREFUSED:
		problem_set(problem,
			"no culvert is running there (%s is a leftover of one that has ended)",
			path);
		break;
	case -ECONNRESET:
		problem_set(problem, "the culvert behind %s ended before it answered", path);
		break;
	case -EACCES:
	case -EPERM:
		problem_set(problem, "you may not use %s; try again as root", path);
		break;
	case -ETIMEDOUT:
		problem_set(problem, "the culvert behind %s does not answer in time", path);
		break;
	case -EPROTO:
		problem_set(
			problem, "the answer from %s is cut, or does not come from Culvert", path);
		break;
	default:
		problem_set(problem, "cannot ask %s: %s", path, error_text(error));
		break;
	}
}

int control_client_ask(const char *path, const char *request, struct duration timeout,
	struct control_answer *ret_answer, struct problem *problem)
{
	struct mono deadline = mono_add(mono_now(), timeout);
	char *data = NULL;
	size_t len = 0;
	int fd, r;

	fd = open_socket(path, timeout);
	if (fd < 0) {
		explain(fd, path, problem);
		return fd;
	}
	r = send_request(fd, request);
	/* A daemon that refuses us may answer and close before it has read everything. */
	if (r == 0 || r == -EPIPE)
		r = receive_all(fd, deadline, &data, &len);
	close(fd);
	/* A daemon that ends closes its socket, or the kernel resets it: both are one to the user. */
	if (r == -EPIPE || (r == 0 && len == 0))
		r = -ECONNRESET;
	if (r == 0)
		r = split_answer(data, len, ret_answer);
	free(data);
	if (r < 0)
		explain(r, path, problem);
	return r;
}

pid_t control_client_maker(const char *path)
{
	struct ucred maker = { .pid = 0 };
	socklen_t len = sizeof(maker);
	int fd = open_socket(path, DURATION_S(CONTROL_TIMEOUT_S)), r = fd < 0 ? fd : 0;

	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &len) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r < 0 ? r : maker.pid;
}

int control_client_terminate(const char *path, struct problem *problem)
{
	pid_t maker = control_client_maker(path);
	int r = maker < 0 ? (int)maker : 0;

	/* 0 means another PID namespace, but to kill(2) our own process group. */
	if (r == 0 && maker == 0)
		r = -ESRCH;
	if (r == 0 && kill(maker, SIGTERM) < 0)
		r = -errno;
	if (r < 0)
		explain(r, path, problem);
	return r;
}
