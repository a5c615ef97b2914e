#ifndef LKS_TESTS_SUPPORT_SHAPE_H
#define LKS_TESTS_SUPPORT_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "naive_conv.h"

/** A layer of oneDNN's, for the tests that try many. */
typedef enum shape_kind { SHAPE_CONV, SHAPE_DENSE, SHAPE_MAX_POOL, SHAPE_AVERAGE_POOL } shape_kind;

typedef struct shape {
  shape_kind kind;
  lks_type type, y_type;
  bool bias;
  lks_window window;
} shape;

/** "fp32 conv 4x5x7x3 -> 2x4x16 ..." into text [size]. */
void shape_print(char *text, size_t size, const shape *s);

/** The numbers of a layer, and what is right, from the naive twins. */
typedef struct shape_twin {
  float *x, *dy, *w, *b; /* of the shape's type, as floats; w as lks_linear has it */
  naive_sum *y, *dx, *dw, *db;
  size_t in, out, weights, biases;
} shape_twin;

/** False if there is no memory. The numbers are the same for the same shape and seed. */
bool shape_twin_make(shape_twin *twin, const shape *s, unsigned seed);
void shape_twin_free(shape_twin *twin);

enum { SHAPE_Y, SHAPE_DX, SHAPE_DW, SHAPE_PASSES };

/** What may be wrong with a pass. */
enum {
  SHAPE_VALUES = 1,   /* other than the twin's */
  SHAPE_OUTSIDE = 2,  /* wrote outside of its arrays, or did not write all of them */
  SHAPE_OLD = 4,      /* the bits depend on what memory held before */
  SHAPE_PLACE = 8,    /* a sample's bits depend on its place in the microbatch */
  SHAPE_CRASHED = 16, /* touched a guard page or an input, or worse */
  SHAPE_NONE = 32     /* could not be created */
};
/** "values, outside" for a set of these, into text [size]. */
void shape_print_faults(char *text, size_t size, unsigned faults);

/** Of one shape; lies in memory that parent and child share, for the child may die of it. */
typedef struct shape_result {
  bool done;
  int pass; /* in work; -1 before the first */
  unsigned faults[SHAPE_PASSES];
  char implementation[SHAPE_PASSES][40];
} shape_result;

/** Runs every pass of the shape through the layers of kernels/onednn.h, twice or three times: with arrays at
 * either end of their rooms, upon NaN and upon other numbers, and with the samples in another order. */
void shape_try(shape_result *result, const shape *s, const shape_twin *twin);

#endif
