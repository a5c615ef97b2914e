#ifndef LKS_STUDY_STUDY_LIST_H
#define LKS_STUDY_STUDY_LIST_H

#include "study/study.h"

/* The studies, a file each: study_NAME.c. A new one also gets its line in studies.c. */

extern const lks_study lks_study_speed;
extern const lks_study lks_study_shift;
extern const lks_study lks_study_noise;
extern const lks_study lks_study_drift;
extern const lks_study lks_study_landscape;
extern const lks_study lks_study_regularization;
extern const lks_study lks_study_placement;
extern const lks_study lks_study_inference;

#endif
