/* Checkpoints of good form, with the fingerprint of what they hold, whose numbers no run can have; and those
 * at the edge that one can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "checkpoint/checkpoint_read.h"
#include "support/damaged_checkpoint.h"
#include "support/hdf5_edit.h"

typedef struct subject {
  lks_checkpoint_header header;
  lks_snapshot snapshot;
  double mean[2], std[2];
} subject;

static void create(subject *s)
{
  s->header = made_up_header();
  assert_int_equal(made_up_snapshot(&s->snapshot, 1.0f), LKS_OK);
  memcpy(s->mean, s->header.mean, sizeof s->mean);
  memcpy(s->std, s->header.std, sizeof s->std);
  s->header.mean = s->mean;
  s->header.std = s->std;
}

static void expect_read(subject *s, const char *name)
{
  lks_checkpoint_header header;
  lks_snapshot snapshot;
  if (lks_checkpoint_read(&header, &snapshot, damage_bad) != LKS_OK) fail_msg("%s: %s", name, lks_message());
  if (!same_header(&s->header, &header) || !same_snapshot(&s->snapshot, &snapshot))
    fail_msg("%s: read as another", name);
  lks_checkpoint_header_clear(&header);
  lks_snapshot_clear(&snapshot);
}

/** Saves it and expects what must become of it. */
static void finish(subject *s, const char *name, const char *part, bool in_header)
{
  assert_int_equal(made_up_save_as(damage_bad, &s->header, &s->snapshot), LKS_OK);
  if (part)
    damage_expect(name, part, in_header);
  else
    expect_read(s, name);
  lks_snapshot_clear(&s->snapshot);
}

static float *element(subject *s, const char *name, int moment, size_t i)
{
  for (size_t a = 0; a < s->snapshot.arrays; a++) {
    const lks_snapshot_array *array = &s->snapshot.array[a];
    if (array->moment == moment && strcmp(array->name, name) == 0) return &array->data[i];
  }
  fail_msg("%s is not there", name);
  return NULL;
}

/** One element of an array is set; the file has good checksums and the fingerprint of it. */
static void test_tensors(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    int moment;
    size_t element;
    float value;
    const char *part;
  } list[] = {
      {"z.weight", LKS_NO_MOMENT, 0, NAN,
       "element 0 of z.weight is nan and must be finite: the run had diverged"},
      {"z.weight", LKS_NO_MOMENT, 23, INFINITY,
       "element 23 of z.weight is inf and must be finite: the run had"},
      {"a.bias", LKS_NO_MOMENT, 2, -INFINITY, "element 2 of a.bias is -inf and must be finite: the run had"},
      {"a.running_mean", LKS_NO_MOMENT, 1, NAN, "element 1 of a.running_mean is nan and must be finite: the"},
      {"a.running_var", LKS_NO_MOMENT, 2, INFINITY,
       "element 2 of a.running_var is inf and must be finite and not"},
      {"a.running_var", LKS_NO_MOMENT, 2, -1e-30f,
       "element 2 of a.running_var is -1e-30 and must be finite and not negative: damaged or edited"},
      {"z.weight", 0, 3, -INFINITY, "element 3 of exp_avg/z.weight is -inf and must be finite: the run"},
      {"a.bias", 1, 2, NAN, "element 2 of exp_avg_sq/a.bias is nan and must be finite and not negative"},
      {"a.weight", 1, 0, -0.5f,
       "element 0 of exp_avg_sq/a.weight is -0.5 and must be finite and not negative"},
      {"a.running_var", LKS_NO_MOMENT, 0, 0.0f, NULL},
      {"a.running_var", LKS_NO_MOMENT, 0, -0.0f, NULL},
      {"a.running_mean", LKS_NO_MOMENT, 0, -3e38f, NULL},
      {"z.weight", LKS_NO_MOMENT, 5, -1e-45f, NULL},
      {"a.weight", 0, 1, -7.0f, NULL},
      {"a.weight", 1, 1, 0.0f, NULL},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    subject s;
    create(&s);
    *element(&s, list[i].name, list[i].moment, list[i].element) = list[i].value;
    finish(&s, list[i].name, list[i].part, false);
  }
}

