#ifndef LKS_COMPARE_RUN_QUEUE_PARTS_H
#define LKS_COMPARE_RUN_QUEUE_PARTS_H

#include <pthread.h>
#include <time.h>

#include "base/life.h"
#include "compare/run_queue.h"

/* The inside of a run queue, shared by run_queue.c (a team's side) and run_shares.c (rank 0's). */

/* What leaders tell rank 0, and what it tells them; of one size, so small that MPI sends it at once. A message that
 * fails ends the job, for nobody could tell the others. */
typedef enum lks_queue_word {
  LKS_WORD_RUN,
  LKS_WORD_WAIT,
  LKS_WORD_END,
  LKS_WORD_STOP,
  LKS_WORD_SAVE
} lks_queue_word;
typedef enum lks_note_kind {
  LKS_NOTE_ASK,
  LKS_NOTE_STEP,
  LKS_NOTE_WARNING,
  LKS_NOTE_STOPPED,
  LKS_NOTE_SAVED
} lks_note_kind;
enum { LKS_NOTE_LINE = 1024, LKS_TAG_UP = 1, LKS_TAG_DOWN, LKS_QUEUE_WARNINGS = 8 };

typedef struct lks_queue_note {
  lks_note_kind kind;
  lks_status status; /* of `run`, with LKS_NOTE_ASK */
  size_t run, step, samples;
  double mean_loss;
  char line[LKS_NOTE_LINE], message[LKS_NOTE_LINE];
} lks_queue_note;

typedef struct lks_queue_command {
  lks_queue_word order;
  size_t run;
} lks_queue_command;

/** Rank 0's of each. */
typedef struct lks_queue_team {
  size_t run, step; /* that it makes, and how far it is; LKS_NO_RUN: none */
  bool waits;       /* for another one */
  bool saves;       /* a checkpoint, which was asked for by a file */
} lks_queue_team;

struct lks_run_queue {
  lks_teams *teams; /* borrowed */
  MPI_Comm wire;    /* of the leaders */
  lks_phase phase;  /* before all runs */
  size_t runs;
  size_t *steps; /* [runs] owned */

  /* of each leader */
  lks_queue_note last; /* the run that ended, to be told with the next question */
  lks_queue_note sent; /* under way */
  MPI_Request sending;
  double told;    /* when it last told rank 0 */
  size_t samples; /* since then */
  double mean_loss;
  unsigned requests;
  bool saves; /* its run was asked for a checkpoint, and makes it before its next step */
  bool saved; /* that is to be told */
  bool said_stopped;
  pthread_mutex_t lock; /* of what follows: any thread may warn */
  char warning[LKS_QUEUE_WARNINGS][LKS_NOTE_LINE];
  size_t warnings;

  /* of rank 0 */
  lks_queue_team *team; /* [teams] owned */
  size_t next, done;    /* runs that were given out; steps of the whole that lie behind */
  bool heard;           /* from a team that gets on, since it was last passed on */
  double passed_on;
  bool closed, stopping; /* no run is given out any more; those under way are stopped too */
  lks_progress *progress;
  lks_request_files *files;
  bool saving; /* until all teams have done so */
  lks_queue_outcome outcome;
  size_t failed; /* the first run that did; LKS_NO_RUN */
  char message[LKS_NOTE_LINE];
};

static inline bool lks_queue_is_root(const lks_run_queue *q)
{
  return lks_comm_rank(q->teams->all) == 0;
}

static inline bool lks_queue_has_wire(const lks_run_queue *q)
{
  return q->wire != MPI_COMM_NULL;
}

/** Local. Of one that waits for a word. */
static inline void lks_queue_nap(void)
{
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* What follows is rank 0's. */

/** Local. How all runs get on. */
void lks_queue_show(lks_run_queue *queue, size_t samples, double mean_loss);
/** Local. A run of a team is over. */
void lks_queue_settle(lks_run_queue *queue, int team, const lks_queue_note *note);
/** Local. A team has made the checkpoint that was asked for by a file; that goes when the last team has. */
void lks_queue_saved(lks_run_queue *queue, int team);
/** Local. The next note that has come, and whose it is; false: there is none. */
bool lks_queue_receive(lks_run_queue *queue, lks_queue_note *note, int *team);
/** Local. Listens to all teams. True if anything came. */
bool lks_queue_serve(lks_run_queue *queue);
/** Local. In place of messages to itself: RUN, END, or WAIT where another team got on. */
lks_queue_command lks_queue_own_turn(lks_run_queue *queue);

#endif
