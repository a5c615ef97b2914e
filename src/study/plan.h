#ifndef LKS_STUDY_PLAN_H
#define LKS_STUDY_PLAN_H

#include "study/study.h"

/** Local. The comparisons of a study with these options, in `folder` (NULL: DIRECTORY/NAME). data: the dataset that
 * options.data or the study's default stands for. Freed with lks_study_plan_destroy, which takes NULL and sets
 * NULL. */
lks_status lks_study_plan_create(lks_study_plan **plan, const lks_study *study,
                                 const lks_study_options *options, const char *folder, const char *data,
                                 int ranks);
/** Local. The same from what a study's folder says of itself. */
lks_status lks_study_plan_of_folder(lks_study_plan **plan, const char *folder);
void lks_study_plan_destroy(lks_study_plan **plan);

/** Local. Where a study's files are: DIRECTORY/NAME. LKS_ERR_USAGE when that is too long. */
lks_status lks_study_folder(char folder[LKS_STUDY_FOLDER_MAX], const lks_study *study,
                            const lks_study_options *options);

/** Local (rank 0). The dataset file that --data stands for: the file of that name; one that is made in DIRECTORY of the
 * four files of MNIST in a folder, or of those of Debian's package (fashion-mnist); without, the digits that come with
 * Lockstep: data/digits.h5 of this folder, of the source tree that the program was built in, or of the installation.
 * LKS_ERR_USAGE that says what to do. */
lks_status lks_study_data(char path[LKS_TEXT_MAX], const lks_study_options *options);

/** Local (rank 0). FOLDER/study.ini: which study it is, and its options. A file that is there is kept when it says
 * the same but for more or fewer seeds; else LKS_ERR_USAGE. */
lks_status lks_study_file_open(const lks_study_plan *plan);
/** Local. LKS_ERR_USAGE when the folder holds no study, LKS_ERR_DATA when the file is damaged. */
lks_status lks_study_file_read(const lks_study **study, lks_study_options *options, const char *folder);

#endif
