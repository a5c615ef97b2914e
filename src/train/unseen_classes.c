#include "train/unseen_classes.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/log.h"

enum { LISTED = 8, LIST_SIZE = 128 };

/* seen [classes] in: how often; list [LIST_SIZE] out: "2, 5, 7, ...". Returns how many have none. */
static size_t list_unseen(char *list, const size_t *seen, size_t classes)
{
  size_t unseen = 0, used = 0;
  list[0] = '\0';
  for (size_t c = 0; c < classes; c++) {
    if (seen[c]) continue;
    if (unseen < LISTED)
      used += (size_t)snprintf(list + used, LIST_SIZE - used, "%s%zu", unseen ? ", " : "", c);
    if (unseen == LISTED) snprintf(list + used, LIST_SIZE - used, ", ...");
    unseen++;
  }
  return unseen;
}

static size_t count_strangers(const lks_dataset *dataset, const lks_selection *selection, bool held,
                              const size_t *seen)
{
  const lks_samples s = lks_dataset_split(dataset, held ? LKS_SPLIT_TRAIN : LKS_SPLIT_TEST);
  const size_t count = held ? selection->held_count : s.count;
  size_t strangers = 0;
  for (size_t i = 0; i < count; i++) strangers += !seen[s.label[held ? selection->held[i] : i]];
  return strangers;
}

void lks_unseen_classes_warn(const lks_dataset *dataset, const lks_selection *selection, bool held)
{
  const lks_samples train = lks_dataset_split(dataset, LKS_SPLIT_TRAIN);
  const size_t classes = lks_dataset_classes(dataset);
  char list[LIST_SIZE];
  size_t *seen = lks_new(classes, sizeof *seen);
  if (!seen) return; /* memory is short: whoever needs more will say so */
  for (size_t i = 0; i < selection->train_count; i++) seen[train.label[selection->train[i]]]++;
  const size_t unseen = list_unseen(list, seen, classes);
  const size_t strangers = unseen ? count_strangers(dataset, selection, held, seen) : 0;
  if (unseen)
    lks_warn("%zu of %zu classes ha%s no training sample (%s)", unseen, classes, unseen == 1 ? "s" : "ve",
             list);
  if (strangers)
    lks_warn("%zu %s sample%s of classes that training never sees, and will be taken for others", strangers,
             held ? "held-out" : "test", strangers == 1 ? " is" : "s are");
  lks_free(seen);
}
