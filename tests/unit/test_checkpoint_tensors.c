/* Checkpoints whose tensors are damaged: stored in another form, led elsewhere by a link, missing, or more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/damaged_checkpoint.h"
#include "support/hdf5_edit.h"

static const char convolution[] = "parameters/z.weight";
static const hsize_t extent[4] = {3, 2, 2, 2}, bias_extent[1] = {3};
static const float values[24] = {1, 2, 3};

/** Plans of storage: in chunks with a checksum, unless said otherwise. */
static hid_t chunks(int rank, const hsize_t *chunk)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plan, rank, chunk);
  return plan;
}

static bool replace(hid_t file, const char *name, hid_t type, int rank, const hsize_t *size, hid_t plan,
                    const void *content)
{
  const bool ok = edit_array(file, name, type, rank, size, plan, content);
  H5Pclose(plan);
  return ok;
}

static bool of_type(hid_t file, hid_t type)
{
  const hid_t plan = chunks(4, extent);
  H5Pset_fletcher32(plan);
  return replace(file, convolution, type, 4, extent, plan, NULL);
}
static bool doubles(hid_t file)
{
  return of_type(file, H5T_IEEE_F64LE);
}
static bool integers(hid_t file)
{
  return of_type(file, H5T_STD_I32LE);
}
static bool big_endian(hid_t file)
{
  return of_type(file, H5T_IEEE_F32BE);
}
static bool texts(hid_t file)
{
  return of_type(file, H5T_C_S1);
}

static bool contiguous(hid_t file)
{
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, H5Pcreate(H5P_DATASET_CREATE), values);
}
static bool compact(hid_t file)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(plan, H5D_COMPACT);
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, plan, values);
}
static bool unchecked(hid_t file)
{
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, chunks(4, extent), values);
}
static bool compressed(hid_t file)
{
  const hid_t plan = chunks(4, extent);
  H5Pset_deflate(plan, 6);
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, plan, values);
}
static bool compressed_and_checked(hid_t file)
{
  const hid_t plan = chunks(4, extent);
  H5Pset_fletcher32(plan);
  H5Pset_deflate(plan, 6);
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, plan, values);
}
static bool shuffled_and_checked(hid_t file)
{
  const hid_t plan = chunks(4, extent);
  H5Pset_shuffle(plan);
  H5Pset_fletcher32(plan);
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, plan, values);
}
static bool unknown_filter(hid_t file)
{
  const hid_t plan = chunks(4, extent);
  H5Pset_filter(plan, 333, H5Z_FLAG_OPTIONAL, 0, NULL);
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, plan, NULL);
}
static bool external_storage(hid_t file)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(plan, "/etc/passwd", 0, sizeof values);
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, plan, NULL);
}
static bool virtual_dataset(hid_t file)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(4, extent, NULL);
  H5Pset_virtual(plan, space, damage_good, convolution, space);
  H5Sclose(space);
  return replace(file, convolution, H5T_IEEE_F32LE, 4, extent, plan, NULL);
}

static void test_other_forms(void **state)
{
  (void)state;
  static const char type[] = "z.weight is not of 32-bit floating-point numbers, little-endian",
                    form[] = "z.weight is not stored in chunks with a checksum and no other filter";
  static const damage list[] = {{"doubles", doubles, type},
                                {"integers", integers, type},
                                {"big endian", big_endian, type},
                                {"texts", texts, type},
                                {"contiguous", contiguous, form},
                                {"compact", compact, form},
                                {"no checksum", unchecked, form},
                                {"compressed", compressed, form},
                                {"compressed and checked", compressed_and_checked, form},
                                {"shuffled and checked", shuffled_and_checked, form},
                                {"unknown filter", unknown_filter, form},
                                {"external storage", external_storage, form},
                                {"virtual", virtual_dataset, form}};
  damage_try(list, sizeof list / sizeof *list, false);
}

