/* SPDX-License-Identifier: Apache-2.0 */
#include "base/exit_code.h"

#include <errno.h>
#include <stddef.h>

#include "base/array.h"

bool error_is_passing(int error)
{
	static const int passing[] = {
		/* The host has too little of it, or another program holds it. */
		ENOMEM,
		EMFILE,
		ENFILE,
		ENOBUFS,
		EAGAIN,
		EINTR,
		EBUSY,
		ETXTBSY,
		EUSERS,
		ENOLCK,
		/* Disks: full, failing, on an unreachable server, or not writable yet at boot. */
		ENOSPC,
		EDQUOT,
		EIO,
		EREMOTEIO,
		ESTALE,
		EROFS,
		/* Devices and modules that appear later at boot. */
		ENODEV,
		ENXIO,
		/* Networks. */
		EADDRINUSE,
		EADDRNOTAVAIL,
		ENETDOWN,
		ENETUNREACH,
		ENETRESET,
		EHOSTDOWN,
		EHOSTUNREACH,
		ENONET,
		ETIMEDOUT,
		ECONNREFUSED,
		ECONNRESET,
		ECONNABORTED,
		EPIPE,
		/* Engine and netd come from different builds: starting both again fixes it. */
		EPROTO,
	};

	for (size_t i = 0; i < ARRAY_SIZE(passing); i++) {
		if (error == -passing[i])
			return true;
	}
	return false;
}

enum exit_code exit_code_of_error(int error, enum exit_code otherwise)
{
	return error_is_passing(error) ? EXIT_CODE_FAILURE : otherwise;
}
