#ifndef LKS_TESTS_SUPPORT_LIMIT_KEPT_H
#define LKS_TESTS_SUPPORT_LIMIT_KEPT_H

#include <stdbool.h>

/** Whether a process that allows itself 1 MB of RLIMIT_AS or RLIMIT_DATA gets no more; an emulator's may. */
bool limit_is_kept(int resource);

#endif
