#include "checkpoint/checkpoint_tensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/plain_text.h"
#include "checkpoint/checkpoint_attributes.h"
#include "checkpoint/checkpoint_check.h"

static size_t count_links(hid_t group)
{
  H5G_info_t info;
  return H5Gget_info(group, &info) >= 0 ? (size_t)info.nlinks : 0;
}

/** Name of a group's i-th link, in the order of their making; only hard links, which cannot lead out of the
 * file. */
static lks_status link_name(char *out, size_t size, hid_t group, size_t i)
{
  H5L_info_t info;
  const ssize_t length =
      H5Lget_name_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, out, size, H5P_DEFAULT);
  if (length < 0 ||
      H5Lget_info_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, &info, H5P_DEFAULT) < 0)
    return lks_fail(LKS_ERR_DATA, "its tensors cannot be listed in the order of the model: %s",
                    lks_checkpoint_advice);
  if ((size_t)length >= size)
    return lks_fail(LKS_ERR_DATA, "the name %.40s... is longer than %zu bytes: %s", out, size - 1,
                    lks_checkpoint_advice);
  if (!lks_text_is_plain(out, false))
    return lks_fail(LKS_ERR_DATA, "the name %s holds control characters: %s", out, lks_checkpoint_advice);
  if (info.type != H5L_TYPE_HARD)
    return lks_fail(LKS_ERR_DATA, "%s is a link and must lie in the file itself: %s", out,
                    lks_checkpoint_advice);
  return LKS_OK;
}

/** Only fp32 in checksummed chunks is taken. Whatever else (compressed, external, virtual) is not ours. */
static lks_status check_storage(hid_t dataset)
{
  const hid_t properties = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
  unsigned flags = 0, config = 0;
  size_t values = 0;
  const bool fp32 = H5Tequal(type, H5T_IEEE_F32LE) > 0,
             checked = H5Pget_layout(properties) == H5D_CHUNKED && H5Pget_nfilters(properties) == 1 &&
                       H5Pget_filter2(properties, 0, &flags, &values, NULL, 0, NULL, &config) ==
                           H5Z_FILTER_FLETCHER32;
  H5Tclose(type);
  H5Pclose(properties);
  if (!fp32)
    return lks_fail(LKS_ERR_DATA, "is not of 32-bit floating-point numbers, little-endian: %s",
                    lks_checkpoint_advice);
  if (!checked)
    return lks_fail(LKS_ERR_DATA, "is not stored in chunks with a checksum and no other filter: %s",
                    lks_checkpoint_advice);
  return LKS_OK;
}

static lks_status describe_extent(lks_snapshot_array *array, hid_t space, size_t most_elements)
{
  hsize_t extent[4];
  array->dimensions = H5Sget_simple_extent_ndims(space);
  if (array->dimensions < 1 || array->dimensions > 4)
    return lks_fail(LKS_ERR_DATA, "has %d dimensions and must have 1 to 4: %s", array->dimensions,
                    lks_checkpoint_advice);
  H5Sget_simple_extent_dims(space, extent, NULL);
  array->elements = 1;
  for (int d = 0; d < array->dimensions; d++) {
    if (extent[d] < 1) return lks_fail(LKS_ERR_DATA, "holds no elements: %s", lks_checkpoint_advice);
    if (extent[d] > most_elements / array->elements)
      return lks_fail(LKS_ERR_DATA, "says to hold more elements than the file can: %s",
                      lks_checkpoint_advice);
    array->extent[d] = (size_t)extent[d];
    array->elements *= (size_t)extent[d];
  }
  return LKS_OK;
}

static lks_status describe_dataset(lks_snapshot_array *array, hid_t dataset, size_t most_elements)
{
  if (dataset < 0) return lks_fail(LKS_ERR_DATA, "is not a tensor: %s", lks_checkpoint_advice);
  const hid_t space = H5Dget_space(dataset);
  lks_status status = describe_extent(array, space, most_elements);
  H5Sclose(space);
  return status ? status : check_storage(dataset);
}

