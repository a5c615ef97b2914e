#include "kernel_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/isa.h"
#include "kernels/vector/table.h"

void kernel_test_fill(float *x, size_t count, uint32_t seed, double mean, double std)
{
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (size_t i = 0; i < count; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator */
    const double uniform = (double)(state >> 11) * 0x1p-53;
    x[i] = (float)(mean + std * 1.7320508075688772 * (2 * uniform - 1));
  }
}

double kernel_test_ulp(double x)
{
  int exponent;
  (void)frexp(x, &exponent);
  return ldexp(1, exponent < -125 ? -149 : exponent - 24);
}

bool kernel_test_same_bits(void (*run)(void *out, void *context), void *context, size_t bytes)
{
  unsigned char *first = lks_new(bytes + 1, 1), *other = lks_new(bytes + 1, 1);
  bool same = first && other;
  const lks_isa best = lks_isa_best();
  for (int isa = LKS_ISA_BASELINE; same && isa <= (int)best; isa++) {
    unsigned char *out = isa == LKS_ISA_BASELINE ? first : other;
    memset(out, 0xa5, bytes);
    lks_vector_use((lks_isa)isa);
    run(out, context);
    same = out == first || memcmp(first, other, bytes) == 0;
    if (!same)
      fprintf(stderr, "%s differs from %s\n", lks_isa_name((lks_isa)isa), lks_isa_name(LKS_ISA_BASELINE));
  }
  lks_vector_use(best);
  lks_free(first);
  lks_free(other);
  return same;
}
