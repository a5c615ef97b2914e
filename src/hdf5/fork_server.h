#ifndef LKS_HDF5_FORK_SERVER_H
#define LKS_HDF5_FORK_SERVER_H

#include <stddef.h>

#include "hdf5/child.h"
#include "lockstep/fork_server.h"

/** What a process of the server is to do. */
typedef struct lks_fork_task {
  lks_child_function function;
  size_t bytes; /* of argument */
  lks_child_limits limits;
} lks_fork_task;

/** The descriptors that go with it. */
typedef enum lks_fork_descriptor {
  LKS_FORK_CONTROL, /* of a socket: gives one lks_fork_end; the process is killed when the other end closes */
  LKS_FORK_OUTPUT,  /* of a pipe, for the function */
  LKS_FORK_MEMORY,  /* an lks_fork_memory, shared */
  LKS_FORK_FOLDER,  /* the working directory */
  LKS_FORK_DESCRIPTORS
} lks_fork_descriptor;

typedef struct lks_fork_memory {
  lks_status status; /* of the function, with its message; meaningless until it has finished */
  int finished;
  char message[1024];
  char argument[];
} lks_fork_memory;

/** How a process ended: the error number if it could not be made, else as waitpid tells it. */
typedef struct lks_fork_end {
  int error, how;
} lks_fork_end;

/** Local. Hands a task over, and starts the server if there is none. The descriptors stay open here.
 * LKS_ERR_RANK when the server cannot be made or reached. */
lks_status lks_fork_server_send(const lks_fork_task *task, const int descriptor[LKS_FORK_DESCRIPTORS]);

/** Local. The failure that the system told by an error number: LKS_ERR_RANK. */
lks_status lks_fork_server_fail(int error);

#endif
