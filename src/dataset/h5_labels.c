#include "dataset/h5_labels.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"

#define RIGHT "labels are whole class numbers 0, 1, 2 ... of shape (N), or one-hot rows (N,K)"

typedef struct reading {
  const lks_h5_array *array;
  size_t columns; /* of one-hot rows, else 1 */
  int32_t *label;
} reading;

static lks_status take_number(const reading *r, size_t row, double value)
{
  const lks_dataset_array *about = r->array->about;
  if (!(value == floor(value)))
    return lks_fail(LKS_ERR_DATA, "%s is %s and %s[%zu] is %g: " RIGHT, about->path, about->what, about->path,
                    row, value);
  if (fabs(value) > INT32_MAX)
    return lks_fail(LKS_ERR_DATA, "%s is %s and %s[%zu] is %.0f: " RIGHT, about->path, about->what,
                    about->path, row, value);
  r->label[row] = (int32_t)value;
  return LKS_OK;
}

static lks_status take_row(const reading *r, size_t row, const double *row_values)
{
  const lks_dataset_array *about = r->array->about;
  size_t ones = 0, zeros = 0;
  for (size_t k = 0; k < r->columns; k++) {
    const double value = row_values[k];
    if (value == 1) {
      r->label[row] = (int32_t)k;
      ones++;
    }
    zeros += value == 0;
  }
  if (ones == 1 && ones + zeros == r->columns) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s is %s and its row %zu is not one-hot, a single 1 among zeros: " RIGHT,
                  about->path, about->what, row);
}

/* Class numbers are far below what a double holds exactly. */
static lks_status take_all(const reading *r, double *values, hsize_t step, bool lying)
{
  const lks_h5_array *array = r->array;
  const hsize_t rows = array->size[0];
  lks_status status = LKS_OK;
  for (hsize_t first = 0; first < rows && !status; first += step) {
    const hsize_t count = rows - first < step ? rows - first : step;
    status = lks_h5_array_read(array, values, H5T_NATIVE_DOUBLE, first, count);
    const size_t all = lying ? array->row_values : count;
    for (size_t i = 0; i < all && !status; i++)
      status = r->columns > 1 ? take_row(r, first + i, values + i * r->columns)
                              : take_number(r, first + i, values[i]);
  }
  return status;
}

static lks_status refuse_count(const lks_h5_array *array, const lks_h5_array *samples)
{
  const lks_dataset_array *l = array->about, *s = samples->about;
  const hsize_t labels = array->rank == 2 && array->size[0] == 1 ? array->size[1] : array->size[0];
  if (samples->rank > 1 && labels > 1 && samples->size[samples->rank - 1] == labels)
    return lks_fail(
        LKS_ERR_DATA,
        "%s is %s and %s is %s: the samples lie along the last axis, as MATLAB writes them; write them along the first one (X' in MATLAB, X[()].T in Python)",
        s->path, s->what, l->path, l->what);
  return lks_fail(
      LKS_ERR_DATA, "%s is %s and %s is %s: %llu samples and %llu labels, but each sample needs one", s->path,
      s->what, l->path, l->what, (unsigned long long)samples->size[0], (unsigned long long)labels);
}

static lks_status check_shape(bool *lying, const lks_h5_array *array, const lks_h5_array *samples)
{
  lks_status status = lks_h5_array_check_numbers(array, "labels");
  if (status) return status;
  const hsize_t count = samples->size[0];
  *lying = array->rank == 2 && array->size[0] == 1 && array->size[1] == count && count > 1;
  if (*lying) return LKS_OK;
  if (array->size[0] != count) return refuse_count(array, samples);
  if (array->rank <= 2 || array->row_values == 1) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s is %s: " RIGHT, array->about->path, array->about->what);
}

lks_status lks_h5_labels_read(int32_t *label, size_t *classes, const lks_h5_array *array,
                              const lks_h5_array *samples)
{
  bool lying;
  lks_status status = check_shape(&lying, array, samples);
  if (status || !array->size[0]) return status;
  if (!array->row_values)
    return lks_fail(LKS_ERR_DATA, "%s is %s: " RIGHT, array->about->path, array->about->what);
  const reading r = {array, lying ? 1 : array->row_values, label};
  const hsize_t step = lks_h5_array_step(array, sizeof(double));
  lks_h5_array_allow(array, step * array->row_values * sizeof(double));
  double *values = lks_new(step * array->row_values, sizeof *values);
  if (!values) return LKS_ERR_RANK;
  if (r.columns > 1 && *classes < r.columns) *classes = r.columns;
  status = take_all(&r, values, step, lying);
  lks_free(values);
  return status;
}
