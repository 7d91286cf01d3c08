/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line's side of the control socket, against a daemon played by a process of the test:
 * it takes one request, notes it, answers as it is told, and ends.
 */
#include "client/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/control_client.h"
#include "system/ipc.h"

#include "unit.h"

struct played {
	char dir[32];
	char path[64]; /* of the socket */
	pid_t pid;
	int request_fd; /* what the daemon was asked comes out here */
};

static int listen_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

/*
 * The same by a process that has died since and handed the descriptor on: nobody is there for `down` to
 * signal, us least of all.
 */
static int listen_by_the_dead(const char *path)
{
	int channel[2], fd = -1;
	size_t len, fd_count;
	pid_t pid;
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fd = listen_at(path);
		_exit(ipc_send(channel[1], "", 1, &fd, 1) < 0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(ipc_receive(channel[0], &byte, 1, &len, &fd, 1, &fd_count), 0);
	ck_assert_uint_eq(fd_count, 1);
	close(channel[0]);
	close(channel[1]);
	return fd;
}

static void play(int listen_fd, int request_fd, const char *answer, size_t len)
{
	char byte = '\0';
	int fd;

	do /* a connection without a byte only looked for a listener */
		fd = accept(listen_fd, NULL, NULL);
	while (fd >= 0 && recv(fd, &byte, 1, MSG_PEEK) == 0);
	while (byte != '\n' && read(fd, &byte, 1) == 1) {
		if (write(request_fd, &byte, 1) != 1)
			_exit(1);
	}
	while (len > 0) {
		ssize_t n = write(fd, answer, len);

		if (n < 0)
			_exit(1);
		answer += n;
		len -= (size_t)n;
	}
	_exit(0);
}

/* A daemon that is killed while somebody asks it: the kernel closes its sockets, nothing is read. */
static const char dies[] = "";

/* answer NULL: a daemon that listens and is never heard of. */
static struct played played(const char *answer, size_t len)
{
	struct played played = { .dir = "/tmp/culvert-command-XXXXXX", .pid = -1 };
	int fds[2], listen_fd;

	ck_assert_ptr_nonnull(mkdtemp(played.dir));
	(void)snprintf(played.path, sizeof(played.path), "%s/x.sock", played.dir);
	listen_fd = listen_by_the_dead(played.path);
	ck_assert_int_eq(pipe(fds), 0);
	played.request_fd = fds[0];
	played.pid = fork();
	ck_assert_int_ge(played.pid, 0);
	if (played.pid == 0) {
		close(fds[0]);
		if (answer == dies) {
			struct pollfd asked = { .fd = listen_fd, .events = POLLIN };

			_exit(poll(&asked, 1, -1) != 1);
		}
		if (answer)
			play(listen_fd, fds[1], answer, len);
		for (;;)
			pause();
	}
	close(fds[1]);
	close(listen_fd);
	return played;
}

static void ended(struct played *played)
{
	(void)kill(played->pid, SIGKILL);
	ck_assert_int_eq(waitpid(played->pid, NULL, 0), played->pid);
	close(played->request_fd);
	ck_assert_int_eq(unlink(played->path), 0);
	ck_assert_int_eq(rmdir(played->dir), 0);
}

static int ask(const struct played *played, struct control_answer *answer, struct problem *problem)
{
	return control_client_ask(played->path, "status", DURATION_S(5), answer, problem);
}

START_TEST(test_answers)
{
	static const struct {
		const char *answer;
		enum exit_code code;
		const char *why, *text;
	} rows[] = {
		{ "ok\n", EXIT_CODE_OK, "", "" },
		{ "ok\nline 1\n\nline 3\n", EXIT_CODE_OK, "", "line 1\n\nline 3\n" },
		{ "error 5 10.0.0.0/8: no\n", EXIT_CODE_REFUSED, "10.0.0.0/8: no", "" },
		{ "error 1 x\nerror 2 y\n", EXIT_CODE_FAILURE, "x", "error 2 y\n" },
		/* Nothing that a terminal obeys, or shows as something else: CSI and OSC, also in one
		 * byte, alone or as UTF-8; a return; what is not UTF-8; what turns text around. */
		{ "ok\na\tb\x1b[2Jc\x1b]0;x\x07\n", EXIT_CODE_OK, "",
			"a\tb\\u001b[2Jc\\u001b]0;x\\u0007\n" },
		{ "ok\n\x9b"
		  "2J\xc2\x9b"
		  "2J\r\x7f\b\n",
			EXIT_CODE_OK, "", "\\ufffd2J\\u009b2J\\u000d\\u007f\\u0008\n" },
		{ "ok\n\xe2\x80\xae\xc0\x80\xf0\x9f\x98\x80\n", EXIT_CODE_OK, "",
			"\\u202e\\ufffd\\ufffd\\ud83d\\ude00\n" },
		{ "error 5 \x1b[31mno\xc2\x9b\r\n", EXIT_CODE_REFUSED, "\\x1b[31mno\\xc2\\x9b\\x0d",
			"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct played daemon = played(rows[i].answer, strlen(rows[i].answer));
		struct problem problem = { .text = "" };
		struct control_answer answer;
		char request[16] = "";

		ck_assert_msg(ask(&daemon, &answer, &problem) == 0, "%s", problem.text);
		ck_assert_int_eq(answer.code, rows[i].code);
		ck_assert_str_eq(answer.why.text, rows[i].why);
		ck_assert_uint_eq(answer.len, strlen(rows[i].text));
		ck_assert_mem_eq(answer.text, rows[i].text, answer.len);
		ck_assert_int_eq(read(daemon.request_fd, request, sizeof(request)), 7);
		ck_assert_str_eq(request, "status\n");
		free(answer.text);
		ended(&daemon);
	}
}
END_TEST

START_TEST(test_odd_answers)
{
	static const char *const rows[] = { "ok", "okay\n", "error\n", "error 0 x\n",
		"error 999 x\n", "error x\n", "HTTP/1.0 400 Bad Request\n", "\n", "error 5" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct played daemon = played(rows[i], strlen(rows[i]));
		struct problem problem = { .text = "" };
		struct control_answer answer;

		ck_assert_msg(ask(&daemon, &answer, &problem) == -EPROTO, "%s", rows[i]);
		ck_assert_ptr_nonnull(strstr(problem.text, daemon.path));
		ended(&daemon);
	}
}
END_TEST

START_TEST(test_long_answers)
{
	size_t len = CONTROL_ANSWER_MAX - 10;
	char *text = malloc(2 * len);
	struct problem problem = { .text = "" };
	struct control_answer answer;
	struct played daemon;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', 2 * len);
	memcpy(text, "ok\n", 3);
	daemon = played(text, len);
	ck_assert_int_eq(ask(&daemon, &answer, &problem), 0);
	ck_assert_uint_eq(answer.len, len - 3);
	free(answer.text);
	ended(&daemon);
	daemon = played(text, 2 * len);
	ck_assert_int_eq(ask(&daemon, &answer, &problem), -EFBIG);
	ended(&daemon);
	free(text);
}
END_TEST

START_TEST(test_nobody)
{
	struct played daemon = played(NULL, 0);
	char long_path[200], request[CONTROL_REQUEST_MAX + 1];
	struct problem problem = { .text = "" };
	struct control_answer answer;

	ck_assert_int_eq(
		control_client_ask(daemon.path, "status", DURATION_MS(50), &answer, &problem),
		-ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(problem.text, "in time"));
	memset(request, 'x', sizeof(request) - 1);
	request[CONTROL_REQUEST_MAX - 1] = '\0';
	ck_assert_int_eq(
		control_client_ask(daemon.path, request, DURATION_MS(50), &answer, &problem),
		-EMSGSIZE);
	/* Its end leaves the socket's file behind. */
	(void)kill(daemon.pid, SIGKILL);
	ck_assert_int_eq(waitpid(daemon.pid, NULL, 0), daemon.pid);
	ck_assert_int_eq(ask(&daemon, &answer, &problem), -ECONNREFUSED);
	ck_assert_ptr_nonnull(strstr(problem.text, "no culvert is running"));
	ck_assert_int_eq(unlink(daemon.path), 0);
	ck_assert_int_eq(ask(&daemon, &answer, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "no culvert is running"));
	close(daemon.request_fd);
	ck_assert_int_eq(rmdir(daemon.dir), 0);

	memset(long_path, '/', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_int_eq(
		control_client_ask(long_path, "status", DURATION_MS(50), &answer, &problem),
		-ENAMETOOLONG);
}
END_TEST

static void make_file(const char *dir, const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void remove_file(const char *dir, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(unlink(path), 0);
}

START_TEST(test_find)
{
	char dir[] = "/tmp/culvert-command-XXXXXX", path[CONTROL_PATH_SIZE], expected[128];
	struct problem problem = { .text = "" };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(control_client_find(dir, NULL, path, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "culvert up"));
	ck_assert_int_eq(control_client_find(dir, "gw-a", path, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "running: none"));
	ck_assert_int_eq(control_client_find("/nonexistent/dir", NULL, path, &problem), -ENOENT);

	/* What is no NAME.sock does not count. */
	make_file(dir, "gw-a.sock");
	make_file(dir, "README");
	make_file(dir, ".sock");
	make_file(dir, "odd name.sock");
	(void)snprintf(expected, sizeof(expected), "%s/gw-a.sock", dir);
	ck_assert_int_eq(control_client_find(dir, NULL, path, &problem), 0);
	ck_assert_str_eq(path, expected);

	make_file(dir, "gw-b.sock");
	ck_assert_int_eq(control_client_find(dir, NULL, path, &problem), -ENOTUNIQ);
	ck_assert_ptr_nonnull(strstr(problem.text, "gw-a, gw-b"));
	ck_assert_int_eq(control_client_find(dir, "gw-a", path, &problem), 0);
	ck_assert_str_eq(path, expected);
	ck_assert_int_eq(control_client_find(dir, "gw-c", path, &problem), -ENOENT);
	ck_assert_ptr_nonnull(strstr(problem.text, "name gw-c"));
	ck_assert_ptr_nonnull(strstr(problem.text, "running: gw-a, gw-b"));
	ck_assert_int_eq(control_client_find(dir, "../x", path, &problem), -EINVAL);

	remove_file(dir, "gw-a.sock");
	remove_file(dir, "gw-b.sock");
	remove_file(dir, "README");
	remove_file(dir, ".sock");
	remove_file(dir, "odd name.sock");
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

enum { WORDS_MAX = 12 };

/* Splits a command line at spaces and runs it; stdout and stderr go to files that are read back. */
static int run(const char *line, char out[256], char error[512])
{
	char copy[512], *words[WORDS_MAX + 1] = { NULL }, *rest = NULL;
	FILE *files[2] = { tmpfile(), tmpfile() };
	char *const texts[2] = { out, error };
	const size_t sizes[2] = { 256, 512 };
	int saved[2], count = 0, status;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &rest); word && count < WORDS_MAX;
		word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	(void)fflush(NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(files[i]);
		saved[i] = dup(1 + i);
		ck_assert_int_eq(dup2(fileno(files[i]), 1 + i), 1 + i);
	}
	status = command_run(count, words);
	(void)fflush(NULL);
	for (int i = 0; i < 2; i++) {
		ssize_t len = pread(fileno(files[i]), texts[i], sizes[i] - 1, 0);

		ck_assert_int_eq(dup2(saved[i], 1 + i), 1 + i);
		close(saved[i]);
		ck_assert_int_ge(len, 0);
		texts[i][len] = '\0';
		(void)fclose(files[i]);
	}
	return status;
}

START_TEST(test_requests)
{
	static const struct {
		const char *line, *request;
	} rows[] = {
		{ "status", "status\n" },
		{ "status x --json", "status\tjson\n" },
		{ "status", "status\n" },
		{ "status --full", "status\tfull\n" },
		{ "status --name x", "status\n" },
		{ "status gw-c", "status\tpeer\tgw-c\n" },
		{ "status --peer x", "status\tpeer\tx\n" },
		{ "peers --name x", "peers\n" },
		{ "routes --json", "routes\tjson\n" },
		{ "routes", "routes\n" },
		{ "routes add 10.1.0.0/16 FD00::/64", "routes-add\t10.1.0.0/16\tfd00::/64\n" },
		{ "routes del --name x 10.1.2.3", "routes-del\t10.1.2.3/32\n" },
		{ "down x", "down\n" },
		{ "reexec x", "reexec\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct played daemon = played("ok\nfine\n", 8);
		char line[256], request[128] = "", out[256], error[512];

		(void)snprintf(line, sizeof(line), "%s --socket %s", rows[i].line, daemon.path);
		ck_assert_int_eq(run(line, out, error), EXIT_CODE_OK);
		ck_assert_str_eq(out, "fine\n");
		ck_assert_str_eq(error, "");
		ck_assert_int_eq(read(daemon.request_fd, request, sizeof(request) - 1),
			(ssize_t)strlen(rows[i].request));
		ck_assert_str_eq(request, rows[i].request);
		ended(&daemon);
	}
}
END_TEST

/* Instances that `culvert status` finds: they are in this user's directory. */
struct several {
	char dir[40], sub[56], path[2][72];
	struct played daemon[2];
};

static void several_begin(struct several *several, const char *const answers[2])
{
	(void)snprintf(several->dir, sizeof(several->dir), "/tmp/culvert-several-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(several->dir));
	(void)snprintf(several->sub, sizeof(several->sub), "%s/culvert", several->dir);
	ck_assert_int_eq(mkdir(several->sub, 0700), 0);
	ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", several->dir, 1), 0);
	for (int i = 0; i < 2; i++) {
		several->daemon[i] = played(answers[i], answers[i] ? strlen(answers[i]) : 0);
		(void)snprintf(several->path[i], sizeof(several->path[i]), "%s/%s.sock",
			several->sub, i == 0 ? "one" : "two");
		ck_assert_int_eq(symlink(several->daemon[i].path, several->path[i]), 0);
	}
}

static void several_end(struct several *several)
{
	ck_assert_int_eq(unsetenv("XDG_RUNTIME_DIR"), 0);
	for (int i = 0; i < 2; i++) {
		ended(&several->daemon[i]);
		(void)unlink(several->path[i]);
	}
	ck_assert_int_eq(rmdir(several->sub), 0);
	ck_assert_int_eq(rmdir(several->dir), 0);
}

/* Runs `line` where "one" and "two" run and give these answers. */
static void ck_several(const char *line, const char *one, const char *two, int code,
	const char *expected, const char *complaint)
{
	const char *const answers[2] = { one, two };
	struct several several;
	char out[256], error[512];

	several_begin(&several, answers);
	ck_assert_msg(run(line, out, error) == code, "%s: %s%s", line, out, error);
	ck_assert_str_eq(out, expected);
	ck_assert_msg(strstr(error, complaint) != NULL, "%s: %s", line, error);
	if (!complaint[0])
		ck_assert_str_eq(error, "");
	several_end(&several);
}

START_TEST(test_several)
{
	static const char none[] = "error 4 it has no peer of this name\n";

	ck_several("status", "ok\n1\n", "ok\n2\n", EXIT_CODE_OK, "1\n\n2\n", "");
	ck_several("status --json", "ok\n{\n  1\n}\n", "ok\n{\n  2\n}\n", EXIT_CODE_OK,
		"{\n  \"instances\": [\n    {\n      1\n    },\n    {\n      2\n    }\n  ]\n}\n",
		"");
	/* One that fails does not hide the other. */
	ck_several("status", "error 1 no\n", "ok\n2\n", EXIT_CODE_FAILURE, "2\n", "no");
	ck_several("status --json", "error 1 no\n", "ok\n{\n}\n", EXIT_CODE_FAILURE,
		"{\n  \"instances\": [\n    {\n      \"name\": \"one\",\n      \"error\": \"no\"\n    },\n    {\n    }\n  ]\n}\n",
		"no");
	/* A name is an instance first: its answer stays as it is. */
	ck_several("status two --json", none, "ok\n{\n}\n", EXIT_CODE_OK, "{\n}\n", "");
	ck_several("status two one", "ok\n1\n", "ok\n2\n", EXIT_CODE_OK, "2\n\n1\n", "");
	/* Else a peer, of any of them. */
	ck_several("status gw-a", none, "ok\n2\n", EXIT_CODE_OK, "2\n", "");
	ck_several("status gw-a --json", none, "ok\n{\n}\n", EXIT_CODE_OK,
		"{\n  \"instances\": [\n    {\n    }\n  ]\n}\n", "");
	ck_several("status --peer two", "ok\n1\n", none, EXIT_CODE_OK, "1\n", "");
	ck_several("status gw-x", none, none, EXIT_CODE_UNREACHABLE, "",
		"gw-x is neither a running instance nor a peer of one; running: one, two");
	ck_several("status --peer two", none, none, EXIT_CODE_UNREACHABLE, "",
		"no running instance has a peer two; running: one, two");
	ck_several("status gw-x", none, "error 2 unknown argument \"peer\"\n", EXIT_CODE_USAGE, "",
		"unknown argument");
	ck_several(
		"status --name gw-x", none, none, EXIT_CODE_UNREACHABLE, "", "under the name gw-x");
	/* Other commands are for one of them. */
	ck_several("peers", none, none, EXIT_CODE_USAGE, "", "several are running: one, two");
}
END_TEST

START_TEST(test_check)
{
	ck_several("status --check", "ok\n", "ok\n", EXIT_CODE_OK, "", "");
	ck_several("status --check", "ok\n", "ok\ngw-b is not up\ngw-c is not up\n",
		EXIT_CODE_FAILURE, "two: gw-b is not up\ntwo: gw-c is not up\n", "");
	ck_several("status --check one", "ok\n", "ok\ngw-b is not up\n", EXIT_CODE_OK, "", "");
	ck_several("status --check one gw-b", "ok\n", "error 4 no\n", EXIT_CODE_UNREACHABLE, "",
		"gw-b is neither");
	ck_several("status --check gw-b", "error 4 no\n", "ok\ngw-b is not up\n", EXIT_CODE_FAILURE,
		"two: gw-b is not up\n", "");
	ck_several("status --check", "error 1 no\n", "ok\n", EXIT_CODE_FAILURE, "", "no");
}
END_TEST

/* Where one runs, its own keys are there as well. */
START_TEST(test_alone)
{
	static const char *const answers[2] = { "ok\n{\n  \"a\": 1\n}\n", NULL };
	struct several several;
	char out[256], error[512];

	several_begin(&several, answers);
	ck_assert_int_eq(unlink(several.path[1]), 0);
	ck_assert_int_eq(run("status --json", out, error), EXIT_CODE_OK);
	ck_assert_str_eq(
		out, "{\n  \"a\": 1,\n  \"instances\": [\n    {\n      \"a\": 1\n    }\n  ]\n}\n");
	several_end(&several);
}
END_TEST

/* One whose path is too long for a socket is told, and does not hide the others. */
START_TEST(test_not_all_are_listed)
{
	static const char *const answers[2] = { "ok\n{\n  1\n}\n", "ok\n{\n  2\n}\n" };
	struct several several;
	char out[256], error[512], name[IDENTITY_MAX + 8] = "", longer[64];

	several_begin(&several, answers);
	memset(name, 'z', IDENTITY_MAX);
	memcpy(&name[IDENTITY_MAX], ".sock", 6);
	make_file(several.sub, name);
	(void)snprintf(longer, sizeof(longer), "%s/././././.", several.dir);
	ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", longer, 1), 0);
	ck_assert_int_ne(run("status --json", out, error), EXIT_CODE_OK);
	ck_assert_str_eq(out,
		"{\n  \"instances\": [\n    {\n      1\n    },\n    {\n      2\n    }\n  ]\n}\n");
	ck_assert_ptr_nonnull(strstr(error, "is longer than"));
	remove_file(several.sub, name);
	several_end(&several);
}
END_TEST

/* It was there when it was asked, and is not any more: as nobody there, by the exit code, too. */
START_TEST(test_ended)
{
	static const char *const rows[] = { dies, "" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct played daemon = played(rows[i], 0);
		char line[128], out[256], error[512];

		(void)snprintf(line, sizeof(line), "status --socket %s", daemon.path);
		ck_assert_int_eq(run(line, out, error), EXIT_CODE_UNREACHABLE);
		ck_assert_ptr_nonnull(strstr(error, "ended before it answered"));
		ck_assert_ptr_nonnull(strstr(error, daemon.path));
		ended(&daemon);
	}
}
END_TEST

START_TEST(test_refusals)
{
	static const char answer[] = "error 5 it is not inside accept_routes\n";
	struct played daemon = played(answer, sizeof(answer) - 1);
	char line[256], out[256], error[512];

	(void)snprintf(line, sizeof(line), "routes add 10.0.0.0/8 --socket %s", daemon.path);
	ck_assert_int_eq(run(line, out, error), EXIT_CODE_REFUSED);
	ck_assert_str_eq(out, "");
	ck_assert_str_eq(error, "culvert routes: it is not inside accept_routes\n");
	ended(&daemon);
	ck_assert_int_eq(
		run("status --socket /nonexistent/x.sock", out, error), EXIT_CODE_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(error, "/nonexistent/x.sock"));
}
END_TEST

START_TEST(test_usage)
{
	static const char *const rows[] = { "peers a b", "status --jsn", "down --json",
		"routes add 10.0.0.0/8 --json", "status --socket", "routes add",
		"routes del --name x", "routes add 10.0.0.0/33", "routes add 10.0.0.0/8 x",
		"down a --name b", "reexec --json", "reexec a b", "status ../x", "status --peer",
		"status --peer ../x", "status --check --json", "peers --check", "peers --full",
		"doctor --peer x" };
	char out[256], error[512];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_msg(
			run(rows[i], out, error) == EXIT_CODE_USAGE, "%s: %s", rows[i], error);
		ck_assert_str_eq(out, "");
		ck_assert_ptr_nonnull(strstr(error, "culvert "));
	}
	ck_assert_int_eq(run("doctor --peer x", out, error), EXIT_CODE_USAGE);
	ck_assert_ptr_nonnull(strstr(error, "unknown option: --peer\n"));
	ck_assert_int_eq(run("status a\x1b", out, error), EXIT_CODE_USAGE);
	ck_assert_ptr_nonnull(strstr(error, "got \"a\\x1b\"\n"));
	ck_assert_int_eq(run("status --peer gw-x", out, error), EXIT_CODE_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(error, "start one with: culvert up FILE"));
	ck_assert_int_eq(run("routes --help", out, error), EXIT_CODE_OK);
	ck_assert_ptr_nonnull(strstr(out, "routes add|del"));
	ck_assert(command_is("down") && command_is("status") && command_is("peers") &&
		command_is("routes") && command_is("reexec"));
	ck_assert(!command_is("up") && !command_is("") && !command_is("statuses"));
}
END_TEST

/* The process that made the socket is signalled, and need not answer. */
START_TEST(test_down)
{
	struct played daemon = { .dir = "/tmp/culvert-command-XXXXXX" };
	char out[256], error[512], line[128], byte;
	int fds[2], status = 0;

	ck_assert_ptr_nonnull(mkdtemp(daemon.dir));
	(void)snprintf(daemon.path, sizeof(daemon.path), "%s/x.sock", daemon.dir);
	ck_assert_int_eq(pipe(fds), 0);
	daemon.pid = fork();
	ck_assert_int_ge(daemon.pid, 0);
	if (daemon.pid == 0) {
		(void)signal(SIGTERM, SIG_DFL); /* libcheck ends all of the test for it */
		(void)listen_at(daemon.path);
		close(fds[1]); /* it listens */
		for (;;)
			pause();
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	(void)snprintf(line, sizeof(line), "down --socket %s", daemon.path);
	ck_assert_int_eq(run(line, out, error), EXIT_CODE_OK);
	ck_assert_str_eq(out, "");
	ck_assert_int_eq(waitpid(daemon.pid, &status, 0), daemon.pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	ck_assert_int_eq(run(line, out, error), EXIT_CODE_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(error, "leftover"));
	ck_assert_int_eq(unlink(daemon.path), 0);
	ck_assert_int_eq(rmdir(daemon.dir), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("command");

	unit_add(suite, "answers", test_answers);
	unit_add(suite, "odd answers", test_odd_answers);
	unit_add(suite, "long answers", test_long_answers);
	unit_add(suite, "nobody", test_nobody);
	unit_add(suite, "ended", test_ended);
	unit_add(suite, "find", test_find);
	unit_add(suite, "requests", test_requests);
	unit_add(suite, "several", test_several);
	unit_add(suite, "check", test_check);
	unit_add(suite, "alone", test_alone);
	unit_add(suite, "not all are listed", test_not_all_are_listed);
	unit_add(suite, "refusals", test_refusals);
	unit_add(suite, "down", test_down);
	unit_add(suite, "usage", test_usage);
	return suite;
}

int main(void)
{
	return unit_run("command", suite());
}