static void no_deviation(subject *s)
{
  s->std[1] = 0;
}
static void negative_deviation(subject *s)
{
  s->std[1] = -1e-300;
}
static void infinite_deviation(subject *s)
{
  s->std[0] = INFINITY;
}
static void nan_deviation(subject *s)
{
  s->std[1] = NAN;
}
static void nan_mean(subject *s)
{
  s->mean[0] = NAN;
}
static void infinite_mean(subject *s)
{
  s->mean[1] = -INFINITY;
}
static void negative_mean(subject *s)
{
  s->mean[1] = -3;
}
static void one_class(subject *s)
{
  s->header.classes = 1;
}
static void most_classes(subject *s)
{
  s->header.classes = INT32_MAX;
}
static void highest(subject *s)
{
  s->header.input.height = INT32_MAX;
  s->header.input.width = 1;
}
static void negative_parameters(subject *s)
{
  s->header.parameters = -30;
}
static void infinite_seconds(subject *s)
{
  s->header.state.seconds = INFINITY;
}
static void negative_seconds(subject *s)
{
  s->header.state.seconds = -0.5;
}
static void no_seconds(subject *s)
{
  s->header.state.seconds = 0;
}
static void nan_noise(subject *s)
{
  s->header.state.noise[2] = NAN;
}
static void no_noise(subject *s)
{
  s->header.state.noises = 0;
}
static void most_noise(subject *s)
{
  s->header.state.noises = LKS_NOISE_STATE_MAX;
  s->header.state.noise[LKS_NOISE_STATE_MAX - 1] = 0.75;
}
static void nan_last_noise(subject *s)
{
  most_noise(s);
  s->header.state.noise[LKS_NOISE_STATE_MAX - 1] = NAN;
}
static void large_limb(subject *s)
{
  s->header.state.loss_limbs[0] = ((int64_t)200 << 32) + 1;
}
static void low_limb(subject *s)
{
  s->header.state.loss_limbs[5] = -((int64_t)200 << 32) - 1;
}
static void loss_not_finite(subject *s)
{
  s->header.state.loss_limbs[6] = 1;
}
static void longest_job(subject *s)
{
  memset(s->header.state.job, 'j', LKS_TEXT_MAX - 1);
  memset(s->header.state.isa, 'i', sizeof s->header.state.isa - 1);
}

typedef struct value {
  const char *name;
  void (*set)(subject *s);
  const char *part;
} value;

static void try(const value *list, size_t count, bool in_header)
{
  for (size_t i = 0; i < count; i++) {
    subject s;
    create(&s);
    list[i].set(&s);
    finish(&s, list[i].name, list[i].part, in_header);
  }
}

static void test_header(void **state)
{
  (void)state;
  static const value list[] = {
      {"no deviation", no_deviation, NULL},
      {"negative deviation", negative_deviation, "its input_std[1] is -1e-300 and must be finite and not"},
      {"infinite deviation", infinite_deviation,
       "its input_std[0] is inf and must be finite and not negative"},
      {"deviation that is no number", nan_deviation, "its input_std[1] is nan and must be finite and not"},
      {"mean that is no number", nan_mean, "its input_mean[0] is nan and must be finite"},
      {"infinite mean", infinite_mean, "its input_mean[1] is -inf and must be finite"},
      {"negative mean", negative_mean, NULL},
      {"one class", one_class, NULL},
      {"most classes", most_classes, NULL},
      {"highest", highest, NULL},
      {"negative parameters", negative_parameters, "its parameters is -30 and must not be negative"},
      {"infinite seconds", infinite_seconds, "its seconds is inf and must be finite and not negative"},
      {"negative seconds", negative_seconds, "its seconds is -0.5 and must be finite and not negative"},
      {"no seconds", no_seconds, NULL},
      {"noise that is no number", nan_noise, "its noise[2] is nan and must be finite"},
      {"no noise", no_noise, NULL},
      {"most noise", most_noise, NULL},
      {"last noise", nan_last_noise, "its noise[1282] is nan and must be finite"},
      {"large limb", large_limb, "its loss_limbs are not the sum of 200 losses"},
      {"low limb", low_limb, "its loss_limbs are not the sum of 200 losses"},
      {"loss that is not finite", loss_not_finite, "its loss_limbs are not the sum of 200 losses"},
      {"longest job", longest_job, NULL},
  };
  try(list, sizeof list / sizeof *list, true);
}

