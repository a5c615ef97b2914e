#ifndef LKS_KERNELS_ISA_H
#define LKS_KERNELS_ISA_H

#include "lockstep/status.h"

/** Instruction sets that kernels are chosen for, in ascending order. A rank reports the best one it has, the
 *  ranks agree on the lowest, and every rank then uses that one, here and in oneDNN. */
typedef enum lks_isa {
  LKS_ISA_BASELINE,
  LKS_ISA_AVX2,
  LKS_ISA_AVX512, /* F, BW, CD, DQ, VL */
  LKS_ISA_AVX512_VNNI,
  LKS_ISA_AVX512_BF16,
  LKS_ISA_AMX
} lks_isa;

/** The best instruction set of this processor and operating system. Local. */
lks_isa lks_isa_best(void);
/** Local. Sets the one to use; before the first kernel or primitive. LKS_ERR_RANK if the processor lacks it
 * or oneDNN refuses it. */
lks_status lks_isa_set(lks_isa isa);
/** The one that was set, else the best. Local. */
lks_isa lks_isa_used(void);
/** "baseline", "avx2", ... Local. */
const char *lks_isa_name(lks_isa isa);

#endif
