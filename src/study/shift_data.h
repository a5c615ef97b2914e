#ifndef LKS_STUDY_SHIFT_DATA_H
#define LKS_STUDY_SHIFT_DATA_H

#include "study/study.h"

/* The datasets of the study shift: cats of some colours, coloured cats, corrupted digits. */

/** What the cats of a comparison look like in training; some are of the long version alone. */
typedef struct lks_shift_design {
  const char *name;
  double black_cats, black_others;
  bool light, full;
  const char *target; /* of the same backgrounds, coloured */
  lks_study_arm arms[2];
} lks_shift_design;

enum { LKS_SHIFT_DESIGNS = 5, LKS_SHIFT_CORRUPTIONS = 5, LKS_SHIFT_PATH = LKS_TEXT_MAX };
extern const lks_shift_design lks_shift_designs[LKS_SHIFT_DESIGNS];
extern const char *const lks_shift_corruptions[LKS_SHIFT_CORRUPTIONS];

/** Local. Whether this version of the study has it. */
bool lks_shift_is_trained(const lks_study_plan *plan, const lks_shift_design *design);
/** Local. Of a design, a target or a corruption. */
void lks_shift_path(char path[LKS_SHIFT_PATH], const lks_study_plan *plan, const char *name);
/** Local (rank 0). Makes what is not there yet, and the contact sheet plots/pictures.png. */
lks_status lks_shift_prepare(const lks_study_plan *plan);

#endif
