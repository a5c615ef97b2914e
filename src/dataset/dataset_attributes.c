#include "dataset/dataset_attributes.h"

#include <string.h>

#include "base/arena.h"
#include "dataset/dataset_file.h"

static bool put(hid_t file, const char *name, hid_t type, hid_t space, const void *value)
{
  hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool ok = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  return ok;
}

static bool put_text(hid_t file, const char *name, const char *text)
{
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text) + 1);
  bool ok = put(file, name, type, space, text);
  H5Tclose(type);
  H5Sclose(space);
  return ok;
}

static bool put_number(hid_t file, const char *name, int32_t value)
{
  hid_t space = H5Screate(H5S_SCALAR);
  bool ok = put(file, name, H5T_STD_I32LE, space, &value);
  H5Sclose(space);
  return ok;
}

static bool put_doubles(hid_t file, const char *name, const double *values, size_t count)
{
  hid_t space = H5Screate_simple(1, &(hsize_t){count}, NULL);
  bool ok = put(file, name, H5T_IEEE_F64LE, space, values);
  H5Sclose(space);
  return ok;
}

/* Texts of one length, which lie in the attribute itself and not in a heap without checksums. */
static bool put_names(hid_t file, const lks_class_names *names)
{
  const size_t count = lks_class_names_count(names);
  size_t longest = 1;
  if (!count) return true;
  for (size_t k = 0; k < count; k++) {
    const size_t length = strlen(lks_class_names_get(names, k));
    if (length > longest) longest = length;
  }
  char *texts = lks_new(count, longest);
  if (!texts) return false;
  for (size_t k = 0; k < count; k++) {
    const char *name = lks_class_names_get(names, k);
    memcpy(texts + k * longest, name, strlen(name));
  }
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &(hsize_t){count}, NULL);
  H5Tset_size(type, longest);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  bool ok = put(file, "class_names", type, space, texts);
  H5Tclose(type);
  H5Sclose(space);
  lks_free(texts);
  return ok;
}

bool lks_dataset_attributes_put(hid_t file, const lks_layout *layout, const lks_class_names *names)
{
  return put_text(file, "format", "lockstep-dataset") &&
         put_number(file, "format_version", LKS_DATASET_VERSION) &&
         put_text(file, "creator", "lockstep " LKS_VERSION) &&
         put_number(file, "classes", (int32_t)layout->classes) && put_names(file, names);
}

bool lks_dataset_attributes_put_statistics(hid_t file, size_t count, const double *mean, const double *std,
                                           const char *hash)
{
  return put_doubles(file, "mean", mean, count) && put_doubles(file, "std", std, count) &&
         put_text(file, "content_hash", hash);
}
