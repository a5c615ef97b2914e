#include "cli/predict_input.h"
#include "import/picture.h"

lks_status lks_predict_picture(lks_predict_input *input, const lks_predict_need *need)
{
  const lks_shape shape = need->shape;
  lks_picture picture = {.pixels = NULL};
  if (shape.channels != 1 && shape.channels != 3)
    return lks_fail(LKS_ERR_DATA, "%s: a picture has 1 or 3 channels, but the model takes %zu", input->path,
                    shape.channels);
  lks_status status = lks_picture_read(&picture, input->path, shape.channels);
  if (status) return status;
  const bool fits = picture.height == shape.height && picture.width == shape.width;
  if (!fits && !need->resize)
    status = lks_fail(
        LKS_ERR_DATA,
        "%s: %zu x %zu pixels (height x width), but the model takes %zu x %zu; --resize scales pictures to that",
        input->path, picture.height, picture.width, shape.height, shape.width);
  if (!status && !fits) status = lks_picture_resize(&picture, shape.height, shape.width);
  if (!status) lks_picture_say_changes(need->said, &picture, input->path);
  if (status) {
    lks_picture_clear(&picture);
    return status;
  }
  input->memory = picture.pixels; /* it is the input's now */
  input->samples = (lks_samples){.count = 1, .pixels = picture.pixels};
  return LKS_OK;
}
