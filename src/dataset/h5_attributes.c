#include "dataset/h5_attributes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/plain_text.h"
#include "dataset/class_names.h"
#include "dataset/dataset_storage.h"
#include "dataset/h5_type.h"

enum { TEXT_LONGEST = 1 << 16 };

bool lks_h5_attribute_is_there(hid_t file, const char *name)
{
  return H5Aexists(file, name) != 0;
}

static lks_status open_attribute(hid_t *attribute, hid_t file, const char *name)
{
  *attribute = H5Aopen(file, name, H5P_DEFAULT);
  if (*attribute >= 0) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "the root attribute `%s` cannot be read: damaged; copy or make it again",
                  name);
}

lks_status lks_h5_attribute_text(char *text, size_t size, hid_t file, const char *name)
{
  hid_t attribute = H5I_INVALID_HID;
  lks_status status = open_attribute(&attribute, file, name);
  if (status) return status;
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1 ||
      H5Tget_size(type) > TEXT_LONGEST)
    return lks_fail(LKS_ERR_DATA, "the root attribute `%s` must be one text", name);
  char *read = NULL;
  if (H5Tis_variable_str(type) > 0) {
    if (H5Aread(attribute, type, &read) < 0) return lks_storage_unreadable(name);
  } else {
    read = lks_new(H5Tget_size(type) + 1, 1);
    if (!read) return LKS_ERR_RANK;
    if (H5Aread(attribute, type, read) < 0) return lks_storage_unreadable(name);
  }
  snprintf(text, size, "%s", read ? read : "");
  lks_text_make_plain(text);
  return LKS_OK;
}

/* Numbers as doubles, converted by the library. */
static lks_status read_numbers(double *values, size_t count, hid_t file, const char *name, const char *words)
{
  char what[64], shape[48];
  hid_t attribute = H5I_INVALID_HID;
  lks_status status = open_attribute(&attribute, file, name);
  if (status) return status;
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const lks_h5_class class = lks_h5_type_of(type).class;
  const hssize_t length = H5Sget_simple_extent_npoints(space);
  lks_h5_type_name(what, sizeof what, type);
  lks_h5_shape_text(shape, sizeof shape, space);
  if (class != LKS_H5_INTEGER && class != LKS_H5_FLOAT)
    return lks_fail(LKS_ERR_DATA, "the root attribute `%s` is %s %s and must be %s", name, what, shape,
                    words);
  if (length < 0 || (size_t)length != count)
    return lks_fail(LKS_ERR_DATA,
                    "the root attribute `%s` is %s %s: it has %lld values and must have %zu, or be left out",
                    name, what, shape, (long long)length, count);
  return H5Aread(attribute, H5T_NATIVE_DOUBLE, values) < 0 ? lks_storage_unreadable(name) : LKS_OK;
}

lks_status lks_h5_attribute_whole(long long *value, hid_t file, const char *name)
{
  double number = 0;
  lks_status status = read_numbers(&number, 1, file, name, "a whole number");
  if (!status && !(number == floor(number) && fabs(number) < 1e15))
    status = lks_fail(LKS_ERR_DATA, "the root attribute `%s` is %g and must be a whole number", name, number);
  *value = status ? 0 : (long long)number;
  return status;
}

lks_status lks_h5_attribute_numbers(double *values, size_t count, hid_t file, const char *name)
{
  return read_numbers(values, count, file, name, "of floating point");
}

static herr_t read_object(hid_t object, bool is_attribute, hid_t type, void *values)
{
  return is_attribute ? H5Aread(object, type, values)
                      : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

static lks_status append_text(char *text, size_t *bytes, const char *from, size_t longest, const char *what)
{
  const size_t length = from ? strnlen(from, longest) : 0;
  if (*bytes + length + 1 > LKS_CLASS_NAMES_BYTES)
    return lks_fail(LKS_ERR_DATA, "%s are longer than %d bytes in all", what, LKS_CLASS_NAMES_BYTES);
  if (length) memcpy(text + *bytes, from, length);
  text[*bytes + length] = '\0';
  *bytes += length + 1;
  return LKS_OK;
}

/* Blanks at the end fill up what FORTRAN writes. */
static void trim(char *text, size_t length, hid_t type)
{
  while (H5Tget_strpad(type) == H5T_STR_SPACEPAD && length > 0 && text[length - 1] == ' ')
    text[--length] = '\0';
}

static lks_status take_texts(char *text, size_t *bytes, size_t count, hid_t object, bool is_attribute,
                             hid_t type, const char *what)
{
  const bool variable = H5Tis_variable_str(type) > 0;
  const size_t each = variable ? sizeof(char *) : H5Tget_size(type);
  char *read = lks_new(count * each + 1, 1);
  if (!read) return LKS_ERR_RANK;
  lks_status status =
      read_object(object, is_attribute, type, read) < 0 ? lks_storage_unreadable(what) : LKS_OK;
  for (size_t k = 0; k < count && !status; k++) {
    char *one = read + k * each;
    if (!variable) trim(one, each, type);
    if (variable) memcpy(&one, read + k * each, sizeof one);
    status = append_text(text, bytes, one, variable ? LKS_CLASS_NAMES_BYTES : each, what);
  }
  lks_free(read);
  return status;
}

lks_status lks_h5_texts(char **text, size_t *bytes, size_t *count, hid_t object, bool is_attribute,
                        const char *what)
{
  const hid_t type = is_attribute ? H5Aget_type(object) : H5Dget_type(object),
              space = is_attribute ? H5Aget_space(object) : H5Dget_space(object);
  const hssize_t length = H5Sget_simple_extent_npoints(space);
  *text = NULL;
  *bytes = *count = 0;
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_ndims(space) > 1 || length < 1)
    return lks_fail(LKS_ERR_DATA, "%s must be an array of texts, a text for each class", what);
  if ((size_t)length > LKS_CLASS_NAMES_BYTES / (H5Tis_variable_str(type) > 0 ? 1 : H5Tget_size(type)))
    return lks_fail(LKS_ERR_DATA, "%s are longer than %d bytes in all", what, LKS_CLASS_NAMES_BYTES);
  *text = lks_new(LKS_CLASS_NAMES_BYTES, 1);
  if (!*text) return LKS_ERR_RANK;
  *count = (size_t)length;
  return take_texts(*text, bytes, *count, object, is_attribute, type, what);
}
