#include "cli/statistics_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Cuts ":train" or ":test" off the end. */
static bool take_part(lks_statistics_source *source)
{
  static const char *const word[] = {[LKS_SPLIT_TRAIN] = "train", [LKS_SPLIT_TEST] = "test"};
  char *colon = strrchr(source->file, ':');
  for (int part = LKS_SPLIT_TRAIN; colon && part <= LKS_SPLIT_TEST; part++) {
    if (strcmp(colon + 1, word[part]) != 0) continue;
    *colon = '\0';
    source->part = (lks_split)part;
    source->part_given = true;
    return true;
  }
  return false;
}

lks_status lks_statistics_source_read(lks_statistics_source *source, const char *text)
{
  *source = (lks_statistics_source){.part = LKS_SPLIT_TRAIN};
  snprintf(source->file, sizeof source->file, "%s", text);
  if (access(text, F_OK) == 0 || take_part(source)) return LKS_OK;
  char *colon = strrchr(source->file, ':');
  if (!colon) return LKS_OK;
  *colon = '\0';
  if (!take_part(source)) { /* a colon in its name */
    *colon = ':';
    return LKS_OK;
  }
  char *end;
  const unsigned long long samples = strtoull(colon + 1, &end, 10);
  const bool digits = colon[1] >= '0' && colon[1] <= '9' && *end == '\0';
  if (!digits || samples < 2 || samples > UINT32_MAX)
    return lks_fail(
        LKS_ERR_USAGE,
        "statistics-from = %s: '%s' is no count of samples; FILE:train:1000 takes the first 1000, at least 2 are needed",
        text, colon + 1);
  source->samples = (size_t)samples;
  return LKS_OK;
}
