/* What predict takes besides datasets: pictures, arrays of NumPy, and tables of numbers. */
#include <math.h>
#include <string.h>

#include "cli/predict_input.h"
#include "fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const lks_shape shape[] = {{8, 8, 1}, {8, 8, 3}, {1, 1, 5}};
  static const lks_dataset_names recognized = {0};
  if (memmem(data, size, "\211HDF\r\n\032\n", 8)) return 0; /* read by another process */
  for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
    lks_predict_input input;
    unsigned said = ~0u;
    const lks_predict_need need = {shape[i], size % 2 == 1, &said, &recognized};
    if (lks_predict_input_open_all(&input, NULL, fuzz_file("input", data, size), &need) == LKS_OK) {
      fuzz_demand(input.samples.count > 0, "there are samples");
      const size_t values = input.samples.count * shape[i].height * shape[i].width * shape[i].channels;
      size_t sum = 0;
      for (size_t v = 0; v < values && input.samples.pixels; v++) sum += input.samples.pixels[v];
      for (size_t v = 0; v < values && input.samples.features; v++)
        fuzz_demand(isfinite(input.samples.features[v]), "features are finite");
      fuzz_demand(sum <= 255 * values, "pixels can be read");
    }
    lks_predict_input_close_all(&input);
  }
  return 0;
}
