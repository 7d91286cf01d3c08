/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of the run before: which ones netd goes on with, and that it ends the others. */
#include "netd/engine_files.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/socket.h"
#include "tests/unit/unit.h"

static struct settings *settings;
static struct engine_files files;
static struct problem problem;
static struct endpoint listen_at[2];
static char path[64];

/* A port of loopback that is free now, and chosen as a configuration does: the kernel keeps it then. */
static int listener(struct endpoint *endpoint)
{
	const struct socket_options options = { .congestion = "" };
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	int fd;

	ck_assert_int_eq(endpoint_parse("127.0.0.1:1", 0, endpoint), 0);
	endpoint->port = 0;
	ck_assert_int_eq(socket_listen(endpoint, &options, &fd, &problem), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	endpoint->port = ntohs(address.sin_port);
	close(fd);
	ck_assert_int_eq(socket_listen(endpoint, &options, &fd, &problem), 0);
	return fd;
}

static bool answers(const struct endpoint *endpoint)
{
	return socket_answers(endpoint);
}

static void set_up(void)
{
	ck_assert_int_eq(settings_new(SETTINGS_SERVER, &settings), 0);
	settings->mark = 0;
	engine_files_init(&files);
	(void)snprintf(path, sizeof(path), "/tmp/culvert-take-over-%d.sock", (int)getpid());
	unit_text(settings->control_socket, path);
}

static void tear_down(void)
{
	engine_files_close(&files);
	settings_free(settings);
	(void)unlink(path);
}

START_TEST(a_listener_of_the_same_address_goes_on)
{
	const struct socket_options options = { .congestion = "" };
	int fd = listener(&listen_at[0]);

	ck_assert_int_eq(socket_listen_take_over(fd, &listen_at[0], &options), 0);
	listen_at[1] = listen_at[0];
	listen_at[1].port ^= 1;
	ck_assert_int_eq(socket_listen_take_over(fd, &listen_at[1], &options), -EADDRNOTAVAIL);
	ck_assert_int_eq(socket_listen_take_over(0, &listen_at[0], &options), -EADDRNOTAVAIL);
	(void)shutdown(fd, SHUT_RDWR); /* it does not listen any more */
	ck_assert_int_eq(socket_listen_take_over(fd, &listen_at[0], &options), -EADDRNOTAVAIL);
	close(fd);
}
END_TEST

/* Another process may still have it, so closing it here is not enough. */
START_TEST(a_listener_that_is_not_wanted_ends)
{
	int fd = listener(&listen_at[0]), copy = dup(fd);

	ck_assert(answers(&listen_at[0]));
	engine_files_inherit_listener(&files, fd);
	engine_files_close(&files);
	ck_assert(!answers(&listen_at[0]));
	ck_assert_int_eq(socket_listen_again(copy), 0); /* as a predecessor does that goes on */
	ck_assert(answers(&listen_at[0]));
	close(copy);
}
END_TEST

START_TEST(the_control_socket_goes_on)
{
	int fd;

	ck_assert_int_eq(socket_control(path, &fd, &problem), 0);
	engine_files_inherit_control(&files, fd);
	ck_assert_int_eq(engine_files_open_control(&files, settings, &problem), 0);
	ck_assert_int_eq(files.control, fd);
	engine_files_leave(&files); /* for the next run: its file stays */
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_control_socket_of_another_path_ends)
{
	char old[80];
	int fd;

	(void)snprintf(old, sizeof(old), "%s.old", path);
	ck_assert_int_eq(socket_control(old, &fd, &problem), 0);
	engine_files_inherit_control(&files, fd);
	ck_assert_int_eq(engine_files_open_control(&files, settings, &problem), 0);
	ck_assert_int_ne(access(old, F_OK), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	/* One whose file is gone is made again. */
	engine_files_close(&files);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(socket_control(path, &fd, &problem), 0);
	ck_assert_int_eq(unlink(path), 0);
	engine_files_inherit_control(&files, fd);
	ck_assert_int_eq(engine_files_open_control(&files, settings, &problem), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { a_listener_of_the_same_address_goes_on,
		a_listener_that_is_not_wanted_ends, the_control_socket_goes_on,
		a_control_socket_of_another_path_ends };

	return unit_suite("take_over", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("take_over", suite());
}
