#include "compare/run_queue.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/life.h"
#include "base/log.h"
#include "base/stop_request.h"
#include "comm/split.h"
#include "lockstep/network.h"
#include "lockstep/profile.h"

/* What leaders tell rank 0, and what it tells them; of one size, so small that MPI sends it at once. A message that
 * fails ends the job, for nobody could tell the others. */
typedef enum word { RUN, WAIT, END, STOP, SAVE } word;
typedef enum kind { ASK, STEP, WARNING, STOPPED, SAVED } kind;
enum { LINE = 1024, TAG_UP = 1, TAG_DOWN, WARNINGS = 8 };

typedef struct note {
  kind kind;
  lks_run_end end; /* of `run`, with ASK */
  lks_status status;
  size_t run, step, samples;
  double mean_loss;
  char line[LINE], message[LINE];
} note;

typedef struct command {
  word order;
  size_t run;
} command;

static const double told_every = 0.5, /* seconds: those who wait hear that others get on */
    tells_every = 0.1,                /* of a leader, while it trains */
    naps = 1e-3;                      /* of one that waits for a word */

/* Rank 0's. */
typedef struct team {
  size_t run, step; /* that it makes, and how far it is; LKS_NO_RUN: none */
  bool waits;       /* for another one */
  bool saves;       /* a checkpoint, which was asked for by a file */
} team;

struct lks_run_queue {
  lks_teams *teams; /* borrowed */
  MPI_Comm wire;    /* of the leaders */
  lks_phase phase;  /* before all runs */
  size_t runs;
  size_t *steps; /* [runs] owned */

  /* of each leader */
  note last; /* the run that ended, to be told with the next question */
  note sent; /* under way */
  MPI_Request sending;
  double told;    /* when it last told rank 0 */
  size_t samples; /* since then */
  double mean_loss;
  unsigned requests;
  bool saves; /* its run was asked for a checkpoint, and makes it before its next step */
  bool saved; /* that is to be told */
  bool said_stopped;
  pthread_mutex_t lock; /* of what follows: any thread may warn */
  char warning[WARNINGS][LINE];
  size_t warnings;

  /* of rank 0 */
  team *team;        /* [teams] owned */
  size_t next, done; /* runs that were given out; steps of the whole that lie behind */
  bool heard;        /* from a team that gets on, since it was last passed on */
  double passed_on;
  bool closed, stopping; /* no run is given out any more; those under way are stopped too */
  lks_progress *progress;
  lks_request_files *files;
  bool saving; /* until all teams have done so */
  lks_queue_outcome outcome;
  size_t failed; /* the first run that did; LKS_NO_RUN */
  char message[LINE];
};

static bool is_root(const lks_run_queue *q)
{
  return lks_comm_rank(q->teams->all) == 0;
}

static bool has_wire(const lks_run_queue *q)
{
  return q->wire != MPI_COMM_NULL;
}

/* Rank 0 to the leader of another team. */
static void tell(const lks_run_queue *q, int to, word order, size_t run)
{
  const command c = {order, run};
  MPI_Send(&c, sizeof c, MPI_BYTE, to, TAG_DOWN, q->wire);
}

static void tell_others(const lks_run_queue *q, word order)
{
  for (int t = 1; t < q->teams->count; t++) tell(q, t, order, LKS_NO_RUN);
}

static void show(lks_run_queue *q, size_t samples, double mean_loss)
{
  size_t under_way = 0, step = q->done;
  char title[64];
  for (int t = 0; t < q->teams->count; t++) {
    under_way += q->team[t].run != LKS_NO_RUN;
    step += q->team[t].step;
  }
  if (q->teams->count > 1) {
    snprintf(title, sizeof title, "%zu runs at once, %zu to come", under_way, q->runs - q->next);
    lks_progress_many(q->progress, title);
  }
  lks_progress_step(q->progress, step, samples, mean_loss);
}

static void stop_everything(lks_run_queue *q)
{
  if (q->stopping) return;
  q->closed = q->stopping = true;
  q->requests |= LKS_REQUEST_STOP;
  if (has_wire(q)) tell_others(q, STOP);
}

static void note_failure(lks_run_queue *q, size_t run, lks_status status, const char *message)
{
  if (status == LKS_STOPPED) {
    stop_everything(q);
  } else if (q->failed == LKS_NO_RUN || run < q->failed) {
    q->failed = run;
    snprintf(q->message, sizeof q->message, "%s", message);
    q->outcome.status = status;
  }
  /* What is wrong with one run's files is no reason to leave the others undone. */
  if (status != LKS_ERR_IO && status != LKS_ERR_DATA) q->closed = true;
}

