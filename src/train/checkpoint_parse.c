#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "train/checkpoint_file.h"

enum { TEXT_LONGEST = 1 << 26 };

static const char advice[] = "damaged or edited; take another checkpoint";

/** An object whose attributes are read one after another; the first that cannot be had ends the reading. */
typedef struct source {
  hid_t at;
  const char *missing;
} source;

static void get_numbers(source *s, const char *name, hid_t type, void *values, size_t count)
{
  if (s->missing) return;
  const hid_t attribute = H5Aopen(s->at, name, H5P_DEFAULT);
  const hid_t stored = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const bool ok = H5Tget_class(stored) == H5Tget_class(type) &&
                  H5Sget_simple_extent_npoints(space) == (hssize_t)count &&
                  H5Aread(attribute, type, values) >= 0;
  if (!ok) s->missing = name;
  H5Sclose(space);
  H5Tclose(stored);
  H5Aclose(attribute);
}

static void get_size(source *s, const char *name, size_t *value)
{
  int64_t number = -1;
  get_numbers(s, name, H5T_NATIVE_INT64, &number, 1);
  if (!s->missing && number < 0) s->missing = name;
  *value = number < 0 ? 0 : (size_t)number;
}

/** *text is freed with lks_free; NULL when it cannot be had. */
static void get_text(source *s, const char *name, char **text)
{
  *text = NULL;
  if (s->missing) return;
  const hid_t attribute = H5Aopen(s->at, name, H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const size_t size =
      H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 ? H5Tget_size(type) : 0;
  if (size > 0 && size <= TEXT_LONGEST && H5Sget_simple_extent_npoints(space) == 1)
    *text = lks_new(size + 1, 1);
  if (*text && H5Aread(attribute, type, *text) < 0) {
    lks_free(*text);
    *text = NULL;
  }
  if (!*text) s->missing = name;
  H5Sclose(space);
  H5Tclose(type);
  H5Aclose(attribute);
}

static void get_word(source *s, const char *name, char *out, size_t size)
{
  char *text;
  get_text(s, name, &text);
  if (text && strlen(text) < size)
    memcpy(out, text, strlen(text) + 1);
  else if (text)
    s->missing = name;
  lks_free(text);
}

static lks_status check_format(source *s)
{
  char format[64] = "";
  size_t version = 0;
  get_word(s, "format", format, sizeof format);
  if (s->missing) return lks_fail(LKS_ERR_DATA, "an HDF5 file, but not a checkpoint");
  if (strcmp(format, LKS_CHECKPOINT_FORMAT) != 0)
    return lks_fail(LKS_ERR_DATA, "a %s, not a checkpoint", format);
  get_size(s, "format_version", &version);
  if (!s->missing && version > LKS_CHECKPOINT_VERSION)
    return lks_fail(LKS_ERR_DATA,
                    "of format version %zu, and this program reads up to %d; take a newer lockstep", version,
                    LKS_CHECKPOINT_VERSION);
  return LKS_OK;
}

static void get_state(source *s, lks_run_state *state, int64_t *batches_tracked)
{
  get_size(s, "epoch", &state->epoch);
  get_size(s, "epoch_step", &state->epoch_step);
  get_size(s, "step", &state->step);
  get_numbers(s, "loss_limbs", H5T_NATIVE_INT64, state->loss_limbs, 7);
  get_numbers(s, "correct", H5T_NATIVE_INT64, &state->correct, 1);
  get_numbers(s, "samples", H5T_NATIVE_INT64, &state->samples, 1);
  get_numbers(s, "seconds", H5T_NATIVE_DOUBLE, &state->seconds, 1);
  get_size(s, "noises", &state->noises);
  if (!s->missing && state->noises > LKS_NOISE_STATE_MAX) s->missing = "noises";
  if (state->noises) get_numbers(s, "noise", H5T_NATIVE_DOUBLE, state->noise, state->noises);
  get_numbers(s, "batches_tracked", H5T_NATIVE_INT64, batches_tracked, 1);
}

/* Files of earlier versions do not say it. */
static void get_job(source *s, lks_run_state *state)
{
  if (H5Aexists(s->at, "job") > 0) get_word(s, "job", state->job, sizeof state->job);
  if (H5Aexists(s->at, "isa") > 0) get_word(s, "isa", state->isa, sizeof state->isa);
}

static void get_inputs(source *s, lks_checkpoint_header *header)
{
  int64_t shape[3] = {0};
  get_numbers(s, "input_shape", H5T_NATIVE_INT64, shape, 3);
  for (int d = 0; d < 3; d++)
    if (!s->missing && (shape[d] < 1 || shape[d] > INT32_MAX)) s->missing = "input_shape";
  if (s->missing) return;
  header->input = (lks_shape){(size_t)shape[0], (size_t)shape[1], (size_t)shape[2]};
  header->statistics = header->input.channels;
  header->mean = lks_new(header->statistics, sizeof *header->mean);
  header->std = lks_new(header->statistics, sizeof *header->std);
  if (!header->mean || !header->std) {
    s->missing = "input_mean";
    return;
  }
  get_numbers(s, "input_mean", H5T_NATIVE_DOUBLE, header->mean, header->statistics);
  get_numbers(s, "input_std", H5T_NATIVE_DOUBLE, header->std, header->statistics);
  for (size_t c = 0; !s->missing && c < header->statistics; c++)
    if (!isfinite(header->mean[c]) || !isfinite(header->std[c])) s->missing = "input_mean";
}

static lks_status parse_header(lks_checkpoint_header *header, int64_t *batches_tracked, hid_t file)
{
  source root = {.at = file}, state = {.at = H5Gopen2(file, "state", H5P_DEFAULT)};
  lks_status status = check_format(&root);
  if (status == LKS_OK) {
    char *config;
    get_text(&root, "config", &config);
    get_text(&root, "model", &header->model_text);
    get_word(&root, "fingerprint", header->fingerprint, sizeof header->fingerprint);
    get_word(&root, "data_hash", header->data_hash, sizeof header->data_hash);
    get_inputs(&root, header);
    get_size(&root, "classes", &header->classes);
    get_numbers(&root, "parameters", H5T_NATIVE_INT64, &header->parameters, 1);
    get_state(&state, &header->state, batches_tracked);
    get_job(&root, &header->state);
    const char *missing = root.missing ? root.missing : state.missing;
    lks_config_default(&header->config);
    if (missing)
      status =
          lks_fail(LKS_ERR_DATA, "its attribute %s is missing or not as it should be: %s", missing, advice);
    else if (lks_config_parse(&header->config, config, "config") != LKS_OK)
      status = lks_fail_in(LKS_ERR_DATA, "its attribute ");
    lks_free(config);
  }
  H5Gclose(state.at);
  return status;
}

static size_t count_links(hid_t group)
{
  H5G_info_t info;
  return H5Gget_info(group, &info) >= 0 ? (size_t)info.nlinks : 0;
}

/** Name of a group's i-th link, in the order of their making; only hard links, which cannot lead out of the
 * file. */
static bool link_name(char *out, size_t size, hid_t group, size_t i)
{
  H5L_info_t info;
  if (H5Lget_info_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, &info, H5P_DEFAULT) < 0)
    return false;
  if (info.type != H5L_TYPE_HARD) return false;
  const ssize_t length =
      H5Lget_name_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, out, size, H5P_DEFAULT);
  return length > 0 && (size_t)length < size;
}

