/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_LAB_PLAN_LAB_OPTIONS_H
#define CULVERT_TESTS_LAB_PLAN_LAB_OPTIONS_H

#include "config/conf.h"

/* The keys of a lab's file, which fill a struct lab. For lab.c only. */
extern const struct conf_table lab_options;

#endif