/* The file goes when the last checkpoint is there. */
static void note_saved(lks_run_queue *q, int t)
{
  q->team[t].saves = false;
  for (int other = 0; other < q->teams->count; other++)
    if (q->team[other].saves) return;
  if (q->saving) lks_request_files_heeded(q->files, LKS_REQUEST_SAVE);
  q->saving = false;
}

/* A run of a team is over. */
static void settle(lks_run_queue *q, int t, const note *n)
{
  note_saved(q, t);
  q->team[t] = (team){.run = LKS_NO_RUN, .waits = true};
  if (n->run == LKS_NO_RUN) return;
  q->done += q->steps[n->run];
  if (n->line[0]) lks_progress_line(q->progress, "%s", n->line);
  if (n->end == LKS_RUN_FAILED) note_failure(q, n->run, n->status, n->message);
  if (n->end != LKS_RUN_DIVERGED) return;
  q->outcome.diverged++;
  if (q->outcome.first != LKS_NO_RUN && q->outcome.first < n->run) return;
  q->outcome.first = n->run;
  q->outcome.first_at = n->step;
}

/* The next run is team t's, if there is one. */
static bool give(lks_run_queue *q, int t)
{
  if (q->closed || q->next == q->runs) return false;
  q->team[t] = (team){.run = q->next++};
  return true;
}

static bool all_wait(const lks_run_queue *q)
{
  for (int t = 0; t < q->teams->count; t++)
    if (!q->team[t].waits) return false;
  return true;
}

static void hear(lks_run_queue *q, int t, const note *n)
{
  q->heard = true;
  switch (n->kind) {
  case ASK:
    settle(q, t, n);
    if (give(q, t)) tell(q, t, RUN, q->team[t].run);
    break;
  case STEP:
    q->team[t].step = n->step;
    if (n->samples) show(q, n->samples, n->mean_loss);
    break;
  case WARNING: lks_warn("%s", n->line); break;
  case STOPPED: stop_everything(q); break;
  case SAVED: note_saved(q, t); break;
  }
}

static void ask_to_save(lks_run_queue *q)
{
  q->saving = true;
  for (int t = 0; t < q->teams->count; t++) q->team[t].saves = !q->team[t].waits;
  q->requests |= LKS_REQUEST_SAVE;
  tell_others(q, SAVE);
  if (!q->team[0].saves) note_saved(q, 0);
}

static void look_for_requests(lks_run_queue *q)
{
  const unsigned found = q->files ? lks_request_files_look(q->files) : 0;
  if (lks_stop_requested() || (found & LKS_REQUEST_STOP)) stop_everything(q);
  if (found & LKS_REQUEST_STOP) lks_request_files_heeded(q->files, LKS_REQUEST_STOP);
  if ((found & LKS_REQUEST_SAVE) && !q->saving) ask_to_save(q);
}

/* Teams that wait hear now and then that another one gets on. */
static void pass_on(lks_run_queue *q)
{
  const double now = lks_seconds();
  if (!q->heard || now < q->passed_on + told_every) return;
  for (int t = 1; t < q->teams->count; t++)
    if (q->team[t].waits) tell(q, t, WAIT, LKS_NO_RUN);
  q->heard = false;
  q->passed_on = now;
}

/* The next note that has come, and whose it is. */
static bool receive(lks_run_queue *q, note *n, int *t)
{
  int there = 0;
  MPI_Status from;
  MPI_Iprobe(MPI_ANY_SOURCE, TAG_UP, q->wire, &there, &from);
  if (!there) return false;
  *t = from.MPI_SOURCE;
  MPI_Recv(n, sizeof *n, MPI_BYTE, *t, TAG_UP, q->wire, MPI_STATUS_IGNORE);
  return true;
}

/* Rank 0 listens. True if anything came. */
static bool serve(lks_run_queue *q)
{
  bool any = false;
  note n;
  for (int t; receive(q, &n, &t); any = true) hear(q, t, &n);
  look_for_requests(q);
  pass_on(q);
  return any;
}

/* Whether the last note is on its way: rank 0 may be busy, and then it hears the next one. */
static bool may_send(lks_run_queue *q)
{
  int sent = 0;
  MPI_Test(&q->sending, &sent, MPI_STATUS_IGNORE);
  return sent;
}

/* A leader to rank 0. Waits until the last note is on its way. */
static void send(lks_run_queue *q, const note *n)
{
  MPI_Wait(&q->sending, MPI_STATUS_IGNORE);
  q->sent = *n;
  MPI_Isend(&q->sent, sizeof q->sent, MPI_BYTE, 0, TAG_UP, q->wire, &q->sending);
}

static bool take_back_warning(lks_run_queue *q, note *n)
{
  *n = (note){.kind = WARNING, .run = LKS_NO_RUN};
  pthread_mutex_lock(&q->lock);
  const bool any = q->warnings > 0;
  if (any) {
    memcpy(n->line, q->warning[0], sizeof n->line);
    memmove(q->warning[0], q->warning[1], --q->warnings * sizeof *q->warning);
  }
  pthread_mutex_unlock(&q->lock);
  return any;
}

