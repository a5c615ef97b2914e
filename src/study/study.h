#ifndef LKS_STUDY_STUDY_H
#define LKS_STUDY_STUDY_H

#include <stdio.h>

#include "compare/comparison.h"
#include "lockstep/comm.h"
#include "lockstep/dataset.h"
#include "report/figure.h"
#include "study/effect.h"
#include "study/readings.h"

/* A study tests one sentence of the lecture. It is a description, a static lks_study in a file of its own: the
 * comparisons that it trains, what it reads off their runs, the effects that answer it, and the words of its page.
 * The training is compare's, the arithmetic that of statistics. */

/** What a user asks of a study. Together with the data it defines every number. */
typedef struct lks_study_options {
  char directory[LKS_TEXT_MAX]; /* a study writes DIRECTORY/NAME */
  char data[LKS_TEXT_MAX];      /* a dataset file; "": the study's own, which is small */
  bool full;                    /* the long version */
  size_t seeds, epochs;         /* epochs 0: the study's own */
  size_t train_samples;         /* of the data; 0: the study's own, or all */
  uint64_t first_seed;
  /* how it is executed */
  char ranks_per_run[LKS_TEXT_MAX]; /* as compare's; "": auto */
  size_t threads;
  lks_display progress;
  bool quiet;
  double stall_limit;
  double max_time;
  lks_isa_choice isa;
} lks_study_options;

typedef struct lks_study lks_study;

enum { LKS_STUDY_PARTS_MAX = 8, LKS_STUDY_EFFECTS_MAX = 24, LKS_STUDY_FOLDER_MAX = LKS_TEXT_MAX - 160 };

/** What a study will train: one comparison, or a few whose arms have names of their own. */
typedef struct lks_study_plan {
  const lks_study *study;
  lks_study_options options;
  char folder[LKS_STUDY_FOLDER_MAX]; /* DIRECTORY/NAME */
  char data[LKS_TEXT_MAX]; /* dataset of the comparisons, unless a part's settings name another one */
  int ranks;
  size_t parts;
  lks_comparison *part[LKS_STUDY_PARTS_MAX]; /* the first one in `folder`, others in folders in it; owned */
} lks_study_plan;

/** Local. Adds a comparison: the training's defaults, then the options, then `settings` ("key=value,key=value"),
 * where --epochs wins. name "" for the first one: its directory is the study's. *comparison is owned by the
 * plan. */
lks_status lks_study_part_add(lks_comparison **comparison, lks_study_plan *plan, const char *name,
                              const char *settings);

typedef struct lks_study_arm {
  const char *name, *settings;
} lks_study_arm;
/** Local. Adds arms[count]; the first one is the reference. */
lks_status lks_study_arms_add(lks_comparison *comparison, const lks_study_plan *plan,
                              const lks_study_arm *arms, size_t count);

/** A run that is finished, for what is read off it. */
typedef struct lks_study_run {
  const lks_study_plan *plan;
  size_t part, arm, seed; /* seed from 0 */
  const char *arm_name;
  lks_config config;                  /* its settings; its folder is config.output */
  char checkpoint[LKS_TEXT_MAX + 16]; /* of its last step */
  const lks_dataset *data;            /* of the part; NULL in `read` */
} lks_study_run;

/** Local. Adds a reading of this run. */
lks_status lks_study_read_off(lks_readings *readings, const lks_study_run *run, const char *quantity,
                              double value);

/** What came out: all that pages and pictures are made of. */
typedef struct lks_study_outcome {
  const lks_study_plan *plan; /* borrowed; its comparisons as they are on disk */
  lks_readings readings;
  size_t seeds, runs, finished;
  size_t failed; /* of the finished ones: to learn, for they diverged or stayed where guesses are */
  char failures[LKS_TEXT_MAX]; /* "ARM seed 3, ARM seed 5" */
  lks_finding
      finding[LKS_STUDY_EFFECTS_MAX]; /* of the study's effects, in their order, without failed runs */
  lks_finding with_all[LKS_STUDY_EFFECTS_MAX]; /* the same with them, where there are any */
  int claim;                                   /* lks_claim */
  char verdict[1024];
} lks_study_outcome;

/** Local. The effects of this version of a study: those of the long one stand last. */
size_t lks_study_effects(const lks_study_plan *plan);

