#ifndef LKS_STUDY_READINGS_H
#define LKS_STUDY_READINGS_H

#include <stddef.h>
#include <stdint.h>

#include "compare/comparison.h"

/* What a study read off its runs: numbers with an arm, a seed and a name. All that it says, it says of these. */

enum { LKS_QUANTITY_MAX = 64 };

typedef struct lks_reading {
  char arm[LKS_ARM_NAME], quantity[LKS_QUANTITY_MAX];
  uint64_t seed;
  double value; /* NaN: the run has none, as when it diverged */
} lks_reading;

/** Begins as {0}; freed with lks_readings_free. */
typedef struct lks_readings {
  size_t count;
  lks_reading *row; /* [count] */
} lks_readings;

/** Local. Fails when memory runs out, or a name is too long. */
lks_status lks_readings_add(lks_readings *readings, const char *arm, uint64_t seed, const char *quantity,
                            double value);
void lks_readings_free(lks_readings *readings);

/** Local. NaN when there is none; the first one when there are several. */
double lks_readings_value(const lks_readings *readings, const char *arm, uint64_t seed, const char *quantity);

/** Local. Writes arm,seed,quantity,value in the order in which they were added; and adds those of such a file.
 * LKS_ERR_DATA when it is damaged. */
lks_status lks_readings_write(const char *path, const lks_readings *readings);
lks_status lks_readings_read(lks_readings *readings, const char *path);

#endif
