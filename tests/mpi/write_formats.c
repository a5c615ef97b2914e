/* Writes some samples of a dataset of pixels, class by class, in every format that can be imported (support/format_files.h).
 * usage: write_formats DATA.h5 TRAIN TEST FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dataset/dataset_load.h"
#include "support/format_files.h"

/* The first `count` samples in the order of their classes; freed with free, pixels and label alike. */
static lks_samples by_class(const lks_samples *from, size_t count, size_t width, size_t classes)
{
  uint8_t *pixels = calloc(count, width);
  int32_t *label = calloc(count, sizeof *label);
  size_t at = 0;
  if (!pixels || !label) exit(1);
  for (size_t k = 0; k < classes; k++)
    for (size_t i = 0; i < count; i++) {
      if (from->label[i] != (int32_t)k) continue;
      memcpy(pixels + at * width, from->pixels + i * width, width);
      label[at++] = (int32_t)k;
    }
  return (lks_samples){.count = count, .pixels = pixels, .label = label};
}

int main(int argc, char **argv)
{
  void *block = NULL;
  lks_contents from;
  if (argc != 5) return 2;
  lks_status status = lks_dataset_load(&block, &from, argv[1], NULL);
  if (status) fprintf(stderr, "write_formats: %s\n", lks_message());
  if (status) return status;
  lks_contents sorted = {.layout = from.layout};
  for (int split = 0; split < 2; split++) {
    const size_t wanted = strtoul(argv[2 + split], NULL, 10), there = from.split[split].count;
    sorted.layout.count[split] = wanted < there ? wanted : there;
    sorted.split[split] = by_class(&from.split[split], sorted.layout.count[split],
                                   lks_layout_width(&from.layout), from.layout.classes);
  }
  const bool ok = lks_make_format_files(argv[4], &sorted);
  for (int split = 0; split < 2; split++) {
    free((void *)(uintptr_t)sorted.split[split].pixels);
    free((void *)(uintptr_t)sorted.split[split].label);
  }
  lks_free(block);
  return ok ? 0 : 1;
}
