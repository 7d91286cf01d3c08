/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs the stages of a packet's way, each on its own (stages/stage.h):
 *
 * 	stages --list           name, "own" or "foreign", and one operation's description, with TABs between
 * 	stages --about          compiler, C library and OpenSSL, as JSON
 * 	stages --all COUNT      runs COUNT operations of each
 * 	stages NAME COUNT       of one
 * 	stages --time NAME      nanoseconds of one operation: the least of some runs
 *
 * tests/bench/instructions counts the instructions of an operation.
 */

#include <gnu/libc-version.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/array.h"
#include "base/exit_code.h"
#include "stages/stage.h"

enum { TIMED_MS = 300, TIMED_COUNT = 1024 }; /* long enough for a busy moment to pass */

static const struct stage_group *const groups[] = { &frame_stages, &packet_stages, &reach_stages,
	&queue_stages, &message_stages, &tls_stages, &path_stages };

#define FOR_EACH_STAGE(stage)                                            \
	for (size_t group_ = 0; group_ < ARRAY_SIZE(groups); group_++)   \
		for (const struct stage *stage = groups[group_]->stages; \
			stage < groups[group_]->stages + groups[group_]->count; stage++)

static struct duration run(const struct stage *stage, size_t count)
{
	stage->prepare(stage, count);
	struct duration taken = stage_measure(stage, count);
	if (stage->finish)
		stage->finish();
	return taken;
}

static void list(void)
{
	FOR_EACH_STAGE(stage)
	{
		printf("%s\t%s\t%s\n", stage->name, stage->foreign ? "foreign" : "own",
			stage->what);
	}
}

static void about(void)
{
#ifdef __clang__
	const char *compiler = "clang " __clang_version__;
#else
	const char *compiler = "gcc " __VERSION__;
#endif
	printf("{\"compiler\": \"%s\", \"libc\": \"glibc %s\", \"openssl\": \"%s\"}\n", compiler,
		gnu_get_libc_version(), OpenSSL_version(OPENSSL_VERSION_STRING));
}

static void run_all(size_t count)
{
	FOR_EACH_STAGE(stage)
	{
		run(stage, count);
		printf("%s: %zu\n", stage->name, count);
	}
}

static void print_time(const struct stage *stage)
{
	struct mono end = mono_add(mono_now(), DURATION_MS(TIMED_MS));
	int64_t least = INT64_MAX;

	do {
		struct duration taken = run(stage, TIMED_COUNT);

		if (taken.ns < least)
			least = taken.ns;
	} while (mono_before(mono_now(), end));
	printf("%.1f\n", (double)least / TIMED_COUNT);
}

/* ---- the command line ---- */

static const struct stage *find(const char *name)
{
	FOR_EACH_STAGE(stage)
	{
		if (strcmp(stage->name, name) == 0)
			return stage;
	}
	fprintf(stderr, "stages: there is no stage '%s'; there are:\n", name);
	FOR_EACH_STAGE(stage)
	{
		fprintf(stderr, "  %s\n", stage->name);
	}
	return NULL;
}

/* 0: not a number of operations. */
static size_t parse_count(const char *text)
{
	char *rest;
	long count = strtol(text, &rest, 10);

	if (rest != text && *rest == '\0' && count >= 1 && count <= STAGE_COUNT_MAX)
		return (size_t)count;
	fprintf(stderr, "stages: '%s' is no number from 1 to %d\n", text, STAGE_COUNT_MAX);
	return 0;
}

static int usage(void)
{
	fputs("usage: stages --list | --about | --all COUNT | --time NAME | NAME COUNT\n", stderr);
	return EXIT_CODE_USAGE;
}

static int run_pair(const char *first, const char *second)
{
	bool timed = strcmp(first, "--time") == 0, all = strcmp(first, "--all") == 0;
	const struct stage *stage = all ? NULL : find(timed ? second : first);
	size_t count = timed ? TIMED_COUNT : parse_count(second);

	if ((!all && !stage) || count == 0)
		return EXIT_CODE_USAGE;
	if (all)
		run_all(count);
	else if (timed)
		print_time(stage);
	else
		run(stage, count);
	return EXIT_CODE_OK;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return run_pair(argv[1], argv[2]);
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		list();
	else if (argc == 2 && strcmp(argv[1], "--about") == 0)
		about();
	else
		return usage();
	return EXIT_CODE_OK;
}
