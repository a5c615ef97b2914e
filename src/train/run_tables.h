#ifndef LKS_TRAIN_RUN_TABLES_H
#define LKS_TRAIN_RUN_TABLES_H

#include <stddef.h>

#include "lockstep/status.h"

/** The tables of a run directory that grow line by line: metrics.csv, steps.csv, the probes'. The first number of a line says
 * how far the run was: its epoch, or its step. Lines that cannot be written, on a full disk say, are held in memory and tried
 * again, so that none is ever left out; they are on the disk before the checkpoint that lies behind them. It is for rank 0. */
typedef struct lks_run_tables lks_run_tables;

/** Local. folder is borrowed, and may still be chosen. Nothing is written. */
lks_status lks_run_tables_create(lks_run_tables **tables, const char *folder);
/** Local. Lines that are still held are lost. Takes NULL, sets NULL. */
void lks_run_tables_destroy(lks_run_tables **tables);

/** Local. Appends whole lines to FOLDER/NAME, behind the heading in a new file: they survive the process, or are held. heading
 * is borrowed. LKS_ERR_RANK when memory runs out. */
lks_status lks_run_tables_append(lks_run_tables *tables, const char *name, const char *heading,
                                 const char *lines);

/** Local. The same for a file of bytes. */
lks_status lks_run_tables_append_bytes(lks_run_tables *tables, const char *name, const void *heading,
                                       size_t heading_bytes, const void *data, size_t bytes);

/** Local. Everything that was appended is on the disk when this returns; the names of new files are so when the folder has
 * been synced as well. LKS_ERR_IO: some lines are still held. */
lks_status lks_run_tables_sync(lks_run_tables *tables);

/** Local. Lets go of what is held, and knows nothing of the files any more: the run went back to a checkpoint. */
void lks_run_tables_forget(lks_run_tables *tables);

/** Local. Drops the lines of FOLDER/NAME behind `last`: what a resumed run will write again. No file is no failure; a link is,
 * for it could lead out of the folder. */
lks_status lks_run_tables_truncate(const char *folder, const char *name, size_t last);

/** Moves what stays of data[bytes] to its front; returns its bytes. */
typedef size_t lks_run_tables_keep(char *data, size_t bytes, size_t last);
/** Local. The same for a file of which `keep` knows what stays. */
lks_status lks_run_tables_rewrite(const char *folder, const char *name, lks_run_tables_keep *keep,
                                  size_t last);

#endif
