#include "import/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { HEADER_MAX = 1 << 16, PREFIX = 8 };

static lks_status fail_header(const lks_packed_file *file, const char *why)
{
  return lks_fail(LKS_ERR_DATA, "%s: is no array that can be read: %s", lks_packed_path(file), why);
}

/* What stands behind 'key': in the dictionary of the header; NULL: nothing does. */
static const char *value_of(const char *header, const char *key)
{
  char quoted[24];
  snprintf(quoted, sizeof quoted, "'%s'", key);
  const char *at = strstr(header, quoted);
  if (!at) return NULL;
  at += strlen(quoted);
  at += strspn(at, " ");
  if (*at != ':') return NULL;
  return at + 1 + strspn(at + 1, " ");
}

/* "'<f8'": '=' and '|' are this machine's order. */
static bool read_type(lks_number_type *type, const char *text)
{
  char *end;
  const char order = text[0] ? text[1] : '\0';
  if (text[0] != '\'' || !order || !strchr("<>=|", order) || !text[2] || !strchr("buif", text[2]))
    return false;
  if (!isdigit((unsigned char)text[3])) return false;
  type->kind = text[2];
  type->bytes = strtoul(text + 3, &end, 10);
  type->swapped = order == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '>' : '<') && type->bytes > 1;
  const size_t b = type->bytes;
  if (type->kind == 'b' && b != 1) return false;
  if (type->kind == 'f' && b == 1) return false;
  return *end == '\'' && (b == 1 || b == 2 || b == 4 || b == 8);
}

/* "(300, 2)", "(300,)", "()". */
static bool read_shape(lks_npy *array, const char *text)
{
  if (*text++ != '(') return false;
  for (array->rank = 0; text += strspn(text, " "), *text != ')'; array->rank++) {
    char *end;
    if (array->rank == LKS_NPY_RANK_MAX || !isdigit((unsigned char)*text)) return false;
    const unsigned long long size = strtoull(text, &end, 10);
    if (size > SIZE_MAX / 16) return false;
    array->size[array->rank] = (size_t)size;
    end += strspn(end, " L"); /* as Python 2 wrote long numbers */
    if (*end != ',' && *end != ')') return false;
    text = end + (*end == ',');
  }
  return true;
}

static void describe(lks_npy *array)
{
  const char *kind = array->type.kind == 'f'   ? "float"
                     : array->type.kind == 'i' ? "int"
                     : array->type.kind == 'u' ? "uint"
                                               : "bool";
  const size_t size = sizeof array->what;
  size_t at =
      (size_t)(array->type.kind == 'b' ? snprintf(array->what, size, "%s (", kind)
                                       : snprintf(array->what, size, "%s%zu (", kind, 8 * array->type.bytes));
  for (size_t i = 0; i < array->rank && at < size; i++)
    at += (size_t)snprintf(array->what + at, size - at, "%s%zu", i ? "," : "", array->size[i]);
  if (at < size) snprintf(array->what + at, size - at, ")");
}

static lks_status check_size(const lks_npy *array, const lks_packed_file *file)
{
  size_t bytes = array->type.bytes;
  bool too_many = false;
  for (size_t i = 0; i < array->rank; i++) too_many |= __builtin_mul_overflow(bytes, array->size[i], &bytes);
  return lks_packed_check_size(file, too_many ? SIZE_MAX : bytes);
}

static lks_status parse(lks_npy *array, char *header, const lks_packed_file *file)
{
  const char *type = value_of(header, "descr"), *order = value_of(header, "fortran_order"),
             *shape = value_of(header, "shape");
  char why[160];
  if (!type || !order || !shape) return fail_header(file, "its header has no descr, fortran_order and shape");
  if (!read_type(&array->type, type)) {
    snprintf(why, sizeof why, "its type is %.60s and must be of whole numbers or floating point", type);
    return fail_header(file, why);
  }
  if (!read_shape(array, shape)) {
    snprintf(why, sizeof why, "its shape is %.60s", shape);
    return fail_header(file, why);
  }
  describe(array);
  if (strncmp(order, "False", 5) != 0 && array->rank > 1)
    return fail_header(file, "it is in the order of Fortran; write numpy.ascontiguousarray of it");
  return check_size(array, file);
}

lks_status lks_npy_open(lks_npy *array, lks_packed_file *file)
{
  unsigned char start[PREFIX], length[4] = {0};
  size_t got;
  *array = (lks_npy){0};
  lks_status status = lks_packed_read(file, start, sizeof start, &got);
  if (status) return status;
  if (got < sizeof start || memcmp(start, "\x93NUMPY", 6) != 0 || start[6] < 1 || start[6] > 3)
    return fail_header(file, "it does not begin as .npy files do");
  const size_t length_bytes = start[6] == 1 ? 2 : 4;
  status = lks_packed_read_fully(file, length, length_bytes);
  if (status) return status;
  const size_t bytes = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
  if (bytes > HEADER_MAX) return fail_header(file, "its header is longer than any that NumPy writes");
  char *header = lks_new(bytes + 1, 1);
  if (!header) return LKS_ERR_RANK;
  status = lks_packed_read_fully(file, header, bytes);
  array->start = PREFIX + length_bytes + bytes;
  if (!status) status = parse(array, header, file);
  lks_free(header);
  return status;
}
