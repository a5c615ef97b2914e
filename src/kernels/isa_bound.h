#ifndef LKS_KERNELS_ISA_BOUND_H
#define LKS_KERNELS_ISA_BOUND_H

#include "kernels/isa.h"

/** The bound that the environment sets to instruction sets, by oneDNN's own variables and words; it holds for
 * all kernels here alike. */
typedef struct lks_isa_bound {
  const char *variable; /* ONEDNN_MAX_CPU_ISA, else DNNL_MAX_CPU_ISA; NULL: neither is set */
  const char *word;     /* its value, borrowed from the environment */
  bool known;           /* whether the word is understood; no bound otherwise */
  lks_isa isa;          /* the best level that has nothing above the bound */
} lks_isa_bound;

/** Local. */
lks_isa_bound lks_isa_bound_read(void);

#endif
