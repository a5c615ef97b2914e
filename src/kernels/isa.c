#include "kernels/isa.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/isa_bound.h"
#include "kernels/onednn.h"
#include "kernels/vector/table.h"

#if defined(__x86_64__)
#include <cpuid.h>

enum { EAX, EBX, ECX, EDX };
enum { YMM = 0x6, ZMM = 0xe6, TILES = 0x600e6 }; /* of xcr0: registers that the operating system saves */

/* What a level asks for beyond the one before it: bits of a register of cpuid (leaf, subleaf).
 * Source: Intel SDM, volume 2, CPUID; volume 1, section 13.3. */
static const struct demand {
  lks_isa isa;
  unsigned saved, leaf, subleaf, reg, bits;
} demands[] = {
    /* FMA, MOVBE, OSXSAVE, AVX, F16C */
    {LKS_ISA_AVX2, YMM, 1, 0, ECX, 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29},
    /* BMI1, AVX2, BMI2; LZCNT */
    {LKS_ISA_AVX2, YMM, 7, 0, EBX, 1u << 3 | 1u << 5 | 1u << 8},
    {LKS_ISA_AVX2, YMM, 0x80000001, 0, ECX, 1u << 5},
    /* F, DQ, CD, BW, VL */
    {LKS_ISA_AVX512, ZMM, 7, 0, EBX, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31},
    /* VNNI, which oneDNN asks for too; BF16 */
    {LKS_ISA_AVX512_BF16, ZMM, 7, 0, ECX, 1u << 11},
    {LKS_ISA_AVX512_BF16, ZMM, 7, 1, EAX, 1u << 5},
    /* bf16, tiles, int8 */
    {LKS_ISA_AMX, TILES, 7, 0, EDX, 1u << 22 | 1u << 24 | 1u << 25},
};

static bool met(const struct demand *demand)
{
  unsigned reg[4] = {0}, low, high;
  if (!__get_cpuid_count(demand->leaf, demand->subleaf, &reg[EAX], &reg[EBX], &reg[ECX], &reg[EDX]))
    return false;
  if ((reg[demand->reg] & demand->bits) != demand->bits) return false;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); /* the first demand has made sure of OSXSAVE */
  return (low & demand->saved) == demand->saved;
}

static lks_isa best_here(void)
{
  const size_t count = sizeof demands / sizeof *demands;
  size_t i = 0;
  while (i < count && met(&demands[i])) i++;
  return i == count ? LKS_ISA_AMX : demands[i].isa - 1;
}
#else
static lks_isa best_here(void)
{
  return LKS_ISA_BASELINE;
}
#endif

lks_isa lks_isa_best(void)
{
  const lks_isa here = best_here();
  const lks_isa_bound bound = lks_isa_bound_read();
  return bound.known && bound.isa < here ? bound.isa : here;
}

static const lks_vector_kernels *const tables[] = {
    &lks_vector_kernels_baseline,
#ifdef LKS_HAVE_ISA_avx2
    &lks_vector_kernels_avx2, &lks_vector_kernels_avx512,
    &lks_vector_kernels_avx512_bf16, /* and for AMX, which is oneDNN's business alone */
#endif
};

/* Instruction sets plus 1, 0: none yet. The one in use, a question that several threads may be the first to
 * ask; and the one that oneDNN was given. */
static atomic_int used, fixed;

lks_isa lks_isa_used(void)
{
  int isa = atomic_load_explicit(&used, memory_order_relaxed);
  if (isa == 0) {
    isa = (int)lks_isa_best() + 1;
    lks_vector_use((lks_isa)(isa - 1));
  }
  return (lks_isa)(isa - 1);
}

lks_isa lks_isa_offered(void)
{
  const int isa = atomic_load_explicit(&fixed, memory_order_relaxed);
  return isa > 0 ? (lks_isa)(isa - 1) : lks_isa_best();
}

bool lks_isa_settable(lks_isa isa)
{
  const bool free = atomic_load_explicit(&fixed, memory_order_relaxed) == 0;
  return free ? (int)isa >= 0 && isa <= lks_isa_best() : isa == lks_isa_offered();
}

const lks_vector_kernels *lks_vector(void)
{
  const size_t level = lks_isa_used(), last = sizeof tables / sizeof *tables - 1;
  return tables[level < last ? level : last];
}

void lks_vector_use(lks_isa isa)
{
  atomic_store_explicit(&used, (int)isa + 1, memory_order_relaxed);
}

lks_status lks_isa_set(lks_isa isa)
{
  const lks_isa best = lks_isa_best();
  if ((int)isa < 0 || isa > best)
    return lks_fail(LKS_ERR_USAGE, "instruction set %s: this process has %s at best", lks_isa_name(isa),
                    lks_isa_name(best));
  if (!lks_isa_settable(isa))
    return lks_fail(LKS_ERR_USAGE,
                    "instruction set %s: this process works with %s already, and oneDNN takes one a process",
                    lks_isa_name(isa), lks_isa_name(lks_isa_offered()));
  const lks_status status = lks_onednn_isa_set(isa);
  if (status) return status;
  lks_vector_use(isa);
  atomic_store_explicit(&fixed, (int)isa + 1, memory_order_relaxed);
  return LKS_OK;
}

#if defined(__x86_64__)
#define BASELINE "sse41"
#elif defined(__aarch64__)
#define BASELINE "neon"
#else
#define BASELINE "generic"
#endif

static const char *const names[LKS_ISAS] = {BASELINE, "avx2", "avx512", "avx512_bf16", "amx"};

const char *lks_isa_name(lks_isa isa)
{
  return (size_t)isa < LKS_ISAS ? names[isa] : "unknown";
}

bool lks_isa_find(lks_isa *isa, const char *name)
{
  size_t found = 0;
  while (found < LKS_ISAS && strcmp(names[found], name) != 0) found++;
  if (found < LKS_ISAS) *isa = (lks_isa)found;
  return found < LKS_ISAS;
}
