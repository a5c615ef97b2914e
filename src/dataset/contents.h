#ifndef LKS_DATASET_CONTENTS_H
#define LKS_DATASET_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "dataset/class_names.h"
#include "lockstep/dataset.h"

enum { LKS_SPLITS = 2, LKS_SECTIONS = 4, LKS_HASH_TEXT = 33 };

/** What a dataset is like, without its samples. */
typedef struct lks_layout {
  lks_shape shape; /* (N,D): 1, 1, D */
  bool features;   /* f32 values of any shape, else u8 pixels */
  size_t classes;
  size_t count[LKS_SPLITS]; /* samples, by lks_split; there may be no test samples */
} lks_layout;

/** A dataset in memory; all borrowed. */
typedef struct lks_contents {
  lks_layout layout;
  lks_samples split[LKS_SPLITS];
  const lks_class_names *class_names; /* or NULL */
} lks_contents;

/** One of the four arrays, in the order train values, train labels, test values, test labels. */
typedef struct lks_section {
  size_t offset, bytes; /* in the block that holds them all, 64-byte aligned */
} lks_section;

/** Local. */
const char *lks_split_name(lks_split split);       /* "train", "test" */
size_t lks_layout_width(const lks_layout *layout); /* values a sample */
size_t lks_layout_value_bytes(const lks_layout *layout);
size_t lks_layout_sample_bytes(const lks_layout *layout);
size_t lks_layout_statistics(const lks_layout *layout); /* means: channels */
bool lks_layout_same(const lks_layout *a, const lks_layout *b);

/** Local. LKS_ERR_DATA for no training samples, impossible numbers, or more bytes than memory can have. */
lks_status lks_layout_check(const lks_layout *layout);

/** Local. Returns the bytes of the block. The layout has been checked. */
size_t lks_layout_sections(lks_section section[LKS_SECTIONS], const lks_layout *layout);

/** Local. The contents that lie in `block`. */
lks_contents lks_contents_in(const lks_layout *layout, const void *block);

/** Local. LKS_ERR_DATA names the first label outside 0..classes-1, or the first feature not finite. */
lks_status lks_contents_check(const lks_contents *contents);
/** Local. The same of all labels of a split, and of f32 samples that begin with sample `first` of an array; name: of
 * the array, "/train/labels". */
lks_status lks_labels_check(const lks_layout *layout, lks_split split, const int32_t *label,
                            const char *name);
lks_status lks_features_check(const lks_layout *layout, const float *features, size_t first, size_t count,
                              const char *name);

/** Local. 32 hex digits and a zero: XXH3-128 over all that training takes from a file. For train and then
 * test: the line "u8 N H W C\n", "f32 N D\n" (of shape 1, 1, D) or "f32 N H W C\n", the values, the labels; then the
 * line "classes K\n", mean, std [channels]. Numbers are little-endian, as in memory. Files with the same samples have the same
 * hash, however they are stored. */
lks_status lks_contents_hash(char hash[LKS_HASH_TEXT], const lks_contents *contents, const double *mean,
                             const double *std);

/** Gives the values of samples of a split, *count from `first` on, as many as are convenient; borrowed until the
 * next call. */
typedef lks_status (*lks_values_function)(void *context, const void **values, size_t *count, lks_split split,
                                          size_t first);

/** Local. The same hash of contents that are not in memory; its failure is that of `values`. */
lks_status lks_contents_hash_of(char hash[LKS_HASH_TEXT], const lks_layout *layout,
                                const int32_t *const label[LKS_SPLITS], lks_values_function values,
                                void *context, const double *mean, const double *std);

/** Local. mean, std [channels] of the training split: of pixels/255 from exact integer sums, or of the
 * values in two passes in double. Biased; 0 for a constant channel, which use takes for 1. */
lks_status lks_contents_moments(double *mean, double *std, const lks_contents *contents);

#endif
