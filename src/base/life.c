#include "base/life.h"

static lks_life alone = {.rank = -1};
_Atomic(lks_life *) lks_life_own = &alone;

const char *lks_wait_text(int wait)
{
  static const char *const text[LKS_WAITS] = {[LKS_WAIT_NONE] = "nothing",
                                              [LKS_WAIT_START] = "the start of MPI",
                                              [LKS_WAIT_AGREEMENT] = "an agreement",
                                              [LKS_WAIT_BROADCAST] = "a broadcast",
                                              [LKS_WAIT_EXACT_SUM] = "an exact sum",
                                              [LKS_WAIT_GRADIENTS] = "the sum of gradients",
                                              [LKS_WAIT_TABLE] = "a table over the ranks",
                                              [LKS_WAIT_COMPARISON] = "a comparison of the ranks",
                                              [LKS_WAIT_GATHER] = "a gathering",
                                              [LKS_WAIT_MAXIMUM] = "a maximum",
                                              [LKS_WAIT_NODE_MEMORY] = "the sharing of memory on a node",
                                              [LKS_WAIT_NODE_BARRIER] = "a barrier of the node",
                                              [LKS_WAIT_WINDOW] =
                                                  "the reading of samples by one rank of a node",
                                              [LKS_WAIT_COMMUNICATOR] = "the making of a communicator",
                                              [LKS_WAIT_MEASUREMENT] = "a measurement of the network",
                                              [LKS_WAIT_RUNS] = "the sharing out of runs",
                                              [LKS_WAIT_FINALIZE] = "the end of MPI",
                                              [LKS_WAIT_END] = "the end of the program"};
  return wait >= 0 && wait < LKS_WAITS ? text[wait] : "?";
}

const char *lks_phase_text(int phase)
{
  static const char *const text[LKS_PHASES] = {[LKS_PHASE_START] = "starting",
                                               [LKS_PHASE_DATA] = "opening a dataset",
                                               [LKS_PHASE_PREPARE] = "preparing a network",
                                               [LKS_PHASE_TRAIN] = "training",
                                               [LKS_PHASE_EVALUATE] = "evaluating",
                                               [LKS_PHASE_CHECKPOINT] = "reading or writing a checkpoint",
                                               [LKS_PHASE_REPORT] = "writing a report",
                                               [LKS_PHASE_MEASURE] = "measuring",
                                               [LKS_PHASE_RUNS] = "waiting for the runs of other ranks",
                                               [LKS_PHASE_END] = "ending"};
  return phase >= 0 && phase < LKS_PHASES ? text[phase] : "?";
}

void lks_life_move(lks_life *life)
{
  lks_life *from = atomic_load(&lks_life_own);
  if (life == from) return;
  atomic_store(&life->beats, atomic_load(&from->beats));
  atomic_store(&life->wait, atomic_load(&from->wait));
  atomic_store(&life->phase, atomic_load(&from->phase));
  atomic_store(&life->part, atomic_load(&from->part));
  atomic_store(&life->step, atomic_load(&from->step));
  for (int i = 0; i < LKS_LIFE_LAYER_WORDS; i++) atomic_store(&life->layer[i], atomic_load(&from->layer[i]));
  atomic_store(&lks_life_own, life);
}
