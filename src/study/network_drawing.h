#ifndef LKS_STUDY_NETWORK_DRAWING_H
#define LKS_STUDY_NETWORK_DRAWING_H

#include "report/figure.h"

/** A network of five hidden layers, its first two covered, and uncovered: what the third one sees. Local. The context
 * is not looked at. The figure's name is "network". */
lks_figure_print lks_network_drawing;

#endif
