/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fingerprint.h"

#include <string.h>

#define FACTOR UINT64_C(0x100000001b3)

uint64_t fingerprint_add(uint64_t fingerprint, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		fingerprint = (fingerprint ^ bytes[i]) * FACTOR;
	return fingerprint;
}

uint64_t fingerprint_of_text(const char *text)
{
	return fingerprint_add(FINGERPRINT_OF_NOTHING, text, strlen(text));
}
