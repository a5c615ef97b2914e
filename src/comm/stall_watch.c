#include "comm/stall_watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/leave.h"
#include "base/log.h"
#include "base/process.h"
#include "base/stop_request.h"
#include "base/thread.h"
#include "comm/communicator.h"
#include "comm/last_resort.h"
#include "comm/siblings.h"
#include "comm/stall.h"
#include "comm/watch_table.h"

/* A thread that ends the job when a rank is missing that others wait for. It never calls MPI. The watches of a
 * node look at one table, so whichever comes first speaks for all of them; those of other nodes speak later, one
 * after the other, when MPI's runtime should have ended them. Time is counted in naps and not read from a clock:
 * a process that was itself stopped has slept through no more than one nap, and blames nobody when it is woken. */
#define NAP 0.1
#define BEING_ENDED 10.0 /* seconds for whoever sent SIGTERM to end this process */
#define AFTER_THE_MESSAGE 4.0

typedef struct seen {
  unsigned long long beats;
  double silent;
} seen;

static struct {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool ready, runs, quit;
  double limit;          /* under the lock */
  const lks_comm *owner; /* that the watch ends with; NULL: it is the program's */
  pid_t launcher;        /* that started this process as one of several; 0: none did */
  char host[256];
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What the thread knows of the table at hand, its own memory. */
typedef struct view {
  lks_watch_table *table;
  const lks_life *life; /* [ranks] */
  size_t ranks;
  seen *last;           /* [ranks] */
  lks_silence *silence; /* [ranks] */
  lks_silence *among;   /* [ranks] of those that are judged together */
  size_t *who;          /* [ranks] which they are */
  double spoken;        /* seconds since a rank of this node spoke */
} view;

/* Ranks of this node that wait for each other: how many, and what their silence means. */
typedef struct verdict {
  lks_stall stall;
  size_t count, missing; /* missing: its place among them */
} verdict;

static void *memory_of(size_t bytes)
{
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static void forget(view *v)
{
  if (v->last) munmap(v->last, v->ranks * sizeof *v->last);
  if (v->silence) munmap(v->silence, v->ranks * sizeof *v->silence);
  if (v->among) munmap(v->among, v->ranks * sizeof *v->among);
  if (v->who) munmap(v->who, v->ranks * sizeof *v->who);
  *v = (view){0};
}

/* This process alone as long as there is no table. */
static bool look_at(view *v, lks_watch_table *table)
{
  if (v->last && v->silence && v->among && v->who && v->table == table) return true;
  forget(v);
  v->table = table;
  v->ranks = table ? (size_t)atomic_load(&table->ranks) : 1;
  v->life = table ? table->life : NULL;
  v->last = memory_of(v->ranks * sizeof *v->last);
  v->silence = memory_of(v->ranks * sizeof *v->silence);
  v->among = memory_of(v->ranks * sizeof *v->among);
  v->who = memory_of(v->ranks * sizeof *v->who);
  return v->last && v->silence && v->among && v->who;
}

static const lks_life *life_of(const view *v, size_t r)
{
  return v->life ? &v->life[r] : atomic_load_explicit(&lks_life_own, memory_order_relaxed);
}

static void count(view *v, double limit)
{
  for (size_t r = 0; r < v->ranks; r++) {
    const lks_life *life = life_of(v, r);
    const int wait = atomic_load_explicit(&life->wait, memory_order_acquire);
    const unsigned long long beats = atomic_load_explicit(&life->beats, memory_order_relaxed);
    v->last[r].silent = beats == v->last[r].beats ? v->last[r].silent + NAP : 0;
    v->last[r].beats = beats;
    v->silence[r] = (lks_silence){.seconds = v->last[r].silent, .waits = wait != LKS_WAIT_NONE};
    if (v->table && v->last[r].silent > limit)
      v->silence[r].lost = lks_process_is_lost(atomic_load(&life->pid), atomic_load(&life->born));
  }
}

/* Of the ranks that are judged together. */
static double patience_elsewhere(const view *v, double limit)
{
  const lks_life *own = life_of(v, v->who[0]);
  const int phase = atomic_load_explicit(&own->phase, memory_order_relaxed),
            rank = atomic_load_explicit(&own->rank, memory_order_relaxed);
  const bool of_one = phase == LKS_PHASE_DATA || phase == LKS_PHASE_CHECKPOINT || phase == LKS_PHASE_REPORT ||
                      phase == LKS_PHASE_RUNS;
  if (!v->table) return lks_stall_patience_at_start(limit, rank);
  return lks_stall_patience(limit, rank, (int)v->ranks, of_one && !atomic_load(&v->table->whole));
}

/* "training, step 3, layer conv1" */
static void describe(char text[160], const lks_life *life)
{
  char layer[LKS_LIFE_LAYER_BYTES + 1] = "";
  uint64_t word[LKS_LIFE_LAYER_WORDS];
  const int phase = atomic_load(&life->phase);
  for (int i = 0; i < LKS_LIFE_LAYER_WORDS; i++) word[i] = atomic_load(&life->layer[i]);
  memcpy(layer, word, sizeof word);
  int length = snprintf(text, 160, "%s", lks_phase_text(phase));
  if (phase == LKS_PHASE_TRAIN)
    length += snprintf(text + length, 160 - (size_t)length, ", step %llu", atomic_load(&life->step) + 1);
  if ((phase == LKS_PHASE_TRAIN || phase == LKS_PHASE_EVALUATE) && layer[0])
    snprintf(text + length, 160 - (size_t)length, ", layer %s", layer);
}

static const lks_life *longest_waiting(const view *v, size_t count)
{
  const lks_silence *s = v->among;
  size_t longest = 0;
  for (size_t i = 0; i < count; i++)
    if (s[i].waits && !s[i].lost &&
        (!s[longest].waits || s[longest].lost || s[i].seconds > s[longest].seconds))
      longest = i;
  return life_of(v, v->who[longest]);
}

static void say_here(const view *v, const verdict *found, double limit)
{
  char message[1024], about[160];
  const lks_life *missing = life_of(v, v->who[found->missing]), *waits = longest_waiting(v, found->count);
  const int pid = atomic_load(&missing->pid);
  char waited[160] = "";
  describe(about, missing);
  if (waits != missing)
    snprintf(waited, sizeof waited, ", and rank %d waited for it in %s", atomic_load(&waits->rank),
             lks_wait_text(atomic_load(&waits->wait)));
  snprintf(
      message, sizeof message,
      "rank %d on %s gave no sign of life for %g seconds, %s%s: process %d %s; look for what stopped it, or for a host that is overloaded or out of memory",
      atomic_load(&missing->rank), watch.host, limit, about, waited, pid,
      lks_process_text(pid, atomic_load(&missing->born)));
  lks_error_print(message);
}

static void say_elsewhere(const view *v, const verdict *found, double limit)
{
  char message[1024], about[160], missing[256];
  const lks_life *own = longest_waiting(v, found->count);
  const bool whole = v->table && atomic_load(&v->table->whole);
  describe(about, own);
  if (v->table)
    snprintf(missing, sizeof missing, "%s",
             whole ? "all ranks wait, so MPI has lost a message, or the ranks do different things"
                   : "no rank of this host is missing, so it is one of another host, or the network");
  else
    lks_siblings_describe(missing);
  snprintf(
      message, sizeof message,
      "rank %d on %s waited %g seconds for the other ranks in %s, %s: %s; look for a host that is down, overloaded or out of memory",
      atomic_load(&own->rank), watch.host, limit, lks_wait_text(atomic_load(&own->wait)), about, missing);
  lks_error_print(message);
}

/* True for the first one of a node. */
static bool may_speak(const view *v)
{
  int nobody = 0;
  return !v->table || atomic_compare_exchange_strong(&v->table->spoken, &nobody, 1);
}

static void give_up(view *v, const verdict *found, double limit)
{
  if (!may_speak(v)) return;
  if (found->stall == LKS_STALL_HERE)
    say_here(v, found, limit);
  else
    say_elsewhere(v, found, limit);
  if (v->table) lks_last_resort_leave(v->table);
  lks_leave(LKS_ERR_RANK);
}

/* A launcher that dies takes its ranks along, but for those that MPI has not told of it because it is only starting. */
static void leave_if_orphaned(void)
{
  char message[512];
  const int wait = atomic_load(&atomic_load(&lks_life_own)->wait);
  if (wait != LKS_WAIT_START || watch.launcher == 0 || getppid() == watch.launcher) return;
  snprintf(message, sizeof message,
           "on %s: what started this job (process %d) is gone while MPI starts; start it again", watch.host,
           (int)watch.launcher);
  lks_error_print(message);
  lks_leave(LKS_ERR_RANK);
}

static void nap(void)
{
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += (long)(NAP * 1e9);
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_cond_timedwait(&watch.wake, &watch.lock, &until);
}

/* Once a rank of the node has spoken, the others need not wait for a runtime that does not end them. */
static void follow(view *v)
{
  if (!v->table || !atomic_load(&v->table->spoken)) return;
  v->spoken += NAP;
  if (v->spoken > AFTER_THE_MESSAGE) lks_leave(LKS_ERR_RANK);
}

/* The ranks of a part of the job; part 0: all. */
static verdict judge(const view *v, int part, double limit)
{
  verdict found = {LKS_STALL_NONE, 0, 0};
  for (size_t r = 0; r < v->ranks; r++) {
    if (part && atomic_load_explicit(&life_of(v, r)->part, memory_order_relaxed) != part) continue;
    v->among[found.count] = v->silence[r];
    v->who[found.count++] = r;
  }
  if (found.count)
    found.stall = lks_stall_judge(&found.missing, v->among, found.count, limit, patience_elsewhere(v, limit));
  return found;
}

/* A process that is stopped or gone, where nobody may wait for it yet. */
static verdict judge_alone(const view *v, size_t r)
{
  v->among[0] = v->silence[r];
  v->who[0] = r;
  return (verdict){v->silence[r].lost ? LKS_STALL_HERE : LKS_STALL_NONE, 1, 0};
}

/* Each part of the job by itself, and then the whole: where parts work side by side, one that gets on says nothing of
 * another. */
static verdict judge_each(const view *v, double limit)
{
  int before = 0;
  for (size_t r = 0; r < v->ranks; r++) {
    const int part = atomic_load_explicit(&life_of(v, r)->part, memory_order_relaxed);
    if (!part) continue;
    verdict found = part != before ? judge(v, part, limit) : (verdict){LKS_STALL_NONE, 0, 0};
    if (found.stall == LKS_STALL_NONE) found = judge_alone(v, r);
    if (found.stall != LKS_STALL_NONE) return found;
    before = part;
  }
  return judge(v, 0, limit);
}

static void *watch_over(void *argument)
{
  (void)argument;
  view v = {0};
  pthread_mutex_lock(&watch.lock);
  while (!watch.quit) {
    nap();
    leave_if_orphaned();
    if (!look_at(&v, lks_watch_table_of_node())) continue;
    const double limit = watch.limit + (lks_stop_at_once() ? BEING_ENDED : 0);
    count(&v, limit);
    const verdict found = judge_each(&v, limit);
    follow(&v);
    if (found.stall != LKS_STALL_NONE) give_up(&v, &found, watch.limit);
  }
  pthread_mutex_unlock(&watch.lock);
  forget(&v);
  return NULL;
}

static void stop(void)
{
  if (!watch.runs) return;
  pthread_mutex_lock(&watch.lock);
  watch.quit = true;
  pthread_cond_signal(&watch.wake);
  pthread_mutex_unlock(&watch.lock);
  pthread_join(watch.thread, NULL);
  watch.runs = watch.quit = false;
}

static void get_ready(void)
{
  pthread_condattr_t monotonic;
  if (watch.ready) return;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&watch.wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  if (gethostname(watch.host, sizeof watch.host - 1) != 0) snprintf(watch.host, sizeof watch.host, "?");
  watch.ready = true;
}

static void set_limit(double seconds, const lks_comm *owner)
{
  const bool of_program = watch.runs && !watch.owner;
  if (!(seconds > 0)) {
    stop();
    return;
  }
  get_ready();
  pthread_mutex_lock(&watch.lock);
  watch.limit = seconds;
  pthread_mutex_unlock(&watch.lock);
  if (!of_program) watch.owner = owner;
  if (watch.runs) return;
  watch.runs = lks_thread_start(&watch.thread, watch_over, NULL) == 0;
  if (!watch.runs) lks_warn("no stall limit: the system starts no more threads");
}

void lks_stall_watch_start(double seconds)
{
  lks_life *own = atomic_load(&lks_life_own);
  const int rank = lks_siblings_own_rank();
  watch.launcher = rank >= 0 ? getppid() : 0;
  lks_watch_table_introduce(own, rank);
  set_limit(seconds, NULL);
}

void lks_comm_stall_limit(lks_comm *comm, double seconds)
{
  set_limit(seconds, comm);
}

void lks_stall_watch_forget(const lks_comm *comm)
{
  if (watch.owner && watch.owner == comm) stop();
}

void lks_stall_watch_end(void)
{
  const lks_watch_table *table = lks_watch_table_of_node();
  lks_life_wait(LKS_WAIT_END);
  for (int r = 0; table && watch.runs && r < atomic_load(&table->ranks); r++)
    while (atomic_load(&table->life[r].wait) != LKS_WAIT_END)
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  stop();
}
