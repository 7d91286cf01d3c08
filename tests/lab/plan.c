/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reads the description of a test network for scripts/lab and prints one of these:
 *
 * 	plan --name FILE           the lab's name
 * 	plan --plan FILE STATE     the things to make; configurations name paths below STATE
 * 	plan --diagram FILE        the drawing
 * 	plan --options             every key, as docs/lab.md has it
 *
 * For a file with a mistake it prints nothing, and its status is that of a refused configuration.
 * It needs no privilege.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error_text.h"
#include "base/exit_code.h"
#include "base/file.h"
#include "plan/lab.h"

static int load(const char *path, struct lab **ret_lab)
{
	struct problem problem = { 0 };
	char *text = NULL;
	size_t len;
	int r = file_read(path, FILE_PUBLIC, &text, &len, &problem);

	if (r == 0)
		r = lab_load(text, len, path, ret_lab, &problem);
	free(text);
	if (r < 0)
		fprintf(stderr, "%s\n", problem.text[0] ? problem.text : error_text(r));
	return r;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct lab *lab;
	int r = 0;

	if (argc == 2 && strcmp(what, "--options") == 0)
		return lab_describe(stdout) < 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
	if (argc != (strcmp(what, "--plan") == 0 ? 4 : 3)) {
		fputs("plan is for scripts/lab\n", stderr);
		return EXIT_CODE_USAGE;
	}
	if (load(argv[2], &lab) < 0)
		return EXIT_CODE_CONFIG;
	if (strcmp(what, "--plan") == 0)
		r = lab_print_plan(lab, argv[3], stdout);
	else if (strcmp(what, "--diagram") == 0)
		lab_print_diagram(lab, stdout);
	else
		puts(lab->name);
	lab_free(lab);
	return r < 0 || fflush(stdout) != 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}