/** One number is not compressed, and lies in the file itself: other layouts can read any other file. */
static bool is_stored_plainly(hid_t dataset)
{
  const hid_t properties = H5Dget_create_plist(dataset);
  const H5D_layout_t layout = H5Pget_layout(properties);
  const bool plain = (layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED) &&
                     H5Pget_external_count(properties) == 0 && H5Pget_nfilters(properties) == 0;
  H5Pclose(properties);
  return plain;
}

/** The running statistics' count as PyTorch has it, once a layer, says what the state says. */
static lks_status check_count(hid_t dataset, int64_t batches_tracked)
{
  if (dataset >= 0 && !is_stored_plainly(dataset))
    return lks_fail(LKS_ERR_DATA, "is not stored plainly in the file itself: %s", lks_checkpoint_advice);
  int64_t count = -1;
  const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  const bool ok = H5Tget_class(type) == H5T_INTEGER && H5Sget_simple_extent_npoints(space) == 1 &&
                  H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &count) >= 0;
  H5Sclose(space);
  H5Tclose(type);
  if (!ok) return lks_fail(LKS_ERR_DATA, "is not one whole number: %s", lks_checkpoint_advice);
  if (count == batches_tracked) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "is %" PRId64 " where the state says %" PRId64 ": %s", count, batches_tracked,
                  lks_checkpoint_advice);
}

/** Each running variance has its count, and there is no count besides. */
static lks_status check_counts(const lks_snapshot *snapshot, hid_t group, size_t first, size_t counts)
{
  char name[LKS_ARRAY_NAME_MAX + 32];
  size_t variances = 0;
  for (size_t a = first; a < snapshot->arrays; a++) {
    const char *array = snapshot->array[a].name;
    const size_t layer = lks_before_ending(array, ".running_var");
    if (!layer) continue;
    variances++;
    snprintf(name, sizeof name, "%.*s.num_batches_tracked", (int)layer, array);
    if (H5Lexists(group, name, H5P_DEFAULT) <= 0)
      return lks_fail(LKS_ERR_DATA, "%s is missing: %s", name, lks_checkpoint_advice);
  }
  if (counts == variances) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "it has %zu num_batches_tracked and %zu running_var: %s", counts, variances,
                  lks_checkpoint_advice);
}

/** Takes the next dataset's description, or checks it when it is a count. */
static lks_status list_array(lks_snapshot *snapshot, lks_snapshot_array *array, hid_t group, int moment,
                             size_t most_elements)
{
  const bool count = lks_before_ending(array->name, ".num_batches_tracked");
  const hid_t dataset = H5Dopen2(group, array->name, H5P_DEFAULT);
  const lks_status status = count ? check_count(dataset, snapshot->batches_tracked)
                                  : describe_dataset(array, dataset, most_elements - snapshot->elements);
  H5Dclose(dataset);
  if (status)
    return lks_fail_in(status, "%s%s%s ", moment == LKS_NO_MOMENT ? "" : snapshot->moment_name[moment],
                       moment == LKS_NO_MOMENT ? "" : "/", array->name);
  if (count) return LKS_OK;
  array->moment = moment;
  snapshot->elements += array->elements;
  snapshot->arrays++;
  return LKS_OK;
}

/** Appends a description of the datasets of a group to the snapshot, which has room for them. Uncompressed,
 * they cannot hold more elements than the file. */
static lks_status list_arrays(lks_snapshot *snapshot, hid_t group, int moment, size_t most_elements)
{
  const size_t links = count_links(group), first = snapshot->arrays;
  for (size_t i = 0; i < links; i++) {
    lks_snapshot_array *array = &snapshot->array[snapshot->arrays];
    lks_status status = link_name(array->name, sizeof array->name, group, i);
    if (!status) status = list_array(snapshot, array, group, moment, most_elements);
    if (status) return status;
  }
  return check_counts(snapshot, group, first, links - (snapshot->arrays - first));
}

