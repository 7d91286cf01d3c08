/* SPDX-License-Identifier: Apache-2.0 */
#include "base/version.h"

const char culvert_version[] = CULVERT_VERSION;
