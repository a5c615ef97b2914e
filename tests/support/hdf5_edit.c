#include "hdf5_edit.h"

#include <stdlib.h>
#include <string.h>

static hid_t make_space(int rank, const hsize_t *extent)
{
  if (rank < 0) return H5Screate(H5S_NULL);
  return rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, extent, NULL);
}

bool edit_numbers(hid_t at, const char *name, hid_t type, int rank, const hsize_t *extent, const void *values)
{
  if (H5Aexists(at, name) > 0) H5Adelete(at, name);
  const hid_t space = make_space(rank, extent);
  const hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const bool ok = H5Awrite(attribute, type, values) >= 0;
  H5Aclose(attribute);
  H5Sclose(space);
  return ok;
}

bool edit_text(hid_t at, const char *name, const char *text, size_t size)
{
  const size_t length = strlen(text);
  char *bytes = calloc(size, 1); /* HDF5 reads as many as the type has, which the text may not */
  if (!bytes || length > size) return free(bytes), false;
  memcpy(bytes, text, length);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, size);
  if (size == length) H5Tset_strpad(type, H5T_STR_NULLPAD);
  const bool ok = edit_numbers(at, name, type, 0, NULL, bytes);
  H5Tclose(type);
  free(bytes);
  return ok;
}

bool edit_free_text(hid_t at, const char *name, const char *text)
{
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const bool ok = edit_numbers(at, name, type, 0, NULL, &text);
  H5Tclose(type);
  return ok;
}

bool edit_whole(hid_t at, const char *name, long long value)
{
  return edit_numbers(at, name, H5T_NATIVE_LLONG, 0, NULL, &value);
}

bool edit_real(hid_t at, const char *name, double value)
{
  return edit_numbers(at, name, H5T_NATIVE_DOUBLE, 0, NULL, &value);
}

bool edit_array(hid_t at, const char *name, hid_t type, int rank, const hsize_t *extent, hid_t plan,
                const void *values)
{
  if (H5Lexists(at, name, H5P_DEFAULT) > 0) H5Ldelete(at, name, H5P_DEFAULT);
  const hid_t space = make_space(rank, extent);
  const hid_t array = H5Dcreate2(at, name, type, space, H5P_DEFAULT, plan, H5P_DEFAULT);
  const bool ok =
      array >= 0 && (!values || H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(array);
  H5Sclose(space);
  return ok;
}

hsize_t hdf5_identifiers(void)
{
  static const H5I_type_t type[] = {H5I_FILE,     H5I_GROUP,     H5I_DATASET,    H5I_ATTR,
                                    H5I_DATATYPE, H5I_DATASPACE, H5I_GENPROP_LST};
  hsize_t sum = 0, members;
  for (size_t i = 0; i < sizeof type / sizeof *type; i++)
    if (H5Inmembers(type[i], &members) >= 0) sum += members;
  return sum;
}