static bool of_extent(hid_t file, const char *name, int rank, const hsize_t *size, const hsize_t *chunk)
{
  const hid_t plan = chunks(rank, chunk);
  H5Pset_fletcher32(plan);
  return replace(file, name, H5T_IEEE_F32LE, rank, size, plan, NULL);
}
static bool scalar(hid_t file)
{
  return replace(file, convolution, H5T_IEEE_F32LE, 0, NULL, H5Pcreate(H5P_DATASET_CREATE), values);
}
static bool nothing(hid_t file)
{
  return replace(file, convolution, H5T_IEEE_F32LE, -1, NULL, H5Pcreate(H5P_DATASET_CREATE), NULL);
}
static bool five_dimensions(hid_t file)
{
  const hsize_t five[5] = {3, 2, 2, 2, 1};
  return of_extent(file, convolution, 5, five, five);
}
static bool empty(hid_t file)
{
  return of_extent(file, convolution, 4, (hsize_t[]){3, 2, 0, 2}, (hsize_t[]){3, 2, 1, 2});
}
/* What was never written takes no room in the file. */
static bool endless(hid_t file)
{
  return of_extent(file, convolution, 2, (hsize_t[]){1, (hsize_t)1 << 40}, (hsize_t[]){1, 8});
}
static bool endless_product(hid_t file)
{
  return of_extent(file, convolution, 4, (hsize_t[]){1024, 1, 1024, 1024}, (hsize_t[]){8, 1, 8, 8});
}
static bool product_beyond_64_bits(hid_t file)
{
  return of_extent(file, convolution, 4, (hsize_t[]){512, (hsize_t)1 << 55, 2, 2}, (hsize_t[]){1, 1, 1, 1});
}
/* Each fits, and all together do not. */
static bool many_large_ones(hid_t file)
{
  const hsize_t large = 2000;
  bool ok = true;
  for (int i = 0; i < 8; i++) {
    char name[32];
    snprintf(name, sizeof name, "parameters/large%d", i);
    ok = ok && of_extent(file, name, 1, &large, (hsize_t[]){1});
  }
  return ok;
}

static void test_other_extents(void **state)
{
  (void)state;
  static const char large[] = "says to hold more elements than the file can";
  static const damage list[] = {
      {"scalar", scalar, "z.weight has 0 dimensions and must have 1 to 4"},
      {"nothing", nothing, "z.weight has 0 dimensions and must have 1 to 4"},
      {"five dimensions", five_dimensions, "z.weight has 5 dimensions and must have 1"},
      {"empty", empty, "z.weight holds no elements"},
      {"endless", endless, large},
      {"endless product", endless_product, large},
      {"product beyond 64 bits", product_beyond_64_bits, large},
      {"together", many_large_ones, large}};
  damage_try(list, sizeof list / sizeof *list, false);
}

static bool soft(hid_t file, const char *name, const char *target)
{
  return H5Ldelete(file, name, H5P_DEFAULT) >= 0 &&
         H5Lcreate_soft(target, file, name, H5P_DEFAULT, H5P_DEFAULT) >= 0;
}
static bool external(hid_t file, const char *name)
{
  return H5Ldelete(file, name, H5P_DEFAULT) >= 0 &&
         H5Lcreate_external("good.h5", name, file, name, H5P_DEFAULT, H5P_DEFAULT) >= 0;
}
static bool soft_tensor(hid_t file)
{
  return soft(file, "parameters/a.bias", "/optimizer/exp_avg/a.bias");
}
static bool dangling_tensor(hid_t file)
{
  return soft(file, "parameters/a.bias", "/nowhere");
}
static bool external_tensor(hid_t file)
{
  return external(file, "parameters/a.bias");
}
static bool soft_count(hid_t file)
{
  return soft(file, "parameters/a.num_batches_tracked", "/elsewhere");
}
static bool external_moment_tensor(hid_t file)
{
  return external(file, "optimizer/exp_avg/a.bias");
}
static bool external_parameters(hid_t file)
{
  return external(file, "parameters");
}
static bool soft_parameters(hid_t file)
{
  return soft(file, "parameters", "/optimizer/exp_avg");
}
static bool external_optimizer(hid_t file)
{
  return external(file, "optimizer");
}
static bool dangling_optimizer(hid_t file)
{
  return soft(file, "optimizer", "/nowhere");
}
static bool external_moment(hid_t file)
{
  return external(file, "optimizer/exp_avg_sq");
}
static bool external_state(hid_t file)
{
  return external(file, "state");
}
static bool soft_state(hid_t file)
{
  return soft(file, "state", "/parameters");
}

static void test_links(void **state)
{
  (void)state;
  static const damage list[] = {
      {"soft tensor", soft_tensor, "a.bias is a link and must lie in the file itself"},
      {"dangling tensor", dangling_tensor, "a.bias is a link and must lie in the file itself"},
      {"external tensor", external_tensor, "a.bias is a link and must lie in the file itself"},
      {"count", soft_count, "a.num_batches_tracked is a link and must lie in the file itself"},
      {"external in a moment", external_moment_tensor, "a.bias is a link and must lie in the file itself"},
      {"external parameters", external_parameters, "/parameters is a link and must lie in the file itself"},
      {"soft parameters", soft_parameters, "/parameters is a link and must lie in the file itself"},
      {"external optimizer", external_optimizer, "/optimizer is a link and must lie in the file itself"},
      {"dangling optimizer", dangling_optimizer, "/optimizer is a link and must lie in the file itself"},
      {"external moment", external_moment, "exp_avg_sq is a link and must lie in the file itself"},
  };
  static const damage state_list[] = {
      {"external state", external_state, "/state is a link and must lie in the file itself"},
      {"soft state", soft_state, "/state is a link and must lie in the file itself"},
  };
  damage_try(list, sizeof list / sizeof *list, false);
  damage_try(state_list, sizeof state_list / sizeof *state_list, true);
}

