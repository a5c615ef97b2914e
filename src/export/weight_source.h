#ifndef LKS_EXPORT_WEIGHT_SOURCE_H
#define LKS_EXPORT_WEIGHT_SOURCE_H

#include "export/weight_file.h"
#include "import/numbers.h"

/* What weight_file.c and the formats share: safetensors.c, weights_npz.c, weights_checkpoint.c. */

/** What a format does. */
typedef struct lks_weight_methods {
  /* part [bytes] out: of the numbers of an array as they are in the file, those from byte `offset` of them on; parts come one after the other. */
  lks_status (*read)(lks_weight_file *file, const lks_weight_entry *entry, size_t offset, void *part,
                     size_t bytes);
  void (*close)(void *self); /* frees self too */
} lks_weight_methods;

struct lks_weight_file {
  char *path;
  size_t count;
  lks_weight_entry *entry; /* owned, with the names */
  const lks_weight_methods *methods;
  void *self;
};

/** Local. Room for so many arrays, all empty. LKS_ERR_RANK. */
lks_status lks_weight_entries_make(lks_weight_file *file, size_t count);
/** Local. The name becomes a copy without control characters. LKS_ERR_RANK. */
lks_status lks_weight_entry_name(lks_weight_entry *entry, const char *name, size_t length);
/** Local. elements and bytes from the extents, bytes_each of a number. False when it is more than can be addressed. */
bool lks_weight_entry_measure(lks_weight_entry *entry, size_t bytes_each);
/** Local. The type of its numbers; *bfloat: as the upper half of a float. False if there is none of that name. */
bool lks_weight_type(lks_number_type *type, bool *bfloat, const char *name);

/** Local. Fill a file of that format, whose path is set; on failure its owner closes what there is. */
lks_status lks_weights_open_safetensors(lks_weight_file *file);
lks_status lks_weights_open_npz(lks_weight_file *file);
lks_status lks_weights_open_checkpoint(lks_weight_file *file);

/** Local. The header of safetensors, `bytes` of JSON, in front of data_bytes of numbers; messages are without the path. Every array must have a
 * known form and lie behind the one before it, without a gap, and together they must be all that follows. LKS_ERR_DATA, LKS_ERR_RANK.
 * Source: the format's README, github.com/huggingface/safetensors. */
lks_status lks_safetensors_parse(lks_weight_file *file, const char *json, size_t bytes, size_t data_bytes);

#endif
