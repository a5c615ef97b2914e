#ifndef LKS_COMPARE_COMPARISON_H
#define LKS_COMPARE_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/config.h"

/** A comparison: arms x seeds in one directory, paired by seed. An arm is the base settings with some of them
 * set otherwise: another normalization batch (--bn sync,32), another model, batch size, learning rate ... What a
 * pair shares, lks_comparison_pairing says.
 *
 *    DIR/comparison.ini            this, as text: the arms, the seeds, and every setting of a run
 *    DIR/runs/ARM/seed-N/          run directories of `train`, with noise.csv and, when finished, result.ini
 *    DIR/tune/ARM/lr-X/            the same for the learning rates that were tried; DIR/tune/ARM.ini: the
 * chosen one DIR/report.html, report.md, table.csv, runs.csv, noise.csv, plots/      made by `report` */
enum { LKS_ARMS_MAX = 32, LKS_RATES_MAX = 32, LKS_ARM_NAME = 32 };
/** Of equivalence, unless another one is given; points. */
#define LKS_MARGIN 0.15
/** Bytes of the directory's name: those of the files in it follow. */
enum { LKS_COMPARISON_DIRECTORY_MAX = LKS_TEXT_MAX - 112 };

typedef struct lks_arm {
  char name[LKS_ARM_NAME];     /* "sync", "rank:64", "32", "none", or the NAME of --arm */
  char folder[LKS_ARM_NAME];   /* the same, fit for a file name: "rank-64" */
  char settings[LKS_TEXT_MAX]; /* "key=value,key=value": in what it differs from base, in the order of the
                                  option table, values as lks_arm_setting_next reads them; "": nothing. lr is
                                  there too when it was given and is base's: such an arm is not tuned */
  lks_config config;           /* base with these settings, checked; seed and output are the runs' own */
  size_t group;                /* samples of the normalization batch; 0: no batch norm (bn = none) */
  bool own_rate;               /* lr is among its settings: --tune-lr leaves it alone */
} lks_arm;

typedef struct lks_comparison {
  char directory[LKS_TEXT_MAX];
  char asked_in
      [LKS_TEXT_MAX]; /* where a user may ask by a file (train/request_files.h); "": in the directory */
  lks_config base; /* checked; seed and output are the runs' own; lr too when rates are tuned. Arms that were
                      added keep the base of that moment */
  size_t arms, reference; /* reference: the arm that the others are compared with */
  lks_arm arm[LKS_ARMS_MAX];
  uint64_t first_seed;
  size_t seeds;
  double margin; /* of equivalence, in points (hundredths of accuracy) */
  size_t rates;  /* learning rates to choose from for each arm; 0: base.lr for all */
  double rate[LKS_RATES_MAX];
  size_t tune_holdout; /* training samples that rates are judged on */
  size_t
      ranks_per_run; /* that each run of this job is made by; 0: as many as are fastest. No part of comparison.ini */
} lks_comparison;

/** Local. Adds an arm behind the others: base with `settings` ("key=value,key=value", "" or NULL: none), and
 * makes lks_comparison_reference_default the reference. size: ranks, for bn = rank, which becomes rank:SIZE.
 * LKS_ERR_USAGE with the arm's name and the key: an unknown key (with a suggestion), a bad value, settings that
 * do not fit each other, a key that is not an arm's own, a name or a folder that is taken. */
lks_status lks_comparison_arm_add(lks_comparison *comparison, const char *name, const char *settings,
                                  int size);

/** Local. Adds an arm for each normalization batch of "sync,rank,rank:64,128,none", named by it. LKS_ERR_USAGE:
 * no arm, an unknown one (with a suggestion), one twice, K larger than the mini-batch. */
lks_status lks_comparison_arms_add(lks_comparison *comparison, const char *text, int size);
/** Local. The same, and these are all: what was there before goes. */
lks_status lks_comparison_arms(lks_comparison *comparison, const char *text, int size);

/** Local. The arm called sync; or the one with bn = sync among arms that differ in bn alone; or the first. */
size_t lks_comparison_reference_default(const lks_comparison *comparison);
/** Local. Makes the arm of that name the reference. LKS_ERR_USAGE, with a suggestion, when there is none. */
lks_status lks_comparison_reference_set(lks_comparison *comparison, const char *name);

/** Local. The arms differ in bn alone, written in the short form or not. */
bool lks_comparison_of_norms(const lks_comparison *comparison);
/** Local. All arms are named by their bn, which alone they set: the form of --bn LIST. */
bool lks_comparison_is_short(const lks_comparison *comparison);
/** Local. Whether --tune-lr chooses the learning rate of an arm. */
bool lks_comparison_is_tuned(const lks_comparison *comparison, size_t arm);

/** Local. In whole sentences: what a run of this arm shares with the reference's run of the same seed (initial
 * weights, mini-batches, augmentation, learning rate), and what it does not, and why. */
void lks_comparison_pairing(char text[LKS_TEXT_MAX], const lks_comparison *comparison, size_t arm);

/** Local. Reads "0.1,0.05" into rates. */
lks_status lks_comparison_rates(lks_comparison *comparison, const char *text);

/** Local. DIR/runs/ARM/seed-N. */
void lks_comparison_run_folder(char path[LKS_TEXT_MAX], const lks_comparison *comparison, size_t arm,
                               size_t seed);

/** Local. The settings of a run: its arm's, its seed (the seed-th from first_seed) and its folder as output. lr
 * is the arm's as given, also when rates are tuned. */
void lks_comparison_run_config(lks_config *config, const lks_comparison *comparison, size_t arm, size_t seed);

/** Local. LKS_ERR_USAGE "WHERE has KEY = A, not B" for the first setting that differs and is about more than
 * how a run is executed; both are checked (lks_config_check). */
lks_status lks_comparison_same_settings(const lks_config *there, const lks_config *here, const char *where);

/** Local. The command line that makes this comparison anew in a directory DIR, with what is not a default,
 * freed with lks_free. The same for any rank count and directory. */
lks_status lks_comparison_command(char **text, const lks_comparison *comparison);

/** Local. As the text of comparison.ini, freed with lks_free; and back. */
lks_status lks_comparison_print(char **text, const lks_comparison *comparison);
lks_status lks_comparison_read(lks_comparison *comparison, const char *directory);

/** Local (rank 0). Makes DIR and comparison.ini, or checks that the one there is the same comparison:
 * LKS_ERR_USAGE naming the first key that differs. More seeds and more arms at the end are welcome and noted
 * there; fewer change nothing. Several processes may open one at the same moment. */
lks_status lks_comparison_open(const lks_comparison *comparison);

#endif
