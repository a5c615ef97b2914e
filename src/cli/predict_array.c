#include <math.h>

#include "base/arena.h"
#include "cli/predict_input.h"
#include "import/npy.h"

static size_t values_of(lks_shape shape)
{
  return shape.height * shape.width * shape.channels;
}

/* How many samples an array (N,...) or (...) holds of a shape, whose axes of one place may be missing; 0: none. */
static size_t samples_of(const lks_npy *array, lks_shape shape)
{
  const size_t axes[] = {shape.height, shape.width, shape.channels};
  const size_t width = values_of(shape);
  for (size_t many = 0; many < 2; many++) { /* axes in front of a sample's */
    size_t axis = many;
    bool fits = true;
    if (array->rank < many) continue;
    for (int i = 0; i < 3; i++)
      if (axis < array->rank && array->size[axis] == axes[i])
        axis++;
      else
        fits = fits && axes[i] == 1;
    const bool flat = array->rank == many + 1 && array->size[many] == width;
    if ((fits && axis == array->rank) || flat) return many ? array->size[0] : 1;
  }
  return 0;
}

static lks_status take_values(lks_predict_input *input, const lks_predict_need *need, lks_packed_file *file,
                              const lks_npy *array, size_t count)
{
  const size_t values = count * values_of(need->shape), bytes = values * array->type.bytes;
  lks_status status = lks_packed_check_size(file, bytes);
  if (status) return status;
  char *raw = lks_new(bytes, 1);
  float *x = input->memory = lks_new(values, sizeof *x);
  status = raw && x ? lks_packed_read_fully(file, raw, bytes) : LKS_ERR_RANK;
  if (!status) lks_numbers_to_float(x, raw, values, array->type);
  for (size_t i = 0; i < values && !status; i++)
    if (!isfinite(x[i]))
      status = lks_fail(LKS_ERR_DATA, "%s: sample %zu holds %g, and a sample's values are finite",
                        input->path, i / values_of(need->shape), (double)x[i]);
  lks_free(raw);
  if (!status) lks_predict_take(input, x, count, need);
  return status;
}

lks_status lks_predict_array(lks_predict_input *input, const lks_predict_need *need)
{
  lks_npy array;
  lks_packed_file *file = NULL;
  const lks_shape shape = need->shape;
  lks_status status = lks_packed_open(&file, input->path);
  if (!status) status = lks_npy_open(&array, file);
  const size_t count = status ? 0 : samples_of(&array, shape);
  if (!status && !count)
    status = lks_fail(
        LKS_ERR_DATA,
        "%s: %s, but the model takes samples of %zu x %zu x %zu (height x width x channels): (N,%zu,%zu,%zu), or one without N",
        input->path, array.what, shape.height, shape.width, shape.channels, shape.height, shape.width,
        shape.channels);
  if (!status) status = take_values(input, need, file, &array, count);
  lks_packed_close(&file);
  return status;
}
