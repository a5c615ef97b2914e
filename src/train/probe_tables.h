#ifndef LKS_TRAIN_PROBE_TABLES_H
#define LKS_TRAIN_PROBE_TABLES_H

#include <stddef.h>

#include "lockstep/model.h"
#include "lockstep/status.h"
#include "train/run_tables.h"

/* The files that probes write, RUN/probe-NAME.csv, for those who read them. NaN stands for what could not be
 * measured: an empty field. Steps are those that were done. */

#define LKS_ACTIVATIONS_HEADING "step,unit,mean,std,p15,p50,p85\n"
#define LKS_DRIFT_HEADING "step,drift\n"
#define LKS_GRADIENTS_HEADING "step,norm,shift,cosine\n"
#define LKS_LANDSCAPE_HEADING "step,loss,low,high,gradient_change,smoothness,loss_half,loss_1,loss_2,loss_4\n"
#define LKS_PROBE_NOISE_HEADING "layer,m,draws,isolated,end_to_end,theory,dropout,dropout_noise\n"

/** One unit (channel) of the layer's input over the probe samples. unit -1, in the file "all": the average of each
 * figure over all units. */
typedef struct lks_activation_row {
  double step, unit, mean, std, p15, p50, p85;
} lks_activation_row;

/** drift: since the row before; NaN in a first one. */
typedef struct lks_drift_row {
  double step, drift;
} lks_drift_row;

/** norm: ||G||; shift: ||G - G'||/||G||, G' after the layers below were updated; cosine: of the angle between. */
typedef struct lks_gradient_row {
  double step, norm, shift, cosine;
} lks_gradient_row;

/** loss: of the mini-batch before the step; low, high: least and greatest of the losses half, once, twice and four times
 * the learning rate along the gradient; gradient_change: the greatest ||g - g'||; smoothness: the greatest ||g - g'||
 * over the way. */
typedef struct lks_landscape_row {
  double step, loss, low, high, gradient_change, smoothness, scaled[4];
} lks_landscape_row;

/** Noise of a normalized value of a fixed sample, when mini-batches of m are drawn: variances, averaged over
 * channels and samples. dropout: rate of a dropout in front of the layer that would be as noisy as end_to_end;
 * dropout_noise: that of a dropout of 1/2. */
typedef struct lks_probe_noise_row {
  char layer[LKS_NAME_MAX];
  double m, draws, isolated, end_to_end, theory, dropout, dropout_noise;
} lks_probe_noise_row;

/** Local. The rows of RUN/probe-NAME.csv, in order; *row is freed with lks_free, NULL when there are none. LKS_ERR_DATA
 * with FILE:LINE when the file is damaged, LKS_ERR_IO when it cannot be read. */
lks_status lks_activations_read(lks_activation_row **row, size_t *count, const char *run);
lks_status lks_drift_read(lks_drift_row **row, size_t *count, const char *run);
lks_status lks_gradients_read(lks_gradient_row **row, size_t *count, const char *run);
lks_status lks_landscape_read(lks_landscape_row **row, size_t *count, const char *run);
lks_status lks_probe_noise_read(lks_probe_noise_row **row, size_t *count, const char *run);

/** Local (rank 0). Appends rows of `columns` numbers to probe-NAME.csv. */
lks_status lks_probe_table_append(lks_run_tables *tables, const char *name, const char *heading,
                                  const double *value, size_t rows, size_t columns);
/** Local (rank 0). Writes the whole of RUN/probe-noise.csv. */
lks_status lks_probe_noise_write(const char *run, const lks_probe_noise_row *row, size_t count);
/** Local (rank 0). Drops the rows behind `step` of all that grow, and those of step 0 if that is `step`: a run that begins at its
 * beginning measures it again. */
lks_status lks_probe_tables_truncate(const char *run, size_t step);

#endif
