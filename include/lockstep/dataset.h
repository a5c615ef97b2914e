#ifndef LOCKSTEP_DATASET_H
#define LOCKSTEP_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/batch.h"
#include "lockstep/comm.h"
#include "lockstep/config.h"
#include "lockstep/model.h"
#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/** A dataset in memory, or in a file of a node's disk: one copy a node, shared by its ranks. */
typedef struct lks_dataset lks_dataset;

typedef enum lks_split { LKS_SPLIT_TRAIN, LKS_SPLIT_TEST } lks_split;

/** One split, borrowed from its dataset. */
typedef struct lks_samples {
  size_t count;
  const uint8_t *pixels; /* [count,h,w,c], or NULL; both are NULL when the samples are in no memory, */
  const float *features; /* [count,d] or [count,h,w,c], or NULL; which a loader reads */
  const int32_t *label;  /* [count] */
} lks_samples;

/** How a file is opened; equal on all ranks. All zero: in memory, arrays recognized by their names. */
typedef struct lks_dataset_options {
  const char
      *cache; /* NULL or "", or a folder of each node's disk where the samples are kept instead of in memory,
                      * for this and later runs, in the file CONTENT_HASH.samples; borrowed */
  size_t
      window; /* samples that are read from the file at a time, about so many; 0: all are kept. Not with a cache */
  lks_dataset_names names;
} lks_dataset_options;

/** Local. What a run's settings say of it; borrows from config. */
lks_dataset_options lks_dataset_options_of(const lks_config *config);

/** Collective. Reads and checks a file (DESIGN, files): node rank 0 reads, all ranks agree. What the file does not
 * say (classes, mean, std, content_hash) is computed. options may be NULL. LKS_ERR_IO when the file can't be read
 * or the cache not be written, LKS_ERR_DATA when it is truncated, damaged, of a type or shape that is no dataset,
 * has labels outside 0..classes-1, or differs between the nodes. */
lks_status lks_dataset_open_all(lks_dataset **dataset, lks_comm *comm, const char *path,
                                const lks_dataset_options *options);
void lks_dataset_close_all(lks_dataset **dataset);

/** Local. Whether the samples lie in a cache, of which every block has a checksum that is looked at when it is read. */
bool lks_dataset_is_cached(const lks_dataset *dataset);
bool lks_dataset_has_features(const lks_dataset *dataset); /* f32 values of any shape, else u8 pixels */
const char *lks_dataset_path(const lks_dataset *dataset);  /* as it was opened; borrowed */
lks_samples lks_dataset_split(const lks_dataset *dataset, lks_split split);
lks_shape lks_dataset_shape(const lks_dataset *dataset); /* features: 1, 1, D */
size_t lks_dataset_classes(const lks_dataset *dataset);
/** Local. Whether the file says how many classes there are; else they are as many as its labels need, and a part of the
 * data may lack some. */
bool lks_dataset_says_classes(const lks_dataset *dataset);
/** Local. The name of class k, as it stands in the file, or NULL; whoever prints it escapes control characters. */
const char *lks_dataset_class_name(const lks_dataset *dataset, size_t k);
const char *lks_dataset_hash(const lks_dataset *dataset);   /* content_hash; borrowed */
const double *lks_dataset_mean(const lks_dataset *dataset); /* [channels]; borrowed */
const double *lks_dataset_std(const lks_dataset *dataset);  /* the same; 0 for a constant one */
/** Which training samples a run learns from, and which it is judged on instead of the test split. */
typedef struct lks_selection {
  uint32_t *train, *held; /* ascending, positions in the training split; one block of memory */
  size_t train_count, held_count;
} lks_selection;

/** Local. Takes the first samples of each class, in proportion, up to train_samples (0: all), and of these
 * holds the last ones of each class back, `holdout` in all. Depends on the dataset alone, not on a seed.
 * LKS_ERR_DATA when there are too few. */
lks_status lks_selection_create(lks_selection **selection, const lks_dataset *dataset, size_t train_samples,
                                size_t holdout);
/** Local. LKS_ERR_DATA when a run could not be judged: there is no test sample, and none is held out. */
lks_status lks_selection_check(const lks_dataset *dataset, size_t holdout);
void lks_selection_destroy(lks_selection **selection);

/** Hands out mini-batches of one split, this rank's shard of each, gathered ahead by one reader thread. */
typedef struct lks_loader lks_loader;

typedef void (*lks_shard_function)(const void *context, size_t total, size_t *first, size_t *count);

typedef struct lks_loader_options {
  size_t batch_size;
  bool shuffled; /* a new permutation of all samples each epoch, from (seed, epoch); else in their order */
  uint64_t seed;
  const uint32_t *subset; /* [subset_count], borrowed: only these samples of the split; NULL: all */
  size_t subset_count;
  lks_shard_function shard; /* shard(context, total, &first, &count): which of `total` are this rank's */
  const void *context;
} lks_loader_options;

/** Local; every rank passes the same options. `shard` is called only while the loader is being created.
 * dataset is borrowed. Where its samples are read window by window, an epoch that is shuffled takes chunks of the file in an order
 * by chance and shuffles those that are in a window together; a subset of it must be ascending then. All ranks create their
 * loaders in the same order, and end one after all have created it. LKS_ERR_USAGE: there are more of them than there may be. */
lks_status lks_loader_create(lks_loader **loader, const lks_dataset *dataset, lks_split split,
                             const lks_loader_options *options);
void lks_loader_destroy(lks_loader **loader);

/** Local. Bytes that a loader of so many samples holds, of which a rank gets up to `shard` of a mini-batch.
 */
size_t lks_loader_footprint(size_t sample_bytes, size_t samples, size_t shard, bool shuffled);

/** Local. Samples of an epoch, and its mini-batches. */
size_t lks_loader_samples(const lks_loader *loader); /* an epoch */
size_t lks_loader_steps(const lks_loader *loader);   /* mini-batches an epoch; the last one may be smaller */

/** Logically collective. Begins at mini-batch `step` of `epoch` (both from 0); the reader starts gathering.
 * At any time, but needed before the first lks_loader_next. Ends the validity of a batch. */
void lks_loader_seek(lks_loader *loader, size_t epoch, size_t step);
/** Local. The epoch's next mini-batch, valid until the next call; false after the last one. batch->status tells
 * that its samples could not be read from the cache: LKS_ERR_IO, or LKS_ERR_DATA when it was changed. */
bool lks_loader_next(lks_loader *loader, lks_batch *batch);

LKS_PUBLIC_END

#endif
