#include "dataset/h5_samples.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "dataset/channels.h"
#include "hdf5/child.h"

static void shape_of_images(lks_shape *shape, bool *nchw, lks_data_layout *taken, const hsize_t *size,
                            lks_data_layout wanted)
{
  *nchw = wanted == LKS_DATA_LAYOUT_NCHW;
  *taken = *nchw ? LKS_DATA_LAYOUT_NCHW : LKS_DATA_LAYOUT_NHWC;
  *shape = *nchw ? (lks_shape){size[2], size[3], size[1]} : (lks_shape){size[1], size[2], size[3]};
  if (wanted == LKS_DATA_LAYOUT_AUTO && lks_looks_channels_first(*shape)) *taken = LKS_DATA_LAYOUT_AUTO;
}

lks_status lks_h5_samples_shape(lks_shape *shape, bool *features, bool *nchw, lks_data_layout *taken,
                                const lks_h5_array *array, lks_data_layout wanted)
{
  const hsize_t *size = array->size;
  lks_status status = lks_h5_array_check_numbers(array, "samples");
  if (status) return status;
  *nchw = false;
  *taken = LKS_DATA_LAYOUT_NHWC;
  if (array->rank > 4)
    return lks_fail(
        LKS_ERR_DATA,
        "%s is %s, of %d axes: samples are features (N,D), or images (N,H,W) or (N,H,W,C); reshape it",
        array->about->path, array->about->what, array->rank);
  if (array->rank == 4)
    shape_of_images(shape, nchw, taken, size, wanted);
  else if (array->rank == 3)
    *shape = (lks_shape){size[1], size[2], 1};
  else
    *shape = (lks_shape){1, 1, array->rank == 2 ? size[1] : 1};
  const bool bytes = array->type.class == LKS_H5_INTEGER && array->type.bytes == 1 && !array->type.is_signed;
  *features = array->rank < 3 || !bytes;
  return LKS_OK;
}

/* The type in memory that holds each value exactly, from which it is converted here unless it is what is wanted. */
static hid_t memory_type(const lks_h5_samples *samples)
{
  const lks_h5_type type = samples->array->type;
  if (!samples->features) return H5T_NATIVE_UINT8;
  if (type.class == LKS_H5_FLOAT) return type.bytes <= sizeof(float) ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE;
  return type.is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
}

static lks_status beyond(const lks_h5_samples *samples, double value, hsize_t row, size_t at)
{
  const lks_dataset_array *about = samples->array->about;
  return lks_fail(
      LKS_ERR_DATA,
      "%s[%llu] (%s) has the value %g at place %zu, beyond 32-bit floating point: scale the samples",
      about->path, (unsigned long long)row, about->what, value, at);
}

static lks_status from_doubles(float *y, const double *x, lks_h5_samples *samples, hsize_t row, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (isfinite(x[i]) && fabs(x[i]) > (double)FLT_MAX)
      return beyond(samples, x[i], row + i / samples->array->row_values, i % samples->array->row_values);
    y[i] = (float)x[i];
    samples->rounded += isfinite(x[i]) && (double)y[i] != x[i];
  }
  return LKS_OK;
}

/* A long double of 64 bits holds them all. */
static void from_integers(float *y, const void *x, lks_h5_samples *samples, size_t count)
{
  const int64_t *whole = x;
  const uint64_t *natural = x;
  for (size_t i = 0; i < count; i++) {
    const bool is_signed = samples->array->type.is_signed;
    y[i] = is_signed ? (float)whole[i] : (float)natural[i];
    const long double exact = is_signed ? (long double)whole[i] : (long double)natural[i];
    samples->rounded += (long double)y[i] != exact;
  }
}

/* y [rows of u8 or f32] out, x as it was read. */
static lks_status convert(void *y, const void *x, lks_h5_samples *samples, hsize_t row, size_t rows)
{
  const lks_h5_type type = samples->array->type;
  const size_t count = rows * samples->array->row_values;
  if (!samples->features)
    memcpy(y, x, count);
  else if (type.class == LKS_H5_INTEGER)
    from_integers(y, x, samples, count);
  else if (type.bytes > sizeof(float))
    return from_doubles(y, x, samples, row, count);
  else
    memcpy(y, x, count * sizeof(float));
  return LKS_OK;
}

/* Bytes of a value as it is read, and as it is sent. */
static size_t bytes_read(const lks_h5_samples *samples)
{
  return samples->features ? sizeof(double) : 1;
}

static size_t bytes_sent(const lks_h5_samples *samples)
{
  return samples->features ? sizeof(float) : 1;
}

hsize_t lks_h5_samples_step(const lks_h5_samples *samples)
{
  return lks_h5_array_step(samples->array, bytes_read(samples) + bytes_sent(samples));
}

lks_status lks_h5_samples_begin(lks_h5_samples *samples, hsize_t most)
{
  const size_t values = most * samples->array->row_values + 1;
  lks_h5_array_allow(samples->array, values * (bytes_read(samples) + bytes_sent(samples)));
  samples->read = lks_new(values, bytes_read(samples));
  samples->converted = lks_new(values, bytes_sent(samples));
  return samples->read && samples->converted ? LKS_OK : LKS_ERR_RANK;
}

lks_status lks_h5_samples_send(int output, lks_h5_samples *samples, hsize_t first, hsize_t count)
{
  const lks_h5_array *array = samples->array;
  const size_t bytes = bytes_sent(samples), row = array->row_values * bytes;
  char *converted = samples->converted;
  lks_status status = lks_h5_array_read(array, samples->read, memory_type(samples), first, count);
  if (!status) status = convert(converted, samples->read, samples, first, count);
  for (size_t i = 0; samples->nchw && i < count && !status; i++) {
    memcpy(samples->read, converted + i * row, row);
    lks_channels_last(converted + i * row, samples->read, samples->shape, bytes);
  }
  return status ? status : lks_child_send(output, converted, count * row);
}

void lks_h5_samples_end(lks_h5_samples *samples)
{
  lks_free(samples->read);
  lks_free(samples->converted);
  samples->read = samples->converted = NULL;
}
