#include "dataset/h5_type.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"

lks_h5_type lks_h5_type_of(hid_t type)
{
  lks_h5_type of = {LKS_H5_OTHER, H5Tget_size(type), false};
  hid_t number = type;
  if (H5Tget_class(type) == H5T_ENUM) number = H5Tget_super(type);
  switch (H5Tget_class(number)) {
  case H5T_INTEGER:
    of.class = of.bytes <= sizeof(int64_t) ? LKS_H5_INTEGER : LKS_H5_OTHER;
    of.is_signed = H5Tget_sign(number) == H5T_SGN_2;
    break;
  case H5T_FLOAT: of.class = of.bytes <= sizeof(double) ? LKS_H5_FLOAT : LKS_H5_OTHER; break;
  case H5T_STRING: of.class = LKS_H5_TEXT; break;
  default: break;
  }
  return of;
}

static bool is_bool(hid_t type)
{
  bool yes = H5Tget_nmembers(type) == 2;
  for (unsigned i = 0; i < 2 && yes; i++) {
    char *name = H5Tget_member_name(type, i);
    yes = name && strcmp(name, i ? "TRUE" : "FALSE") == 0;
    H5free_memory(name);
  }
  return yes;
}

/* As h5py writes complex numbers. */
static bool is_complex(hid_t type)
{
  return H5Tget_nmembers(type) == 2 && H5Tget_member_index(type, "r") == 0 &&
         H5Tget_member_index(type, "i") == 1;
}

void lks_h5_type_name(char *text, size_t size, hid_t type)
{
  const unsigned long long bits = 8 * (unsigned long long)H5Tget_size(type);
  switch (H5Tget_class(type)) {
  case H5T_INTEGER: snprintf(text, size, "%sint%llu", H5Tget_sign(type) == H5T_SGN_2 ? "" : "u", bits); break;
  case H5T_FLOAT: snprintf(text, size, "float%llu", bits); break;
  case H5T_ENUM: snprintf(text, size, is_bool(type) ? "bool" : "enum"); break;
  case H5T_STRING: snprintf(text, size, "string"); break;
  case H5T_COMPOUND: snprintf(text, size, is_complex(type) ? "complex" : "compound"); break;
  case H5T_VLEN: snprintf(text, size, "variable-length"); break;
  case H5T_REFERENCE: snprintf(text, size, "reference"); break;
  case H5T_ARRAY: snprintf(text, size, "array type"); break;
  case H5T_BITFIELD: snprintf(text, size, "bitfield"); break;
  case H5T_OPAQUE: snprintf(text, size, "opaque"); break;
  default: snprintf(text, size, "unknown type"); break;
  }
}

void lks_h5_shape_text(char *text, size_t size, hid_t space)
{
  hsize_t extent[H5S_MAX_RANK];
  if (H5Sget_simple_extent_type(space) == H5S_NULL) {
    snprintf(text, size, "(empty)");
    return;
  }
  const int rank = H5Sget_simple_extent_dims(space, extent, NULL);
  snprintf(text, size, "(");
  for (int i = 0; i < rank; i++)
    lks_append(text, size, "%s%llu", i ? "," : "", (unsigned long long)extent[i]);
  lks_append(text, size, ")");
}
