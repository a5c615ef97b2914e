#include "compare/run_queue.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/life.h"
#include "base/log.h"
#include "base/stop_request.h"
#include "comm/split.h"
#include "compare/run_queue_parts.h"
#include "lockstep/network.h"
#include "lockstep/profile.h"

/* A team's side of a run queue. */

static const double tells_every = 0.1; /* seconds: of a leader, while it trains */

/* Whether the last note is on its way: rank 0 may be busy, and then it hears the next one. */
static bool may_send(lks_run_queue *q)
{
  int sent = 0;
  MPI_Test(&q->sending, &sent, MPI_STATUS_IGNORE);
  return sent;
}

/* A leader to rank 0. Waits until the last note is on its way. */
static void send(lks_run_queue *q, const lks_queue_note *n)
{
  MPI_Wait(&q->sending, MPI_STATUS_IGNORE);
  q->sent = *n;
  MPI_Isend(&q->sent, sizeof q->sent, MPI_BYTE, 0, LKS_TAG_UP, q->wire, &q->sending);
}

static bool take_back_warning(lks_run_queue *q, lks_queue_note *n)
{
  *n = (lks_queue_note){.kind = LKS_NOTE_WARNING, .run = LKS_NO_RUN};
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
  if (q->warnings < LKS_QUEUE_WARNINGS) snprintf(q->warning[q->warnings++], LKS_NOTE_LINE, "%s", text);
  pthread_mutex_unlock(&q->lock);
}

/* A leader hears a word of rank 0, if there is one. */
static bool listen(lks_run_queue *q, lks_queue_command *c)
{
  int there = 0;
  MPI_Iprobe(0, LKS_TAG_DOWN, q->wire, &there, MPI_STATUS_IGNORE);
  if (!there) return false;
  MPI_Recv(c, sizeof *c, MPI_BYTE, 0, LKS_TAG_DOWN, q->wire, MPI_STATUS_IGNORE);
  if (c->order == LKS_WORD_STOP) q->requests |= LKS_REQUEST_STOP;
  if (c->order == LKS_WORD_SAVE) q->requests |= LKS_REQUEST_SAVE;
  return true;
}

static void say_stopped(lks_run_queue *q)
{
  if (!lks_stop_requested() || q->said_stopped) return;
  send(q, &(lks_queue_note){.kind = LKS_NOTE_STOPPED, .run = LKS_NO_RUN});
  q->said_stopped = true;
}

/* LKS_WORD_RUN, LKS_WORD_END, or LKS_WORD_WAIT, which the team hears too. */
static lks_queue_command await(lks_run_queue *q)
{
  lks_queue_command c;
  for (;;) {
    while (!listen(q, &c)) {
      say_stopped(q);
      lks_queue_nap();
    }
    if (c.order == LKS_WORD_RUN || c.order == LKS_WORD_END || c.order == LKS_WORD_WAIT) return c;
  }
}

/* The leader's part of the next command. */
static lks_queue_command next_command(lks_run_queue *q, bool *asked)
{
  if (lks_queue_is_root(q)) {
    if (!*asked) lks_queue_settle(q, 0, &q->last);
    *asked = true;
    return lks_queue_own_turn(q);
  }
  if (!*asked) {
    for (lks_queue_note n; take_back_warning(q, &n);) send(q, &n);
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
  lks_queue_command c;
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
  } while (!status && c.order == LKS_WORD_WAIT);
  if (several) lks_comm_wait_within(q->teams->number + 1);
  *run = !status && c.order == LKS_WORD_RUN ? c.run : LKS_NO_RUN;
  q->saves = q->saved = false; /* its end says so */
  lks_life_enter(*run != LKS_NO_RUN ? LKS_PHASE_TRAIN : q->phase);
  q->last = (lks_queue_note){.kind = LKS_NOTE_ASK, .run = LKS_NO_RUN};
  return status;
}

void lks_run_queue_ended(lks_run_queue *q, size_t run, lks_status status, size_t steps, const char *line)
{
  q->last = (lks_queue_note){.kind = LKS_NOTE_ASK, .status = status, .run = run, .step = steps};
  snprintf(q->last.line, sizeof q->last.line, "%s", line);
  if (status) snprintf(q->last.message, sizeof q->last.message, "%s", lks_message());
}

