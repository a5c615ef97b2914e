#include "import/test_split.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"

/* A class: where its samples are in the list, and how many of them are for testing. */
typedef struct group {
  size_t first, count, chosen;
  double rest; /* of its exact share */
} group;

static void count_samples(group *class, const int32_t *label, size_t count, size_t classes)
{
  for (size_t i = 0; i < count; i++) class[label[i]].count++;
  for (size_t k = 1; k < classes; k++) class[k].first = class[k - 1].first + class[k - 1].count;
}

/* The one with the largest remainder that can give one more; NULL: none can. */
static group *neediest(group *class, size_t classes)
{
  group *found = NULL;
  for (size_t k = 0; k < classes; k++)
    if (class[k].chosen + 1 < class[k].count && (!found || class[k].rest > found->rest)) found = &class[k];
  return found;
}

static size_t share_out(group *class, size_t classes, size_t count, double share)
{
  const size_t wanted = (size_t)floor(share * (double)count + 0.5);
  size_t chosen = 0;
  for (size_t k = 0; k < classes; k++) {
    const double exact = share * (double)class[k].count;
    class[k].chosen = (size_t)exact;
    class[k].rest = exact - (double)class[k].chosen;
    chosen += class[k].chosen;
  }
  for (group *one; chosen < wanted && (one = neediest(class, classes)) != NULL; chosen++) {
    one->chosen++;
    one->rest = -1; /* each gets at most one more, until all have got one */
  }
  return chosen;
}

/* position [count]: of each class's samples, one class after the other; room for a permutation behind it. */
static void choose(uint8_t *is_test, const group *class, size_t classes, uint32_t *position, uint32_t *order,
                   uint64_t seed)
{
  for (size_t k = 0; k < classes; k++) {
    if (!class[k].chosen) continue;
    const lks_random_key key = lks_random_key_make(seed, LKS_RANDOM_SPLIT, 0, (uint32_t)k, 0);
    lks_random_permutation(order, class[k].count, &key);
    for (size_t i = 0; i < class[k].chosen; i++) is_test[position[class[k].first + order[i]]] = 1;
  }
}

static void list_samples(uint32_t *position, group *class, const int32_t *label, size_t count)
{
  for (size_t i = 0; i < count; i++) position[class[label[i]].first++] = (uint32_t)i;
}

lks_status lks_test_split(uint8_t *is_test, const int32_t *label, size_t count, size_t classes, double share,
                          uint64_t seed)
{
  group *class = lks_new(classes, sizeof *class);
  uint32_t *position = lks_new(2 * count, sizeof *position);
  lks_status status = class && position ? LKS_OK : LKS_ERR_RANK;
  if (!status) {
    memset(is_test, 0, count);
    count_samples(class, label, count, classes);
    list_samples(position, class, label, count);
    for (size_t k = 0; k < classes; k++) class[k].first -= class[k].count; /* as it was before the list */
    if (share_out(class, classes, count, share) == 0)
      status = lks_fail(LKS_ERR_DATA, "a share of %g of %zu samples in %zu classes is no sample for testing",
                        share, count, classes);
  }
  if (!status) choose(is_test, class, classes, position, position + count, seed);
  lks_free(class);
  lks_free(position);
  return status;
}
