#ifndef LKS_TESTS_GOLDEN_H
#define LKS_TESTS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One group of a file of golden numbers, and all that was read from it (freed by golden_close). A number
 * that is not there fails the test. */
typedef struct golden golden;

/** file: its path; group: "conv_3x3", "sync/initial". */
golden *golden_open(const char *file, const char *group);
void golden_close(golden **group);

enum { GOLDEN_DIMENSIONS = 4 };

/** Number of values of an array, and its extents (1 where there are fewer dimensions; may be NULL). */
size_t golden_size(golden *group, const char *name, size_t extent[GOLDEN_DIMENSIONS]);

/** Arrays, read as the type that is asked for. Inputs are float32 numbers, so that nothing is rounded. */
const double *golden_doubles(golden *group, const char *name);
float *golden_floats(golden *group, const char *name);
int32_t *golden_ints(golden *group, const char *name);
uint8_t *golden_bytes(golden *group, const char *name);

double golden_number(golden *group, const char *attribute);
const char *golden_text(golden *group, const char *attribute);

/** Room of `count` floats, NAN in each, aligned to 64 bytes, freed by golden_close. */
float *golden_room(golden *group, size_t count);

#endif
