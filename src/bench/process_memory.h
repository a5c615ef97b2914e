#ifndef LKS_BENCH_PROCESS_MEMORY_H
#define LKS_BENCH_PROCESS_MEMORY_H

#include <stddef.h>

/** Bytes of this process that are in memory. */
typedef struct lks_process_memory {
  size_t now, peak; /* all of them; at most, since the program started */
  size_t files;     /* of now, pages of program and libraries: a node has them once */
} lks_process_memory;

/** Local. Zeros where the system does not say. */
lks_process_memory lks_process_memory_read(void);

/** Local. Bytes that this host, or the container that this process is in, can still give; 0: not known. */
size_t lks_host_memory_available(void);

#endif
