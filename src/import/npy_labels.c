#include "import/npy_labels.h"

#include <math.h>

#include "base/arena.h"

enum { PART_BYTES = 1 << 20, LABEL_MOST = 1000000 - 1 };

/* What is being read. */
typedef struct reading {
  lks_packed_file *file;
  lks_number_type type;
  size_t width; /* numbers a label */
  size_t *classes;
} reading;

static size_t width_of(const lks_npy *about)
{
  return about->rank == 2 ? about->size[1] : 1;
}

lks_status lks_npy_labels_check(const lks_packed_file *file, const lks_npy *about, size_t samples)
{
  const char *name = lks_packed_path(file);
  if (about->rank < 1 || about->rank > 2 || width_of(about) < 1 || width_of(about) > LABEL_MOST)
    return lks_fail(LKS_ERR_DATA, "%s: is %s; labels are (N), (N,1) or one-hot (N,K)", name, about->what);
  if (about->size[0] == samples) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s: is %s, and there are %zu samples: each needs its label", name,
                  about->what, samples);
}

static lks_status take_number(const reading *from, const char *at, size_t number, int32_t *label)
{
  const double value = lks_number_at(at, 0, from->type);
  if (!(value >= 0 && value <= LABEL_MOST) || value != floor(value))
    return lks_fail(LKS_ERR_DATA, "%s: label %zu is %g and must be a whole number from 0 to %d",
                    lks_packed_path(from->file), number, value, LABEL_MOST);
  *label = (int32_t)value;
  if ((size_t)value >= *from->classes) *from->classes = (size_t)value + 1;
  return LKS_OK;
}

/* The place of the one among zeros. */
static lks_status take_one_hot(const reading *from, const char *row, size_t number, int32_t *label)
{
  size_t ones = 0, others = 0;
  for (size_t k = 0; k < from->width; k++) {
    const double value = lks_number_at(row, k, from->type);
    if (value == 1) *label = (int32_t)k;
    ones += value == 1;
    others += value != 1 && value != 0;
  }
  if (ones == 1 && others == 0) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s: row %zu is not one-hot, a 1 among zeros", lks_packed_path(from->file),
                  number);
}

lks_status lks_npy_labels(int32_t *label, size_t *classes, lks_packed_file *file, const lks_npy *about)
{
  const reading from = {file, about->type, width_of(about), classes};
  const size_t row = from.width * about->type.bytes, count = about->size[0],
               at_once = row < PART_BYTES ? PART_BYTES / row : 1;
  char *part = lks_new(at_once, row);
  lks_status status = part ? LKS_OK : LKS_ERR_RANK;
  if (from.width > 1 && from.width > *classes) *classes = from.width;
  for (size_t first = 0, now = 0; first < count && !status; first += now) {
    now = count - first < at_once ? count - first : at_once;
    status = lks_packed_read_fully(file, part, now * row);
    for (size_t i = 0; i < now && !status; i++)
      status = from.width > 1 ? take_one_hot(&from, part + i * row, first + i, &label[first + i])
                              : take_number(&from, part + i * row, first + i, &label[first + i]);
  }
  lks_free(part);
  return status ? status : lks_packed_expect_end(file);
}
