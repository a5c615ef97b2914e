#include "checkpoint/checkpoint_parse.h"

#include <hdf5.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "checkpoint/checkpoint_attributes.h"
#include "checkpoint/checkpoint_check.h"
#include "checkpoint/checkpoint_tensors.h"
#include "checkpoint/checkpoint_write.h"
#include "checkpoint/class_lines.h"
#include "checkpoint/header_hash.h"
#include "checkpoint/state_hash.h"

static lks_status check_format(lks_attributes *s)
{
  char format[64] = "";
  size_t version = 0;
  lks_attributes_word(s, "format", format, sizeof format);
  if (s->status == LKS_ERR_RANK) return s->status;
  if (s->status) return lks_fail(LKS_ERR_DATA, "an HDF5 file, but not a checkpoint");
  if (strcmp(format, LKS_CHECKPOINT_FORMAT) != 0)
    return lks_fail(LKS_ERR_DATA, "a %s, not a checkpoint", format);
  lks_attributes_size(s, "format_version", &version);
  if (s->status) return s->status;
  if (version < 1)
    return lks_fail(LKS_ERR_DATA, "of format version 0, and the first one is 1: %s", lks_checkpoint_advice);
  if (version > LKS_CHECKPOINT_VERSION)
    return lks_fail(LKS_ERR_DATA,
                    "of format version %zu, and this program reads up to %d; take a newer lockstep", version,
                    LKS_CHECKPOINT_VERSION);
  return LKS_OK;
}

/* Files of runs that left nothing out, and of earlier versions, have none. */
static void get_skips(lks_attributes *s, lks_run_state *state)
{
  if (s->status || H5Aexists(s->at, "skips") <= 0) return;
  lks_attributes_size(s, "skips", &state->skips);
  if (!s->status && (state->skips < 1 || state->skips > LKS_SKIPS_MAX))
    lks_attributes_refuse(s,
                          lks_fail(LKS_ERR_DATA, "is %zu and must be 1 to %d: %s", state->skips,
                                   LKS_SKIPS_MAX, lks_checkpoint_advice),
                          "skips");
  lks_attributes_numbers(s, "skip", H5T_NATIVE_UINT64, state->skip, state->skips);
}

static void get_state(lks_attributes *s, lks_run_state *state, int64_t *batches_tracked)
{
  lks_attributes_size(s, "epoch", &state->epoch);
  lks_attributes_size(s, "epoch_step", &state->epoch_step);
  lks_attributes_size(s, "step", &state->step);
  lks_attributes_numbers(s, "loss_limbs", H5T_NATIVE_INT64, state->loss_limbs, 7);
  lks_attributes_numbers(s, "correct", H5T_NATIVE_INT64, &state->correct, 1);
  lks_attributes_numbers(s, "samples", H5T_NATIVE_INT64, &state->samples, 1);
  lks_attributes_numbers(s, "seconds", H5T_NATIVE_DOUBLE, &state->seconds, 1);
  lks_attributes_size(s, "noises", &state->noises);
  if (!s->status && state->noises > LKS_NOISE_STATE_MAX)
    lks_attributes_refuse(s,
                          lks_fail(LKS_ERR_DATA, "is %zu and must be %d at most: %s", state->noises,
                                   LKS_NOISE_STATE_MAX, lks_checkpoint_advice),
                          "noises");
  if (state->noises) lks_attributes_numbers(s, "noise", H5T_NATIVE_DOUBLE, state->noise, state->noises);
  get_skips(s, state);
  lks_attributes_numbers(s, "batches_tracked", H5T_NATIVE_INT64, batches_tracked, 1);
}

static void get_input_shape(lks_attributes *s, lks_shape *input)
{
  int64_t shape[3] = {0};
  lks_attributes_numbers(s, "input_shape", H5T_NATIVE_INT64, shape, 3);
  for (int d = 0; d < 3; d++)
    if (!s->status && (shape[d] < 1 || shape[d] > INT32_MAX))
      lks_attributes_refuse(s,
                            lks_fail(LKS_ERR_DATA, "has %" PRId64 " and must have 1 to %" PRId32 ": %s",
                                     shape[d], INT32_MAX, lks_checkpoint_advice),
                            "input_shape");
  *input = (lks_shape){(size_t)shape[0], (size_t)shape[1], (size_t)shape[2]};
}

static void get_inputs(lks_attributes *s, lks_checkpoint_header *header)
{
  get_input_shape(s, &header->input);
  if (s->status) return;
  header->statistics = header->input.channels;
  lks_attributes_doubles(s, "input_mean", &header->mean, header->statistics);
  lks_attributes_doubles(s, "input_std", &header->std, header->statistics);
}

/* Files of datasets whose classes have no names, and of earlier versions, have none. */
static void get_class_names(lks_attributes *s, char **lines)
{
  char there[17] = "", here[17] = "";
  if (s->status || H5Aexists(s->at, "class_names") <= 0) return;
  lks_attributes_text(s, "class_names", lines);
  lks_attributes_word(s, "class_names_hash", there, sizeof there);
  if (*lines) lks_class_lines_hash(here, *lines);
  if (!s->status && strcmp(there, here) != 0)
    lks_attributes_refuse(s, lks_fail(LKS_ERR_DATA, "is not as it was written: %s", lks_checkpoint_advice),
                          "class_names");
}

