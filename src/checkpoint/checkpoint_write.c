#include "checkpoint/checkpoint_write.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/ending.h"
#include "base/file.h"
#include "checkpoint/class_lines.h"
#include "checkpoint/header_hash.h"
#include "checkpoint/state_hash.h"
#include "hdf5/hdf5_image.h"

/* Each function below returns whether it succeeded. Handles that could not be made are negative; HDF5 refuses
 * those without harm, so that a failure needs no path of its own. */

static bool put_attribute(hid_t at, const char *name, hid_t type, hid_t space, const void *value)
{
  const hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const bool ok = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
  return H5Aclose(attribute) >= 0 && ok;
}

static bool put_numbers(hid_t at, const char *name, hid_t type, const void *values, size_t count)
{
  const hsize_t extent = count;
  const hid_t space = H5Screate_simple(1, &extent, NULL);
  const bool ok = put_attribute(at, name, type, space, values);
  return H5Sclose(space) >= 0 && ok;
}

static bool put_number(hid_t at, const char *name, hid_t type, const void *value)
{
  const hid_t space = H5Screate(H5S_SCALAR);
  const bool ok = put_attribute(at, name, type, space, value);
  return H5Sclose(space) >= 0 && ok;
}

static bool put_count(hid_t at, const char *name, size_t count)
{
  const int64_t value = (int64_t)count;
  return put_number(at, name, H5T_STD_I64LE, &value);
}

static bool put_text(hid_t at, const char *name, const char *text)
{
  const hid_t type = H5Tcopy(H5T_C_S1);
  bool ok = H5Tset_size(type, strlen(text) + 1) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0;
  ok = ok && put_number(at, name, type, text);
  return H5Tclose(type) >= 0 && ok;
}

/** Links are listed in the order of their making: that of the model. Times would make equal files differ. */
static hid_t make_group(hid_t at, const char *name)
{
  const hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
  H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_obj_track_times(properties, false);
  const hid_t group = H5Gcreate2(at, name, H5P_DEFAULT, properties, H5P_DEFAULT);
  H5Pclose(properties);
  return group;
}

/** One chunk, because checksums belong to chunks. */
static bool put_array(hid_t group, const lks_snapshot_array *array)
{
  hsize_t extent[4];
  for (int d = 0; d < array->dimensions; d++) extent[d] = array->extent[d];
  const hid_t space = H5Screate_simple(array->dimensions, extent, NULL);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(properties, false);
  bool ok = H5Pset_chunk(properties, array->dimensions, extent) >= 0 && H5Pset_fletcher32(properties) >= 0;
  const hid_t dataset =
      H5Dcreate2(group, array->name, H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  ok = ok && H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data) >= 0;
  ok = H5Dclose(dataset) >= 0 && ok;
  H5Pclose(properties);
  H5Sclose(space);
  return ok;
}

/** A scalar, for PyTorch, behind the last tensor of a batch norm. Compact: in the checksummed object header.
 */
static bool put_batches_tracked(hid_t group, const char *running_var, int64_t count)
{
  char name[LKS_ARRAY_NAME_MAX + 32];
  const int layer = (int)(strrchr(running_var, '.') - running_var);
  snprintf(name, sizeof name, "%.*s.num_batches_tracked", layer, running_var);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(properties, false);
  H5Pset_layout(properties, H5D_COMPACT);
  const hid_t dataset = H5Dcreate2(group, name, H5T_STD_I64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  bool ok = H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &count) >= 0;
  ok = H5Dclose(dataset) >= 0 && ok;
  H5Pclose(properties);
  H5Sclose(space);
  return ok;
}

static bool put_arrays(hid_t at, const char *name, const lks_snapshot *snapshot, int moment)
{
  const hid_t group = make_group(at, name);
  bool ok = group >= 0;
  for (size_t a = 0; ok && a < snapshot->arrays; a++) {
    const lks_snapshot_array *array = &snapshot->array[a];
    if (array->moment != moment) continue;
    ok = put_array(group, array);
    if (ok && lks_before_ending(array->name, ".running_var"))
      ok = put_batches_tracked(group, array->name, snapshot->batches_tracked);
  }
  return H5Gclose(group) >= 0 && ok;
}

static bool put_optimizer(hid_t file, const lks_snapshot *snapshot)
{
  const hid_t group = make_group(file, "optimizer");
  bool ok = put_number(group, "steps", H5T_NATIVE_INT64, &snapshot->steps);
  for (size_t m = 0; ok && m < snapshot->moments; m++)
    ok = put_arrays(group, snapshot->moment_name[m], snapshot, (int)m);
  return H5Gclose(group) >= 0 && ok;
}