/** Where a run stands: epochs of equal numbers of steps, each step of one sample at least. */
static void test_places(void **state)
{
  (void)state;
  static const char cannot[] = "which cannot be";
  static const struct {
    size_t epoch, epoch_step, step;
    int64_t samples, correct;
    const char *part;
  } list[] = {
      {0, 0, 0, 0, 0, NULL},
      {0, 5, 5, 5, 5, NULL},
      {0, 5, 6, 50, 0,
       "it says to be at epoch 0 and step 5 of the next, after 6 steps in all, which cannot be"},
      {1, 0, 8, 0, 0, NULL},
      {1, 8, 16, 8, 0, NULL}, /* the last step of the epoch is done, its end is not */
      {1, 9, 17, 9, 0, cannot},
      {1, 0, 0, 0, 0, cannot},
      {3, 7, 37, 200, 100, NULL},
      {3, 7, 36, 200, 100, cannot},
      {3, 7, 38, 200, 100, cannot},
      {3, 11, 41, 200, 100, cannot},
      {2, 5, 4, 200, 100, cannot},
      {1, 5, 4, 200, 100, cannot},
      {2, 5, 5, 200, 100, cannot},
      {3, 7, 37, 7, 7, NULL},
      {3, 7, 37, 6, 0, "its samples is 6 after 7 steps of an epoch"},
      {1, 0, 8, -1, 0, "its samples is -1 after 0 steps of an epoch"},
      {3, 7, 37, 200, 201, "its correct is 201 and must be 0 to the 200 samples"},
      {3, 7, 37, 200, 200, NULL},
      {3, 7, 37, 200, -1, "its correct is -1 and must be 0 to the 200 samples"},
      {3, 7, 37, 896, 0, NULL}, /* mini-batches of 128 */
      {3, 7, 37, 897, 0, "its samples is 897 after 7 steps of an epoch"},
      {1, 0, 8, 1, 0, "its samples is 1 after 0 steps of an epoch"},
      {1, 0, UINT32_MAX, 0, 0, NULL},
      {1, 0, UINT32_MAX + (size_t)1, 0, 0, "its step is 4294967296 and must be 4294967295 at most"},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    char name[16];
    subject s;
    create(&s);
    s.header.state.epoch = list[i].epoch;
    s.header.state.epoch_step = list[i].epoch_step;
    s.header.state.step = list[i].step;
    s.header.state.samples = list[i].samples;
    s.header.state.correct = list[i].correct;
    memset(s.header.state.loss_limbs, 0, sizeof s.header.state.loss_limbs);
    snprintf(name, sizeof name, "place %zu", i);
    finish(&s, name, list[i].part, true);
  }
}