/** One form alone is taken: fp32 in checksummed chunks. Others (compressed, external, virtual) are not ours.
 */
static bool has_our_form(hid_t dataset)
{
  const hid_t properties = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
  unsigned flags = 0, config = 0;
  size_t values = 0;
  const bool ok =
      H5Tequal(type, H5T_IEEE_F32LE) > 0 && H5Pget_layout(properties) == H5D_CHUNKED &&
      H5Pget_nfilters(properties) == 1 &&
      H5Pget_filter2(properties, 0, &flags, &values, NULL, 0, NULL, &config) == H5Z_FILTER_FLETCHER32;
  H5Tclose(type);
  H5Pclose(properties);
  return ok;
}

static bool describe_dataset(lks_snapshot_array *array, hid_t dataset, size_t most_elements)
{
  hsize_t extent[4];
  const hid_t space = H5Dget_space(dataset);
  array->dimensions = H5Sget_simple_extent_ndims(space);
  bool ok = array->dimensions >= 1 && array->dimensions <= 4 &&
            H5Sget_simple_extent_dims(space, extent, NULL) == array->dimensions && has_our_form(dataset);
  array->elements = 1;
  for (int d = 0; ok && d < array->dimensions; d++) {
    ok = extent[d] >= 1 && extent[d] <= most_elements / array->elements;
    array->extent[d] = (size_t)extent[d];
    array->elements *= (size_t)extent[d];
  }
  H5Sclose(space);
  return ok;
}

static bool is_count(const char *name)
{
  const char *dot = strrchr(name, '.');
  return dot && strcmp(dot, ".num_batches_tracked") == 0;
}

/** Appends a description of the datasets of a group to the snapshot, which has room for them. Uncompressed,
 * they cannot hold more elements than the file. */
static lks_status list_arrays(lks_snapshot *snapshot, hid_t group, int moment, size_t most_elements)
{
  const size_t links = count_links(group);
  for (size_t i = 0; i < links; i++) {
    lks_snapshot_array *array = &snapshot->array[snapshot->arrays];
    if (!link_name(array->name, sizeof array->name, group, i))
      return lks_fail(LKS_ERR_DATA, "its tensors cannot be listed: %s", advice);
    if (is_count(array->name)) continue;
    const hid_t dataset = H5Dopen2(group, array->name, H5P_DEFAULT);
    const bool ok = describe_dataset(array, dataset, most_elements - snapshot->elements);
    H5Dclose(dataset);
    if (!ok) return lks_fail(LKS_ERR_DATA, "%s is not a checksummed fp32 tensor: %s", array->name, advice);
    array->moment = moment;
    snapshot->elements += array->elements;
    snapshot->arrays++;
  }
  return LKS_OK;
}

