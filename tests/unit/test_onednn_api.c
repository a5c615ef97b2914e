/* The library that was loaded is judged; and pairs of bf16, which we round, come to where oneDNN's own
 * rounding reorder brings them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/onednn_engine.h"
#include "support/kernel_test.h"

static void test_the_loaded_library_is_judged(void **state)
{
  (void)state;
  assert_int_equal(lks_onednn_library(), LKS_OK);
  dnnl_version_t version = *dnnl_version();
  version.cpu_runtime = DNNL_RUNTIME_SEQ;
  assert_int_equal(lks_onednn_accept(&version), LKS_OK);
  version.cpu_runtime = DNNL_RUNTIME_SYCL;
  assert_int_equal(lks_onednn_accept(&version), LKS_ERR_RANK);
  assert_non_null(strstr(lks_message(), "SYCL"));
  assert_non_null(strstr(lks_message(), "ONEDNN_CPU_RUNTIME=OMP"));
  version.cpu_runtime = DNNL_RUNTIME_TBB;
  assert_int_equal(lks_onednn_accept(&version), LKS_ERR_RANK);
  version = *dnnl_version();
  version.major++;
  assert_int_equal(lks_onednn_accept(&version), LKS_ERR_RANK);
  assert_non_null(strstr(lks_message(), "compiled for oneDNN"));
}

/* packed [bytes] out: w (in,out) in the layout `to`, by pairs of ours or by oneDNN alone. True if by pairs.
 */
static bool pack(void *packed, bool by_pairs, const float *w, const lks_window *window,
                 const lks_onednn_host *host, lks_layout_view from, lks_layout_view to)
{
  lks_onednn_pack p;
  assert_int_equal(lks_onednn_pack_create(&p, host, by_pairs, window, from, to), LKS_OK);
  uint32_t *words = malloc((p.words + 1) * sizeof *words);
  assert_non_null(words);
  memset(words, 0xa5, (p.words + 1) * sizeof *words);
  assert_int_equal(lks_onednn_pack_run(&p, packed, w, words), LKS_OK);
  assert_int_equal(words[p.words], 0xa5a5a5a5);
  free(words);
  lks_onednn_op_destroy(&p.reorder);
  return p.words > 0;
}

static void check_packing(const lks_onednn_host *host, dnnl_format_tag_t tag, size_t in, size_t out,
                          bool pairs)
{
  const lks_window window = {.samples = 1, .in_channels = in, .out_channels = out};
  const dnnl_dims_t extent = {(dnnl_dim_t)out, (dnnl_dim_t)in, 1, 1};
  lks_layout from, to;
  assert_int_equal(lks_onednn_layout(&from, 4, extent, LKS_FP32, dnnl_iohw), LKS_OK);
  assert_int_equal(lks_onednn_layout(&to, 4, extent, LKS_BF16, tag), LKS_OK);
  const size_t bytes = dnnl_memory_desc_get_size(to), room = lks_whole_lines(bytes);
  float *w = malloc(in * out * sizeof *w);
  unsigned char *ours = aligned_alloc(64, room), *theirs = aligned_alloc(64, room);
  assert_true(w && ours && theirs);
  kernel_test_fill(w, in * out, (uint32_t)(in + out), 0, 1);
  memset(ours, 0xa5, room), memset(theirs, 0x5a, room);
  assert_int_equal(pack(ours, true, w, &window, host, from, to), pairs);
  assert_false(pack(theirs, false, w, &window, host, from, to));
  assert_memory_equal(ours, theirs, bytes);
  free(w), free(ours), free(theirs);
  lks_layout_destroy(&from);
  lks_layout_destroy(&to);
}

static void test_pairs_come_where_a_plain_reorder_brings_them(void **state)
{
  (void)state;
  static const size_t shapes[][2] = {{1, 1},   {2, 1},    {3, 17},   {16, 16},
                                     {17, 32}, {129, 33}, {256, 10}, {64, 80}};
  /* Pairs along the inputs and along the outputs; none. */
  static const dnnl_format_tag_t tags[] = {dnnl_OIhw8i16o2i, dnnl_OIhw8o16i2o, dnnl_IOhw8o16i2o,
                                           dnnl_OIhw16i16o, dnnl_ohwi};
  lks_onednn_host host;
  assert_int_equal(lks_onednn_host_open(&host, 1), LKS_OK);
  for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++)
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
      check_packing(&host, tags[t], shapes[i][0], shapes[i][1], t < 3);
  lks_onednn_host_close(&host);
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_loaded_library_is_judged),
      cmocka_unit_test(test_pairs_come_where_a_plain_reorder_brings_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
