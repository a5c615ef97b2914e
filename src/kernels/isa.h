#ifndef LKS_KERNELS_ISA_H
#define LKS_KERNELS_ISA_H

#include <stdbool.h>

#include "lockstep/status.h"

/** Instruction sets that kernels are chosen for, in ascending order. A rank reports the best one it has, the
 *  ranks agree on one, and every rank then uses that one, here and in oneDNN. What only speeds up whole
 * numbers (VNNI) is no level of its own: nothing here multiplies those. */
typedef enum lks_isa {
  LKS_ISA_BASELINE, /* what every processor of the architecture has */
  LKS_ISA_AVX2,
  LKS_ISA_AVX512, /* F, BW, CD, DQ, VL */
  LKS_ISA_AVX512_BF16,
  LKS_ISA_AMX,
  LKS_ISAS
} lks_isa;

/** Local. The best instruction set that this process may use: of the processor and the operating system, and
 * not above the bound that the environment sets (kernels/isa_bound.h). */
lks_isa lks_isa_best(void);
/** Local. The best one that can still be set: oneDNN takes one a process. */
lks_isa lks_isa_offered(void);
/** Local. Whether it can still be set. */
bool lks_isa_settable(lks_isa isa);
/** Local. Sets the one to use; before the first kernel or primitive. LKS_ERR_USAGE if it is above the best,
 * or another one was set; LKS_ERR_RANK if oneDNN refuses it. */
lks_status lks_isa_set(lks_isa isa);
/** Local. The one that was set, else the best. */
lks_isa lks_isa_used(void);
/** Local. "avx2", "avx512", ...: the words of --isa; the baseline is "sse41" on x86-64, "neon" on aarch64. */
const char *lks_isa_name(lks_isa isa);
/** Local. The one of that name; false if there is none on this architecture. */
bool lks_isa_find(lks_isa *isa, const char *name);

#endif