static bool put_state(hid_t file, const lks_run_state *state, int64_t batches_tracked)
{
  const hid_t group = make_group(file, "state");
  const bool ok =
      put_count(group, "epoch", state->epoch) && put_count(group, "epoch_step", state->epoch_step) &&
      put_count(group, "step", state->step) &&
      put_numbers(group, "loss_limbs", H5T_NATIVE_INT64, state->loss_limbs, 7) &&
      put_number(group, "correct", H5T_NATIVE_INT64, &state->correct) &&
      put_number(group, "samples", H5T_NATIVE_INT64, &state->samples) &&
      put_number(group, "seconds", H5T_NATIVE_DOUBLE, &state->seconds) &&
      put_count(group, "noises", state->noises) &&
      (!state->noises || put_numbers(group, "noise", H5T_NATIVE_DOUBLE, state->noise, state->noises)) &&
      (!state->skips || (put_count(group, "skips", state->skips) &&
                         put_numbers(group, "skip", H5T_NATIVE_UINT64, state->skip, state->skips))) &&
      put_number(group, "batches_tracked", H5T_NATIVE_INT64, &batches_tracked);
  return H5Gclose(group) >= 0 && ok;
}

static bool put_class_names(hid_t file, const char *lines)
{
  char hash[17];
  if (!lines) return true;
  lks_class_lines_hash(hash, lines);
  return put_text(file, "class_names", lines) && put_text(file, "class_names_hash", hash);
}

static bool put_header(hid_t file, const lks_checkpoint_header *header, const char *config)
{
  const int64_t shape[3] = {(int64_t)header->input.height, (int64_t)header->input.width,
                            (int64_t)header->input.channels};
  char hash[33];
  lks_header_hash(hash, header, config);
  return put_text(file, "format", LKS_CHECKPOINT_FORMAT) &&
         put_count(file, "format_version", LKS_CHECKPOINT_VERSION) &&
         put_text(file, "creator", "lockstep " LKS_VERSION) &&
         put_text(file, "fingerprint", header->fingerprint) &&
         put_count(file, "epoch", header->state.epoch) && put_count(file, "step", header->state.step) &&
         put_number(file, "seed", H5T_NATIVE_UINT64, &header->config.seed) &&
         put_text(file, "config", config) && put_text(file, "model", header->model_text) &&
         put_text(file, "data_hash", header->data_hash) &&
         put_numbers(file, "input_shape", H5T_NATIVE_INT64, shape, 3) &&
         put_numbers(file, "input_mean", H5T_NATIVE_DOUBLE, header->mean, header->statistics) &&
         put_numbers(file, "input_std", H5T_NATIVE_DOUBLE, header->std, header->statistics) &&
         put_count(file, "classes", header->classes) &&
         (!header->window_chunk || put_count(file, "window_chunk", header->window_chunk)) &&
         put_number(file, "parameters", H5T_NATIVE_INT64, &header->parameters) &&
         put_text(file, "job", header->state.job) && put_text(file, "isa", header->state.isa) &&
         put_class_names(file, header->class_names) && put_text(file, "header_hash", hash);
}

/** Of what is in the file by now. */
static bool put_state_hash(hid_t file)
{
  char hash[33];
  return lks_state_hash(hash, file) == LKS_OK && put_text(file, LKS_STATE_HASH, hash);
}

static lks_status fill(lks_hdf5_image *image, const lks_checkpoint_header *header,
                       const lks_snapshot *snapshot, const char *config)
{
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const hid_t file = lks_hdf5_image_create(image);
  const bool ok = put_header(file, header, config) &&
                  put_state(file, &header->state, snapshot->batches_tracked) && put_state_hash(file) &&
                  put_arrays(file, "parameters", snapshot, LKS_NO_MOMENT) &&
                  (!snapshot->optimizer || put_optimizer(file, snapshot));
  const lks_status status = lks_hdf5_image_finish(image, file);
  if (ok || status) return status;
  lks_hdf5_image_clear(image);
  return lks_fail(LKS_ERR_RANK, "HDF5 cannot hold a checkpoint of %zu numbers; is memory short?",
                  snapshot->elements);
}

static lks_status compose(lks_hdf5_image *image, const lks_checkpoint_header *header,
                          const lks_snapshot *snapshot)
{
  char *config;
  lks_status status = lks_config_print(&config, &header->config);
  if (status) return status;
  status = fill(image, header, snapshot, config);
  lks_free(config);
  return status;
}

lks_status lks_checkpoint_rehearse(const lks_checkpoint_header *header, const lks_snapshot *snapshot)
{
  lks_hdf5_image image;
  lks_status status = compose(&image, header, snapshot);
  if (!status) lks_hdf5_image_clear(&image);
  return status;
}

lks_status lks_checkpoint_save(const char *path, bool replace, const lks_checkpoint_header *header,
                               const lks_snapshot *snapshot)
{
  lks_hdf5_image image;
  lks_status status = compose(&image, header, snapshot);
  if (status) return lks_fail_in(status, "%s: ", path);
  status = lks_file_write_as(path, replace, image.data, image.bytes);
  lks_hdf5_image_clear(&image);
  return status;
}