/* What the leader of another team warns of, rank 0 prints; it is not told here, for this may be another thread. */
static void take_warning(void *context, const char *text)
{
  lks_run_queue *q = context;
  pthread_mutex_lock(&q->lock);
  if (q->warnings < WARNINGS) snprintf(q->warning[q->warnings++], LINE, "%s", text);
  pthread_mutex_unlock(&q->lock);
}

/* A leader hears a word of rank 0, if there is one. */
static bool listen(lks_run_queue *q, command *c)
{
  int there = 0;
  MPI_Iprobe(0, TAG_DOWN, q->wire, &there, MPI_STATUS_IGNORE);
  if (!there) return false;
  MPI_Recv(c, sizeof *c, MPI_BYTE, 0, TAG_DOWN, q->wire, MPI_STATUS_IGNORE);
  if (c->order == STOP) q->requests |= LKS_REQUEST_STOP;
  if (c->order == SAVE) q->requests |= LKS_REQUEST_SAVE;
  return true;
}

static void nap(void)
{
  nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * naps)}, NULL);
}

static void say_stopped(lks_run_queue *q)
{
  if (!lks_stop_requested() || q->said_stopped) return;
  send(q, &(note){.kind = STOPPED, .run = LKS_NO_RUN});
  q->said_stopped = true;
}

/* RUN, END, or WAIT, which the team hears too. */
static command await(lks_run_queue *q)
{
  command c;
  for (;;) {
    while (!listen(q, &c)) {
      say_stopped(q);
      nap();
    }
    if (c.order == RUN || c.order == END || c.order == WAIT) return c;
  }
}

/* Rank 0 in place of messages to itself: RUN, END, or WAIT where another team got on. */
static command own_turn(lks_run_queue *q)
{
  if (q->team[0].run != LKS_NO_RUN) return (command){RUN, q->team[0].run};
  if (give(q, 0)) return (command){RUN, q->team[0].run};
  const double begun = lks_seconds();
  bool any = false;
  while (has_wire(q) && !all_wait(q)) {
    any = serve(q) || any;
    if (any && lks_seconds() > begun + told_every) return (command){WAIT, LKS_NO_RUN};
    nap();
  }
  if (has_wire(q)) tell_others(q, END);
  return (command){END, LKS_NO_RUN};
}

/* The leader's part of the next command. */
static command next_command(lks_run_queue *q, bool *asked)
{
  if (is_root(q)) {
    if (!*asked) settle(q, 0, &q->last);
    *asked = true;
    return own_turn(q);
  }
  if (!*asked) {
    for (note n; take_back_warning(q, &n);) send(q, &n);
    send(q, &q->last);
  }
  *asked = true;
  return await(q);
}

/* While a team waits for a run, it waits for all others. */
lks_status lks_run_queue_next_all(size_t *run, lks_run_queue *q)
{
  lks_life_enter(LKS_PHASE_RUNS);
  const bool several = q->teams->count > 1;
  command c;
  lks_status status = LKS_OK;
  bool asked = false;
  if (several) lks_comm_wait_within(0);
  do {
    if (lks_teams_leads(q->teams)) {
      lks_life_wait(LKS_WAIT_RUNS);
      c = next_command(q, &asked);
      lks_life_go();
    }
    status = lks_comm_broadcast_all(q->teams->own, &c, sizeof c, 0);
  } while (!status && c.order == WAIT);
  if (several) lks_comm_wait_within(q->teams->number + 1);
  *run = !status && c.order == RUN ? c.run : LKS_NO_RUN;
  q->saves = q->saved = false; /* its end says so */
  lks_life_enter(*run != LKS_NO_RUN ? LKS_PHASE_TRAIN : q->phase);
  q->last = (note){.kind = ASK, .run = LKS_NO_RUN};
  return status;
}

void lks_run_queue_ended(lks_run_queue *q, size_t run, lks_run_end end, lks_status status, size_t steps,
                         const char *line)
{
  q->last = (note){.kind = ASK, .end = end, .status = status, .run = run, .step = steps};
  snprintf(q->last.line, sizeof q->last.line, "%s", line);
  if (end == LKS_RUN_FAILED) snprintf(q->last.message, sizeof q->last.message, "%s", lks_message());
}

