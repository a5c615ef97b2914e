#include "lockstep/dataset.h"

#include "base/arena.h"

#include <stdio.h>
#include <string.h>

/* How many of `wanted` samples class c gives when the classes have `have` of `all`: in proportion, rounded so
 * that the sum over the classes is `wanted`. */
static size_t quota(size_t before, size_t have, size_t all, size_t wanted)
{
  return all ? (before + have) * wanted / all - before * wanted / all : 0;
}

/* Splits a list in two: the first samples of each class, as many as its quota, and the others; both keep
 * their order. */
static lks_status split_by_class(uint32_t *chosen, uint32_t *others, const uint32_t *from, size_t count,
                                 const int32_t *label, size_t classes, size_t wanted)
{
  size_t *left = lks_new(2 * classes, sizeof *left), before = 0;
  if (!left) return LKS_ERR_RANK;
  size_t *have = left + classes;
  for (size_t i = 0; i < count; i++) have[label[from[i]]]++;
  for (size_t c = 0; c < classes; before += have[c++]) left[c] = quota(before, have[c], count, wanted);
  for (size_t i = 0; i < count; i++) {
    size_t c = (size_t)label[from[i]];
    if (left[c]) {
      left[c]--;
      *chosen++ = from[i];
    } else
      *others++ = from[i];
  }
  lks_free(left);
  return LKS_OK;
}

static lks_status check_counts(size_t all, size_t train_samples, size_t holdout)
{
  if (train_samples > all)
    return lks_fail(LKS_ERR_DATA,
                    "the dataset has %zu training samples, not the %zu that train-samples asks for", all,
                    train_samples);
  size_t used = train_samples ? train_samples : all;
  if (!holdout && used < 2)
    return lks_fail(
        LKS_ERR_DATA,
        "the dataset has %zu training sample%s, and training takes at least 2: a variance is made of them",
        used, used == 1 ? "" : "s");
  if (holdout + 2 > used)
    return lks_fail(LKS_ERR_DATA,
                    "holding out %zu of %zu training samples leaves none to train on: lower holdout", holdout,
                    used);
  return LKS_OK;
}

lks_status lks_selection_check(const lks_dataset *dataset, size_t holdout)
{
  if (holdout || lks_dataset_split(dataset, LKS_SPLIT_TEST).count) return LKS_OK;
  return lks_fail(LKS_ERR_DATA,
                  "%s has no test samples; give --holdout N, which keeps N training samples back to test on",
                  lks_dataset_path(dataset));
}

lks_status lks_selection_create(lks_selection **selection, const lks_dataset *dataset, size_t train_samples,
                                size_t holdout)
{
  lks_samples samples = lks_dataset_split(dataset, LKS_SPLIT_TRAIN);
  size_t all = samples.count, classes = lks_dataset_classes(dataset),
         used = train_samples ? train_samples : all;
  *selection = NULL;
  lks_status status = check_counts(all, train_samples, holdout);
  if (status) return status;
  uint32_t *every = lks_new(all, sizeof *every), *wanted = lks_new(all, sizeof *wanted);
  lks_selection *made = lks_new(1, sizeof *made);
  if (made) made->train = lks_new(all, sizeof *made->train);
  if (!every || !wanted || !made || !made->train)
    status = LKS_ERR_RANK;
  else {
    for (size_t i = 0; i < all; i++) every[i] = (uint32_t)i;
    made->train_count = used - holdout;
    made->held_count = holdout;
    made->held = made->train + made->train_count;
    status = split_by_class(wanted, wanted + used, every, all, samples.label, classes, used);
    if (!status)
      status =
          split_by_class(made->train, made->held, wanted, used, samples.label, classes, made->train_count);
  }
  lks_free(every);
  lks_free(wanted);
  *selection = made;
  if (status) lks_selection_destroy(selection);
  return status;
}

void lks_selection_destroy(lks_selection **selection)
{
  if (!*selection) return;
  lks_free((*selection)->train);
  lks_free(*selection);
  *selection = NULL;
}
