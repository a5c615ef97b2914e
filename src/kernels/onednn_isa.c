#include <oneapi/dnnl/dnnl.h>

#include <stdlib.h>
#include <string.h>

#include "kernels/onednn.h"

#if defined(__x86_64__)
static const struct {
  dnnl_cpu_isa_t isa;
  const char *name;
} isa_table[] = {
    [LKS_ISA_BASELINE] = {dnnl_cpu_isa_sse41, "SSE4.1"},
    [LKS_ISA_AVX2] = {dnnl_cpu_isa_avx2, "AVX2"},
    [LKS_ISA_AVX512] = {dnnl_cpu_isa_avx512_core, "AVX-512"},
    [LKS_ISA_AVX512_BF16] = {dnnl_cpu_isa_avx512_core_bf16, "AVX-512 BF16"},
    [LKS_ISA_AMX] = {dnnl_cpu_isa_avx512_core_amx, "AMX"},
};

lks_status lks_onednn_isa_set(lks_isa isa)
{
  lks_status usable = lks_onednn_library();
  if (usable) return usable;
  /* Refused once oneDNN works: then what it works with decides. */
  dnnl_set_max_cpu_isa(isa_table[isa].isa);
  if (dnnl_get_effective_cpu_isa() == isa_table[isa].isa) return LKS_OK;
  return lks_fail(
      LKS_ERR_RANK,
      "oneDNN: asked to use %s, but works with %s; the instruction set must be set once, at the start",
      isa_table[isa].name, lks_onednn_isa());
}

const char *lks_onednn_isa(void)
{
  dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  for (size_t i = 0; i < sizeof isa_table / sizeof isa_table[0]; i++)
    if (isa_table[i].isa == isa) return isa_table[i].name;
  return "another instruction set";
}
#else
/* There is one level. On aarch64 oneDNN has no function that holds it to that, only the environment, which it
 * reads once. Without a bound it would use what each machine has, as SVE, whose registers differ in width and
 * so in the order of a sum. Source: oneDNN, src/cpu/aarch64/cpu_isa_traits.hpp. */
#define VARIABLE "ONEDNN_MAX_CPU_ISA"
#define LOWEST "ADVANCED_SIMD"

lks_status lks_onednn_isa_set(lks_isa isa)
{
  lks_status usable = lks_onednn_library();
  if (usable) return usable;
  if (isa != LKS_ISA_BASELINE)
    return lks_fail(LKS_ERR_RANK, "oneDNN: asked to use an instruction set that only x86 has");
#if defined(__aarch64__)
  if (setenv(VARIABLE, LOWEST, 1) != 0)
    return lks_fail(LKS_ERR_RANK, "oneDNN: no memory for %s=%s in the environment", VARIABLE, LOWEST);
#endif
  return LKS_OK;
}

const char *lks_onednn_isa(void)
{
  const char *bound = getenv(VARIABLE);
  return bound && strcmp(bound, LOWEST) == 0 ? "Advanced SIMD" : "what the processor has";
}
#endif
