/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's half of a reload. netd is played: the test sends what it would send, and reads the answers. */
#include "engine/engine_reload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "daemon/options.h"
#include "engine/engine.h"
#include "system/ipc.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/tls_fixture.h"
#include "tests/unit/unit.h"

static struct fixture {
	struct fixture_pair ca, pair, other;
	struct engine engine;
	struct engine_role role;
	struct settings *place; /* where the settings have to stay */
	struct tls_context *first_tls;
	/* netd: what it was sent, and the call that it has to answer. */
	struct netd_call *asked, *confirmed;
	struct request_reconfigured answer;
	bool only_check;
	int ask_error;
	/* What happened. */
	unsigned followed, listeners, done;
	int taken[2];           /* the listeners that the role has */
	uint32_t linger_before; /* seconds */
	enum exit_code code;
	char text[2 * PROBLEM_TEXT_MAX];
} fixture;

/* ---- around it ---- */

int netd_link_ask(struct netd_link *netd, struct netd_call *call, struct request *request,
	void (*done)(struct netd_call *, const struct request_reply *, const int *, size_t))
{
	ck_assert_ptr_null(netd);
	if (fixture.ask_error < 0)
		return fixture.ask_error;
	ck_assert(!call->pending);
	call->pending = true;
	call->done = done;
	if (request->type == REQUEST_RELOAD) {
		fixture.asked = call;
		fixture.only_check = request->reload.only_check;
	} else {
		ck_assert_uint_eq(request->type, REQUEST_RECONFIGURED);
		fixture.confirmed = call;
		fixture.answer = request->reconfigured;
	}
	return 0;
}

void netd_link_close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(close(fds[i]), 0);
}

/* All are in force before any part follows. */
void engine_follow_settings(struct engine *engine, const struct settings *before)
{
	ck_assert_ptr_eq(engine->settings, fixture.place);
	ck_assert_ptr_ne(engine->tls, fixture.first_tls);
	ck_assert_ptr_eq(engine->world.identity, tls_context_identity(engine->tls));
	fixture.linger_before = (uint32_t)duration_seconds(before->linger);
	ck_assert_uint_eq(fixture.listeners, 0);
	fixture.followed++;
}

static void on_listener(struct engine *engine, int fd)
{
	ck_assert_ptr_eq(engine, &fixture.engine);
	ck_assert_uint_eq(fixture.followed, 1);
	fixture.taken[fixture.listeners++] = fd;
}

static void on_done(struct engine_reload *reload, enum exit_code code, const char *text)
{
	ck_assert_ptr_eq(reload, &fixture.engine.reload);
	ck_assert(!reload->done);
	fixture.done++;
	fixture.code = code;
	unit_text(fixture.text, text);
}

/* ---- the fixture ---- */

static size_t open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void set_up(void)
{
	struct engine *engine = &fixture.engine;

	fixture = (struct fixture){ .ca = fixture_ca("CA") };
	log_set_level(LOG_LEVEL_ERROR);
	fixture.pair = fixture_server(&fixture.ca, "hub");
	fixture.other = fixture_server(&fixture.ca, "hub");
	fixture.role = (struct engine_role){
		.configuration = { .tls_role = TLS_SERVER, .load = daemon_options_load },
		.listener = on_listener,
	};
	engine->role = &fixture.role;
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &engine->settings), 0);
	engine->settings->linger = DURATION_S(5);
	fixture.place = engine->settings;
	engine->tls = fixture_context(TLS_SERVER, &fixture.pair, &fixture.ca, NULL);
	fixture.first_tls = engine->tls;
	engine->load.number = 1;
	unit_text(engine->config_path, "hub.conf");
	engine_reload_init(&engine->reload, engine);
}

static void tear_down(void)
{
	engine_reload_free(&fixture.engine.reload);
	tls_context_unref(fixture.engine.tls);
	settings_free(fixture.engine.settings);
	fixture_free(&fixture.ca);
	fixture_free(&fixture.pair);
	fixture_free(&fixture.other);
}

/* ---- the played netd ---- */

static int sealed(const void *data, size_t len)
{
	int fd;

	ck_assert_int_eq(ipc_seal("test", data, len, &fd), 0);
	return fd;
}

static int sealed_view(struct view text)
{
	int fd = sealed(text.data, text.len);

	fixture_text_free(&text);
	return fd;
}

struct parcel {
	struct request_reconfigure request;
	int fds[REQUEST_FDS_MAX];
	size_t fd_count;
};

static void add(struct parcel *parcel, uint8_t kind, int fd)
{
	parcel->request.fd_kind[parcel->request.fd_count++] = kind;
	parcel->fds[parcel->fd_count++] = fd;
}

/* A configuration with these lines, the certificate of `pair`, and two new listeners. */
static struct parcel make(uint32_t number, const char *lines, const struct fixture_pair *pair)
{
	struct parcel parcel = { .request.load = { .number = number, .changed = "linger" } };
	char text[512];
	int len = snprintf(text, sizeof(text),
		"certificate = \"/c\";\nkey = \"/k\";\nca = \"/a\";\npool4 = \"10.9.0.0/24\";\n%s\n",
		lines);

