#ifndef LKS_TRAIN_PROBE_H
#define LKS_TRAIN_PROBE_H

#include <stdbool.h>

#include "lockstep/config.h"
#include "train/probe_feed.h"
#include "train/run_tables.h"

/** What a run measures inside training (--probe). It puts everything back that a measurement disturbs: the run's bits are
 * those of a run without. */
typedef struct lks_probes lks_probes;

/** Collective. *probes NULL when the configuration asks for none. config (whose output may still be
 * chosen), setup, dataset and tables, which rank 0 alone needs, are borrowed; trained: samples that the run learns
 * from. LKS_ERR_USAGE when the model has no layer of that name. */
lks_status lks_probes_create_all(lks_probes **probes, lks_comm *comm, const lks_config *config,
                                 const lks_setup *setup, const lks_dataset *dataset, size_t trained,
                                 lks_run_tables *tables);
void lks_probes_destroy(lks_probes **probes);

/** Collective. Before the first step of this job, `step` steps being done: drops the rows behind them, and measures where the
 * run stands. */
lks_status lks_probes_begin_all(lks_probes *probes, size_t step);

/** Local. Whether the step that makes it `step` steps is measured; probes may be NULL. */
bool lks_probes_due(const lks_probes *probes, size_t step);
/** Local. After the pass of such a step, before the optimizer: keeps what the update takes away. */
void lks_probes_before(lks_probes *probes);
/** Collective. After the optimizer: the measurements. batch and result: of that step, whose key is step - 1. */
lks_status lks_probes_after_all(lks_probes *probes, const lks_batch *batch, const lks_pass_result *result,
                                double lr, size_t step);

/** Collective. At the end of training: the noise of a fixed sample. */
lks_status lks_probes_end_all(lks_probes *probes);

#endif