static lks_status read_arrays(lks_snapshot *snapshot, hid_t group, int moment)
{
  for (size_t a = 0; a < snapshot->arrays; a++) {
    lks_snapshot_array *array = &snapshot->array[a];
    if (array->moment != moment) continue;
    const hid_t dataset = H5Dopen2(group, array->name, H5P_DEFAULT);
    const herr_t result = H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data);
    H5Dclose(dataset);
    if (result < 0) return lks_fail(LKS_ERR_DATA, "%s cannot be read: %s", array->name, advice);
  }
  return LKS_OK;
}

/** The groups that hold arrays: /parameters, then each moment; opened once, closed together. */
typedef struct groups {
  hid_t parameters, optimizer, moment[LKS_MOMENTS_MAX];
} groups;

static lks_status open_groups(groups *g, lks_snapshot *snapshot, hid_t file)
{
  g->parameters = H5Gopen2(file, "parameters", H5P_DEFAULT);
  if (g->parameters < 0) return lks_fail(LKS_ERR_DATA, "it has no parameters: %s", advice);
  snapshot->optimizer = H5Lexists(file, "optimizer", H5P_DEFAULT) > 0;
  if (!snapshot->optimizer) return LKS_OK;
  g->optimizer = H5Gopen2(file, "optimizer", H5P_DEFAULT);
  source s = {.at = g->optimizer};
  get_numbers(&s, "steps", H5T_NATIVE_INT64, &snapshot->steps, 1);
  snapshot->moments = count_links(g->optimizer);
  bool ok = !s.missing && snapshot->moments <= LKS_MOMENTS_MAX;
  for (size_t m = 0; ok && m < snapshot->moments; m++) {
    ok = link_name(snapshot->moment_name[m], LKS_MOMENT_NAME_MAX, g->optimizer, m);
    if (ok) g->moment[m] = H5Gopen2(g->optimizer, snapshot->moment_name[m], H5P_DEFAULT);
    ok = ok && g->moment[m] >= 0;
  }
  return ok ? LKS_OK : lks_fail(LKS_ERR_DATA, "its optimizer state cannot be read: %s", advice);
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
  lks_status status = lks_snapshot_allocate(snapshot, links);
  snapshot->arrays = 0;
  if (status == LKS_OK) status = list_arrays(snapshot, g->parameters, LKS_NO_MOMENT, most_elements);
  for (size_t m = 0; status == LKS_OK && m < snapshot->moments; m++)
    status = list_arrays(snapshot, g->moment[m], (int)m, most_elements);
  if (status == LKS_OK) status = lks_snapshot_place(snapshot);
  if (status == LKS_OK) status = read_arrays(snapshot, g->parameters, LKS_NO_MOMENT);
  for (size_t m = 0; status == LKS_OK && m < snapshot->moments; m++)
    status = read_arrays(snapshot, g->moment[m], (int)m);
  return status;
}

static lks_status parse_snapshot(lks_snapshot *snapshot, hid_t file, size_t file_bytes)
{
  groups g = {
      H5I_INVALID_HID, H5I_INVALID_HID, {H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID}};
  lks_status status = open_groups(&g, snapshot, file);
  if (status == LKS_OK) status = parse_groups(snapshot, &g, file_bytes / sizeof(float));
  close_groups(&g);
  return status;
}

static hid_t open_image(const char *image, size_t bytes)
{
  static const char signature[] = "\211HDF\r\n\032\n";
  if (bytes < sizeof signature || memcmp(image, signature, sizeof signature - 1) != 0) return H5I_INVALID_HID;
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 20, false);
  /* HDF5 makes a copy and leaves ours alone. */
  H5Pset_file_image(access, (void *)image, bytes);
  const hid_t file = H5Fopen("checkpoint", H5F_ACC_RDONLY, access);
  H5Pclose(access);
  return file;
}

lks_status lks_checkpoint_parse(lks_checkpoint_header *header, lks_snapshot *snapshot, const char *image,
                                size_t bytes)
{
  memset(header, 0, sizeof *header);
  if (snapshot) *snapshot = (lks_snapshot){0};
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const hid_t file = open_image(image, bytes);
  if (file < 0)
    return lks_fail(LKS_ERR_DATA, "not an HDF5 file, or cut short, or damaged; take another checkpoint");
  int64_t batches_tracked = 0;
  lks_status status = parse_header(header, &batches_tracked, file);
  if (status == LKS_OK && snapshot) status = parse_snapshot(snapshot, file, bytes);
  if (snapshot) snapshot->batches_tracked = batches_tracked;
  H5Fclose(file);
  if (status == LKS_OK) return LKS_OK;
  lks_checkpoint_header_clear(header);
  if (snapshot) lks_snapshot_clear(snapshot);
  return status;
}
