#ifndef LKS_STUDY_UNIT_PICTURE_H
#define LKS_STUDY_UNIT_PICTURE_H

#include "report/figure.h"

enum {
  LKS_UNIT_PICTURE_PART = 1
}; /* of the study: its arms are none and batch norm, with the probe activations */

/** Percentiles of one input of a layer over the steps, without batch norm and with it. Local. The context is an
 * lks_study_outcome; the figure's name is "unit". */
lks_figure_print lks_unit_picture;

#endif
