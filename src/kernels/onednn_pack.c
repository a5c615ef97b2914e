#include "kernels/elementwise.h"
#include "kernels/onednn_engine.h"

/* oneDNN's reorders move words of 32 bits several times as fast as they round to bf16. Its layouts of bf16
 * weights end with pairs along one axis; for a dense layer we round and pair, and it moves the pairs. */

enum { OUT, IN };

/* The layout `md` of bf16 as one of pairs, and the axis that they are along; false if it has none. */
static bool as_pairs(dnnl_memory_desc_t *words, int *axis, const dnnl_memory_desc_t *md)
{
  const dnnl_blocking_desc_t *from = &md->format_desc.blocking;
  const int last = from->inner_nblks - 1;
  if (md->data_type != dnnl_bf16 || md->format_kind != dnnl_blocked || md->extra.flags || last < 0)
    return false;
  if (from->inner_blks[last] != 2 || from->inner_idxs[last] > IN) return false;
  *axis = (int)from->inner_idxs[last];
  *words = *md;
  words->data_type = dnnl_s32;
  words->dims[*axis] = (md->dims[*axis] + 1) / 2;
  words->padded_dims[*axis] /= 2;
  words->format_desc.blocking.inner_nblks = last;
  for (int d = 0; d < md->ndims; d++) words->format_desc.blocking.strides[d] /= 2;
  return true;
}

static lks_status create_paired(lks_onednn_pack *pack, const lks_onednn_host *host,
                                const dnnl_memory_desc_t *words)
{
  dnnl_memory_desc_t plain;
  dnnl_status_t status = dnnl_memory_desc_init_by_tag(&plain, 4, words->dims, dnnl_s32, dnnl_iohw);
  if (status != dnnl_success) return lks_onednn_check(status, "layout of pairs");
  pack->words = (size_t)(words->dims[OUT] * words->dims[IN]);
  return lks_onednn_reorder_create(&pack->reorder, host, &plain, words);
}

lks_status lks_onednn_pack_create(lks_onednn_pack *pack, const lks_onednn_host *host, bool dense,
                                  const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to)
{
  dnnl_memory_desc_t words;
  *pack = (lks_onednn_pack){.out = (size_t)to->dims[OUT], .in = (size_t)to->dims[IN]};
  if (dense && as_pairs(&words, &pack->axis, to)) return create_paired(pack, host, &words);
  return lks_onednn_reorder_create(&pack->reorder, host, from, to);
}

/* w [in,out]; words [in/2,out] or [in,out/2], the last of an odd number paired with 0. */
static void pair(uint32_t *words, const float *w, const lks_onednn_pack *pack)
{
  const size_t in = pack->in, out = pack->out, half = (out + 1) / 2;
  for (size_t i = 0; pack->axis == IN && i < in; i += 2)
    lks_bf16_pairs(words + i / 2 * out, w + i * out, i + 1 < in ? w + (i + 1) * out : NULL, out);
  for (size_t i = 0; pack->axis == OUT && i < in; i++) {
    words[(i + 1) * half - 1] = 0;
    lks_bf16_of((uint16_t *)(words + i * half), w + i * out, out);
  }
}

lks_status lks_onednn_pack_run(lks_onednn_pack *pack, void *packed, const float *w, uint32_t *words)
{
  if (pack->words > 0) pair(words, w, pack);
  return lks_onednn_run(&pack->reorder, 0, (const void *[]){pack->words > 0 ? (void *)words : w, packed});
}
