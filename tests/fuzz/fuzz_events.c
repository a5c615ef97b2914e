/* The event file of TensorBoard, as a resumed run finds it. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_file.h"
#include "train/event_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *copy = malloc(size + 1);
  fuzz_demand(copy != NULL, "there is memory");
  memcpy(copy, data, size);
  const size_t kept = lks_event_keep(copy, size, 1000);
  fuzz_demand(kept <= size, "records are taken away");
  fuzz_demand(lks_event_keep(copy, kept, 1000) == kept, "what was kept is kept again");
  free(copy);
  return 0;
}
