#include "checkpoint/state_hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "checkpoint/checkpoint_check.h"

enum { VALUES_LARGEST = 1 << 26 /* bytes */ };

/* What values of that type are read as; negative for what no checkpoint has. */
static hid_t type_in_memory(hid_t stored)
{
  const size_t size = H5Tget_size(stored);
  switch (H5Tget_class(stored)) {
  case H5T_INTEGER:
    if (size > sizeof(int64_t)) return H5I_INVALID_HID;
    return H5Tcopy(H5Tget_sign(stored) == H5T_SGN_2 ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64);
  case H5T_FLOAT: return size > sizeof(double) ? H5I_INVALID_HID : H5Tcopy(H5T_NATIVE_DOUBLE);
  case H5T_STRING: return H5Tis_variable_str(stored) ? H5I_INVALID_HID : H5Tcopy(stored);
  default: return H5I_INVALID_HID;
  }
}

static lks_status add_values(XXH3_state_t *state, hid_t attribute, hid_t type, uint64_t count)
{
  const size_t size = H5Tget_size(type);
  if (type < 0 || size == 0 || count > VALUES_LARGEST / size)
    return lks_fail(LKS_ERR_DATA, "is not of a kind that a checkpoint has: %s", lks_checkpoint_advice);
  char *values = lks_new(count * size + 1, 1);
  if (!values) return LKS_ERR_RANK;
  lks_status status = LKS_OK;
  if (count > 0 && H5Aread(attribute, type, values) < 0)
    status = lks_fail(LKS_ERR_DATA, "cannot be read: %s", lks_checkpoint_advice);
  const bool text = H5Tget_class(type) == H5T_STRING;
  if (!status) XXH3_128bits_update(state, &count, sizeof count);
  if (!status) XXH3_128bits_update(state, values, text ? strlen(values) : count * size);
  lks_free(values);
  return status;
}

static lks_status add_attribute(XXH3_state_t *state, hid_t attribute)
{
  const hid_t stored = H5Aget_type(attribute), space = H5Aget_space(attribute), type = type_in_memory(stored);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  const lks_status status = count < 0 ? lks_fail(LKS_ERR_DATA, "cannot be read: %s", lks_checkpoint_advice)
                                      : add_values(state, attribute, type, (uint64_t)count);
  H5Tclose(type);
  H5Sclose(space);
  H5Tclose(stored);
  return status;
}

/* Those of the file itself. Others may be added by whoever likes to. */
static bool is_hashed(const char *name)
{
  static const char *const hashed[] = {
      "classes",    "config",      "data_hash", "epoch",       "fingerprint", "format_version",
      "input_mean", "input_shape", "input_std", "isa",         "job",         "model",
      "parameters", "seed",        "step",      "window_chunk"};
  for (size_t i = 0; i < sizeof hashed / sizeof *hashed; i++)
    if (strcmp(name, hashed[i]) == 0) return true;
  return false;
}

/* As H5Aiterate2 calls it. */
typedef struct hashing {
  XXH3_state_t *state;
  bool all; /* attributes of the object, whatever their names */
  lks_status status;
} hashing;

static herr_t add_named(hid_t object, const char *name, const H5A_info_t *info, void *user)
{
  hashing *h = user;
  (void)info;
  if (!h->all && !is_hashed(name)) return 0;
  const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  XXH3_128bits_update(h->state, name, strlen(name) + 1);
  if (attribute >= 0) h->status = add_attribute(h->state, attribute);
  if (H5Aclose(attribute) < 0 && !h->status)
    h->status = lks_fail(LKS_ERR_DATA, "cannot be read: %s", lks_checkpoint_advice);
  if (h->status) lks_fail_in(h->status, "its attribute %.60s ", name);
  return h->status ? -1 : 0;
}

static lks_status add_object(XXH3_state_t *state, hid_t object, bool all)
{
  hashing h = {state, all, LKS_OK};
  hsize_t next = 0;
  if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &next, add_named, &h) >= 0 || h.status) return h.status;
  return lks_fail(LKS_ERR_DATA, "its attributes cannot be listed: %s", lks_checkpoint_advice);
}

lks_status lks_state_hash(char hash[33], hid_t file)
{
  XXH3_state_t *state = XXH3_createState();
  if (!state) return lks_fail(LKS_ERR_RANK, "not enough memory to hash attributes");
  XXH3_128bits_reset(state);
  const hid_t group = H5Gopen2(file, "state", H5P_DEFAULT);
  lks_status status = add_object(state, file, false);
  if (!status) status = add_object(state, group, true);
  if (H5Gclose(group) < 0 && !status)
    status = lks_fail(LKS_ERR_DATA, "/state cannot be read: %s", lks_checkpoint_advice);
  const XXH128_hash_t all = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  snprintf(hash, 33, "%016" PRIx64 "%016" PRIx64, all.high64, all.low64);
  return status;
}