static bool as_dataset(hid_t file, const char *name)
{
  return replace(file, name, H5T_IEEE_F32LE, 1, bias_extent, chunks(1, bias_extent), values);
}
static bool parameters_as_dataset(hid_t file)
{
  return as_dataset(file, "parameters");
}
static bool optimizer_as_dataset(hid_t file)
{
  return as_dataset(file, "optimizer");
}
static bool moment_as_dataset(hid_t file)
{
  return as_dataset(file, "optimizer/exp_avg");
}
static bool group_among_tensors(hid_t file)
{
  return H5Gclose(H5Gcreate2(file, "parameters/more", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)) >= 0;
}
static bool type_among_tensors(hid_t file)
{
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  const bool ok = H5Tcommit2(file, "parameters/more", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT) >= 0;
  H5Tclose(type);
  return ok;
}
static bool no_parameters(hid_t file)
{
  return H5Ldelete(file, "parameters", H5P_DEFAULT) >= 0;
}
static bool no_state(hid_t file)
{
  return H5Ldelete(file, "state", H5P_DEFAULT) >= 0;
}
static bool no_optimizer(hid_t file)
{
  return H5Ldelete(file, "optimizer", H5P_DEFAULT) >= 0;
}
static bool without_order(hid_t file)
{
  return no_parameters(file) &&
         H5Gclose(H5Gcreate2(file, "parameters", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)) >= 0 &&
         as_dataset(file, "parameters/z.weight");
}
static bool five_moments(hid_t file)
{
  bool ok = true;
  for (int i = 0; i < 3; i++)
    ok = ok && H5Lcreate_hard(file, "optimizer/exp_avg", file,
                              (const char *[]){"optimizer/a", "optimizer/b", "optimizer/c"}[i], H5P_DEFAULT,
                              H5P_DEFAULT) >= 0;
  return ok;
}
static bool long_name(hid_t file, const char *group, size_t bytes)
{
  char name[160];
  const int length = snprintf(name, sizeof name, "%s/", group);
  memset(name + length, 'n', bytes);
  name[(size_t)length + bytes] = '\0';
  return of_extent(file, name, 1, bias_extent, bias_extent);
}
static bool long_tensor(hid_t file)
{
  return long_name(file, "parameters", LKS_ARRAY_NAME_MAX);
}
static bool long_moment(hid_t file)
{
  return long_name(file, "optimizer", LKS_MOMENT_NAME_MAX);
}

static void test_groups(void **state)
{
  (void)state;
  static const damage list[] = {
      {"parameters as a data set", parameters_as_dataset, "/parameters is not a group"},
      {"optimizer as a data set", optimizer_as_dataset, "/optimizer is not a group"},
      {"moment as a data set", moment_as_dataset, "/exp_avg is not a group"},
      {"group among tensors", group_among_tensors, "more is not a tensor"},
      {"type among tensors", type_among_tensors, "more is not a tensor"},
      {"no parameters", no_parameters, "/parameters is missing"},
      {"no optimizer", no_optimizer, "does not have the fingerprint"},
      {"without order", without_order, "its tensors cannot be listed in the order of the model"},
      {"five moments", five_moments, "/optimizer has 5 moments and must have 4 at most"},
      {"long tensor", long_tensor, "... is longer than 79 bytes"},
      {"long moment", long_moment, "... is longer than 31 bytes"},
  };
  static const damage no_state_list = {"no state", no_state, "/state is missing"};
  damage_try(list, sizeof list / sizeof *list, false);
  damage_try(&no_state_list, 1, true);
}

