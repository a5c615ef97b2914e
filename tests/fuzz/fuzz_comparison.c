/* comparison.ini, which a comparison's jobs read one after another. */
#include <string.h>

#include "base/arena.h"
#include "compare/comparison.h"
#include "fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static lks_comparison comparison, again;
  char *printed = NULL, *reprinted = NULL;
  fuzz_file("comparison.ini", data, size);
  if (lks_comparison_read(&comparison, fuzz_folder()) == LKS_OK) {
    fuzz_demand(lks_comparison_print(&printed, &comparison) == LKS_OK, "a comparison can be printed");
    fuzz_file("comparison.ini", printed, strlen(printed));
    fuzz_demand(lks_comparison_read(&again, fuzz_folder()) == LKS_OK, "a printed comparison can be read");
    fuzz_demand(lks_comparison_print(&reprinted, &again) == LKS_OK && strcmp(printed, reprinted) == 0,
                "a printed comparison is the same comparison");
  }
  lks_free(printed);
  lks_free(reprinted);
  return 0;
}
