#include "train/test_order.h"

#include "base/arena.h"
#include "base/random.h"

enum {
  EVALUATION = 1
}; /* "layer" of the purpose: no random bits are shared with the shuffling of training */

static uint32_t place_of(const lks_chosen *chosen, size_t i)
{
  return chosen->place ? chosen->place[i] : (uint32_t)i;
}

/* Those of a class stay in stored order. */
static lks_status sort_by_class(uint32_t *list, const lks_chosen *chosen, size_t classes)
{
  const int32_t *label = chosen->samples.label;
  size_t *begin = lks_new(classes + 1, sizeof *begin);
  if (!begin) return LKS_ERR_RANK;
  for (size_t i = 0; i < chosen->count; i++) begin[label[place_of(chosen, i)] + 1]++;
  for (size_t c = 0; c < classes; c++) begin[c + 1] += begin[c];
  for (size_t i = 0; i < chosen->count; i++) {
    const uint32_t place = place_of(chosen, i);
    list[begin[label[place]]++] = place;
  }
  lks_free(begin);
  return LKS_OK;
}

static lks_status arrange(uint32_t *list, const lks_chosen *chosen, size_t classes,
                          const lks_evaluate_options *options)
{
  const lks_random_key key = lks_random_key_make(options->order_seed, LKS_RANDOM_SHUFFLE, EVALUATION, 0, 0);
  switch (options->order) {
  case LKS_ORDER_CLASS: return sort_by_class(list, chosen, classes);
  case LKS_ORDER_SHUFFLED:
    lks_random_permutation(list, chosen->count, &key);
    for (size_t i = 0; i < chosen->count; i++) list[i] = place_of(chosen, list[i]);
    return LKS_OK;
  case LKS_ORDER_STORED: break;
  }
  for (size_t i = 0; i < chosen->count; i++) list[i] = place_of(chosen, i);
  return LKS_OK;
}

/* From the last one on, so that none is overwritten before it is copied. */
static void repeat_each(uint32_t *list, size_t count, size_t times)
{
  for (size_t i = count; i-- > 0;) {
    const uint32_t sample = list[i];
    for (size_t k = 0; k < times; k++) list[i * times + k] = sample;
  }
}

lks_status lks_test_order_create(uint32_t **list, size_t *count, const lks_chosen *chosen, size_t classes,
                                 const lks_evaluate_options *options)
{
  const size_t taken = options->samples ? options->samples : chosen->count;
  const size_t times = options->repeat ? options->repeat : 1;
  *list = NULL;
  if (taken > chosen->count)
    return lks_fail(LKS_ERR_USAGE, "there are %zu samples to evaluate, not the %zu that samples asks for",
                    chosen->count, taken);
  if (times > UINT32_MAX / chosen->count)
    return lks_fail(
        LKS_ERR_USAGE,
        "%zu samples repeated %zu times are more than 2^32-1: take fewer samples, or a smaller repeat",
        chosen->count, times);
  *list = lks_new(chosen->count * times, sizeof **list);
  if (!*list) return LKS_ERR_RANK;
  lks_status status = arrange(*list, chosen, classes, options);
  if (!status && times > 1) repeat_each(*list, taken, times);
  *count = taken * times;
  return status;
}
