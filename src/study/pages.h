#ifndef LKS_STUDY_PAGES_H
#define LKS_STUDY_PAGES_H

#include "study/study.h"

/* From the files of a study's folder to what is shown of them. */

/** Local. A run of a plan; and where its readings are kept. */
lks_status lks_study_run_make(lks_study_run *run, const lks_study_plan *plan, size_t part, size_t arm,
                              size_t seed);
void lks_study_run_readings(char path[LKS_TEXT_MAX + 16], const lks_study_run *run);

/** Local. Reads all that the runs of a plan left, and judges it. The plan's comparisons become those that are on
 * disk. Freed with lks_study_outcome_free, also after a failure. */
lks_status lks_study_outcome_make(lks_study_outcome *outcome, lks_study_plan *plan);
/** Local. From readings and seeds to derived readings, findings and verdict: what lks_study_outcome_make ends with. */
lks_status lks_study_conclude(lks_study_outcome *outcome);
void lks_study_outcome_free(lks_study_outcome *outcome);

/** Local (rank 0). readings.csv, verdict.json, plots/ and report.html in the plan's folder; says the verdict. */
lks_status lks_study_page(lks_study_plan *plan);
/** Local (rank 0). index.html: a table of the claims of all studies that are in this directory. */
lks_status lks_studies_page(const char *directory);

/** Local. The command that makes the study anew; freed with lks_free. The same for any rank count and directory. */
lks_status lks_study_command(char **text, const lks_study_outcome *outcome);
/** Local. FOLDER/verdict.json. */
lks_status lks_study_verdict_write(const lks_study_outcome *outcome);
/** Local. FOLDER/report.html. drawn: whether there was a gnuplot. */
lks_status lks_study_html_write(const lks_study_outcome *outcome, bool drawn);

#endif
