#ifndef LKS_COMM_STALL_H
#define LKS_COMM_STALL_H

#include <stdbool.h>
#include <stddef.h>

/** How long a rank of this node has given no sign of life, and whether it waits for others meanwhile. */
typedef struct lks_silence {
  double seconds;
  bool waits;
  bool lost; /* its process is stopped, dead or gone: it waits for nothing any more */
} lks_silence;

typedef enum lks_stall {
  LKS_STALL_NONE,
  LKS_STALL_HERE,     /* a rank of this node is missing: *who */
  LKS_STALL_ELSEWHERE /* all of this node wait */
} lks_stall;

/** Local. What the silence of `ranks` ranks means. A rank that works gives signs of life, so one that neither
 * waits nor gives any for longer than `here` seconds is missing if another one has waited for as long. While
 * one gives signs of life, the others wait with reason. When all wait, it is for ranks of another node, which
 * get until `elsewhere`. */
lks_stall lks_stall_judge(size_t *who, const lks_silence *silence, size_t ranks, double here,
                          double elsewhere);

/** Local. The seconds of `elsewhere` for a node of `ranks` ranks whose lowest is `rank`. Nodes speak one after the other, in the
 * order of their ranks, so that what MPI's runtime then ends says nothing more: the first one a few seconds after `limit`, when
 * a node that misses a rank of its own has spoken, and none more than half a minute behind it. `alone`: one rank may
 * work for long without a sign of life that other nodes see. */
double lks_stall_patience(double limit, int rank, int ranks, bool alone);

/** Local. The same for a process that does not know those of its node yet, so that each speaks for itself. */
double lks_stall_patience_at_start(double limit, int rank);

#endif
