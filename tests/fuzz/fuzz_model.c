/* Model text, of a file and of a checkpoint. */
#include <stdlib.h>

#include "fuzz/fuzz_file.h"
#include "lockstep/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const lks_shape shape[] = {{8, 8, 1}, {1, 1, 20}, {INT32_MAX, 1, 1}};
  char *text = fuzz_text(data, size);
  for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
    lks_model *model = NULL;
    const lks_status status = lks_model_parse(&model, text, "model", shape[i], 10, i % 2 == 1);
    fuzz_demand((status == LKS_OK) == (model != NULL), "a model is made, or refused");
    fuzz_demand(status == LKS_OK || status == LKS_ERR_USAGE || status == LKS_ERR_DATA ||
                    status == LKS_ERR_RANK,
                "a model is refused for what it is");
    lks_model_destroy(&model);
  }
  free(text);
  return 0;
}
