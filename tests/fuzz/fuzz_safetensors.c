/* The header of safetensors: what it accepts lies within the numbers, one array behind the other. */
#include <string.h>

#include "export/weight_file.h"
#include "fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  enum { MOST = 1 << 14 };
  static float values[MOST];
  static uint8_t file[(1 << 13) + 8];
  lks_weight_file *weights = NULL;
  if (size > sizeof file - 8 || size < 1) return 0;
  /* The first byte says how much of the rest is numbers. */
  const size_t numbers = data[0] < size - 1 ? data[0] : size - 1, header = size - 1 - numbers;
  for (int b = 0; b < 8; b++) file[b] = (uint8_t)(header >> 8 * b);
  memcpy(file + 8, data + 1, size - 1);
  if (lks_weight_file_open(&weights, fuzz_file("input", file, size + 7)) != LKS_OK) return 0;
  size_t bytes = 0;
  for (size_t i = 0; i < lks_weight_file_count(weights); i++) {
    const lks_weight_entry *entry = lks_weight_file_entry(weights, i);
    bool exact;
    bytes += entry->bytes;
    if (entry->readable && entry->elements <= MOST)
      fuzz_demand(lks_weight_file_read(values, &exact, weights, i) == LKS_OK,
                  "what is described can be read");
  }
  lks_weight_file_close(&weights);
  fuzz_demand(bytes == numbers, "all bytes belong to arrays");
  return 0;
}
