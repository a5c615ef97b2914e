/* The four files of MNIST's form: the first two bytes of each say how many bytes it has here. */
#include <stdio.h>
#include <string.h>

#include "fuzz/fuzz_file.h"
#include "import/import.h"
#include "import/source_idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const name[] = {"train-images", "train-labels", "test-images", "test-labels"};
  char path[4][128], output[128];
  for (int i = 0; i < 4; i++) {
    size_t bytes = size < 2 ? 0 : (size_t)data[0] << 8 | data[1];
    if (size >= 2) data += 2, size -= 2;
    if (bytes > size) bytes = size;
    snprintf(path[i], sizeof path[i], "%s", fuzz_file(name[i], data, bytes));
    data += bytes;
    size -= bytes;
  }
  const lks_idx_paths paths = {path[0], path[1], path[2], path[3]};
  snprintf(output, sizeof output, "%s/missing/out.h5", fuzz_folder()); /* all is done but the writing */
  const lks_import_options options = {.output = output};
  lks_source *source = NULL;
  lks_status status = lks_source_idx_open(&source, &paths);
  if (!status) status = lks_import(NULL, source, &options);
  lks_source_destroy(&source);
  fuzz_demand(status != LKS_OK, "nothing can be written there");
  return 0;
}
