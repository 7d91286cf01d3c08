/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/delivery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/file.h"
#include "base/log.h"
#include "config/conf.h"
#include "wire/request.h"

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void delivery_close(struct delivery *delivery)
{
	close_fd(delivery->config);
	close_fd(delivery->state);
	close_fd(delivery->control);
	close_fd(delivery->issuer);
	for (size_t i = 0; i < delivery->listener_count; i++)
		close_fd(delivery->listeners[i]);
	for (int part = 0; part < CREDENTIALS_PART_COUNT; part++)
		close_fd(delivery->parts[part]);
}

static int *slot_of(struct delivery *delivery, uint8_t kind)
{
	switch (kind) {
	case REQUEST_FD_CONFIG:
		return &delivery->config;
	case REQUEST_FD_STATE:
		return &delivery->state;
	case REQUEST_FD_CONTROL:
		return &delivery->control;
	case REQUEST_FD_ISSUER:
		return &delivery->issuer;
	case REQUEST_FD_CERTIFICATE:
		return &delivery->parts[CREDENTIALS_CERTIFICATE];
	case REQUEST_FD_KEY:
		return &delivery->parts[CREDENTIALS_KEY];
	case REQUEST_FD_CA:
		return &delivery->parts[CREDENTIALS_CA];
	case REQUEST_FD_CRL:
		return &delivery->parts[CREDENTIALS_CRL];
	case REQUEST_FD_LISTENER:
		if (delivery->listener_count == SETTINGS_LISTEN_MAX)
			return NULL;
		return &delivery->listeners[delivery->listener_count++];
	default:
		return NULL;
	}
}

void delivery_sort(struct delivery *delivery, const uint8_t *kinds, size_t kind_count,
	const int *fds, size_t fd_count)
{
	*delivery = (struct delivery){ .config = -1, .state = -1, .control = -1, .issuer = -1 };
	for (int part = 0; part < CREDENTIALS_PART_COUNT; part++)
		delivery->parts[part] = -1;
	for (size_t i = 0; i < fd_count; i++) {
		int *slot = i < kind_count ? slot_of(delivery, kinds[i]) : NULL;

		if (!slot) {
			close(fds[i]);
			continue;
		}
		if (kinds[i] != REQUEST_FD_LISTENER)
			close_fd(*slot); /* a kind that comes twice: the last one counts */
		*slot = fds[i];
	}
}

static int load_tls(const struct delivery *delivery, const struct configuration_role *role,
	const struct settings *settings, struct tls_context **ret_tls, struct problem *problem)
{
	struct credentials credentials = { 0 };
	int r = 0;

	for (int part = 0; part < CREDENTIALS_PART_COUNT && r == 0; part++) {
		if (delivery->parts[part] >= 0)
			r = credentials_read_fd(
				&credentials, (enum credentials_part)part, delivery->parts[part]);
	}
	if (r == 0)
		r = credentials_take_inline(&credentials, settings);
	if (r < 0)
		problem_set(problem, "cannot read certificate, key or CA: %s", error_text(r));
	else
		r = credentials_make_context(
			&credentials, settings, role->tls_role, ret_tls, problem);
	credentials_free(&credentials);
	return r;
}

void delivery_warn_of_dates(const struct settings *settings, const struct tls_context *tls)
{
	struct problem problem;

	if (credentials_check_dates(tls, settings, &problem) < 0)
		log_warning(
			"%s; new connections fail until the clock or the certificate is fixed%s",
			problem.text,
			settings->kill_switch
				? "; the kill switch blocks NTP, so set a wrong clock by hand (date -s), or name time servers in kill_switch_time"
				: "");
}

int delivery_load(const struct delivery *delivery, const struct configuration_role *role,
	const char *path, struct settings **ret_settings, struct tls_context **ret_tls,
	struct problem *problem)
{
	struct settings *settings = NULL;
	char *text;
	size_t len;

	int r = delivery->config >= 0 ? file_read_fd(delivery->config, &text, &len) : -EBADF;
	if (r < 0) {
		problem_set(
			problem, "cannot read the configuration that netd sent: %s", error_text(r));
		return r;
	}
	r = role->load(text, len, path, &settings, problem);
	if (r == 0) {
		r = load_tls(delivery, role, settings, ret_tls, problem);
		if (r < 0)
			conf_locate(text, len, path, problem);
		else if (!settings->renew)
			delivery_warn_of_dates(settings, *ret_tls);
	}
	explicit_bzero(text, len); /* a profile contains its key */
	free(text);
	if (r == 0)
		*ret_settings = settings;
	else
		settings_free(settings);
	return r;
}
