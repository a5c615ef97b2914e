/* Checkpoints that somebody made to deceive: every structure is sound, and so are HDF5's checksums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "support/damaged_checkpoint.h"
#include "support/hdf5_edit.h"

/** Each number of the state, and of what it is the state of, changed to one that a run can have. */
static void test_state_has_a_hash(void **state)
{
  (void)state;
  static const struct {
    const char *group, *name;
    long long whole; /* -1: a real number */
  } changed[] = {
      {"state", "correct", 130}, {"state", "samples", 201},
      {"state", "seconds", -1},  {"state", "batches_tracked", 130},
      {".", "classes", 11},      {".", "parameters", 31},
      {"state", "note", 1}, /* nothing is added there */
  };
  for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
    const hid_t file = damage_begin(), at = H5Oopen(file, changed[i].group, H5P_DEFAULT);
    assert_true(changed[i].whole < 0 ? edit_real(at, changed[i].name, 13)
                                     : edit_whole(at, changed[i].name, changed[i].whole));
    H5Oclose(at);
    damage_end(file, changed[i].name, "one of its attributes is not as it was written, or one of /state",
               true);
  }
}

static bool other_fingerprint(hid_t file)
{
  return edit_text(file, "fingerprint", "0123456789abcdef0123456789abcdef", 33);
}
static bool no_fingerprint_at_all(hid_t file)
{
  return edit_text(file, "fingerprint", "0123456789ABCDEF0123456789abcdef", 33);
}
static bool hash_of_a_path(hid_t file)
{
  return edit_text(file, "data_hash", "../../lockstep", 15);
}
static bool terminal_codes(hid_t file)
{
  return edit_text(file, "job", "job \033]0;owned\007", 15);
}
static bool codes_of_unicode(hid_t file)
{
  return edit_text(file, "isa", "avx\302\2332J", 8);
}
static bool job_of_two_lines(hid_t file)
{
  return edit_text(file, "job", "one\ntwo", 8);
}
static bool codes_in_the_model(hid_t file)
{
  return edit_text(file, "model", "dense classes # \033[2J", 21);
}
static bool codes_in_the_format(hid_t file)
{
  return edit_text(file, "format", "lockstep\033[2J", 13);
}
/* 68 GB of means and deviations, of which there are two. */
static bool endless_channels(hid_t file)
{
  return edit_numbers(file, "input_shape", H5T_NATIVE_INT64, 1, (hsize_t[]){3}, (int64_t[]){1, 1, INT32_MAX});
}
static bool array_type(hid_t file)
{
  const hid_t state = H5Gopen2(file, "state", H5P_DEFAULT),
              type = H5Tarray_create2(H5T_NATIVE_INT, 1, (hsize_t[]){2});
  const bool ok = edit_numbers(state, "more", type, 0, NULL, (int[]){1, 2});
  H5Tclose(type);
  H5Gclose(state);
  return ok;
}

static void test_attributes(void **state)
{
  (void)state;
  static const damage list[] = {
      {"fingerprint", other_fingerprint, "is not as it was written, or one of /state"},
      {"no fingerprint", no_fingerprint_at_all, "and both must be hexadecimal digits"},
      {"hash of a path", hash_of_a_path, "its data_hash '../../lockstep', and both must be"},
      {"terminal codes", terminal_codes, "its attribute job holds control characters"},
      {"codes of Unicode", codes_of_unicode, "its attribute isa holds control characters"},
      {"job of two lines", job_of_two_lines, "its attribute job holds control characters"},
      {"codes in the model", codes_in_the_model, "its attribute model holds control characters"},
      {"codes in the format", codes_in_the_format, "an HDF5 file, but not a checkpoint"},
      {"endless channels", endless_channels,
       "its attribute input_mean has 2 values and must have 2147483647"},
      {"array type", array_type, "its attribute more is not of a kind that a checkpoint has"},
  };
  damage_try(list, sizeof list / sizeof *list, true);
}

static const char count_name[] = "parameters/a.num_batches_tracked";

static bool count_stored(hid_t file, int rank, hid_t plan, const void *value)
{
  const bool ok = edit_array(file, count_name, H5T_NATIVE_LLONG, rank, (hsize_t[]){1}, plan, value);
  H5Pclose(plan);
  return ok;
}
static bool external_count(hid_t file)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(plan, "/etc/passwd", 0, sizeof(long long));
  return count_stored(file, 1, plan, NULL);
}
static bool virtual_count(hid_t file)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, (hsize_t[]){1}, NULL);
  H5Pset_virtual(plan, space, damage_good, count_name, space);
  H5Sclose(space);
  return count_stored(file, 1, plan, NULL);
}
static bool compressed_count(hid_t file)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plan, 1, (hsize_t[]){1});
  H5Pset_deflate(plan, 6);
  return count_stored(file, 1, plan, &(long long){37});
}
static bool plain_count(hid_t file)
{
  return count_stored(file, 1, H5Pcreate(H5P_DATASET_CREATE), &(long long){37});
}
static bool tensor_of_codes(hid_t file)
{
  return H5Lmove(file, "parameters/a.bias", file, "parameters/\033[2J", H5P_DEFAULT, H5P_DEFAULT) >= 0;
}
static bool moment_of_codes(hid_t file)
{
  return H5Lmove(file, "optimizer/exp_avg", file, "optimizer/\r", H5P_DEFAULT, H5P_DEFAULT) >= 0;
}

static void test_arrays(void **state)
{
  (void)state;
  static const char elsewhere[] = "a.num_batches_tracked is not stored plainly in the file itself";
  static const damage list[] = {
      {"external count", external_count, elsewhere},
      {"virtual count", virtual_count, elsewhere},
      {"compressed count", compressed_count, elsewhere},
      {"plain count", plain_count, NULL},
      {"tensor of codes", tensor_of_codes, "the name ?[2J holds control characters"},
      {"moment of codes", moment_of_codes, "the name ? holds control characters"},
  };
  damage_try(list, sizeof list / sizeof *list, false);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_state_has_a_hash, damage_nothing_left),
      cmocka_unit_test_teardown(test_attributes, damage_nothing_left),
      cmocka_unit_test_teardown(test_arrays, damage_nothing_left),
  };
  return cmocka_run_group_tests(tests, damage_set_up, damage_tear_down);
}
