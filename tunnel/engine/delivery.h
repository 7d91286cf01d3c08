/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_DELIVERY_H
#define CULVERT_ENGINE_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "config/configuration.h"
#include "config/credentials.h"
#include "config/settings.h"
#include "system/tls.h"

/*
 * What netd hands over with CONFIGURE and RECONFIGURE: the configuration, certificates and key as
 * sealed files, and sockets. Main thread only.
 */

/* The descriptors by kind; -1: it did not come. */
struct delivery {
	int config, state, control, issuer;
	int listeners[SETTINGS_LISTEN_MAX];
	size_t listener_count;
	int parts[CREDENTIALS_PART_COUNT];
};

/* Takes ownership of the descriptors, and closes those without a kind. */
void delivery_sort(struct delivery *delivery, const uint8_t *kinds, size_t kind_count,
	const int *fds, size_t fd_count);
/*
 * Loads the settings and the certificates that they name. Errors: those of file_read_fd(), the
 * role's load() and tls_context_new(). On failure *problem says why and names file and line.
 */
int delivery_load(const struct delivery *delivery, const struct configuration_role *role,
	const char *path, struct settings **ret_settings, struct tls_context **ret_tls,
	struct problem *problem);
/*
 * Warns when new connections would fail by the dates. It is no error: the clock may be set later, and
 * sessions of the engine before may be up. delivery_load() does this, but for a client that renews:
 * that one knows only later which certificate it uses.
 */
void delivery_warn_of_dates(const struct settings *settings, const struct tls_context *tls);
/* Closes what is left: a caller that keeps a descriptor sets its member to -1. */
void delivery_close(struct delivery *delivery);

#endif
