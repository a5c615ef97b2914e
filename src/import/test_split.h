#ifndef LKS_IMPORT_TEST_SPLIT_H
#define LKS_IMPORT_TEST_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

/** Local. Chooses a share of the samples for testing, of each class the same share as far as whole samples can be, by
 * the method of the largest remainders; none is the last one of its class. Which ones depends on labels and seed alone.
 * is_test [count] out: 0 or 1; label [count] in, each 0..classes-1; share: above 0 and below 1. LKS_ERR_DATA when that
 * takes no sample or all. */
lks_status lks_test_split(uint8_t *is_test, const int32_t *label, size_t count, size_t classes, double share,
                          uint64_t seed);

#endif
