/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_VERSION_H
#define CULVERT_BASE_VERSION_H

/*
 * The version that this program was built as, such as "0.1.0". The Makefile gives it to version.c
 * alone and builds that again when it changes, so all parts of a program say the same: nothing else
 * may be compiled with the version in it.
 */
extern const char culvert_version[];

#endif
