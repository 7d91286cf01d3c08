/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_ERROR_TEXT_H
#define CULVERT_BASE_ERROR_TEXT_H

/*
 * What an errno means, in English and for every thread: "No such device". Accepts errno and negative errno alike. Never
 * NULL, and valid forever.
 */
const char *error_text(int error);

#endif