/* How far the team is, or what it warns of: not too often, and never so that it waits. */
static void report(lks_run_queue *q)
{
  note n;
  const double now = lks_seconds();
  if (!may_send(q)) return;
  if (take_back_warning(q, &n)) {
    send(q, &n);
  } else if (q->saved) {
    send(q, &(note){.kind = SAVED, .run = LKS_NO_RUN});
    q->saved = false;
  } else if (now >= q->told + tells_every) {
    n = (note){.kind = STEP, .run = LKS_NO_RUN, .step = q->last.step, .samples = q->samples};
    n.mean_loss = q->mean_loss;
    send(q, &n);
    q->told = now;
    q->samples = 0;
  }
}

void lks_run_queue_pulse(lks_run_queue *q)
{
  command c;
  if (!has_wire(q)) return;
  if (is_root(q)) {
    q->heard = true;
    serve(q);
    return;
  }
  report(q);
  while (listen(q, &c)) continue;
}

void lks_run_queue_step(lks_run_queue *q, size_t step, size_t samples, double mean_loss)
{
  if (!lks_teams_leads(q->teams)) return;
  if (is_root(q)) {
    q->team[0].step = step;
    show(q, samples, mean_loss);
  } else {
    q->last.step = step;
    q->samples += samples;
    q->mean_loss = mean_loss;
  }
  lks_run_queue_pulse(q);
}

unsigned lks_run_queue_requests(lks_run_queue *q)
{
  const unsigned requests = q->requests;
  q->requests &= LKS_REQUEST_STOP; /* a checkpoint is asked for once */
  if (q->saves && is_root(q)) note_saved(q, 0);
  q->saved |= q->saves;
  q->saves = (requests & LKS_REQUEST_SAVE) != 0;
  return requests;
}

static lks_status allocate(lks_run_queue *q, const size_t *steps)
{
  q->steps = lks_new(q->runs, sizeof *q->steps);
  if (is_root(q)) q->team = lks_new((size_t)q->teams->count, sizeof *q->team);
  if (!q->steps || (is_root(q) && !q->team)) return LKS_ERR_RANK;
  memcpy(q->steps, steps, q->runs * sizeof *steps);
  for (int t = 0; q->team && t < q->teams->count; t++) q->team[t].run = LKS_NO_RUN;
  return LKS_OK;
}

static void destroy(lks_run_queue **queue)
{
  lks_run_queue *q = *queue;
  *queue = NULL;
  if (!q) return;
  pthread_mutex_destroy(&q->lock);
  lks_free(q->team);
  lks_free(q->steps);
  lks_free(q);
}

lks_status lks_run_queue_create_all(lks_run_queue **queue, lks_teams *teams, size_t runs, const size_t *steps,
                                    size_t done, lks_progress *progress, lks_request_files *files)
{
  lks_run_queue *q = *queue = lks_new(1, sizeof *q);
  if (q) {
    q->teams = teams;
    q->wire = teams->leaders ? lks_comm_handle(teams->leaders) : MPI_COMM_NULL;
    q->sending = MPI_REQUEST_NULL;
    q->phase = (lks_phase)atomic_load(&atomic_load(&lks_life_own)->phase);
    q->runs = runs;
    q->done = done;
    q->last = (note){.kind = ASK, .run = LKS_NO_RUN};
    q->progress = progress;
    q->files = files;
    q->outcome.first = q->failed = LKS_NO_RUN;
    pthread_mutex_init(&q->lock, NULL);
  }
  const lks_status status = lks_comm_agree_all(teams->all, q ? allocate(q, steps) : LKS_ERR_RANK);
  if (status) {
    destroy(queue);
    return status;
  }
  if (has_wire(q)) MPI_Comm_set_errhandler(q->wire, MPI_ERRORS_ARE_FATAL);
  if (has_wire(q) && !is_root(q)) lks_log_divert(take_warning, q);
  return LKS_OK;
}

lks_status lks_run_queue_end_all(lks_queue_outcome *outcome, lks_run_queue **queue)
{
  lks_run_queue *q = *queue;
  lks_comm *all = q->teams->all;
  char message[LINE];
  note late;
  if (q->teams->count > 1) lks_comm_wait_within(0);
  if (has_wire(q) && !is_root(q)) lks_log_divert(NULL, NULL);
  MPI_Wait(&q->sending, MPI_STATUS_IGNORE);
  lks_status status = lks_comm_agree_all(all, LKS_OK); /* nobody sends any more */
  for (int t; has_wire(q) && is_root(q) && receive(q, &late, &t);) continue;
  *outcome = q->outcome;
  if (q->stopping) outcome->status = lks_status_worse(outcome->status, LKS_STOPPED);
  memcpy(message, q->message, sizeof message);
  if (!status) status = lks_comm_broadcast_all(all, outcome, sizeof *outcome, 0);
  if (!status) status = lks_comm_broadcast_all(all, message, sizeof message, 0);
  if (!status && outcome->status && outcome->status != LKS_STOPPED) lks_fail(outcome->status, "%s", message);
  destroy(queue);
  return status;
}
