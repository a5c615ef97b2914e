/* What a comparison says that pairs of runs share, and what not. What is said of initial weights, tests/mpi/test_setup.c
 * shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "support/made_up_runs.h"

/* Mini-batches of 128, 7 epochs, lr 0.1; no arm yet. */
static lks_comparison without_arms(void)
{
  lks_comparison c = made_up_comparison("d", "sync", 5);
  c.arms = 0;
  memset(c.arm, 0, sizeof c.arm);
  return c;
}

static void add(lks_comparison *c, const char *name, const char *settings)
{
  if (lks_comparison_arm_add(c, name, settings, 4) != LKS_OK) fail_msg("%s: %s", name, lks_message());
}

static void assert_pairing(const char *settings, const char *expected)
{
  char text[LKS_TEXT_MAX];
  lks_comparison c = without_arms();
  add(&c, "base", "");
  add(&c, "other", settings);
  c.reference = 0;
  lks_comparison_pairing(text, &c, 1);
  assert_string_equal(text, expected);
}

static void test_pairing(void **state)
{
  (void)state;
#define SHARE "Runs with the same seed share "
  assert_pairing("bn=32,weight-decay=0", SHARE "initial weights, mini-batches and learning rate.");
  assert_pairing(
      "samples=/noisy",
      "Runs with the same seed share nothing but the seed. Initial weights are the same in the n-th dense layer or convolution of both where its shape and the activation behind it are (samples = /noisy, not unset). Mini-batches differ (samples = /noisy, not unset). The course of the learning rate differs (samples = /noisy, not unset).");
  assert_pairing("labels=/swapped", SHARE
                 "initial weights and learning rate. Mini-batches differ (labels = /swapped, not unset).");
  assert_pairing("lr=0.5",
                 SHARE "initial weights and mini-batches. The learning rate differs (lr = 0.5, not 0.1).");
  assert_pairing(
      "epochs=3",
      SHARE "initial weights and mini-batches. The course of the learning rate differs (epochs = 3, not 7).");
  assert_pairing(
      "model=mlp", SHARE
      "mini-batches and learning rate. Initial weights are the same in the n-th dense layer or convolution of both where its shape and the activation behind it are (model = mlp, not cnn).");
  assert_pairing(
      "batch-size=512", SHARE
      "initial weights. Samples come in the same order, cut into other mini-batches (batch-size = 512, not 128). The course of the learning rate differs (batch-size = 512, not 128).");
  assert_pairing(
      "train-samples=100,schedule=constant", SHARE
      "initial weights. Mini-batches differ (train-samples = 100, not 0). The learning rate's schedule differs (schedule = constant, not cosine).");
  assert_pairing(
      "flip=on",
      SHARE "initial weights, mini-batches and learning rate. Augmentation differs (flip = on, not off).");
  char text[LKS_TEXT_MAX];
  lks_comparison c = without_arms();
  c.base.crop = 2;
  add(&c, "base", "");
  add(&c, "other", "bn=8");
  assert_int_equal(lks_comparison_rates(&c, "0.1,0.3"), LKS_OK);
  lks_comparison_pairing(text, &c, 1);
  assert_string_equal(
      text,
      SHARE "initial weights, mini-batches and augmentation. The learning rate was chosen for each arm.");
  c = without_arms();
  c.base.schedule = LKS_SCHEDULE_CONSTANT; /* which has no course that epochs or steps could change */
  add(&c, "base", "");
  add(&c, "other", "epochs=2,batch-size=64");
  lks_comparison_pairing(text, &c, 1);
  assert_string_equal(
      text, SHARE
      "initial weights and learning rate. Samples come in the same order, cut into other mini-batches (batch-size = 64, not 128).");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