	add(&parcel, REQUEST_FD_CONFIG, sealed(text, (size_t)len));
	add(&parcel, REQUEST_FD_CERTIFICATE, sealed_view(fixture_certificate_text(pair)));
	add(&parcel, REQUEST_FD_KEY, sealed_view(fixture_key_text(&fixture.other, NULL)));
	add(&parcel, REQUEST_FD_CA, sealed_view(fixture_certificate_text(&fixture.ca)));
	for (int i = 0; i < 2; i++)
		add(&parcel, REQUEST_FD_LISTENER, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	return parcel;
}

static void send_parcel(const struct parcel *parcel)
{
	fixture.confirmed = NULL;
	engine_reload_take(&fixture.engine.reload, &parcel->request, parcel->fds, parcel->fd_count);
}

static void sends(uint32_t number, const char *lines)
{
	struct parcel parcel = make(number, lines, &fixture.other);

	send_parcel(&parcel);
}

static void replies(struct netd_call *call, uint32_t error, const char *text)
{
	struct request_reply reply = { .error = error };

	ck_assert_ptr_nonnull(call);
	ck_assert(call->pending);
	call->pending = false;
	unit_text(reply.text, text);
	call->done(call, &reply, NULL, 0);
}

static int ask(void)
{
	return engine_reload_ask(&fixture.engine.reload, false, on_done);
}

static void ck_nothing_changed(void)
{
	ck_assert_uint_eq(fixture.followed + fixture.listeners, 0);
	ck_assert_ptr_eq(fixture.engine.tls, fixture.first_tls);
	ck_assert_uint_eq(fixture.engine.load.number, 1);
	ck_assert_int_eq(fixture.engine.settings->linger.ns, DURATION_S(5).ns);
}

static void ck_done(enum exit_code code, const char *words)
{
	ck_assert_uint_eq(fixture.done, 1);
	ck_assert_int_eq(fixture.code, code);
	ck_assert_msg(strstr(fixture.text, words) != NULL, "no \"%s\" in: %s", words, fixture.text);
}

/* The role has both, open, and closes them. */
static void ck_listeners(void)
{
	ck_assert_uint_eq(fixture.listeners, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_ge(fcntl(fixture.taken[i], F_GETFD), 0);
		close(fixture.taken[i]);
	}
}

/* ---- tests ---- */

START_TEST(switches)
{
	size_t before = open_files();

	ck_assert_int_eq(ask(), 0);
	replies(fixture.asked, 0, ""); /* it has found a change */
	ck_assert_uint_eq(fixture.done, 0);
	sends(2, "linger = 7;");
	ck_assert_uint_eq(fixture.answer.number, 2);
	ck_assert_uint_eq(fixture.answer.error, 0);
	ck_nothing_changed(); /* netd comes first */
	replies(fixture.confirmed, 0, "");
	ck_assert_uint_eq(fixture.followed, 1);
	ck_assert_uint_eq(fixture.linger_before, 5);
	ck_assert_int_eq(fixture.engine.settings->linger.ns, DURATION_S(7).ns);
	ck_assert_uint_eq(fixture.engine.load.number, 2);
	ck_listeners();
	ck_done(EXIT_CODE_OK, "configuration 2 is in force: linger");
	ck_assert_uint_eq(open_files(), before);
}
END_TEST

/* netd has switched, and the host did not let it put all in force. */
START_TEST(switches_in_part)
{
	ck_assert_int_eq(ask(), 0);
	replies(fixture.asked, 0, "");
	sends(2, "linger = 7;");
	replies(fixture.confirmed, 0, "nat: no nftables");
	ck_assert_uint_eq(fixture.followed, 1);
	ck_done(EXIT_CODE_FAILURE,
		"configuration 2 is in force, except for this: nat: no nftables: linger");
	ck_listeners();
}
END_TEST

/* By SIGHUP, or because a file has changed: nobody waits for the outcome. */
START_TEST(unasked)
{
	sends(2, "linger = 7;");
	replies(fixture.confirmed, 0, "");
	ck_assert_uint_eq(fixture.followed, 1);
	ck_assert_uint_eq(fixture.done, 0);
}
END_TEST

/* The role of a client takes no listeners: they are closed. */
START_TEST(no_listeners)
{
	size_t before = open_files();

	fixture.role.listener = NULL;
	sends(2, "linger = 7;");
	replies(fixture.confirmed, 0, "");
	ck_assert_uint_eq(fixture.followed, 1);
	ck_assert_uint_eq(open_files(), before);
}
END_TEST

/* The engine finds a fault that netd did not: it tells netd, and the caller gets netd's words. */
START_TEST(refused)
{
	size_t before = open_files();
	struct parcel parcel;

	ck_assert_int_eq(ask(), 0);
	sends(2, "no_such_key = 1;");
	ck_assert_uint_eq(fixture.answer.error, EINVAL);
	ck_assert_ptr_nonnull(strstr(fixture.answer.text, "hub.conf:5: no_such_key"));
	ck_assert_uint_eq(fixture.done, 0);
	replies(fixture.confirmed, EINVAL, "the words of netd");
	ck_done(EXIT_CODE_CONFIG, "the words of netd");
	ck_assert_uint_eq(open_files(), before);
	/* A certificate that another key belongs to. */
	parcel = make(3, "", &fixture.pair);
	send_parcel(&parcel);
	ck_assert_uint_ne(fixture.answer.error, 0);
	ck_assert_ptr_nonnull(strstr(fixture.answer.text, "key"));
	replies(fixture.confirmed, EINVAL, "");
	ck_nothing_changed();
	ck_assert_uint_eq(open_files(), before);
}
END_TEST

/* netd has given up that one, or fails to switch. */
START_TEST(refused_by_netd)
{
	size_t before = open_files();

	ck_assert_int_eq(ask(), 0);
	sends(2, "linger = 7;");
	replies(fixture.confirmed, ESTALE, "too late");
	ck_nothing_changed();
	ck_done(EXIT_CODE_CONFIG, "too late");
	ck_assert_uint_eq(open_files(), before);
	/* And the next one is taken. */
	sends(3, "linger = 7;");
	replies(fixture.confirmed, 0, "");
	ck_assert_uint_eq(fixture.engine.load.number, 3);
}
END_TEST

/* The kernel has dropped descriptors on the way, as this process has no room for more. */
START_TEST(too_few_descriptors)
{
	size_t before = open_files();
	struct parcel parcel = make(2, "linger = 7;", &fixture.other);

	close(parcel.fds[--parcel.fd_count]);
	send_parcel(&parcel);
	ck_assert_uint_eq(fixture.answer.error, EMFILE);
	ck_assert_ptr_nonnull(strstr(fixture.answer.text, "received 5 of netd's 6 files"));
	replies(fixture.confirmed, EMFILE, "");
	ck_nothing_changed();
	ck_assert_uint_eq(open_files(), before);
}
END_TEST

START_TEST(cannot_answer)
{
	size_t before = open_files();

	ck_assert_int_eq(ask(), 0);
	fixture.ask_error = -ENOMEM;
	log_capture_begin(LOG_LEVEL_ERROR);
	sends(2, "linger = 7;");
	ck_assert_uint_eq(log_count("cannot answer netd"), 1);
	log_capture_end();
	ck_nothing_changed();
	ck_done(EXIT_CODE_FAILURE, "cannot answer netd");
	ck_assert_uint_eq(open_files(), before);
}
END_TEST

/* netd sends another one before it has answered: it has given up the one before. */
START_TEST(newer_one)
{
	size_t before = open_files();

	sends(2, "linger = 7;");
	fixture.confirmed->pending = false;
	sends(3, "linger = 8;");
	replies(fixture.confirmed, 0, "");
	ck_assert_uint_eq(fixture.engine.load.number, 3);
	ck_assert_int_eq(fixture.engine.settings->linger.ns, DURATION_S(8).ns);
	ck_listeners();
	ck_assert_uint_eq(open_files(), before);
}
END_TEST

/* netd has refused what it read, or has found nothing to do. */
START_TEST(nothing_to_take)
{
	ck_assert_int_eq(ask(), 0);
	ck_assert(!fixture.only_check);
	replies(fixture.asked, EINVAL, "hub.conf:1: wrong");
	ck_done(EXIT_CODE_CONFIG, "hub.conf:1: wrong");
	fixture.done = 0;
	ck_assert_int_eq(engine_reload_ask(&fixture.engine.reload, true, on_done), 0);
	ck_assert(fixture.only_check);
	replies(fixture.asked, 0, "nothing has changed");
	ck_done(EXIT_CODE_OK, "nothing has changed");
}
END_TEST

START_TEST(one_asker)
{
	fixture.ask_error = -ENOMEM;
	ck_assert_int_eq(ask(), -ENOMEM);
	fixture.ask_error = 0;
	ck_assert_int_eq(ask(), 0);
	ck_assert_int_eq(ask(), -EBUSY);
	/* It goes away: the outcome has nobody to hear it, and all else goes on. */
	engine_reload_forget(&fixture.engine.reload);
	replies(fixture.asked, 0, "");
	sends(2, "linger = 7;");
	replies(fixture.confirmed, 0, "");
	ck_assert_uint_eq(fixture.followed, 1);
	ck_assert_uint_eq(fixture.done, 0);
}
END_TEST

/* The engine ends while one waits for netd. */
START_TEST(freed)
{
	size_t before = open_files();

	ck_assert_int_eq(ask(), 0);
	sends(2, "linger = 7;");
	engine_reload_free(&fixture.engine.reload);
	ck_assert_uint_eq(open_files(), before);
	ck_assert_uint_eq(fixture.done, 0);
	ck_nothing_changed();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { switches, switches_in_part, unasked, no_listeners, refused,
		refused_by_netd, too_few_descriptors, cannot_answer, newer_one, nothing_to_take,
		one_asker, freed };

	return unit_run("engine_reload",
		unit_suite("engine_reload", set_up, tear_down, tests, ARRAY_SIZE(tests)));
}
