#include "checkpoint/checkpoint_attributes.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/plain_text.h"
#include "checkpoint/checkpoint_check.h"

enum { TEXT_LONGEST = 1 << 26 };

/** Puts the attribute's name before the message. */
void lks_attributes_refuse(lks_attributes *s, lks_status status, const char *name)
{
  s->status = lks_fail_in(status, "its attribute %s%s ", s->group, name);
}

static lks_status check_numbers(hid_t attribute, hid_t type, size_t count)
{
  if (attribute < 0) return lks_fail(LKS_ERR_DATA, "is missing: %s", lks_checkpoint_advice);
  const hid_t stored = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const bool same_class = H5Tget_class(stored) == H5Tget_class(type);
  const hssize_t length = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  H5Tclose(stored);
  if (!same_class)
    return lks_fail(LKS_ERR_DATA, "must hold %s numbers: %s",
                    H5Tget_class(type) == H5T_INTEGER ? "whole" : "floating-point", lks_checkpoint_advice);
  if (length != (hssize_t)count)
    return lks_fail(LKS_ERR_DATA, "has %lld values and must have %zu: %s", (long long)length, count,
                    lks_checkpoint_advice);
  return LKS_OK;
}

static lks_status read_numbers(void *values, hid_t attribute, hid_t type)
{
  return H5Aread(attribute, type, values) < 0
             ? lks_fail(LKS_ERR_DATA, "cannot be read: %s", lks_checkpoint_advice)
             : LKS_OK;
}

void lks_attributes_numbers(lks_attributes *s, const char *name, hid_t type, void *values, size_t count)
{
  if (s->status) return;
  const hid_t attribute = H5Aopen(s->at, name, H5P_DEFAULT);
  lks_status status = check_numbers(attribute, type, count);
  if (!status) status = read_numbers(values, attribute, type);
  H5Aclose(attribute);
  if (status) lks_attributes_refuse(s, status, name);
}

void lks_attributes_doubles(lks_attributes *s, const char *name, double **values, size_t count)
{
  *values = NULL;
  if (s->status) return;
  const hid_t attribute = H5Aopen(s->at, name, H5P_DEFAULT);
  lks_status status = check_numbers(attribute, H5T_NATIVE_DOUBLE, count);
  if (!status) *values = lks_new(count, sizeof **values);
  if (!status && !*values) status = LKS_ERR_RANK;
  if (!status) status = read_numbers(*values, attribute, H5T_NATIVE_DOUBLE);
  H5Aclose(attribute);
  if (!status) return;
  lks_attributes_refuse(s, status, name);
  lks_free(*values);
  *values = NULL;
}

void lks_attributes_size(lks_attributes *s, const char *name, size_t *value)
{
  int64_t number = 0;
  lks_attributes_numbers(s, name, H5T_NATIVE_INT64, &number, 1);
  *value = number < 0 ? 0 : (size_t)number;
  if (s->status || number >= 0) return;
  lks_attributes_refuse(
      s, lks_fail(LKS_ERR_DATA, "is %" PRId64 " and must not be negative: %s", number, lks_checkpoint_advice),
      name);
}

/** An attribute that repeats a number for people and other programs. */
void lks_attributes_compare(lks_attributes *s, const char *name, hid_t type, uint64_t expected)
{
  uint64_t number = 0;
  lks_attributes_numbers(s, name, type, &number, 1);
  if (s->status || number == expected) return;
  lks_attributes_refuse(s,
                        lks_fail(LKS_ERR_DATA,
                                 "is %" PRIu64 " where the state or the settings say %" PRIu64 ": %s", number,
                                 expected, lks_checkpoint_advice),
                        name);
}

/** Texts are as long as they say, with or without a zero byte as the end. *text is freed with lks_free. */
static lks_status read_text(char **text, hid_t attribute)
{
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const bool fixed = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
                     H5Sget_simple_extent_npoints(space) == 1;
  const size_t size = fixed ? H5Tget_size(type) : 0;
  lks_status status = LKS_OK;
  if (size == 0 || size > TEXT_LONGEST)
    status = lks_fail(LKS_ERR_DATA, "must be one text of fixed length, up to %d bytes: %s", TEXT_LONGEST,
                      lks_checkpoint_advice);
  if (!status) *text = lks_new(size + 1, 1);
  if (!status && !*text) status = LKS_ERR_RANK;
  if (!status && H5Aread(attribute, type, *text) < 0)
    status = lks_fail(LKS_ERR_DATA, "cannot be read: %s", lks_checkpoint_advice);
  else if (!status && strlen(*text) + 1 < size)
    status = lks_fail(LKS_ERR_DATA, "holds a zero byte: %s", lks_checkpoint_advice);
  else if (!status && !lks_text_is_plain(*text, true))
    status = lks_fail(LKS_ERR_DATA, "holds control characters: %s", lks_checkpoint_advice);
  H5Sclose(space);
  H5Tclose(type);
  return status;
}

/** *text is freed with lks_free; NULL when it cannot be had. */
void lks_attributes_text(lks_attributes *s, const char *name, char **text)
{
  *text = NULL;
  if (s->status) return;
  const hid_t attribute = H5Aopen(s->at, name, H5P_DEFAULT);
  const lks_status status = attribute < 0 ? lks_fail(LKS_ERR_DATA, "is missing: %s", lks_checkpoint_advice)
                                          : read_text(text, attribute);
  H5Aclose(attribute);
  if (!status) return;
  lks_attributes_refuse(s, status, name);
  lks_free(*text);
  *text = NULL;
}

void lks_attributes_word(lks_attributes *s, const char *name, char *out, size_t size)
{
  char *text;
  lks_attributes_text(s, name, &text);
  if (!text) return;
  lks_status status = LKS_OK;
  if (strlen(text) >= size)
    status = lks_fail(LKS_ERR_DATA, "is longer than %zu bytes: %s", size - 1, lks_checkpoint_advice);
  else if (!lks_text_is_plain(text, false))
    status = lks_fail(LKS_ERR_DATA, "holds control characters: %s", lks_checkpoint_advice);
  else
    memcpy(out, text, strlen(text) + 1);
  if (status) lks_attributes_refuse(s, status, name);
  lks_free(text);
}

/** A group that lies in the file itself: a link could lead to any other file. */
lks_status lks_attributes_group(hid_t *group, hid_t at, const char *name)
{
  H5L_info_t link;
  if (H5Lget_info(at, name, &link, H5P_DEFAULT) < 0)
    return lks_fail(LKS_ERR_DATA, "/%s is missing: %s", name, lks_checkpoint_advice);
  if (link.type != H5L_TYPE_HARD)
    return lks_fail(LKS_ERR_DATA, "/%s is a link and must lie in the file itself: %s", name,
                    lks_checkpoint_advice);
  *group = H5Gopen2(at, name, H5P_DEFAULT);
  return *group < 0 ? lks_fail(LKS_ERR_DATA, "/%s is not a group: %s", name, lks_checkpoint_advice) : LKS_OK;
}
