#ifndef LKS_HDF5_CHILD_H
#define LKS_HDF5_CHILD_H

#include <stddef.h>

#include "lockstep/status.h"

/** A function that runs in a process of its own and hands bytes to this one through a pipe. The HDF5 library
 * crashes or hangs on some damaged files: there it can take nothing along. The function sees the memory of
 * this process as it was when the fork server was started, must not touch MPI, and what it writes into memory
 * is lost. What it may use is limited, for there are files on which the library never ends, or wants all memory
 * there is. */
typedef struct lks_child lks_child;

typedef struct lks_child_limits {
  unsigned cpu_seconds; /* of processor time */
  unsigned
      silent_seconds; /* without a byte from it, while one is waited for: a slow file system is no hang */
  size_t memory;      /* bytes, beyond the argument and what its program takes */
} lks_child_limits;

/** Local. What the reading of a file of so many bytes may take: far more than the library needs, far less than
 * an endless loop takes. */
lks_child_limits lks_child_limits_for(size_t file_bytes);

/** Runs in the child, sends with lks_child_send to `output`. Status and message reach lks_child_finish. */
typedef lks_status (*lks_child_function)(int output, const void *argument, size_t bytes);

/** Local. argument: `bytes` of it are copied, without what its pointers point to. limits is borrowed until it
 * returns. LKS_ERR_RANK when no process can be made, here or when it is first received from. */
lks_status lks_child_start(lks_child **child, lks_child_function function, const void *argument, size_t bytes,
                           const lks_child_limits *limits);

/** Local. The next `bytes` that the child sends. When it has ended before: its failure, or LKS_ERR_DATA. */
lks_status lks_child_receive(lks_child *child, void *data, size_t bytes);

/** Local. Waits for its end; the function's status, LKS_ERR_DATA when it crashed or exceeded its processor time,
 * LKS_ERR_IO when it gave no sign of life for too long. */
lks_status lks_child_finish(lks_child *child);

/** Local. Ends the child if it still runs. Takes NULL, sets NULL. */
void lks_child_destroy(lks_child **child);

/** Local. In the child. LKS_ERR_IO when nobody reads any more. */
lks_status lks_child_send(int output, const void *data, size_t bytes);

/** Local. In the child: so much more memory, which is known by now to be needed. */
void lks_child_allow(size_t bytes);

#endif
