#include "base/life.h"
#include "base/log.h"
#include "base/stop_request.h"
#include "compare/run_queue_parts.h"
#include "lockstep/network.h"
#include "lockstep/profile.h"

#include <stdio.h>

/* Rank 0's side of a run queue: who gets which run, what is heard of the teams, and what they are told. */

static const double told_every = 0.5; /* seconds: those who wait hear that others get on */

/* Rank 0 to the leader of another team. */
static void tell(const lks_run_queue *q, int to, lks_queue_word order, size_t run)
{
  const lks_queue_command c = {order, run};
  MPI_Send(&c, sizeof c, MPI_BYTE, to, LKS_TAG_DOWN, q->wire);
}

static void tell_others(const lks_run_queue *q, lks_queue_word order)
{
  for (int t = 1; t < q->teams->count; t++) tell(q, t, order, LKS_NO_RUN);
}

void lks_queue_show(lks_run_queue *q, size_t samples, double mean_loss)
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
  if (lks_queue_has_wire(q)) tell_others(q, LKS_WORD_STOP);
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
void lks_queue_saved(lks_run_queue *q, int t)
{
  q->team[t].saves = false;
  for (int other = 0; other < q->teams->count; other++)
    if (q->team[other].saves) return;
  if (q->saving) lks_request_files_heeded(q->files, LKS_REQUEST_SAVE);
  q->saving = false;
}

/* A run of a team is over. */
void lks_queue_settle(lks_run_queue *q, int t, const lks_queue_note *n)
{
  lks_queue_saved(q, t);
  q->team[t] = (lks_queue_team){.run = LKS_NO_RUN, .waits = true};
  if (n->run == LKS_NO_RUN) return;
  q->done += q->steps[n->run];
  if (n->line[0]) lks_progress_line(q->progress, "%s", n->line);
  if (n->status && n->status != LKS_ERR_DIVERGED) note_failure(q, n->run, n->status, n->message);
  if (n->status != LKS_ERR_DIVERGED) return;
  q->outcome.diverged++;
  if (q->outcome.first != LKS_NO_RUN && q->outcome.first < n->run) return;
  q->outcome.first = n->run;
  q->outcome.first_at = n->step;
}

/* The next run is team t's, if there is one. */
static bool give(lks_run_queue *q, int t)
{
  if (q->closed || q->next == q->runs) return false;
  q->team[t] = (lks_queue_team){.run = q->next++};
  return true;
}

static bool all_wait(const lks_run_queue *q)
{
  for (int t = 0; t < q->teams->count; t++)
    if (!q->team[t].waits) return false;
  return true;
}

static void hear(lks_run_queue *q, int t, const lks_queue_note *n)
{
  q->heard = true;
  switch (n->kind) {
  case LKS_NOTE_ASK:
    lks_queue_settle(q, t, n);
    if (give(q, t)) tell(q, t, LKS_WORD_RUN, q->team[t].run);
    break;
  case LKS_NOTE_STEP:
    q->team[t].step = n->step;
    if (n->samples) lks_queue_show(q, n->samples, n->mean_loss);
    break;
  case LKS_NOTE_WARNING: lks_warn("%s", n->line); break;
  case LKS_NOTE_STOPPED: stop_everything(q); break;
  case LKS_NOTE_SAVED: lks_queue_saved(q, t); break;
  }
}

static void ask_to_save(lks_run_queue *q)
{
  q->saving = true;
  for (int t = 0; t < q->teams->count; t++) q->team[t].saves = !q->team[t].waits;
  q->requests |= LKS_REQUEST_SAVE;
  tell_others(q, LKS_WORD_SAVE);
  if (!q->team[0].saves) lks_queue_saved(q, 0);
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
    if (q->team[t].waits) tell(q, t, LKS_WORD_WAIT, LKS_NO_RUN);
  q->heard = false;
  q->passed_on = now;
}

/* The next note that has come, and whose it is. */
bool lks_queue_receive(lks_run_queue *q, lks_queue_note *n, int *t)
{
  int there = 0;
  MPI_Status from;
  MPI_Iprobe(MPI_ANY_SOURCE, LKS_TAG_UP, q->wire, &there, &from);
  if (!there) return false;
  *t = from.MPI_SOURCE;
  MPI_Recv(n, sizeof *n, MPI_BYTE, *t, LKS_TAG_UP, q->wire, MPI_STATUS_IGNORE);
  return true;
}

/* Rank 0 listens. True if anything came. */
bool lks_queue_serve(lks_run_queue *q)
{
  bool any = false;
  lks_queue_note n;
  for (int t; lks_queue_receive(q, &n, &t); any = true) hear(q, t, &n);
  look_for_requests(q);
  pass_on(q);
  return any;
}

/* Rank 0 in place of messages to itself: LKS_WORD_RUN, LKS_WORD_END, or LKS_WORD_WAIT where another team got on. */
lks_queue_command lks_queue_own_turn(lks_run_queue *q)
{
  if (q->team[0].run != LKS_NO_RUN) return (lks_queue_command){LKS_WORD_RUN, q->team[0].run};
  if (give(q, 0)) return (lks_queue_command){LKS_WORD_RUN, q->team[0].run};
  const double begun = lks_seconds();
  bool any = false;
  while (lks_queue_has_wire(q) && !all_wait(q)) {
    any = lks_queue_serve(q) || any;
    if (any && lks_seconds() > begun + told_every) return (lks_queue_command){LKS_WORD_WAIT, LKS_NO_RUN};
    lks_queue_nap();
  }
  if (lks_queue_has_wire(q)) tell_others(q, LKS_WORD_END);
  return (lks_queue_command){LKS_WORD_END, LKS_NO_RUN};
}
