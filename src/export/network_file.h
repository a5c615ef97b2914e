#ifndef LKS_EXPORT_NETWORK_FILE_H
#define LKS_EXPORT_NETWORK_FILE_H

#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"

/** A trained network out of a checkpoint, as it is written for other programs: model, parameters and running statistics, but
 * nothing of its training. */
typedef struct lks_network_file {
  lks_checkpoint *checkpoint;
  const lks_checkpoint_header *header; /* what it says */
  lks_model *model;
  lks_snapshot state; /* tensors alone, in the model's order, no moments */
  bool folded;        /* batch norms became part of the layers before them, where there are such */
} lks_network_file;

/** Collective. LKS_ERR_DATA, LKS_ERR_IO as of any checkpoint; on failure there is nothing to close. fold: see fold.h. */
lks_status lks_network_file_open_all(lks_network_file *file, lks_comm *comm, const char *path, bool fold);
/** Local. */
void lks_network_file_close(lks_network_file *file);

/** Local. The array of that layer, "weight" of "conv1", or NULL. */
const lks_snapshot_array *lks_network_file_array(const lks_network_file *file, const lks_layer *layer,
                                                 const char *what);

/** Local. What is added to the variance of a batch norm. */
double lks_network_file_epsilon(const lks_network_file *file, const lks_layer *norm);

/** What other programs are told beside the numbers. */
enum { LKS_NETWORK_FACTS_MAX = 16 };
typedef struct lks_network_facts {
  size_t count;
  const char *name[LKS_NETWORK_FACTS_MAX];
  char *value[LKS_NETWORK_FACTS_MAX]; /* UTF-8 */
} lks_network_facts;

/** Local. Model text, shape of the inputs, classes and their names, scaling of the inputs, fingerprint of the checkpoint. LKS_ERR_RANK, and nothing
 * to clear. */
lks_status lks_network_facts_make(lks_network_facts *facts, const lks_network_file *file);
void lks_network_facts_clear(lks_network_facts *facts);

/** Local. mean and std [header->statistics] out: those that inputs are scaled with, of pixels divided by 255 or of features: 0 and 1 where they are not
 * normalized. */
void lks_network_file_scaling(double *mean, double *std, const lks_network_file *file);

#endif
