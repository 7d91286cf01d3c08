/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_VERSION_H
#define CULVERT_BASE_VERSION_H

/*
 * The version of this program, such as "0.1.0". The Makefile passes it to version.c alone and
 * rebuilds that file when it changes, so all parts of a program report the same version. Compile no
 * other file with the version in it.
 */
extern const char culvert_version[];

#endif