static lks_status read_arrays(lks_snapshot *snapshot, hid_t group, int moment)
{
  for (size_t a = 0; a < snapshot->arrays; a++) {
    lks_snapshot_array *array = &snapshot->array[a];
    if (array->moment != moment) continue;
    const hid_t dataset = H5Dopen2(group, array->name, H5P_DEFAULT);
    const herr_t result = H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data);
    H5Dclose(dataset);
    if (result < 0)
      return lks_fail(LKS_ERR_DATA, "%s cannot be read: %s", array->name, lks_checkpoint_advice);
  }
  return LKS_OK;
}

/** The groups that hold arrays: /parameters, then each moment; opened once, closed together. */
typedef struct groups {
  hid_t parameters, optimizer, moment[LKS_MOMENTS_MAX];
} groups;

static lks_status open_moments(groups *g, lks_snapshot *snapshot)
{
  const size_t moments = count_links(g->optimizer);
  if (moments > LKS_MOMENTS_MAX)
    return lks_fail(LKS_ERR_DATA, "/optimizer has %zu moments and must have %d at most: %s", moments,
                    LKS_MOMENTS_MAX, lks_checkpoint_advice);
  for (size_t m = 0; m < moments; m++) {
    lks_status status = link_name(snapshot->moment_name[m], LKS_MOMENT_NAME_MAX, g->optimizer, m);
    if (!status) status = lks_attributes_group(&g->moment[m], g->optimizer, snapshot->moment_name[m]);
    if (status) return status;
  }
  snapshot->moments = moments;
  return LKS_OK;
}

static lks_status open_groups(groups *g, lks_snapshot *snapshot, hid_t file)
{
  lks_status status = lks_attributes_group(&g->parameters, file, "parameters");
  if (status) return status;
  snapshot->optimizer = H5Lexists(file, "optimizer", H5P_DEFAULT) > 0;
  if (!snapshot->optimizer) return LKS_OK;
  status = lks_attributes_group(&g->optimizer, file, "optimizer");
  if (status) return status;
  lks_attributes s = {.at = g->optimizer, .group = "optimizer/"};
  lks_attributes_numbers(&s, "steps", H5T_NATIVE_INT64, &snapshot->steps, 1);
  return s.status ? s.status : open_moments(g, snapshot);
}

static void close_groups(groups *g)
{
  for (int m = 0; m < LKS_MOMENTS_MAX; m++)
    if (g->moment[m] >= 0) H5Gclose(g->moment[m]);
  if (g->optimizer >= 0) H5Gclose(g->optimizer);
  if (g->parameters >= 0) H5Gclose(g->parameters);
}

static lks_status parse_groups(lks_snapshot *snapshot, const groups *g, size_t most_elements)
{
  size_t links = count_links(g->parameters);
  for (size_t m = 0; m < snapshot->moments; m++) links += count_links(g->moment[m]);
  if (links > most_elements)
    return lks_fail(LKS_ERR_DATA, "it says to hold %zu tensors, more than the file can: %s", links,
                    lks_checkpoint_advice);
  lks_status status = lks_snapshot_allocate(snapshot, links);
  snapshot->arrays = 0;
  if (!status) status = list_arrays(snapshot, g->parameters, LKS_NO_MOMENT, most_elements);
  for (size_t m = 0; !status && m < snapshot->moments; m++)
    status = list_arrays(snapshot, g->moment[m], (int)m, most_elements);
  if (!status) status = lks_snapshot_place(snapshot);
  if (!status) status = read_arrays(snapshot, g->parameters, LKS_NO_MOMENT);
  for (size_t m = 0; !status && m < snapshot->moments; m++)
    status = read_arrays(snapshot, g->moment[m], (int)m);
  return status;
}

lks_status lks_checkpoint_tensors(lks_snapshot *snapshot, hid_t file, size_t file_bytes)
{
  groups g = {
      H5I_INVALID_HID, H5I_INVALID_HID, {H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID}};
  lks_status status = open_groups(&g, snapshot, file);
  if (!status) status = parse_groups(snapshot, &g, file_bytes / sizeof(float));
  close_groups(&g);
  return status;
}
