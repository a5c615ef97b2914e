/* One file as each of the formats to import that are a single file: a table, an archive of arrays, records of labels and pixels. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_file.h"
#include "import/source_cifar.h"
#include "import/source_csv.h"
#include "import/source_npz.h"

/* Reads it to its end, and once more; twice the same comes, or the same message. */
static void read_through(lks_status status, lks_source **source)
{
  enum { MOST = 1 << 16 };
  static char values[2][MOST];
  lks_status outcome[2] = {LKS_OK, LKS_OK};
  size_t bytes = 0;
  const lks_layout *layout = status ? NULL : &(*source)->layout;
  if (!status && !lks_layout_check(layout)) bytes = lks_layout_sample_bytes(layout);
  for (int pass = 0; pass < 2 && bytes && bytes <= MOST; pass++) {
    for (int split = 0; split < LKS_SPLITS; split++)
      for (size_t i = 0; i < layout->count[split] && !outcome[pass]; i++) {
        fuzz_demand((*source)->label[split][i] >= 0 && (size_t)(*source)->label[split][i] < layout->classes,
                    "labels are those of classes");
        outcome[pass] = lks_source_next(*source, values[pass], 1);
      }
    if (lks_source_rewind(*source)) break;
  }
  if (bytes && bytes <= MOST && !outcome[0] && !outcome[1])
    fuzz_demand(memcmp(values[0], values[1], bytes) == 0, "the last sample is the same again");
  lks_source_destroy(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const lks_dataset_names names;
  lks_source *source = NULL;
  char path[256];
  strcpy(path, fuzz_file("input", data, size));
  const char *one = path;
  const lks_csv_options table = {
      .train = path, .test = size % 2 ? path : NULL, .label = size % 3 ? "last" : "1"};
  const lks_npz_options archive = {.archive = path, .names = &names};
  const lks_cifar_options records = {.hundred = size % 2, .train = &one, .trains = 1, .shape = {3, 2, 1}};
  read_through(lks_source_csv_open(&source, &table), &source);
  read_through(lks_source_npz_open(&source, &archive), &source);
  read_through(lks_source_cifar_open(&source, &records), &source);
  return 0;
}
