#ifndef LKS_IMPORT_NUMBERS_H
#define LKS_IMPORT_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A type of numbers as files hold them. */
typedef struct lks_number_type {
  char kind;    /* 'b' truth values, 'u' and 'i' whole numbers, 'f' floating point */
  size_t bytes; /* 1, 2, 4, 8; of floating point 2, 4, 8 */
  bool swapped; /* of the other byte order than this machine's */
} lks_number_type;

/** Local. out[count]: the numbers, to the nearest of that type. Whether all are exactly what they were. */
bool lks_numbers_to_float(float *out, const void *numbers, size_t count, lks_number_type type);

/** Local. The first one as a double; of whole numbers beyond 2^53 the nearest one. */
double lks_number_at(const void *numbers, size_t i, lks_number_type type);

#endif
