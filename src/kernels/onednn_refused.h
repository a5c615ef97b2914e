#ifndef LKS_KERNELS_ONEDNN_REFUSED_H
#define LKS_KERNELS_ONEDNN_REFUSED_H

#include "kernels/onednn_api.h"

/** Local. Whether this implementation of oneDNN's, by its name, is known to be wrong for the task: its next
 * one is taken then. */
bool lks_onednn_refuses(const lks_task *task, const char *implementation);

/** Local. For the tests that find such facts: from now on nothing is refused. */
void lks_onednn_trust(bool trust);

#endif
