#ifndef LKS_BASE_LEAVE_H
#define LKS_BASE_LEAVE_H

/** Local. Ends the process at once: what the program registered with atexit and what stands in its output
 * buffers is left alone, for it may be another process's. A build for coverage (LOCKSTEP_COVERAGE) writes its
 * counts first. */
_Noreturn void lks_leave(int code);

#endif
