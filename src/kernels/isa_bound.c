#include "kernels/isa_bound.h"

#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

/* oneDNN's words, each with the best level here that asks for nothing beyond it. AVX alone is no level here.
 * Source: oneDNN 2.6 to 3.9, developer guide, "CPU dispatcher control". */
static const struct {
  const char *word;
  lks_isa isa;
} words[] = {
    {"SSE41", LKS_ISA_BASELINE},
    {"AVX", LKS_ISA_BASELINE},
    {"AVX2", LKS_ISA_AVX2},
    {"AVX2_VNNI", LKS_ISA_AVX2},
    {"AVX2_VNNI_2", LKS_ISA_AVX2},
    {"AVX512_CORE", LKS_ISA_AVX512},
    {"AVX512_CORE_VNNI", LKS_ISA_AVX512},
    {"AVX512_CORE_BF16", LKS_ISA_AVX512_BF16},
    {"AVX512_CORE_FP16", LKS_ISA_AVX512_BF16},
    {"AVX10_1_512", LKS_ISA_AVX512_BF16},
    {"AVX10_2_512", LKS_ISA_AVX512_BF16},
    {"AVX512_CORE_AMX", LKS_ISA_AMX},
    {"AVX512_CORE_AMX_FP16", LKS_ISA_AMX},
    {"AVX10_1_512_AMX", LKS_ISA_AMX},
    {"AVX10_1_512_AMX_FP16", LKS_ISA_AMX},
    {"AVX10_2_512_AMX_2", LKS_ISA_AMX},
#if defined(__aarch64__)
    {"ADVANCED_SIMD", LKS_ISA_BASELINE},
    {"SVE_128", LKS_ISA_BASELINE},
    {"SVE_256", LKS_ISA_BASELINE},
    {"SVE_512", LKS_ISA_BASELINE},
#endif
    {"ALL", LKS_ISAS - 1},
    {"DEFAULT", LKS_ISAS - 1},
};

/* In letters of any case. */
static bool find_level(lks_isa *isa, const char *word)
{
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasecmp(words[i].word, word) == 0) {
      *isa = words[i].isa;
      return true;
    }
  return false;
}

/* As oneDNN does it, an empty variable counts as none, and the first one that is set is the only one read. */
lks_isa_bound lks_isa_bound_read(void)
{
  static const char *const variables[] = {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"};
  lks_isa_bound bound = {0};
  for (size_t i = 0; i < sizeof variables / sizeof *variables && !bound.variable; i++) {
    const char *word = getenv(variables[i]);
    if (!word || !word[0]) continue;
    bound = (lks_isa_bound){.variable = variables[i], .word = word};
    bound.known = find_level(&bound.isa, word);
  }
  return bound;
}
