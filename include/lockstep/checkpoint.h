#ifndef LOCKSTEP_CHECKPOINT_H
#define LOCKSTEP_CHECKPOINT_H

#include <stdint.h>
#include <stdio.h>

#include "lockstep/comm.h"
#include "lockstep/config.h"
#include "lockstep/dataset.h"
#include "lockstep/network.h"
#include "lockstep/optimizer.h"
#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/* A checkpoint is an HDF5 file whose parameters have PyTorch's names and layouts. Five lines take it there:
 *
 *    import h5py, torch
 *    with h5py.File("last.h5") as file:
 *        state = {name: torch.tensor(data[()]) for name, data in file["parameters"].items()}
 *    model.load_state_dict(state)
 *    model.eval()
 *
 * It also holds /optimizer/MOMENT/NAME in the same layouts, /state, and as attributes of the file the
 * settings ("config", an INI text), the model text, the dataset's hash, mean and standard deviation, and the
 * fingerprint of its content, and the job that wrote it with its instruction set ("isa"). Every array is one
 * chunk with a checksum, attributes that may be large have one in "header_hash", and reading recomputes the
 * fingerprint, so that damage never goes unnoticed. */

enum { LKS_SKIPS_MAX = 256 };

/** Where a run stands: what --resume needs beside parameters and moments. */
typedef struct lks_run_state {
  size_t epoch;          /* epochs finished */
  size_t epoch_step;     /* mini-batches done in the epoch under way */
  size_t step;           /* mini-batches since the start */
  int64_t loss_limbs[7]; /* of the epoch under way, exact */
  int64_t correct, samples;
  double seconds; /* spent training, all jobs together */
  size_t noises;  /* sums of lks_network_noise_save over the epoch under way */
  double noise[LKS_NOISE_STATE_MAX];
  size_t skips; /* mini-batches that are left out because a value was not finite after them ... */
  uint64_t
      skip[LKS_SKIPS_MAX]; /* ... by their numbers: each makes the step behind so many others; ascending */
  char isa[32];            /* instruction set of the job that wrote it; "": not known */
  char job[LKS_TEXT_MAX];  /* which wrote it: batch job and binding of its ranks, in words */
} lks_run_state;

/** What a checkpoint says of itself before anything is built from it. */
typedef struct lks_checkpoint_header {
  lks_config config;
  char *model_text; /* owned; lks_checkpoint_header_clear frees it */
  char fingerprint[33];
  char data_hash[65];
  lks_run_state state;
  lks_shape input;
  size_t classes;
  int64_t parameters; /* elements */
  double *mean, *std; /* owned: of the inputs, [channels] or [D]; so that predict needs no dataset */
  size_t statistics;  /* their length */
  size_t
      window_chunk; /* training samples of a chunk of the dataset's file, where --window let these decide their order; else 0 */
  char *class_names; /* owned: a line for each class, or NULL; see lks_checkpoint_class_name */
} lks_checkpoint_header;

/** Collective. Rank 0 writes PATH atomically (image in memory, then lks_file_write), all ranks learn the
 * result. LKS_ERR_DIVERGED, and nothing is written, when a value is not finite. */
lks_status lks_checkpoint_write_all(lks_comm *comm, const char *path, const lks_config *config,
                                    const lks_model *model, const lks_dataset *dataset, lks_network *network,
                                    lks_optimizer *optimizer, const lks_run_state *state);

/** A checkpoint that was read and checked: header and content of one and the same file, whatever becomes of its
 * name meanwhile. */
typedef struct lks_checkpoint lks_checkpoint;

/** Collective. Rank 0 reads and checks, all ranks get the header. LKS_ERR_DATA: not a checkpoint, damaged,
 * newer version; LKS_ERR_IO. */
lks_status lks_checkpoint_open_all(lks_checkpoint **checkpoint, lks_comm *comm, const char *path);
/** Local. Takes NULL, sets NULL. */
void lks_checkpoint_close(lks_checkpoint **checkpoint);
/** Local. Borrowed until it is closed. */
const lks_checkpoint_header *lks_checkpoint_about(const lks_checkpoint *checkpoint);
/** Local. Steps of the optimizer whose state it holds; -1: it holds none. */
int64_t lks_checkpoint_optimizer_steps(const lks_checkpoint *checkpoint);
/** Collective. Fills the network, and the optimizer unless NULL: rank 0 compares names and shapes, and
 * broadcasts. LKS_ERR_DATA when it is of another model; the network is then untouched. */
lks_status lks_checkpoint_put_all(const lks_checkpoint *checkpoint, lks_comm *comm, lks_network *network,
                                  lks_optimizer *optimizer);

/** Collective. The header alone of PATH, which is read and checked as a whole. Errors as in
 * lks_checkpoint_open_all. */
lks_status lks_checkpoint_header_all(lks_checkpoint_header *header, lks_comm *comm, const char *path);
void lks_checkpoint_header_clear(lks_checkpoint_header *header);

/** Local. The name of class k, which is not ended by a zero, and its *length; NULL when there is none. Free of control
 * characters. Borrowed from the header. */
const char *lks_checkpoint_class_name(const lks_checkpoint_header *header, size_t k, size_t *length);

/** Collective. Opens PATH, fills the network and the optimizer, and closes it. */
lks_status lks_checkpoint_load_all(lks_comm *comm, const char *path, lks_network *network,
                                   lks_optimizer *optimizer);

/** Local. In words, for people: what was trained, how far, and the tensors. Errors as in
 * lks_checkpoint_load_all. */
lks_status lks_checkpoint_describe(FILE *out, const char *path);

/** Collective. 32 hex digits and a zero: XXH3-128 of parameters, running statistics, batches tracked and
 * optimizer state, in the model's order. LKS_ERR_RANK if the ranks do not all hold the same bits. optimizer
 * may be NULL. */
lks_status lks_fingerprint_all(char fingerprint[33], lks_comm *comm, lks_network *network,
                               lks_optimizer *optimizer);

LKS_PUBLIC_END

#endif