/* Files of earlier versions do not have `job` and `isa`, and runs without a window no `window_chunk`. */
static void get_root(lks_attributes *s, lks_checkpoint_header *header, char **config)
{
  lks_attributes_text(s, "config", config);
  lks_attributes_text(s, "model", &header->model_text);
  lks_attributes_word(s, "fingerprint", header->fingerprint, sizeof header->fingerprint);
  lks_attributes_word(s, "data_hash", header->data_hash, sizeof header->data_hash);
  get_inputs(s, header);
  lks_attributes_size(s, "classes", &header->classes);
  if (H5Aexists(s->at, "window_chunk") > 0) lks_attributes_size(s, "window_chunk", &header->window_chunk);
  lks_attributes_numbers(s, "parameters", H5T_NATIVE_INT64, &header->parameters, 1);
  if (H5Aexists(s->at, "job") > 0) lks_attributes_word(s, "job", header->state.job, sizeof header->state.job);
  get_class_names(s, &header->class_names);
  if (H5Aexists(s->at, "isa") > 0) lks_attributes_word(s, "isa", header->state.isa, sizeof header->state.isa);
}

static lks_status parse_state(lks_checkpoint_header *header, int64_t *batches_tracked, hid_t file)
{
  lks_attributes root = {.at = file, .group = ""}, state = {.at = H5I_INVALID_HID, .group = "state/"};
  lks_status status = lks_attributes_group(&state.at, file, "state");
  if (status) return status;
  get_state(&state, &header->state, batches_tracked);
  H5Gclose(state.at);
  if (state.status) return state.status;
  lks_attributes_compare(&root, "epoch", H5T_NATIVE_INT64, header->state.epoch);
  lks_attributes_compare(&root, "step", H5T_NATIVE_INT64, header->state.step);
  lks_attributes_compare(&root, "seed", H5T_NATIVE_UINT64, header->config.seed);
  return root.status;
}

/* Files of earlier versions have neither hash. */
static lks_status check_state_hash(hid_t file)
{
  lks_attributes root = {.at = file, .group = ""};
  char there[33], here[33];
  if (H5Aexists(file, LKS_STATE_HASH) <= 0) return LKS_OK;
  lks_attributes_word(&root, LKS_STATE_HASH, there, sizeof there);
  lks_status status = root.status ? root.status : lks_state_hash(here, file);
  if (status || strcmp(there, here) == 0) return status;
  return lks_fail(LKS_ERR_DATA, "one of its attributes is not as it was written, or one of /state: %s",
                  lks_checkpoint_advice);
}

static lks_status check_hash(const lks_checkpoint_header *header, const char *config, hid_t file)
{
  lks_attributes root = {.at = file, .group = ""};
  char there[33], here[33];
  if (H5Aexists(file, "header_hash") <= 0) return LKS_OK;
  lks_attributes_word(&root, "header_hash", there, sizeof there);
  if (root.status) return root.status;
  lks_header_hash(here, header, config);
  if (strcmp(there, here) == 0) return LKS_OK;
  return lks_fail(
      LKS_ERR_DATA,
      "one of its attributes config, model, input_mean, input_std and state/noise is not as it was written: %s",
      lks_checkpoint_advice);
}

static lks_status parse_header(lks_checkpoint_header *header, int64_t *batches_tracked, hid_t file)
{
  lks_attributes root = {.at = file, .group = ""};
  char *config = NULL;
  lks_status status = check_format(&root);
  if (status) return status;
  get_root(&root, header, &config);
  lks_config_default(&header->config);
  status = root.status;
  if (!status) status = lks_config_parse(&header->config, config, "config");
  if (status == LKS_ERR_USAGE) status = lks_fail_in(LKS_ERR_DATA, "its attribute ");
  if (!status) status = parse_state(header, batches_tracked, file);
  if (!status) status = check_hash(header, config, file);
  if (!status) status = lks_checkpoint_check_header(header); /* which can name what is wrong */
  if (!status) status = check_state_hash(file);
  lks_free(config);
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
  /* HDF5 refuses an image that has the name of a file: this one there cannot be. */
  const hid_t file = H5Fopen("/dev/null/checkpoint", H5F_ACC_RDONLY, access);
  H5Pclose(access);
  return file;
}

lks_status lks_checkpoint_parse(lks_checkpoint_header *header, lks_snapshot *snapshot, const char *image,
                                size_t bytes)
{
  memset(header, 0, sizeof *header);
  if (snapshot) *snapshot = (lks_snapshot){0};
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0); /* a file names its filters; no code is to be loaded for it */
  const hid_t file = open_image(image, bytes);
  if (file < 0)
    return lks_fail(LKS_ERR_DATA, "not an HDF5 file, or cut short, or damaged; take another checkpoint");
  int64_t batches_tracked = 0;
  lks_status status = parse_header(header, &batches_tracked, file);
  if (snapshot) snapshot->batches_tracked = batches_tracked;
  if (!status && snapshot) status = lks_checkpoint_tensors(snapshot, file, bytes);
  H5Fclose(file);
  if (!status) return LKS_OK;
  lks_checkpoint_header_clear(header);
  if (snapshot) lks_snapshot_clear(snapshot);
  return status;
}
