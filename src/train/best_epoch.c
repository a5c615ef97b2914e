#include "train/best_epoch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 16 };

static const struct {
  const char *name;
  bool higher; /* is better */
  size_t offset;
} metrics[] = {
    [LKS_BEST_TEST_ACCURACY] = {"test accuracy", true, offsetof(lks_metrics_row, test_accuracy)},
    [LKS_BEST_TEST_LOSS] = {"test loss", false, offsetof(lks_metrics_row, test_loss)},
    [LKS_BEST_TRAIN_LOSS] = {"training loss", false, offsetof(lks_metrics_row, train_loss)},
    [LKS_BEST_TRAIN_ACCURACY] = {"training accuracy", true, offsetof(lks_metrics_row, train_accuracy)},
};

const char *lks_best_name(lks_best_metric metric)
{
  return metrics[metric].name;
}

double lks_best_value(const lks_metrics_row *row, lks_best_metric metric)
{
  double value;
  memcpy(&value, (const char *)row + metrics[metric].offset, sizeof value);
  return value;
}

bool lks_best_is_beaten(const lks_best *best, double value, lks_best_metric metric)
{
  if (isnan(value)) return false;
  return best->epoch == 0 || (metrics[metric].higher ? value > best->value : value < best->value);
}

lks_status lks_best_rows(lks_metrics_row **row, size_t *count, const char *folder, size_t epoch)
{
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/metrics.csv", folder);
  *row = NULL;
  *count = 0;
  if (!lks_file_exists(path)) return LKS_OK;
  const lks_status status = lks_metrics_read(row, count, folder);
  if (status) return lks_fail_in(status, "the best epoch so far is not known: ");
  while (*count > 0 && (*row)[*count - 1].epoch > epoch) --*count;
  return LKS_OK;
}