static void negative_batches(subject *s)
{
  s->snapshot.batches_tracked = -1;
}
static void no_batches(subject *s)
{
  s->snapshot.batches_tracked = 0;
}
static void negative_steps(subject *s)
{
  s->snapshot.steps = -1;
}
static void no_steps(subject *s)
{
  s->snapshot.steps = 0;
}
static void one_parameter_less(subject *s)
{
  s->header.parameters = 29;
}
static void one_parameter_more(subject *s)
{
  s->header.parameters = 31;
}
static void without_optimizer(subject *s)
{
  s->snapshot.arrays = 5;
  s->snapshot.elements = 36;
  s->snapshot.optimizer = false;
  s->snapshot.steps = 0;
  s->snapshot.moments = 0;
  memset(s->snapshot.moment_name, 0, sizeof s->snapshot.moment_name);
}
static void without_moments(subject *s)
{
  without_optimizer(s);
  s->snapshot.optimizer = true;
  s->snapshot.steps = 41;
}
static void long_names(subject *s)
{
  memset(s->snapshot.moment_name[1], 'm', LKS_MOMENT_NAME_MAX - 1);
  memset(s->snapshot.array[2].name, 'n', LKS_ARRAY_NAME_MAX - 1);
}

static void test_counts(void **state)
{
  (void)state;
  static const value list[] = {
      {"negative batches", negative_batches, "its batches_tracked is -1 and must not be negative"},
      {"no batches", no_batches, NULL},
      {"negative steps", negative_steps, "its optimizer's steps is -1 and must not be negative"},
      {"no steps", no_steps, NULL},
      {"one parameter less", one_parameter_less, "it holds 30 parameters and says to hold 29"},
      {"one parameter more", one_parameter_more, "it holds 30 parameters and says to hold 31"},
      {"without optimizer", without_optimizer, NULL},
      {"without moments", without_moments, NULL},
      {"long names", long_names, NULL},
  };
  try(list, sizeof list / sizeof *list, false);
}

static void four_moments(subject *s)
{
  for (int m = 2; m < LKS_MOMENTS_MAX; m++)
    snprintf(s->snapshot.moment_name[m], LKS_MOMENT_NAME_MAX, "moment%d", m);
  s->snapshot.moments = LKS_MOMENTS_MAX;
}

/** Groups of moments without arrays are moments all the same. */
static void test_as_many_moments_as_there_can_be(void **state)
{
  (void)state;
  static const value list = {"four moments", four_moments, NULL};
  try(&list, 1, false);
}

static bool another_model(hid_t file)
{
  return edit_text(file, "model", "dense classes #", 16);
}
static bool another_setting(hid_t file)
{
  return edit_text(file, "config", "[Training]\nseed = 18446744073709551615\n", 40);
}
static bool another_mean(hid_t file)
{
  return edit_numbers(file, "input_mean", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){2}, (double[]){0.25, 0.75});
}
static bool another_std(hid_t file)
{
  return edit_numbers(file, "input_std", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){2}, (double[]){0.25, 0.75});
}
static bool another_noise(hid_t file)
{
  const double noise[] = {1, 2, 3};
  const hid_t group = H5Gopen2(file, "state", H5P_DEFAULT);
  const bool ok = edit_whole(group, "noises", 3) &&
                  edit_numbers(group, "noise", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){3}, noise);
  H5Gclose(group);
  return ok;
}

/** HDF5 keeps attributes of more than 4 KiB without a checksum: the hash of the header is theirs. */
static void test_what_may_be_large_has_a_hash(void **state)
{
  (void)state;
  static const char refused[] =
      "one of its attributes config, model, input_mean, input_std and state/noise is";
  static const damage list[] = {
      {"model", another_model, refused}, {"config", another_setting, refused},
      {"mean", another_mean, refused},   {"std", another_std, refused},
      {"noise", another_noise, refused},
  };
  damage_try(list, sizeof list / sizeof *list, true);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, damage_nothing_left)
  const struct CMUnitTest tests[] = {
      TEST(test_tensors),
      TEST(test_header),
      TEST(test_places),
      TEST(test_counts),
      TEST(test_as_many_moments_as_there_can_be),
      TEST(test_what_may_be_large_has_a_hash),
  };
  return cmocka_run_group_tests(tests, damage_set_up, damage_tear_down);
}
