#ifndef LKS_TRAIN_STOP_H
#define LKS_TRAIN_STOP_H

#include <stdbool.h>

/** Local. Whether a signal has asked this process to stop (lks_stop_handlers_install). */
bool lks_stop_requested(void);

#endif
