#ifndef LKS_COMPARE_CLASS_SHARES_H
#define LKS_COMPARE_CLASS_SHARES_H

#include "compare/comparison.h"
#include "statistics/chance.h"

/** Local. What guessing comes to in the data of a comparison (lks_chance): from DIR/classes.ini, or, where there
 * is none yet, counted in the dataset's file and noted there, so that a report needs the data once. Unknown
 * (test_samples 0) when neither can be read: that is no failure. */
lks_chance lks_class_shares_find(const lks_comparison *comparison);

#endif
