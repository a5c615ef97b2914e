#ifndef LKS_TEST_MADE_UP_RUNS_H
#define LKS_TEST_MADE_UP_RUNS_H

#include "compare/results.h"

/* A comparison's directory without any training: the files of its runs, by the functions that write them. */

enum { MADE_UP_EPOCHS = 7 };

/** A new temporary folder; and its end, with all in it. */
void made_up_folder(char path[64]);
void made_up_folder_remove(const char *path);

/** A comparison of these arms on mini-batches of 128, MADE_UP_EPOCHS epochs. */
lks_comparison made_up_comparison(const char *directory, const char *arms, size_t seeds);

/** What a run came out with; the last five epochs have exactly these figures as their medians. */
typedef struct made_up_run {
  double test_accuracy; /* 0..1; train_accuracy is 1/32 more, losses are 1 minus the accuracies */
  int fingerprint;      /* its first digits */
  double images_per_second;
  int ranks;
} made_up_run;

/** A finished run, or one that was cut off: without result.ini and the last epoch. */
lks_status made_up_run_write(const lks_comparison *comparison, size_t arm, size_t seed,
                             const made_up_run *run);
lks_status made_up_run_write_part(const lks_comparison *comparison, size_t arm, size_t seed,
                                  const made_up_run *run);

#endif
