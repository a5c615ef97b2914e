#ifndef LKS_DATASET_H5_TYPE_H
#define LKS_DATASET_H5_TYPE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

/** What numbers of an HDF5 type are. */
typedef enum lks_h5_class { LKS_H5_INTEGER, LKS_H5_FLOAT, LKS_H5_TEXT, LKS_H5_OTHER } lks_h5_class;

typedef struct lks_h5_type {
  lks_h5_class class; /* a bool or other enum is INTEGER; OTHER has no numbers */
  size_t bytes;       /* of a value */
  bool is_signed;
} lks_h5_type;

/** Local. */
lks_h5_type lks_h5_type_of(hid_t type);

/** Local. In NumPy's words, whatever the byte order: "int64", "bool", "float16", "string", "compound". */
void lks_h5_type_name(char *text, size_t size, hid_t type);

/** Local. "(300,1)"; "()" of a scalar, "(empty)" of nothing at all. */
void lks_h5_shape_text(char *text, size_t size, hid_t space);

#endif
