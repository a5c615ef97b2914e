#ifndef LKS_COMM_SAME_H
#define LKS_COMM_SAME_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/comm.h"

/* What has to be the same on all ranks, or else they would compute different things, or wait for each other for ever.
 */

enum { LKS_FACTS_MAX = 160, LKS_FACT_TEXT = 96 };

typedef struct lks_fact {
  const char *name;         /* "the program" */
  uint64_t value;           /* is compared */
  char text[LKS_FACT_TEXT]; /* is shown, as much of it as fits */
} lks_fact;

typedef struct lks_facts {
  lks_fact fact[LKS_FACTS_MAX]; /* more are not looked at */
  size_t count;
} lks_facts;

/** Local. A text, compared to its end; name is borrowed. */
void lks_facts_add(lks_facts *facts, const char *name, const char *text);
/** Local. Bytes, which are shown as "WHAT HASH". */
void lks_facts_add_bytes(lks_facts *facts, const char *name, const void *data, size_t bytes,
                         const char *what);

/** Collective; facts of the same names on all ranks, the least likely to be so first. One MPI_Allreduce of 16 bytes
 * when all are the same. LKS_ERR_USAGE on all ranks otherwise, with one message for all: which fact, which ranks on
 * which hosts have what, and `advice`, what to do. */
lks_status lks_comm_same_all(lks_comm *comm, const lks_facts *facts, const char *advice);

#endif