/* How far the team is, or what it warns of: not too often, and never so that it waits. */
static void report(lks_run_queue *q)
{
  lks_queue_note n;
  const double now = lks_seconds();
  if (!may_send(q)) return;
  if (take_back_warning(q, &n)) {
    send(q, &n);
  } else if (q->saved) {
    send(q, &(lks_queue_note){.kind = LKS_NOTE_SAVED, .run = LKS_NO_RUN});
    q->saved = false;
  } else if (now >= q->told + tells_every) {
    n = (lks_queue_note){
        .kind = LKS_NOTE_STEP, .run = LKS_NO_RUN, .step = q->last.step, .samples = q->samples};
    n.mean_loss = q->mean_loss;
    send(q, &n);
    q->told = now;
    q->samples = 0;
  }
}

void lks_run_queue_pulse(lks_run_queue *q)
{
  lks_queue_command c;
  if (!lks_queue_has_wire(q)) return;
  if (lks_queue_is_root(q)) {
    q->heard = true;
    lks_queue_serve(q);
    return;
  }
  report(q);
  while (listen(q, &c)) continue;
}

void lks_run_queue_step(lks_run_queue *q, size_t step, size_t samples, double mean_loss)
{
  if (!lks_teams_leads(q->teams)) return;
  if (lks_queue_is_root(q)) {
    q->team[0].step = step;
    lks_queue_show(q, samples, mean_loss);
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
  if (q->saves && lks_queue_is_root(q)) lks_queue_saved(q, 0);
  q->saved |= q->saves;
  q->saves = (requests & LKS_REQUEST_SAVE) != 0;
  return requests;
}

static lks_status allocate(lks_run_queue *q, const size_t *steps)
{
  q->steps = lks_new(q->runs, sizeof *q->steps);
  if (lks_queue_is_root(q)) q->team = lks_new((size_t)q->teams->count, sizeof *q->team);
  if (!q->steps || (lks_queue_is_root(q) && !q->team)) return LKS_ERR_RANK;
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
    q->last = (lks_queue_note){.kind = LKS_NOTE_ASK, .run = LKS_NO_RUN};
    q->progress = progress;
    q->files = files;
    q->outcome.first = q->failed = LKS_NO_RUN;
    pthread_mutex_init(&q->lock, NULL);
  }
  const lks_status status = lks_comm_agree_all(teams->all, q ? allocate(q, steps) : LKS_ERR_RANK);
  if (status || !q) {
    destroy(queue);
    return status;
  }
  if (lks_queue_has_wire(q)) MPI_Comm_set_errhandler(q->wire, MPI_ERRORS_ARE_FATAL);
  if (lks_queue_has_wire(q) && !lks_queue_is_root(q)) lks_log_divert(take_warning, q);
  return LKS_OK;
}

lks_status lks_run_queue_end_all(lks_queue_outcome *outcome, lks_run_queue **queue)
{
  lks_run_queue *q = *queue;
  lks_comm *all = q->teams->all;
  char message[LKS_NOTE_LINE];
  lks_queue_note late;
  if (q->teams->count > 1) lks_comm_wait_within(0);
  if (lks_queue_has_wire(q) && !lks_queue_is_root(q)) lks_log_divert(NULL, NULL);
  MPI_Wait(&q->sending, MPI_STATUS_IGNORE);
  lks_status status = lks_comm_agree_all(all, LKS_OK); /* nobody sends any more */
  for (int t; lks_queue_has_wire(q) && lks_queue_is_root(q) && lks_queue_receive(q, &late, &t);) continue;
  *outcome = q->outcome;
  if (q->stopping) outcome->status = lks_status_worse(outcome->status, LKS_STOPPED);
  memcpy(message, q->message, sizeof message);
  if (!status) status = lks_comm_broadcast_all(all, outcome, sizeof *outcome, 0);
  if (!status) status = lks_comm_broadcast_all(all, message, sizeof message, 0);
  if (!status && outcome->status && outcome->status != LKS_STOPPED) lks_fail(outcome->status, "%s", message);
  destroy(queue);
  return status;
}