static const char count_name[] = "parameters/a.num_batches_tracked";
static bool count_of(hid_t file, hid_t type, int rank, const void *value)
{
  return replace(file, count_name, type, rank, (hsize_t[]){2}, H5Pcreate(H5P_DATASET_CREATE), value);
}
static bool other_count(hid_t file)
{
  return count_of(file, H5T_NATIVE_LLONG, 0, &(long long){38});
}
static bool negative_count(hid_t file)
{
  return count_of(file, H5T_NATIVE_LLONG, 0, &(long long){-1});
}
static bool count_of_floats(hid_t file)
{
  return count_of(file, H5T_NATIVE_FLOAT, 0, &(float){37});
}
static bool two_counts(hid_t file)
{
  return count_of(file, H5T_NATIVE_LLONG, 1, (long long[]){37, 37});
}
static bool empty_count(hid_t file)
{
  return count_of(file, H5T_NATIVE_LLONG, -1, NULL);
}
static bool narrow_count(hid_t file)
{
  return count_of(file, H5T_STD_I16BE, 0, (unsigned char[]){0, 37});
}
static bool no_count(hid_t file)
{
  return H5Ldelete(file, count_name, H5P_DEFAULT) >= 0;
}
static bool count_of_another(hid_t file)
{
  return H5Lmove(file, count_name, file, "parameters/b.num_batches_tracked", H5P_DEFAULT, H5P_DEFAULT) >= 0;
}
static bool one_count_more(hid_t file)
{
  return H5Lcreate_hard(file, count_name, file, "parameters/b.num_batches_tracked", H5P_DEFAULT,
                        H5P_DEFAULT) >= 0;
}
static bool count_in_a_moment(hid_t file)
{
  return H5Lcreate_hard(file, count_name, file, "optimizer/exp_avg_sq/a.num_batches_tracked", H5P_DEFAULT,
                        H5P_DEFAULT) >= 0;
}

static void test_counts(void **state)
{
  (void)state;
  static const damage list[] = {
      {"other", other_count, "a.num_batches_tracked is 38 where the state says 37"},
      {"negative", negative_count, "a.num_batches_tracked is -1 where the state says 37"},
      {"floats", count_of_floats, "a.num_batches_tracked is not one whole number"},
      {"two", two_counts, "a.num_batches_tracked is not one whole number"},
      {"empty", empty_count, "a.num_batches_tracked is not one whole number"},
      {"16 bits", narrow_count, NULL},
      {"missing", no_count, "a.num_batches_tracked is missing"},
      {"of another layer", count_of_another, "a.num_batches_tracked is missing"},
      {"one more", one_count_more, "it has 2 num_batches_tracked and 1 running_var"},
      {"in a moment", count_in_a_moment, "it has 1 num_batches_tracked and 0 running_var"},
  };
  damage_try(list, sizeof list / sizeof *list, false);
}

/** Every array, missing; and one more in each group. */
static void test_missing_and_more(void **state)
{
  (void)state;
  static const char fingerprint[] = "does not have the fingerprint";
  static const struct {
    const char *name, *part;
  } list[] = {{"parameters/z.weight", "it holds 6 parameters and says to hold 30"},
              {"parameters/a.weight", "it holds 27 parameters and says to hold 30"},
              {"parameters/a.bias", "it holds 27 parameters and says to hold 30"},
              {"parameters/a.running_mean", fingerprint},
              {"parameters/a.running_var", "it has 1 num_batches_tracked and 0 running_var"},
              {"optimizer/exp_avg/z.weight", fingerprint},
              {"optimizer/exp_avg/a.weight", fingerprint},
              {"optimizer/exp_avg/a.bias", fingerprint},
              {"optimizer/exp_avg_sq/z.weight", fingerprint},
              {"optimizer/exp_avg_sq/a.weight", fingerprint},
              {"optimizer/exp_avg_sq/a.bias", fingerprint},
              {"optimizer/exp_avg", fingerprint},
              {"optimizer/exp_avg_sq", fingerprint}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    const hid_t file = damage_begin();
    assert_true(H5Ldelete(file, list[i].name, H5P_DEFAULT) >= 0);
    damage_end(file, list[i].name, list[i].part, false);
  }
  static const char *const more[] = {"parameters/a.more", "parameters/b.running_mean",
                                     "optimizer/exp_avg/more"};
  for (int i = 0; i < 3; i++) {
    const hid_t file = damage_begin();
    assert_true(of_extent(file, more[i], 1, bias_extent, bias_extent));
    damage_end(file, more[i], i == 0 ? "it holds 33 parameters and says to hold 30" : fingerprint, false);
  }
}

static bool more_of_the_future(hid_t file)
{
  return H5Gclose(H5Gcreate2(file, "more", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)) >= 0 &&
         H5Lcreate_external("good.h5", "/parameters", file, "elsewhere", H5P_DEFAULT, H5P_DEFAULT) >= 0;
}

/** What is not read does no harm. */
static void test_more_beside(void **state)
{
  (void)state;
  static const damage list = {"more beside", more_of_the_future, NULL};
  damage_try(&list, 1, false);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, damage_nothing_left)
  const struct CMUnitTest tests[] = {
      TEST(test_other_forms), TEST(test_other_extents),    TEST(test_links),       TEST(test_groups),
      TEST(test_counts),      TEST(test_missing_and_more), TEST(test_more_beside),
  };
  return cmocka_run_group_tests(tests, damage_set_up, damage_tear_down);
}
