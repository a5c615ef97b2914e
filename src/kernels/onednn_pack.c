#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/onednn_engine.h"

/* oneDNN's reorders move words of 32 bits several times as fast as they round to bf16. Its layouts of bf16
 * weights end with pairs along one axis; for a dense layer we round and pair, and it moves the pairs. */

enum { OUT, IN };

/* The layout of pairs as an array of many plain dimensions: those of the blocks, then those inside of them.
 * `to` is where the primitive wants a word, `from` where it is in rows of inputs, padding included in both.
 */
typedef struct word_layout {
  int dimensions;
  dnnl_dims_t extent, to, from;
} word_layout;

/* The product of the inner blocks along an axis, from block `first` to before the last one: the pairs. */
static dnnl_dim_t block_product(const lks_layout_blocks *b, int first, int axis)
{
  dnnl_dim_t product = 1;
  for (int i = first; i < b->inner - 1; i++)
    if (axis < 0 || b->axis[i] == axis) product *= b->size[i];
  return product;
}

static void add_dimension(word_layout *words, dnnl_dim_t extent, dnnl_dim_t to, dnnl_dim_t from)
{
  const int d = words->dimensions++;
  words->extent[d] = extent, words->to[d] = to, words->from[d] = from;
}

/* Does the layout hold pairs, and nothing but them? */
static bool has_pairs(lks_layout_blocks *b, lks_layout_view layout)
{
  if (!lks_layout_describe(b, layout) || b->type != dnnl_bf16 || b->inner == 0) return false;
  const size_t bytes = (size_t)(b->padded[OUT] * b->padded[IN]) * sizeof(uint16_t);
  return b->size[b->inner - 1] == 2 && b->axis[b->inner - 1] <= IN && b->inner + 1 <= DNNL_MAX_NDIMS &&
         bytes == dnnl_memory_desc_get_size(layout);
}

static void describe_words(word_layout *words, lks_onednn_pack *pack, const lks_layout_blocks *b)
{
  pack->axis = (int)b->axis[b->inner - 1];
  dnnl_dim_t count[] = {b->padded[OUT], b->padded[IN]};
  count[pack->axis] /= 2;
  pack->row = (size_t)count[OUT];
  pack->words = (size_t)(count[OUT] * count[IN]);
  const dnnl_dim_t step[] = {1, count[OUT]};
  *words = (word_layout){0};
  for (int axis = OUT; axis <= IN; axis++) {
    const dnnl_dim_t block = block_product(b, 0, axis);
    add_dimension(words, count[axis] / block, b->stride[axis] / 2, step[axis] * block);
  }
  for (int i = 0; i < b->inner - 1; i++) {
    const int axis = (int)b->axis[i];
    add_dimension(words, b->size[i], block_product(b, i + 1, -1), step[axis] * block_product(b, i + 1, axis));
  }
}

static lks_status create_paired(lks_onednn_pack *pack, const lks_onednn_host *host, const word_layout *words)
{
  lks_layout from = NULL, to = NULL;
  dnnl_status_t made =
      lks_layout_create_strided(&from, words->dimensions, words->extent, dnnl_s32, words->from);
  if (made == dnnl_success)
    made = lks_layout_create_strided(&to, words->dimensions, words->extent, dnnl_s32, words->to);
  lks_status status = lks_onednn_check(made, "layout of pairs");
  if (!status) status = lks_onednn_reorder_create(&pack->reorder, host, from, to);
  lks_layout_destroy(&from);
  lks_layout_destroy(&to);
  return status;
}

lks_status lks_onednn_pack_create(lks_onednn_pack *pack, const lks_onednn_host *host, bool dense,
                                  const lks_window *window, lks_layout_view from, lks_layout_view to)
{
  lks_layout_blocks blocks;
  word_layout words;
  *pack = (lks_onednn_pack){.out = window->out_channels, .in = window->in_channels};
  if (!dense || !has_pairs(&blocks, to)) return lks_onednn_reorder_create(&pack->reorder, host, from, to);
  describe_words(&words, pack, &blocks);
  return create_paired(pack, host, &words);
}

/* w [in,out]; words [rows,row]: of two inputs, or of two outputs; those that are but padding are 0. */
static void pair(uint32_t *words, const float *w, const lks_onednn_pack *pack)
{
  const size_t in = pack->in, out = pack->out, row = pack->row;
  const size_t pairs_in = pack->axis == IN ? 2 : 1, used = pack->axis == IN ? out : (out + 1) / 2;
  uint32_t *end = words + pack->words;
  for (size_t i = 0; i < in; i += pairs_in, words += row) {
    memset(words + used - 1, 0, (row - used + 1) * sizeof *words);
    if (pack->axis == IN)
      lks_bf16_pairs(words, w + i * out, i + 1 < in ? w + (i + 1) * out : NULL, out);
    else
      lks_bf16_of((uint16_t *)words, w + i * out, out);
  }
  memset(words, 0, (size_t)(end - words) * sizeof *words);
}

lks_status lks_onednn_pack_run(lks_onednn_pack *pack, void *packed, const float *w, uint32_t *words)
{
  if (pack->words > 0) pair(words, w, pack);
  return lks_onednn_run(&pack->reorder, 0, (const void *[]){pack->words > 0 ? (void *)words : w, packed});
}
