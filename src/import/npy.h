#ifndef LKS_IMPORT_NPY_H
#define LKS_IMPORT_NPY_H

#include "import/numbers.h"
#include "import/packed_file.h"

enum { LKS_NPY_RANK_MAX = 8 };

/** What an array of NumPy says of itself, before its numbers. */
typedef struct lks_npy {
  lks_number_type type;
  size_t rank, size[LKS_NPY_RANK_MAX];
  size_t start;  /* byte where the numbers begin */
  char what[96]; /* "float64 (300,2)" */
} lks_npy;

/** Local. Reads the header of an .npy file, so that the numbers follow. LKS_ERR_DATA for another file, a type that is no
 * number, the order of Fortran, or more numbers than can be in the file. Source: NEP 1, A Simple File Format for NumPy
 * Arrays, versions 1 to 3. */
lks_status lks_npy_open(lks_npy *array, lks_packed_file *file);

#endif
