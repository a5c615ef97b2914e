#include "kernels/onednn_refused.h"

#include <string.h>

/* What oneDNN computes wrongly, as the sweep over shapes of the tests found it; each with its cause as far as
 * it is known, and refused a little beyond what was seen. */

/* A kernel of 1x1 that skips pixels works on a copy of those that it does not skip. The weight gradient
 * reckons with a copy of whole blocks of channels (8 with AVX2, 16 with AVX-512), but the copy has as many as
 * x: with fewer than a block it writes past its end, into the rest of the scratchpad and beyond. Seen with 1
 * to 5 channels (AVX2) and 1 to 12 (AVX-512), with 2.6.3 and 3.7.2; upstream has the fault in all versions,
 * and the kernels of bf16 reckon alike. */
static bool skips_pixels_of_few_channels(const lks_window *w)
{
  return w->kernel_height == 1 && w->kernel_width == 1 && (w->stride_height > 1 || w->stride_width > 1) &&
         w->in_channels < 16;
}

/* In bf16 the columns of x are dealt out into as many rows as the stride is wide, and those that get none are
 * not cleared: the weight gradient is then what memory held before. Seen whenever the stride is wider than
 * the image, and never otherwise, in oneDNN 3's brgconv_bwd_w (AMX) as well; refused from equal width on. */
static bool strides_over_the_image(const lks_window *w)
{
  return w->in_width <= w->stride_width && w->stride_width > 1;
}

/* A forward pass of oneDNN 3's that leaves in some of y what memory held. Seen with 3.7.2, over one channel,
 * with strides from 2 on, and only where y is one column wide; the cause is not known, so all of those are
 * refused. */
static bool has_one_column(const lks_window *w)
{
  return w->out_width == 1;
}

/* A forward pass with AMX copies the rows of x that it needs, and with a kernel that is lower than its stride
 * finds wrong ones there, or none. Seen with 2.6.3, wherever both the stride is higher than the kernel and it
 * skips columns too, from 18 channels on that are no multiple of 32; refused without regard to the rest. So are
 * weight gradients of 3.7.2, of which 2 in 3,117 were what memory held, both with such a kernel. */
static bool strides_over_rows(const lks_window *w)
{
  return w->stride_height > w->kernel_height;
}

/* bf16 is multiplied in pairs, and a kernel of 1x1 takes 30 pixels at a time if that many divide the image,
 * which leaves no register for an odd channel at the end of the sum. Seen with 2.6.3, forward over the
 * channels of x and backward over those of y; refused for images of any size. */
static bool adds_odd_inputs(const lks_window *w)
{
  return w->in_channels % 2 == 1;
}

static bool adds_odd_outputs(const lks_window *w)
{
  return w->out_channels % 2 == 1;
}

static const struct refusal {
  lks_task_kind kind;
  lks_type type;
  const char *implementation; /* what its name begins with */
  bool (*shape)(const lks_window *window);
} refusals[] = {
    {LKS_TASK_CONV_FORWARD, LKS_FP32, "brg_conv_fwd", has_one_column},
    {LKS_TASK_CONV_FORWARD, LKS_BF16, "brg_conv_fwd", has_one_column},
    {LKS_TASK_CONV_FORWARD, LKS_BF16, "brgconv:avx512_core_amx", strides_over_rows},
    {LKS_TASK_CONV_FORWARD, LKS_BF16, "jit_bf16_1x1", adds_odd_inputs},
    {LKS_TASK_CONV_BACKWARD_DATA, LKS_BF16, "jit_bf16_1x1", adds_odd_outputs},
    {LKS_TASK_CONV_BACKWARD_WEIGHTS, LKS_FP32, "jit_1x1", skips_pixels_of_few_channels},
    {LKS_TASK_CONV_BACKWARD_WEIGHTS, LKS_BF16, "jit_bf16_1x1", skips_pixels_of_few_channels},
    {LKS_TASK_CONV_BACKWARD_WEIGHTS, LKS_BF16, "jit", strides_over_the_image},
    {LKS_TASK_CONV_BACKWARD_WEIGHTS, LKS_BF16, "brgconv_bwd_w", strides_over_the_image},
    {LKS_TASK_CONV_BACKWARD_WEIGHTS, LKS_BF16, "brgconv_bwd_w", strides_over_rows},
};

static bool trusted;

void lks_onednn_trust(bool trust)
{
  trusted = trust;
}

bool lks_onednn_refuses(const lks_task *task, const char *implementation)
{
  for (size_t i = 0; !trusted && i < sizeof refusals / sizeof refusals[0]; i++) {
    const struct refusal *r = &refusals[i];
    if (r->kind == task->kind && r->type == task->type &&
        strncmp(implementation, r->implementation, strlen(r->implementation)) == 0 && r->shape(task->window))
      return true;
  }
  return false;
}
