#ifndef LKS_COMPARE_RUN_QUEUE_H
#define LKS_COMPARE_RUN_QUEUE_H

#include <stdint.h>

#include "compare/teams.h"
#include "train/progress.h"
#include "train/request_files.h"

/** Runs that teams of ranks take one after the other, each as soon as it has ended its last one, until none is left. Rank 0 of
 * the job shares them out, shows how all of them get on, and looks for what it is asked; it has a run of its own to make, and does
 * this after each mini-batch. The leaders of the other teams tell it by messages. */
typedef struct lks_run_queue lks_run_queue;

/** What became of all runs, equal on all ranks. */
typedef struct lks_queue_outcome {
  lks_status status; /* LKS_STOPPED; or that of the failed run that comes first, whose message is recorded */
  size_t diverged;   /* runs that did */
  size_t first;      /* of these, the one that comes first; SIZE_MAX: none */
  size_t first_at;   /* after so many steps */
} lks_queue_outcome;

/** Local. No run any more. */
#define LKS_NO_RUN SIZE_MAX

/** Collective over all ranks of teams; arguments equal on all ranks, but progress, which is rank 0's. steps[runs] of each whole
 * run, in the order in which they are taken; done: steps of the whole that lie behind. progress (may be NULL) and files are
 * borrowed; files: where the job is asked to stop, by rank 0, used with several teams alone. */
lks_status lks_run_queue_create_all(lks_run_queue **queue, lks_teams *teams, size_t runs, const size_t *steps,
                                    size_t done, lks_progress *progress, lks_request_files *files);

/** Collective over the team. The run that it makes next; LKS_NO_RUN when there is none and all teams have ended theirs. */
lks_status lks_run_queue_next_all(size_t *run, lks_run_queue *queue);

/** Local, on the leader of a team, after each of its runs. status: LKS_ERR_DIVERGED is an end like LKS_OK; the message of any other
 * failure is the recorded one. steps: after how many it ended; line: what is to be said of it. */
void lks_run_queue_ended(lks_run_queue *queue, size_t run, lks_status status, size_t steps, const char *line);

/** Local, on every rank; the leader of a team tells rank 0. After each mini-batch of training. */
void lks_run_queue_step(lks_run_queue *queue, size_t step, size_t samples, double mean_loss);
/** Local, on every rank. After other mini-batches. */
void lks_run_queue_pulse(lks_run_queue *queue);
/** Local, on every rank. LKS_REQUEST_* that its run is to heed, as rank 0 found them. */
unsigned lks_run_queue_requests(lks_run_queue *queue);

/** Collective over all ranks of teams. */
lks_status lks_run_queue_end_all(lks_queue_outcome *outcome, lks_run_queue **queue);

#endif