/** What became of the lecture's sentence. */
typedef enum lks_claim {
  LKS_CLAIM_UNDECIDED, /* these seeds do not tell */
  LKS_CLAIM_SHOWN,
  LKS_CLAIM_PARTLY,       /* one half of it, or less than it says */
  LKS_CLAIM_NOT_SHOWN,    /* no effect as large as would matter */
  LKS_CLAIM_CONTRADICTED, /* the opposite */
} lks_claim;
/** Local. "shown", "shown in part" and so on. */
const char *lks_claim_word(lks_claim claim);

/** A picture. `print` gets an lks_study_outcome; or it is NULL, and the study itself has made the file NAME.png in its
 * folder `plots`. */
typedef struct lks_study_figure {
  const char *name, *title, *reading;
  lks_figure_print *print;
} lks_study_figure;

/** A line of "published, and here". What stands here is a finding, or a mean over the seeds. */
typedef struct lks_study_published {
  const char *what, *published, *source;
  int effect;                 /* its number, or -1 */
  const char *arm, *quantity; /* or of this, times scale (0: 1), with a unit */
  double scale;
  const char *unit;
} lks_study_published;

/** A line of the teacher's block. */
typedef struct lks_study_change {
  const char *change, *expect, *command;
} lks_study_change;

/** A column of the table of the arms. */
typedef struct lks_study_column {
  const char *quantity, *heading;
  double scale; /* 0: 1 */
} lks_study_column;

struct lks_study {
  const char *name;
  const char *claim;    /* the lecture's sentence: the heading */
  const char *question; /* what is measured, in one or two sentences */
  const char *time;     /* of the quick version on two cores: "about a minute" */
  const char *data;     /* what it learns from when no --data is given, in words */
  bool failures_count;  /* that runs fail to learn is an answer of this study, and no accident */

  /** Local (rank 0), or NULL. Makes what the comparisons need that is not there yet, as a generated dataset in the
   * plan's folder. */
  lks_status (*prepare)(const lks_study_plan *plan);
  /** Local, the same on all ranks. lks_study_part_add and lks_study_arms_add. */
  lks_status (*plan)(lks_study_plan *plan);
  /** Collective, or NULL. What takes the trained network: evaluations. Kept in the run's folder, so that it is done
   * once. Readings equal on all ranks. */
  lks_status (*measure_all)(lks_readings *readings, lks_comm *comm, const lks_study_run *run);
  /** Local, or NULL. What stands in files of the run's folder. The loss and accuracies of every run are read off
   * without: test_loss, train_loss, test_accuracy, train_accuracy, the medians of the last five epochs. */
  lks_status (*read)(lks_readings *readings, const lks_study_run *run);
  /** Local, or NULL. Readings that come from several others; names of arms are free. */
  lks_status (*derive)(lks_study_outcome *outcome);

  const lks_effect *effect; /* one family of tests; the first one is the headline */
  size_t effects;
  /** Local. Says in one to three whole sentences what the findings mean, whichever way they came out. */
  lks_claim (*judge)(FILE *sentence, const lks_study_outcome *outcome);

  const lks_study_figure *figure; /* the first one is the page's first picture */
  size_t figures;
  const lks_study_column *column;
  size_t columns;
  const lks_study_published *published;
  size_t publisheds;
  const lks_study_change *change;
  size_t changes;
  /** Local. What batch norm did not do, and what this does not show: a whole sentence a line. */
  void (*limits)(FILE *lines, const lks_study_outcome *outcome);
};

/** Local. All studies, in the order of the lecture. */
const lks_study *const *lks_studies(size_t *count);
/** Local. LKS_ERR_USAGE, with a suggestion, when there is none of that name. */
lks_status lks_study_find(const lks_study **study, const char *name);
/** Local. The studies and their claims, for a terminal; freed with lks_free. */
lks_status lks_studies_print(char **text);

/** Collective; equal on all ranks. Trains what is not trained yet, measures, and writes the study's page. */
lks_status lks_study_all(lks_comm *comm, const lks_study *study, const lks_study_options *options);
/** Collective. All of them, one after the other, and the page of all claims, DIRECTORY/index.html. */
lks_status lks_studies_all(lks_comm *comm, const lks_study_options *options);

/** Local. Whether a directory is a study's; and makes its page anew from what stands there. */
bool lks_study_is_in(const char *folder);
lks_status lks_study_report(const char *folder);

#endif
