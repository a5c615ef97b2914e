#ifndef LKS_TRAIN_TABLE_FILE_H
#define LKS_TRAIN_TABLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

/* Tables of a run directory that grow line by line: metrics.csv, steps.csv, the probes'. The first number of a
 * line says how far the run was: its epoch, or its step. */

/** Local (rank 0). Appends whole lines, behind the heading in a new file, or nothing. durable: they are on the
 * disk when this returns, which costs milliseconds; else they survive the process, not the machine. */
lks_status lks_table_file_append(const char *path, const char *heading, const char *lines, bool durable);

/** Local (rank 0). Drops the lines behind `last`: what a resumed run will write again. No file is no failure. */
lks_status lks_table_file_truncate(const char *path, size_t last);

#endif
