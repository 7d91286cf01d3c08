/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch of a mutated source. tests/mutation/run writes MUTANT(N) into each place that it changes and includes
 * this header first. One mutant at most is on: the one that CULVERT_MUTANT in the environment names.
 */
#ifndef CULVERT_TESTS_MUTATION_MUTANT_H
#define CULVERT_TESTS_MUTATION_MUTANT_H

/* The number of the mutant that is on; 0: none. */
extern int culvert_mutant;

/* One byte a mutant, set when its place is reached. NULL where CULVERT_MUTANTS_REACHED names no file to record in. */
extern unsigned char *culvert_mutants_reached;

static inline int culvert_mutant_is(int number)
{
	if (__builtin_expect(culvert_mutants_reached != 0, 0))
		culvert_mutants_reached[number] = 1;
	return culvert_mutant == number;
}

#define MUTANT(number) culvert_mutant_is(number)

#endif
