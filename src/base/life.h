#ifndef LKS_BASE_LIFE_H
#define LKS_BASE_LIFE_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* Signs of life: where this process is, and that it gets on. Written by the main thread with a few stores, read
 * by the stall watches (comm/stall_watch.c) of this process and of the others on its node. No clock is read. */

/** What a rank waits for other ranks in. */
typedef enum lks_wait {
  LKS_WAIT_NONE, /* it works, or waits for something else */
  LKS_WAIT_START,
  LKS_WAIT_AGREEMENT,
  LKS_WAIT_BROADCAST,
  LKS_WAIT_EXACT_SUM,
  LKS_WAIT_GRADIENTS,
  LKS_WAIT_TABLE,
  LKS_WAIT_COMPARISON,
  LKS_WAIT_GATHER,
  LKS_WAIT_MAXIMUM,
  LKS_WAIT_NODE_MEMORY,
  LKS_WAIT_NODE_BARRIER,
  LKS_WAIT_WINDOW,
  LKS_WAIT_COMMUNICATOR,
  LKS_WAIT_MEASUREMENT,
  LKS_WAIT_RUNS,
  LKS_WAIT_FINALIZE,
  LKS_WAIT_END,
  LKS_WAITS
} lks_wait;

/** What a rank is about. */
typedef enum lks_phase {
  LKS_PHASE_START,
  LKS_PHASE_DATA,
  LKS_PHASE_PREPARE,
  LKS_PHASE_TRAIN,
  LKS_PHASE_EVALUATE,
  LKS_PHASE_CHECKPOINT,
  LKS_PHASE_REPORT,
  LKS_PHASE_MEASURE,
  LKS_PHASE_RUNS,
  LKS_PHASE_END,
  LKS_PHASES
} lks_phase;

enum { LKS_LIFE_LAYER_WORDS = 3, LKS_LIFE_LAYER_BYTES = 8 * LKS_LIFE_LAYER_WORDS };

typedef struct lks_life {
  _Alignas(64) atomic_int pid;
  atomic_int rank;     /* -1: not known yet */
  atomic_ullong born;  /* when the process was started, as its system counts (base/process.h) */
  atomic_ullong beats; /* signs of life so far */
  atomic_int wait, phase;
  atomic_int part; /* of the job, whose ranks it waits for; 0: for those of the whole job */
  atomic_ullong step;
  atomic_ullong layer[LKS_LIFE_LAYER_WORDS]; /* the beginning of its name */
} lks_life;

/** That of this process; in memory of its own until the ranks of the node share a table. */
extern _Atomic(lks_life *) lks_life_own;

/** Local. In words, to complete "waits for the other ranks in ...", and "is ...". */
const char *lks_wait_text(int wait);
const char *lks_phase_text(int phase);

/** Local. The signs of life go to `life` from here on, which takes over what there was. */
void lks_life_move(lks_life *life);

/* What follows is Local, and the main thread's. */

static inline void lks_life_beat(void)
{
  lks_life *life = atomic_load_explicit(&lks_life_own, memory_order_relaxed);
  const unsigned long long beats = atomic_load_explicit(&life->beats, memory_order_relaxed);
  atomic_store_explicit(&life->beats, beats + 1, memory_order_relaxed);
}

/** From here on this rank may wait for others. */
static inline void lks_life_wait(lks_wait wait)
{
  lks_life *life = atomic_load_explicit(&lks_life_own, memory_order_relaxed);
  lks_life_beat();
  atomic_store_explicit(&life->wait, (int)wait, memory_order_release);
}

/** It does not wait any more. */
static inline void lks_life_go(void)
{
  lks_life_wait(LKS_WAIT_NONE);
}

/** Returns the phase so far, which is to come back when this one is over. */
static inline lks_phase lks_life_enter(lks_phase phase)
{
  lks_life *life = atomic_load_explicit(&lks_life_own, memory_order_relaxed);
  const int before = atomic_load_explicit(&life->phase, memory_order_relaxed);
  lks_life_beat();
  atomic_store_explicit(&life->phase, (int)phase, memory_order_relaxed);
  return (lks_phase)before;
}

static inline void lks_life_step(unsigned long long step)
{
  lks_life *life = atomic_load_explicit(&lks_life_own, memory_order_relaxed);
  atomic_store_explicit(&life->step, step, memory_order_relaxed);
}

/** Begins to compute a layer; name: at least LKS_LIFE_LAYER_BYTES of memory. */
static inline void lks_life_layer(const char *name)
{
  lks_life *life = atomic_load_explicit(&lks_life_own, memory_order_relaxed);
  uint64_t word[LKS_LIFE_LAYER_WORDS];
  memcpy(word, name, sizeof word);
  lks_life_beat();
  for (int i = 0; i < LKS_LIFE_LAYER_WORDS; i++)
    atomic_store_explicit(&life->layer[i], word[i], memory_order_relaxed);
}

#endif
